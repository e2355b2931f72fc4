//! What file systems lack: which errors say so, and how a file gets a name all the same.
//!
//! An error that means "not here" is told apart from one that means "not now" (a full disk, a disk
//! that fails), which stays an error. Errors of FUSE: fs/fuse/dir.c and fs/fuse/file.c.

use rustix::fs::{AtFlags, RenameFlags, Stat, linkat, renameat, renameat_with, statat, unlinkat};
use rustix::io::{Errno, Result};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

/// How a file gets a name that nothing has, from the best way to the last. Each replaces nothing that
/// was there before; only the last one has a moment in which another program's new file is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `renameat2` with `RENAME_NOREPLACE`.
    NoReplace,
    /// A hard link, after which the old name is removed.
    Link,
    /// It is looked whether something has the name, then renamed.
    Checked,
}

impl Naming {
    /// Renames a file by the first way that works, whatever the ones before it say: on a mount of
    /// rclone a hard link is an I/O error. Returns that way, and what the ones before it said.
    pub fn find(directory: BorrowedFd, from: &[u8], to: &[u8]) -> Result<(Naming, Vec<Errno>)> {
        let mut refused = Vec::new();
        for naming in [Naming::NoReplace, Naming::Link] {
            match naming.once(directory, from, to) {
                Ok(left) => return left.map_or(Ok((naming, refused)), Err),
                Err(errno) => refused.push(errno),
            }
        }
        Naming::Checked.once(directory, from, to)?;
        Ok((Naming::Checked, refused))
    }

    /// Renames a file to a name that nothing has; fails with `EEXIST` where something has it. What a
    /// file system says that lacks this way takes it to the next one. `Some` is why the old name
    /// could not be removed after a link.
    pub fn rename(self, directory: BorrowedFd, from: &[u8], to: &[u8]) -> Result<Option<Errno>> {
        let next = match self {
            Naming::NoReplace => Naming::Link,
            Naming::Link | Naming::Checked => Naming::Checked,
        };
        match self.once(directory, from, to) {
            Err(errno) if self != next && self.is_lacking(errno) => {
                next.rename(directory, from, to)
            }
            done => done,
        }
    }

    fn once(self, directory: BorrowedFd, from: &[u8], to: &[u8]) -> Result<Option<Errno>> {
        match self {
            Naming::NoReplace => {
                renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE)?;
            }
            Naming::Link => {
                link(directory, from, to)?;
                return Ok(unlinkat(directory, from, AtFlags::empty()).err());
            }
            Naming::Checked => match look(directory, to) {
                Err(Errno::NOENT) => renameat(directory, from, directory, to)?,
                Ok(_) => return Err(Errno::EXIST),
                Err(errno) => return Err(errno),
            },
        }
        Ok(None)
    }

    /// Whether an error says that the file system, or the kernel, does not know this way. `EPERM` is
    /// what filters of containers say to calls that they do not know, and file systems to links.
    fn is_lacking(self, errno: Errno) -> bool {
        let never = matches!(errno, Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM);
        match self {
            Naming::NoReplace => never || errno == Errno::INVAL,
            Naming::Link => never || errno == Errno::MLINK,
            Naming::Checked => false,
        }
    }
}

fn link(directory: BorrowedFd, from: &[u8], to: &[u8]) -> Result<()> {
    match linkat(directory, from, directory, to, AtFlags::empty()) {
        // NFS says so of a link that was made, when its answer was lost (open(2)).
        Err(Errno::EXIST) if is_same(look(directory, from)?, look(directory, to)?) => Ok(()),
        done => done,
    }
}

fn look(directory: BorrowedFd, name: &[u8]) -> Result<Stat> {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
}

fn is_same(one: Stat, other: Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Closes a file that was written. A file system that writes through a network may only then know
/// whether it could.
pub fn close(file: File) -> Result<()> {
    match nix::unistd::close(file) {
        // It is closed all the same (close(2)).
        Ok(()) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(errno) => Err(Errno::from_raw_os_error(errno as i32)),
    }
}

/// Says what [`Naming::Checked`] means for each `what`, where the better ways were `refused`.
pub fn say_checked(place: impl fmt::Display, what: &str, refused: &[Errno]) {
    if let [rename, link] = refused {
        log::warn!(
            "{place}: this file system has no renaming without replacing ({}) and no hard links ({}): \
             before a {what} gets its name it is looked whether something has it; what another \
             program puts there in between is replaced",
            io::Error::from(*rename),
            io::Error::from(*link)
        );
    }
}

/// Whether an error of `fsync` says that the file system cannot sync this kind of file: CIFS and FUSE
/// say `EINVAL`, `ENOSYS` or `EBADF` of directories.
pub fn cannot_sync(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::BADF)
    )
}

/// Whether an error of `flock` says that the file system has no locks: Lustre says `ENOSYS` without
/// the option `flock`, NFS without a lock server `ENOLCK`.
pub fn cannot_lock(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn each_way_gives_a_name_and_replaces_nothing() {
        for naming in [Naming::NoReplace, Naming::Link, Naming::Checked] {
            let temporary = tempfile::tempdir().expect("temporary directory");
            let path = temporary.path();
            let directory = std::fs::File::open(path).expect("opened");
            std::fs::write(path.join("from"), "new").expect("written");
            std::fs::write(path.join("to"), "old").expect("written");
            let rename = || naming.rename(directory.as_fd(), b"from", b"to");
            assert_eq!(rename(), Err(Errno::EXIST), "{naming:?}");
            let read = |name: &str| std::fs::read_to_string(path.join(name)).expect("there");
            assert_eq!((read("from"), read("to")), ("new".into(), "old".into()));
            std::fs::remove_file(path.join("to")).expect("removed");
            assert_eq!(rename(), Ok(None), "{naming:?}");
            assert_eq!(read("to"), "new");
            assert!(!path.join("from").exists());
        }
    }

    #[test]
    fn a_link_that_was_made_though_it_is_said_to_exist_is_one() {
        let temporary = tempfile::tempdir().expect("temporary directory");
        let path = temporary.path();
        let directory = std::fs::File::open(path).expect("opened");
        std::fs::write(path.join("from"), "new").expect("written");
        std::fs::hard_link(path.join("from"), path.join("to")).expect("linked");
        let done = Naming::Link.rename(directory.as_fd(), b"from", b"to");
        assert_eq!(done, Ok(None));
        assert!(!path.join("from").exists() && path.join("to").exists());
    }
}
