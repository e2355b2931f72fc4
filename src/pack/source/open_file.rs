//! Opens the files that are packed: regular ones, whatever has taken their place meanwhile.

use super::Origin;
use super::SourceError;
use crate::sys::lease;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A terminal that has taken a file's place does not become this process's.
const OPEN_FLAGS: OFlag = OFlag::O_NONBLOCK.union(OFlag::O_NOCTTY);

/// Opens a file. Waits for nothing but leases, even if a FIFO has taken its place, and reads nothing
/// but a regular file, even if a device has.
pub fn open(path: &Path, origin: &Origin) -> Result<File, SourceError> {
    let opened = open_unless(path, origin, &|| false)?;
    opened.ok_or_else(|| SourceError::unreadable(path, io::ErrorKind::Interrupted.into()))
}

/// The same; `None` where waiting is ended by `is_interrupted`.
pub fn open_unless(
    path: &Path,
    origin: &Origin,
    is_interrupted: &dyn Fn() -> bool,
) -> Result<Option<File>, SourceError> {
    let unreadable = |reason| SourceError::Unreadable(origin.clone(), reason);
    let opened = lease::wait(path, || open_now(path), lease::is_lease, is_interrupted);
    let Some(file) = opened.map_err(unreadable)? else {
        return Ok(None);
    };
    if file.metadata().map_err(unreadable)?.is_file() {
        Ok(Some(file))
    } else {
        Err(SourceError::NoFileNow(origin.clone()))
    }
}

/// Opens a file without waiting for anything.
pub fn open_now(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(OPEN_FLAGS.bits())
        .open(path)
}
