//! What is fuzzed: each target is a function of some bytes that panics when it finds a fault. The
//! bytes are choices, of which shards, archives and texts are built, most of them nearly valid.
//! Used by the short run among the tests, and by the long ones of `scripts/attack/fuzz`.

#![allow(dead_code, reason = "each program runs one of the targets")]
#![allow(clippy::unwrap_used, reason = "a panic is how a fault is shown")]

mod archives;
mod build;
mod choices;
mod index;
mod model;
mod selections;
mod zip;
#[path = "../../support/zips.rs"]
mod zips;

pub mod extract;
pub mod parsers;
pub mod shard;
pub mod sources;

use std::path::PathBuf;
use tempfile::TempDir;

/// A new directory in memory, where there is one.
fn scratch() -> TempDir {
    let given = std::env::var_os("ROXFS_FUZZ_SCRATCH");
    let memory = given.map_or_else(|| PathBuf::from("/dev/shm"), PathBuf::from);
    let parent = match memory.is_dir() {
        true => memory,
        false => std::env::temp_dir(),
    };
    tempfile::Builder::new()
        .prefix("roxfs-fuzz-")
        .tempdir_in(parent)
        .unwrap()
}
