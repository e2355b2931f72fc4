//! Tests that change or watch the whole machine: they run one at a time, each beginning with
//! [`alone`], and alone on the machine, because `cargo test` runs one test program after the other.
//! All other tests are in `tests/suite`, with a map.

#[allow(dead_code, unused_imports, reason = "the suite uses all of it")]
#[path = "../support/mod.rs"]
mod support;

/// Storing ahead never blocks; the kernel's caches are dropped all the time.
mod ahead;
/// What stays in memory of a mount and its shards after it was read.
mod cache;
/// What stays in memory within limits of control groups.
mod cgroups;
/// The daemon's memory does not grow with use.
mod growth;
/// A short run of `scripts/attack/kill`, which keeps the processors busy.
mod kill_script;
/// A killed daemon leaves nobody waiting; processes are found by looking at all.
mod killed;
/// Attacks on a mount that lets go of what was read.
mod letting_go;
/// The process that lists names ahead, found among all processes.
mod lister;
/// Memory of orders that are handed over.
mod orders;
/// What is read from disk, and what is asked for, of `raw/data`.
mod raw;
/// The process that lets go of pages, found among all processes.
mod release;
/// How many requests the kernel sends: memory that runs short would add some.
mod requests;
/// Readers of slow storage, whose threads are looked at while they wait.
mod slow;
/// A short run of `scripts/attack/stress`, which drops the kernel's caches.
mod stress_script;
/// What readers of views and of orders handed over have to ask for, while names and records are prepared.
mod views;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by each test from its first line to its end.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that a test, or a part of it, cannot run here, for want of what nobody can install: past what
/// `cargo test` captures, and in the file that `scripts/test` counts.
fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {why}\n", thread.name().unwrap_or("?"));
    let _ = std::io::stderr().write_all(line.as_bytes());
    let counted = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped-tests");
    let counted = File::options().append(true).create(true).open(counted);
    let written = counted.and_then(|mut file| file.write_all(line.as_bytes()));
    written.expect("counted");
}
