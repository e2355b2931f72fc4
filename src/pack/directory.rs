//! The directory that shards are written into. It is opened once; every file in it is made, opened,
//! renamed and removed relative to that descriptor.
//!
//! Other users may have write access to the directory, and know which names come next. So no symbolic
//! link is followed under such a name, nothing but a regular file is opened, and no opening waits:
//! anything else that was planted there is an error that says what it is.

use super::PackError;
use crate::sys::files::{directory_of, kind_in_words, or_here};
use crate::sys::filesystem::{Naming, cannot_sync, say_checked};
use crate::sys::lease;
use crate::text::printable;
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// How files in it are opened, beside what they are opened for.
const SAFELY: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    /// As it was named; empty for the current one.
    path: PathBuf,
    descriptor: OwnedFd,
    /// How files get names that nothing has, when that has been found out.
    naming: OnceLock<Naming>,
    /// Whether the user was told that the file system does not sync directories.
    said_directories: AtomicBool,
    /// The same of files.
    said_files: AtomicBool,
}

impl Directory {
    /// Opens the directory that `file` is in. Symbolic links are followed: the user has
    /// chosen the directory.
    pub fn of(file: &Path) -> Result<Directory, PackError> {
        let path = directory_of(file);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = fs::open(path, flags, Mode::empty());
        Ok(Directory {
            path: file.parent().unwrap_or(Path::new("")).to_owned(),
            descriptor: descriptor.map_err(|errno| PackError::io(path, errno.into()))?,
            naming: OnceLock::new(),
            said_directories: AtomicBool::new(false),
            said_files: AtomicBool::new(false),
        })
    }

