//! The signals that end a mount, and how.

use super::mount::Mounted;
use super::unmount::{self, UnmountError};
use crate::fuse::Deferred;
use crate::text::printable;
use nix::sys::signal::{SigSet, Signal};
use std::io;
use std::process;
use std::sync::{Arc, Weak};
use std::thread;

const ENDING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
/// The exit code after a second signal: the mount did not end as it should.
const ENDED_AT_ONCE: i32 = 1;

/// Blocks those that end the mount, for this thread and those that it starts. One that the process
/// was told to ignore (as by `nohup`) stays ignored.
pub fn block() -> io::Result<SigSet> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let ignored = ignored.unwrap_or(0);
    let mut signals = SigSet::empty();
    for signal in ENDING {
        if ignored & bit(signal) == 0 {
            signals.add(signal);
        }
    }
    signals.thread_block()?;
    Ok(signals)
}

/// The bit of a signal in the sets of signals of /proc/PID/status.
pub fn bit(signal: Signal) -> u64 {
    1 << (signal as i32 - 1)
}

/// Starts the thread that waits for them, and calls `stopping` before it unmounts.
pub fn unmount_on(
    signals: SigSet,
    mounted: &Arc<Mounted>,
    deferred: Deferred,
    stopping: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    // Weak, so that the mount is removed when serving ends, however it does.
    let mounted = Arc::downgrade(mounted);
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || wait(&signals, &mounted, &deferred, stopping))?;
    Ok(())
}

/// The first signal unmounts, and refuses requests that wait for what takes long. The second one ends
/// the process.
fn wait(signals: &SigSet, mounted: &Weak<Mounted>, deferred: &Deferred, stopping: impl FnOnce()) {
    let Ok(signal) = signals.wait() else { return };
    stopping();
    deferred.refuse_waiting();
    if let Some(mounted) = mounted.upgrade()
        && let Err(error) = unmount_or_detach(signal, &mounted, deferred)
    {
        log::error!("{signal}: {error}");
    }
    let _ = signals.wait();
    process::exit(ENDED_AT_ONCE);
}

/// Where files are open the mount is detached: its name is gone at once, and the files are served
/// until they are closed.
fn unmount_or_detach(
    signal: Signal,
    mounted: &Mounted,
    deferred: &Deferred,
) -> Result<(), UnmountError> {
    match unmount::ours(mounted, false) {
        Err(UnmountError::Busy { path }) => log::warn!(
            "{signal}: {} is in use: detached, open files are served until they are closed; a second \
             signal ends it at once",
            printable(&path)
        ),
        unmounted => return unmounted,
    }
    unmount::ours(mounted, true)?;
    // Only open files are still served.
    deferred.refuse_from_now();
    Ok(())
}
