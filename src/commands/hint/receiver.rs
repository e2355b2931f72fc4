//! The mount that takes an order, found by its mount point, and asked for all that has to be known.

use crate::order::handed::{self, Hello};
use crate::session::FS_TYPE;
use crate::sys::ioctl;
use crate::sys::mountinfo::{MountInfo, MountTable};
use crate::text::{printable, quoted};
use crate::tree::{FileKind, Node};
use nix::errno::Errno;
use rustix::fs::{AtFlags, stat, statat};
use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a mount takes no orders.
#[derive(Debug, thiserror::Error)]
pub enum NoReceiver {
    #[error(
        "{}: cannot be opened: {reason}; expected a directory on which roxfs has mounted a dataset",
        printable(path)
    )]
    Open { path: PathBuf, reason: io::Error },
    #[error(
        "{}: permission denied; a mount is its user's alone without `mount --allow-other`",
        printable(path)
    )]
    Denied { path: PathBuf },
    #[error(
        "{}: the mount has ended; `roxfs umount {}` removes what is left, and then it can be mounted again",
        printable(path),
        quoted(path)
    )]
    Ended { path: PathBuf },
    #[error("{}: no roxfs mount is there{}; expected a directory on which roxfs has mounted a dataset", printable(path), found.as_deref().unwrap_or_default())]
    NoMount {
        path: PathBuf,
        found: Option<String>,
    },
    #[error(
        "{}: a directory in a mount, not its root; expected {}",
        printable(path),
        printable(root)
    )]
    Inside { path: PathBuf, root: PathBuf },
    #[error(
        "{}: a directory in a mount, not its root, which is not to be seen from here",
        printable(path)
    )]
    OnlyPart { path: PathBuf },
    #[error(
        "{}: the roxfs that serves it takes no orders in the way of this one: they are of different versions",
        printable(path)
    )]
    OtherVersion { path: PathBuf },
}

/// Why something is no record of the mount.
#[derive(Debug, thiserror::Error)]
pub enum NoRecord {
    #[error("{number} is no record: expected a number below {records}")]
    Number { number: u64, records: u64 },
    #[error(
        "{}: {reason}; expected the path of a record in {}, or its number",
        printable(path),
        printable(root)
    )]
    Missing {
        path: PathBuf,
        root: PathBuf,
        reason: io::Error,
    },
    #[error(
        "{}: not in {}; expected the path of a record there, or its number",
        printable(path),
        printable(root)
    )]
    Outside { path: PathBuf, root: PathBuf },
    #[error(
        "{}: {what}; expected the path of a record, or its number",
        printable(path)
    )]
    Other { path: PathBuf, what: &'static str },
}

/// A mount that takes orders.
#[derive(Debug)]
pub struct Receiver {
    root: File,
    path: PathBuf,
    device: u64,
    hello: Hello,
}

impl Receiver {
    /// The mount at this path.
    pub fn open(path: &Path) -> Result<Receiver, NoReceiver> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_DIRECTORY);
        let opened = options.open(path);
        let root = opened.map_err(|reason| not_opened(path, reason))?;
        let metadata = root.metadata();
        let metadata = metadata.map_err(|reason| not_opened(path, reason))?;
        let answer = ioctl::receive(&root, handed::HELLO);
        let hello = match answer {
            Ok(answer) => Hello::parse(&answer),
            Err(reason) if errno_of(&reason) == Errno::ENOTCONN => {
                return Err(not_opened(path, reason));
            }
            Err(_) => None,
        };
        let Some(hello) = hello else {
            return Err(no_answer(path, &metadata));
        };
        Ok(Receiver {
            root,
            path: path.to_owned(),
            device: metadata.dev(),
            hello,
        })
    }

    /// Its root directory.
    pub fn root(&self) -> &File {
        &self.root
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How much memory it has for orders.
    pub fn order_memory(&self) -> u64 {
        self.hello.memory
    }

    /// The record with a number.
    pub fn record(&self, number: u64) -> Result<u64, NoRecord> {
        let records = self.hello.records;
        if number < records {
            Ok(number)
        } else {
            Err(NoRecord::Number { number, records })
        }
    }

    /// The record with a path, absolute, from the mount's root or from the current directory, as it will
    /// be opened: the mount itself says which inode that is, in whatever directory, and an inode's number
    /// says which record.
    pub fn record_at(&self, path: &[u8]) -> Result<u64, NoRecord> {
        let shown = || PathBuf::from(OsStr::from_bytes(path));
        let root = || self.path.clone();
        let other = |what| NoRecord::Other {
            path: shown(),
            what,
        };
        let in_mount = statat(&self.root, path, AtFlags::empty());
        let found = in_mount.or_else(|errno| stat(path).map_err(|_| errno));
        let stat = found.map_err(|errno| NoRecord::Missing {
            path: shown(),
            root: root(),
            reason: errno.into(),
        })?;
        if stat.st_dev != self.device {
            return Err(NoRecord::Outside {
                path: shown(),
                root: root(),
            });
        }
        match Node::from_ino(stat.st_ino) {
            Some(Node::Record(number)) => self.record(number),
            Some(node) if node.kind() == FileKind::Directory => Err(other("a directory")),
            Some(_) | None => Err(other("a file, but no record")),
        }
    }
}

pub fn errno_of(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

fn not_opened(path: &Path, reason: io::Error) -> NoReceiver {
    let path = path.to_owned();
    match errno_of(&reason) {
        Errno::ENOTCONN => NoReceiver::Ended { path },
        Errno::EACCES => NoReceiver::Denied { path },
        _ => NoReceiver::Open { path, reason },
    }
}

/// What there is instead of a mount that takes orders.
fn no_answer(path: &Path, metadata: &Metadata) -> NoReceiver {
    let device = metadata.dev();
    let device = format!("{}:{}", libc::major(device), libc::minor(device));
    let table = MountTable::open().and_then(|table| table.all());
    let all = table.unwrap_or_default();
    let of_device: Vec<&MountInfo> = all.iter().filter(|mount| mount.device == device).collect();
    let path = path.to_owned();
    if !of_device.iter().any(|mount| mount.kind == FS_TYPE) {
        let there = path.canonicalize().unwrap_or_default();
        let mount = all.iter().rfind(|mount| mount.path == there);
        let found = mount.map(|mount| format!(" (but {})", printable(mount.kind.as_ref())));
        return NoReceiver::NoMount { path, found };
    }
    let is_root = |stat: &Metadata| stat.dev() == metadata.dev() && stat.ino() == Node::Root.ino();
    if is_root(metadata) {
        return NoReceiver::OtherVersion { path };
    }
    let mut mounts = of_device.into_iter();
    let root = mounts.find(|mount| mount.path.metadata().is_ok_and(|stat| is_root(&stat)));
    match root.map(|mount| mount.path.clone()) {
        Some(root) => NoReceiver::Inside { path, root },
        None => NoReceiver::OnlyPart { path },
    }
}