    /// The path of a file in it, for a message.
    pub fn join(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    fn failed(&self, name: &OsStr) -> impl Fn(Errno) -> PackError {
        let path = self.join(name);
        move |errno| PackError::io(&path, errno.into())
    }

    /// The names in it.
    pub fn names(&self) -> Result<Vec<OsString>, PackError> {
        let io = |errno: Errno| PackError::io(or_here(&self.path), errno.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor).map_err(io)? {
            let name = entry.map_err(io)?.file_name().to_owned().into_bytes();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// What is there under a name; a symbolic link is not followed.
    pub fn stat(&self, name: &OsStr) -> rustix::io::Result<Stat> {
        fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Fails where something has a name.
    pub fn check_free(&self, name: &OsStr) -> Result<(), PackError> {
        match self.stat(name) {
            Err(Errno::NOENT) => Ok(()),
            found => Err(self.failed(name)(found.err().unwrap_or(Errno::EXIST))),
        }
    }

    /// Makes a file, for reading and writing, where nothing has the name.
    pub fn create(&self, name: &OsStr, mode: u32) -> rustix::io::Result<File> {
        let flags = SAFELY | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let mode = Mode::from_raw_mode(mode);
        fs::openat(&self.descriptor, name, flags, mode).map(File::from)
    }

    /// Opens a regular file that is there. `expected` says in words what should be.
    pub fn open(
        &self,
        name: &OsStr,
        access: OFlags,
        expected: &'static str,
    ) -> Result<File, PackError> {
        // Also checked before opening: opening a device can have effects.
        let check = |stat: &Stat| self.check_regular(name, stat, expected);
        check(&self.stat(name).map_err(self.failed(name))?)?;
        let open = || fs::openat(&self.descriptor, name, SAFELY | access, Mode::empty());
        let opened = lease::wait(
            &self.join(name),
            || open().map(File::from),
            |errno| *errno == Errno::AGAIN,
            &|| false,
        );
        let opened = opened.and_then(|file| file.ok_or(Errno::INTR));
        let file = opened.map_err(self.failed(name))?;
        check(&fs::fstat(&file).map_err(self.failed(name))?)?;
        Ok(file)
    }

    fn check_regular(
        &self,
        name: &OsStr,
        stat: &Stat,
        expected: &'static str,
    ) -> Result<(), PackError> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(()),
            other => Err(PackError::Planted {
                path: self.join(name),
                found: kind_in_words(other).to_owned(),
                expected: expected.to_owned(),
            }),
        }
    }

    /// Refuses a file that somebody else may have planted to get what is added to it: in a directory
    /// like `/tmp`, one that belongs neither to this user nor to the directory's owner. It is the
    /// kernel's rule (`fs.protected_regular`) for files that programs open to write into.
    pub fn check_owner(&self, name: &OsStr, file: &File) -> Result<(), PackError> {
        let stat = |opened: rustix::io::Result<Stat>| opened.map_err(self.failed(name));
        let (directory, file) = (stat(fs::fstat(&self.descriptor))?, stat(fs::fstat(file))?);
        let mode = Mode::from_raw_mode(directory.st_mode);
        let is_shared = mode.contains(Mode::SVTX) && mode.intersects(Mode::WGRP | Mode::WOTH);
        let own = nix::unistd::geteuid().as_raw();
        if is_shared && file.st_uid != own && file.st_uid != directory.st_uid {
            Err(PackError::Planted {
                path: self.join(name),
                found: format!("a file of user {}", file.st_uid),
                expected: format!("one of user {own} in a directory that others may write into"),
            })
        } else {
            Ok(())
        }
    }

    /// Removes a file.
    pub fn remove(&self, name: &OsStr) -> rustix::io::Result<()> {
        fs::unlinkat(&self.descriptor, name, AtFlags::empty())
    }

    /// Renames a file over another one.
    pub fn replace(&self, from: &OsStr, to: &OsStr) -> rustix::io::Result<()> {
        fs::renameat(&self.descriptor, from, &self.descriptor, to)
    }

    /// Renames a file to a name that nothing has, and finds out how that is done here.
    pub fn rename_first(&self, from: &OsStr, to: &OsStr) -> rustix::io::Result<()> {
        let names = (from.as_bytes(), to.as_bytes());
        let (naming, refused) = Naming::find(self.descriptor.as_fd(), names.0, names.1)?;
        if naming == Naming::Checked {
            say_checked(printable(or_here(&self.path)), "shard", &refused);
        }
        // The first answer counts.
        let _ = self.naming.set(naming);
        Ok(())
    }

    /// Renames a file to a name that nothing has.
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> rustix::io::Result<()> {
        let naming = self.naming.get().unwrap_or(&Naming::NoReplace);
        let left = naming.rename(self.descriptor.as_fd(), from.as_bytes(), to.as_bytes())?;
        if let Some(errno) = left {
            self.warn_left(from, errno);
        }
        Ok(())
    }

    /// Says that a temporary file stays: it is in nobody's way, and its name says what it is.
    pub fn warn_left(&self, name: &OsStr, errno: Errno) {
        log::warn!(
            "{}: a temporary file cannot be removed, and stays: {}",
            printable(&self.join(name)),
            io::Error::from(errno)
        );
    }

    /// Puts the names on disk. Where the file system cannot, the user is told once.
    pub fn sync(&self) -> Result<(), PackError> {
        let path = or_here(&self.path);
        let synced = fs::fsync(&self.descriptor).map_err(io::Error::from);
        let lost = "directories ({}): if the machine stops now, a shard may have lost its name";
        let synced = self.or_say(synced, &self.said_directories, lost);
        synced.map_err(|error| PackError::io(path, error))
    }

    /// What has become of syncing a file in it. Where the file system cannot, the user is told once.
    pub fn synced(&self, synced: io::Result<()>) -> io::Result<()> {
        let lost = "files ({}): if the machine stops soon, the last shards may have lost bytes";
        self.or_say(synced, &self.said_files, lost)
    }

    fn or_say(&self, synced: io::Result<()>, said: &AtomicBool, lost: &str) -> io::Result<()> {
        match synced {
            Err(error) if cannot_sync(&error) => {
                if !said.swap(true, Ordering::Relaxed) {
                    let lost = lost.replace("{}", &error.to_string());
                    let path = printable(or_here(&self.path));
                    log::warn!("{path}: this file system cannot sync {lost}");
                }
                Ok(())
            }
            done => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_no_regular_file_is_not_opened_and_nothing_waits() {
        let temporary = tempfile::tempdir().expect("temporary directory");
        let path = temporary.path();
        let directory = Directory::of(&path.join("d.rox")).expect("opened");
        std::fs::write(path.join("file"), "").expect("written");
        symlink("file", path.join("link")).expect("link");
        symlink("nowhere", path.join("dangling")).expect("link");
        std::fs::create_dir(path.join("directory")).expect("made");
        let fifo = FileType::Fifo;
        fs::mknodat(CWD, path.join("fifo"), fifo, Mode::RUSR, 0).expect("made");
        let open = |name: &str| directory.open(OsStr::new(name), OFlags::RDONLY, "a file");
        open("file").expect("a regular file");
        for (name, found) in [
            ("link", "a symbolic link"),
            ("dangling", "a symbolic link"),
            ("directory", "a directory"),
            ("fifo", "a FIFO"),
        ] {
            let message = open(name).expect_err(name).to_string();
            assert!(
                message.contains(&format!("it is {found}, expected a file")),
                "{message}"
            );
            let created = directory.create(OsStr::new(name), 0o600);
            assert_eq!(created.expect_err(name), Errno::EXIST);
        }
    }

    #[test]
    fn a_name_that_is_taken_is_not_renamed_to() {
        let temporary = tempfile::tempdir().expect("temporary directory");
        let directory = Directory::of(&temporary.path().join("d.rox")).expect("opened");
        let [from, to] = ["from", "to"].map(OsStr::new);
        for name in [from, to] {
            directory.create(name, 0o600).expect("made");
        }
        assert_eq!(directory.rename(from, to), Err(Errno::EXIST));
        directory.replace(from, to).expect("replaced");
        directory.create(from, 0o600).expect("made");
        directory.remove(to).expect("removed");
        directory.rename(from, to).expect("renamed");
        assert_eq!(directory.names().expect("listed"), ["to"]);
    }
}
