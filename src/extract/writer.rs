//! Files that appear under their names when they are whole.
//!
//! A file is written without a name (`O_TMPFILE`) and then linked, so that a killed run leaves
//! nothing of it. Where the file system has no such files, it is written to a temporary name,
//! `.roxfs-extract.PID.N.tmp`, in the same directory, and renamed.

use super::PIECE_BYTES;
use super::destination::{Destination, PlaceError, kind_at, refuses_name};
use crate::format::name::Name;
use crate::sys::filesystem::{Naming, close};
use crate::sys::lock;
use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::{Errno, Result};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

/// As any program makes them, less what the umask takes away.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// Writes files, one at a time; each thread has its own.
#[derive(Debug)]
pub struct Writer<'a> {
    destination: &'a Destination,
    /// The directory of the last file: that of the next one, most of the time.
    last: Option<(Vec<u8>, OwnedFd)>,
}

/// A file that is being written. Dropped before [`finish`](Self::finish), it is gone.
#[derive(Debug)]
pub struct NewFile<'a> {
    destination: &'a Destination,
    directory: BorrowedFd<'a>,
    path: &'a Name,
    /// `None` when it is closed.
    file: Option<File>,
    /// The temporary name that it has.
    temporary: Option<Vec<u8>>,
}

impl<'a> Writer<'a> {
    /// Writes files below `destination`.
    pub fn new(destination: &'a Destination) -> Writer<'a> {
        Writer {
            destination,
            last: None,
        }
    }

    /// Begins the file that will be `path`, of `len` bytes, and makes the directories it needs.
    pub fn begin<'w>(&'w mut self, path: &'w Name, len: u64) -> PlaceResult<NewFile<'w>> {
        let destination = self.destination;
        let (parent, name) = path.split();
        let last = self.last.take().filter(|(path, _)| path == parent);
        let last = match last {
            Some(last) => last,
            None => (parent.to_vec(), destination.directory(parent)?),
        };
        let directory = self.last.insert(last).1.as_fd();
        // Small files find that out at the end, where it costs nothing.
        let is_large = len > PIECE_BYTES as u64;
        if is_large && !destination.replaces() && kind_at(directory, name).is_some() {
            return Err(exists(destination, directory, path));
        }
        let io = |errno| destination.io(path.as_bytes(), errno);
        let (file, temporary) = create(destination, directory).map_err(io)?;
        Ok(NewFile {
            destination,
            directory,
            path,
            file: Some(file.into()),
            temporary,
        })
    }
}

type PlaceResult<T> = std::result::Result<T, PlaceError>;

/// A new file in `directory`, and its temporary name where it needs one.
fn create(destination: &Destination, directory: BorrowedFd) -> Result<(OwnedFd, Option<Vec<u8>>)> {
    if destination.supports_tmpfile.load(Ordering::Relaxed) {
        match create_tmpfile(directory) {
            // A file system, or a kernel, without.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOSYS | Errno::INVAL) => {
                destination.supports_tmpfile.store(false, Ordering::Relaxed);
            }
            done => return done.map(|file| (file, None)),
        }
    }
    let (file, name) = create_named(destination, directory)?;
    Ok((file, Some(name)))
}

/// A new file in `directory` that has no name.
pub(super) fn create_tmpfile(directory: BorrowedFd) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::TMPFILE;
    fs::openat(directory, ".", flags, FILE_MODE)
}

