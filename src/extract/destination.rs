//! The directory that files are written into, and never outside it.
//!
//! Every path is walked component by component from a descriptor of the directory, and no symbolic
//! link is followed. How a file gets its name is in `writer`.

use super::probe::Abilities;
use crate::format::name::Name;
use crate::sys::files::kind_in_words;
use crate::text::printable;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

/// As any program makes them, less what the umask takes away.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// Why a file cannot be put in its place, which `path` names.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum PlaceError {
    /// There is one, and it is not to be replaced.
    #[error("{path}: it exists; --force replaces it")]
    Exists { path: String },
    /// Something else is there.
    #[error("{path}: it is {found}, expected {expected}")]
    Blocked {
        path: String,
        found: &'static str,
        expected: &'static str,
    },
    /// A name that the file system does not have.
    #[error("{path}: this file system does not take the name ({reason})")]
    Name { path: String, reason: String },
    /// A file that has no name cannot be given one: it has to be written anew, under one.
    #[error("{path}: {reason}")]
    NoLink { path: String, reason: io::Error },
    /// The system refused.
    #[error("{path}: {reason}")]
    Io { path: String, reason: io::Error },
}

impl PlaceError {
    /// Whether no file can be written any more: the disk is full or read-only.
    pub fn ends_run(&self) -> bool {
        match self {
            PlaceError::Io { reason, .. } => matches!(
                Errno::from_io_error(reason),
                Some(Errno::NOSPC | Errno::DQUOT | Errno::ROFS)
            ),
            PlaceError::Exists { .. }
            | PlaceError::Blocked { .. }
            | PlaceError::Name { .. }
            | PlaceError::NoLink { .. } => false,
        }
    }
}

/// An open directory, and how files get into it.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    root: OwnedFd,
    replaces: bool,
    /// Whether the file system is thought to have files without a name.
    pub(super) supports_tmpfile: AtomicBool,
    /// What else it has and lacks.
    abilities: Abilities,
    /// The same, looked at again where files without a name could not be given one.
    with_names: OnceLock<Abilities>,
    /// Held while a file gets its name in two steps, so that no other thread does in between.
    pub(super) naming: Mutex<()>,
    /// Number of the next temporary name.
    next: AtomicU64,
}

