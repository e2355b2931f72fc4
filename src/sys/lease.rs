//! Opening files on which another program has a lease, as Samba and NFS servers take them (fcntl(2),
//! `F_SETLEASE`). An open that does not block fails then with EAGAIN, and the kernel asks the holder
//! to give the lease up; it takes it away after `/proc/sys/fs/lease-break-time`, 45 seconds by default.

use crate::text::printable;
use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How often it is tried.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);
/// It is said when it takes longer.
const SILENT_WAIT: Duration = Duration::from_secs(2);
/// Longer than holders are given: something else is wrong then.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Opens the file at `path` by `open`, which does not block, and waits while there is a lease on it;
/// `None` if that is ended by `is_interrupted`.
pub fn wait<E>(
    path: &Path,
    open: impl Fn() -> Result<File, E>,
    is_leased: impl Fn(&E) -> bool,
    is_interrupted: &dyn Fn() -> bool,
) -> Result<Option<File>, E> {
    let begin = Instant::now();
    let mut is_said = false;
    loop {
        match open() {
            Err(error) if is_leased(&error) && begin.elapsed() < LONGEST_WAIT => {}
            done => return done.map(Some),
        }
        if is_interrupted() {
            return Ok(None);
        }
        if !is_said && begin.elapsed() >= SILENT_WAIT {
            is_said = true;
            log::warn!(
                "{}: another program has a lease on it; waiting until it is given up",
                printable(path)
            );
        }
        thread::sleep(RETRY_INTERVAL);
    }
}

/// Whether this is what opening a file with a lease on it gives.
pub fn is_lease(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