/// A new file in `directory`, and its temporary name.
pub(super) fn create_named(
    destination: &Destination,
    directory: BorrowedFd,
) -> Result<(OwnedFd, Vec<u8>)> {
    let new = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    loop {
        let name = destination.temporary_name();
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | new;
        match fs::openat(directory, &name[..], flags, FILE_MODE) {
            Ok(file) => return Ok((file, name)),
            // Left by a killed process that had our number.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Whether an error of linking a file that has no name may be none of giving it one by renaming.
fn cannot_link(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::PERM
            | Errno::OPNOTSUPP
            | Errno::NOSYS
            | Errno::NOENT
            | Errno::INVAL
            | Errno::MLINK
            | Errno::XDEV
    )
}

/// Links a file that has no name.
fn link_tmpfile(file: &File, directory: BorrowedFd, name: &[u8]) -> Result<()> {
    match fs::linkat(file, "", directory, name, AtFlags::EMPTY_PATH) {
        // Linux before 6.10 says this to all but root.
        Err(Errno::NOENT) => {
            let file = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
            fs::linkat(CWD, file, directory, name, AtFlags::SYMLINK_FOLLOW)
        }
        done => done,
    }
}

/// What is in the way of a file.
fn exists(destination: &Destination, directory: BorrowedFd, path: &Name) -> PlaceError {
    match kind_at(directory, path.split().1) {
        Some(FileType::Directory) => {
            destination.blocked(path.as_bytes(), FileType::Directory, "a file or nothing")
        }
        _ => PlaceError::Exists {
            path: destination.display(path.as_bytes()),
        },
    }
}

impl NewFile<'_> {
    /// Adds to the file.
    pub fn write(&mut self, piece: &[u8]) -> PlaceResult<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.write_all(piece).map_err(|reason| PlaceError::Io {
            path: self.destination.display(self.path.as_bytes()),
            reason,
        })
    }

    /// Gives the file its name.
    pub fn finish(mut self) -> PlaceResult<()> {
        self.destination.check_name(self.path.as_bytes())?;
        self.name().map_err(|errno| match errno {
            Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => {
                exists(self.destination, self.directory, self.path)
            }
            errno if self.temporary.is_none() && cannot_link(errno) => {
                self.destination.write_under_names();
                PlaceError::NoLink {
                    path: self.destination.display(self.path.as_bytes()),
                    reason: errno.into(),
                }
            }
            errno if refuses_name(errno) || errno == Errno::NOENT && self.is_there() => {
                let reason = std::io::Error::from(errno);
                self.destination.name(self.path.as_bytes(), reason)
            }
            errno => self.destination.io(self.path.as_bytes(), errno),
        })
    }

    /// Whether it has a temporary name.
    fn is_there(&self) -> bool {
        let named = |name: &Vec<u8>| kind_at(self.directory, name).is_some();
        self.temporary.as_ref().is_some_and(named)
    }

    fn name(&mut self) -> Result<()> {
        let (directory, name) = (self.directory, self.path.split().1);
        if let Some(file) = self.file.take_if(|_| self.temporary.is_some()) {
            close(file)?;
        }
        if let Some(file) = &self.file {
            match link_tmpfile(file, directory, name) {
                Err(Errno::EXIST) if self.destination.replaces() => {}
                done => return done,
            }
            // A link never replaces anything, a rename does.
            loop {
                let temporary = self.destination.temporary_name();
                match link_tmpfile(file, directory, &temporary) {
                    // Left by a killed process that had our number.
                    Err(Errno::EXIST) => continue,
                    done => done?,
                }
                self.temporary = Some(temporary);
                break;
            }
        }
        let Some(temporary) = &self.temporary else {
            return Ok(());
        };
        if self.destination.replaces() {
            fs::renameat(directory, &temporary[..], directory, name)?
        } else {
            rename_new(self.destination, directory, temporary, name)?
        }
        self.temporary = None;
        Ok(())
    }
}

/// Renames and replaces nothing.
fn rename_new(
    destination: &Destination,
    directory: BorrowedFd,
    from: &[u8],
    to: &[u8],
) -> Result<()> {
    let naming = destination.abilities().naming;
    let in_two_steps = matches!(naming, None | Some(Naming::Checked));
    let _alone = in_two_steps.then(|| lock(&destination.naming));
    let naming = naming.unwrap_or(Naming::NoReplace);
    if naming.rename(directory, from, to)?.is_some() {
        // The file has its name, and the temporary one too.
        destination.remove(directory, from);
    }
    Ok(())
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        // Closed first: network file systems may write a file when it is closed, and then it would be
        // there again.
        self.file = None;
        if let Some(temporary) = &self.temporary {
            self.destination.remove(self.directory, temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn entries(directory: &Path) -> Vec<String> {
        let list = std::fs::read_dir(directory).expect("listed");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("entry").file_name();
        let mut names: Vec<String> = list
            .map(|entry| name(entry).into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }

    fn put(destination: &Destination, name: &Name, content: &[u8]) -> PlaceResult<()> {
        let mut writer = Writer::new(destination);
        let mut file = writer.begin(name, content.len() as u64)?;
        file.write(content)?;
        file.finish()
    }

    /// As on a file system that has files without a name, and as on one that has not.
    fn each_way(replaces: bool, test: impl Fn(&Path, &Destination)) {
        for supports_tmpfile in [true, false] {
            let directory = tempfile::tempdir().expect("temporary directory");
            let destination = Destination::open(directory.path(), replaces).expect("opened");
            destination
                .supports_tmpfile
                .store(supports_tmpfile, Ordering::Relaxed);
            test(directory.path(), &destination);
        }
    }

    #[test]
    fn a_file_appears_when_it_is_finished_and_replaces_nothing() {
        let name = Name::new(b"a").expect("valid");
        each_way(false, |directory, destination| {
            put(destination, &name, b"first").expect("written");
            let error = put(destination, &name, b"second").expect_err("exists");
            assert!(matches!(error, PlaceError::Exists { .. }), "{error}");
            let large = vec![0; PIECE_BYTES + 1];
            put(destination, &name, &large).expect_err("exists");
            let mut writer = Writer::new(destination);
            let other = Name::new(b"b").expect("valid");
            drop(writer.begin(&other, 0).expect("begun"));
            assert_eq!(entries(directory), ["a"]);
            assert_eq!(std::fs::read(directory.join("a")).expect("read"), b"first");
        });
    }

    #[test]
    fn a_file_is_replaced_but_not_a_directory() {
        let [name, taken] = [b"a", b"d"].map(|name| Name::new(name).expect("valid"));
        each_way(true, |directory, destination| {
            put(destination, &name, b"first").expect("written");
            put(destination, &name, b"second").expect("replaced");
            std::fs::create_dir(directory.join("d")).expect("made");
            let error = put(destination, &taken, b"third").expect_err("a directory");
            assert!(matches!(error, PlaceError::Blocked { .. }), "{error}");
            assert_eq!(entries(directory), ["a", "d"]);
            assert_eq!(std::fs::read(directory.join("a")).expect("read"), b"second");
        });
    }
}
