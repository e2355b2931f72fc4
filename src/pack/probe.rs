//! What the file system of the target lacks, found out with small files before anything large is
//! written, and reported once.
//!
//! They have the names of temporary files, so that what a killed run leaves of them is removed by the
//! next one. What is found of naming and syncing is kept by the directory.

use super::PackError;
use super::directory::Directory;
use super::temporary::Temporary;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What is written into the file.
const BYTES: [u8; 2] = *b"ab";

/// Does with a small file what is done with the shard `name`. Fails where shards could not be
/// written, and says what is done in another way.
pub fn probe(directory: &Arc<Directory>, name: &OsStr) -> Result<(), PackError> {
    let file = Temporary::create(directory, name, super::rights::PRIVATE)?;
    let path = directory.join(name);
    let io = |error| PackError::io(&path, error);
    file.file().write_all_at(&BYTES, 0).map_err(io)?;
    read_and_shorten(&file).map_err(|reason| {
        if says_never(&reason) {
            PackError::WritesOnce(path.clone(), reason)
        } else {
            io(reason)
        }
    })?;
    directory.synced(file.file().sync_all()).map_err(io)?;
    let mut closed = file.close().map_err(io)?;
    let named = closed.try_naming(name);
    named.map_err(|errno| io(errno.into()))?;
    directory.sync()?;
    // The lock has to be removed at the end.
    closed.remove().map_err(|errno| io(errno.into()))
}

/// As for hard links in archives, and for records that fail after a part of them was written.
fn read_and_shorten(file: &Temporary) -> io::Result<()> {
    let mut bytes = [0; BYTES.len()];
    file.file().read_exact_at(&mut bytes, 0)?;
    file.file().set_len(1)
}

/// Whether an error is not one of the disk.
fn says_never(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::BADF
                | Errno::INVAL
                | Errno::NOSYS
                | Errno::OPNOTSUPP
                | Errno::PERM
                | Errno::SPIPE
        )
    )
}