impl Destination {
    /// Opens the directory `path`, made if it is missing, with its parents. `path` itself may be
    /// or have symbolic links: its user has chosen it. Existing files are replaced, or an error, as
    /// `replaces` says.
    pub fn open(path: &Path, replaces: bool) -> Result<Destination, PlaceError> {
        let io = |reason| PlaceError::Io {
            path: printable(path).to_string(),
            reason,
        };
        match std::fs::metadata(path) {
            Ok(found) if !found.is_dir() => {
                return Err(PlaceError::Blocked {
                    path: printable(path).to_string(),
                    found: kind_in_words(FileType::from_raw_mode(found.mode())),
                    expected: "a directory",
                });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
                return Err(PlaceError::Blocked {
                    path: printable(path).to_string(),
                    found: "a symbolic link to nothing",
                    expected: "a directory",
                });
            }
            Err(_) => std::fs::create_dir_all(path).map_err(io)?,
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = fs::open(path, flags, Mode::empty()).map_err(|errno| io(errno.into()))?;
        let mut destination = Destination {
            path: path.to_owned(),
            root,
            replaces,
            supports_tmpfile: AtomicBool::new(true),
            abilities: Abilities::default(),
            with_names: OnceLock::new(),
            naming: Mutex::default(),
            next: AtomicU64::new(0),
        };
        destination.abilities = Abilities::probe(&destination, destination.root.as_fd());
        Ok(destination)
    }

    /// What the file system has and lacks.
    pub(super) fn abilities(&self) -> &Abilities {
        self.with_names.get().unwrap_or(&self.abilities)
    }

    /// From here on files are written under a name.
    pub(super) fn write_under_names(&self) {
        let look = || Abilities::of_named(self, self.root.as_fd()).unwrap_or_default();
        self.with_names.get_or_init(look);
        self.supports_tmpfile.store(false, Ordering::Relaxed);
    }

    /// Whether two names that differ in the case of letters are one file here.
    pub fn folds(&self) -> bool {
        self.abilities.folds
    }

    /// Whether existing files are replaced.
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// A path below the directory, for a message.
    pub(super) fn display(&self, path: &[u8]) -> String {
        // Whatever is shown is a name or the directories of one.
        match Name::new(path) {
            Ok(name) => format!("{}/{name}", printable(&self.path)),
            Err(_) => printable(&self.path).to_string(),
        }
    }

    /// An error of the system, at `path` below the directory.
    pub(super) fn io(&self, path: &[u8], errno: Errno) -> PlaceError {
        PlaceError::Io {
            path: self.display(path),
            reason: errno.into(),
        }
    }

    /// Opens the directory `path` below this one, and makes what is missing of it.
    pub(super) fn directory(&self, path: &[u8]) -> Result<OwnedFd, PlaceError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |directory: BorrowedFd, component: &[u8]| {
            match fs::openat(directory, component, flags, Mode::empty()) {
                Err(Errno::NOENT) => {}
                done => return done,
            }
            match fs::mkdirat(directory, component, DIRECTORY_MODE) {
                // Another thread was faster.
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            fs::openat(directory, component, flags, Mode::empty())
        };
        let mut directory = open(self.root.as_fd(), b".").map_err(|errno| self.io(b"", errno))?;
        let mut end = 0;
        for component in path
            .split(|&byte| byte == b'/')
            .filter(|part| !part.is_empty())
        {
            end += component.len();
            self.check_name(&path[..end])?;
            directory = open(directory.as_fd(), component).map_err(|errno| {
                let found = kind_at(directory.as_fd(), component);
                match found.filter(|_| matches!(errno, Errno::NOTDIR | Errno::LOOP)) {
                    Some(found) => self.blocked(&path[..end], found, "a directory"),
                    None if refuses_name(errno)
                        || errno == Errno::NOENT && is_there(&directory) =>
                    {
                        self.name(&path[..end], io::Error::from(errno))
                    }
                    None => self.io(&path[..end], errno),
                }
            })?;
            end += 1;
        }
        Ok(directory)
    }

    /// The error that `found` is at `path` below the directory.
    pub(super) fn blocked(
        &self,
        path: &[u8],
        found: FileType,
        expected: &'static str,
    ) -> PlaceError {
        PlaceError::Blocked {
            path: self.display(path),
            found: kind_in_words(found),
            expected,
        }
    }

    /// The error that the file system does not take the name at `path` below the directory.
    pub(super) fn name(&self, path: &[u8], reason: impl ToString) -> PlaceError {
        PlaceError::Name {
            path: self.display(path),
            reason: reason.to_string(),
        }
    }

    /// Refuses a last component that would become another one.
    pub(super) fn check_name(&self, path: &[u8]) -> Result<(), PlaceError> {
        match path
            .last()
            .filter(|last| self.abilities().cuts.contains(last))
        {
            Some(b' ') => Err(self.name(path, "it cuts off spaces at the end")),
            Some(_) => Err(self.name(path, "it cuts off dots at the end")),
            None => Ok(()),
        }
    }

    /// Removes a temporary file. If it stays, its name says what it is, and a line where.
    pub(super) fn remove(&self, directory: BorrowedFd, name: &[u8]) {
        if let Err(errno) = fs::unlinkat(directory, name, AtFlags::empty()) {
            log::warn!(
                "{}: the temporary file {} cannot be removed, and stays: {}",
                self.display(b""),
                crate::text::escaped(name),
                io::Error::from(errno)
            );
        }
    }

    /// A name for a file that is not whole, or waits for its turn to replace another.
    pub(super) fn temporary_name(&self) -> Vec<u8> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!(".roxfs-extract.{}.{number}.tmp", std::process::id()).into_bytes()
    }
}

/// What is there under a name, if it can be seen.
pub(super) fn kind_at(directory: BorrowedFd, name: &[u8]) -> Option<FileType> {
    let stat = fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(stat.st_mode))
}

/// Whether an error of giving a name says that the file system has no such names: Linux's exFAT and
/// VFAT say `EINVAL` to `a:b`, a name that is not UTF-8 is `EILSEQ` on some.
pub(super) fn refuses_name(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::ILSEQ | Errno::NAMETOOLONG)
}

/// Whether an open directory still has a name.
fn is_there(directory: &OwnedFd) -> bool {
    fs::fstat(directory).is_ok_and(|stat| stat.st_nlink > 0)
}
