//! How many threads can answer, and through how many devices: found out before they start.
//!
//! fuser starts its threads one by one and returns in the middle when one cannot be started or given
//! a device; those before it have begun by then, or none has, and nobody would answer.

use crate::sys::{device, files};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

/// Threads and processes that a mount needs beside those that answer: fuser's own, the one that waits
/// for signals, the two that let go, the three for slow requests, the process that asks and the one
/// that watches; and where something is prepared ahead, a thread that stores and one that lists.
const OTHER_THREADS: usize = 9;
const OTHER_THREADS_AHEAD: usize = 2;
/// Descriptors that are opened after the devices: pipes to processes, lists of mounts, memory.
const OTHER_DESCRIPTORS: usize = 12;
/// For how long threads that have ended may count as running.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// How many threads, of `wanted`, can be started to answer, beside the others that are needed.
/// At least one, or an error. Those that wait for storage, and the one
/// that waits for the process that lets go of pages, are not among them: without them it works, too.
/// (Trying 64 more would leave the allocator with so many arenas that the threads that answer share
/// some, where their buffers of 16 MiB are cleared, and so take memory.)
pub fn startable(wanted: usize, prepares_ahead: bool) -> io::Result<usize> {
    let others = OTHER_THREADS
        + if prepares_ahead {
            OTHER_THREADS_AHEAD
        } else {
            0
        };
    let before = running()?;
    let gate = Arc::new(RwLock::new(()));
    let closed = gate.write().unwrap_or_else(PoisonError::into_inner);
    let mut started = Vec::new();
    let mut refused = None;
    while started.len() < wanted + others {
        let gate = Arc::clone(&gate);
        // It ends when the gate opens.
        match Builder::new().spawn(move || drop(gate.read().map(drop))) {
            Ok(thread) => started.push(thread),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    drop(closed);
    let count = started.len();
    for thread in started {
        // It cannot panic.
        let _ = thread.join();
    }
    wait_until_gone(before)?;
    match (count.saturating_sub(others), refused) {
        (0, Some(error)) => Err(error),
        (threads, _) => Ok(threads.clamp(1, wanted.max(1))),
    }
}

/// A thread that was joined still counts for the user's limit until the kernel has let it go.
fn wait_until_gone(before: usize) -> io::Result<()> {
    let start = Instant::now();
    while running()? > before && start.elapsed() < GONE_WITHIN {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn running() -> io::Result<usize> {
    Ok(files::numbers(Path::new("/proc/self/task"))?.len())
}

/// Whether each of `threads` can read requests from a device of its own: not where the kernel does
/// not know that, where the device may not be opened, or where there are too few descriptors.
pub fn can_have_devices(device: &OwnedFd, threads: usize) -> bool {
    let another = || device::open_another(device.as_fd());
    let others: io::Result<Vec<OwnedFd>> = (1..threads).map(|_| another()).collect();
    let spare = || File::open("/dev/null");
    let spares: io::Result<Vec<File>> = (0..OTHER_DESCRIPTORS).map(|_| spare()).collect();
    match others.and(spares.map(drop)) {
        Ok(()) => true,
        Err(error) => {
            log::debug!("all threads share one device: {error}");
            false
        }
    }
}
