//! Unmounting: a mount of this process wherever it is listed, and any roxfs mount by its path; with
//! umount2(2) where that is allowed and by `fusermount3` where not.

use super::connection;
use super::fusermount;
use super::mount::{FS_TYPE, Mounted};
use crate::sys::files::directory_of;
use crate::sys::mountinfo::{MountInfo, MountTable};
use crate::text::printable;
use nix::errno::Errno;
use nix::mount::MntFlags;
use nix::sys::statvfs::statvfs;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How often unmounting is tried where the mount is in use, and the pause before each further try:
/// whatever looks at it in passing, as monitors do, is gone by then.
const UNMOUNT_TRIES: u32 = 5;
const UNMOUNT_PAUSE: Duration = Duration::from_millis(10);

/// Why something cannot be unmounted.
#[derive(Debug, thiserror::Error)]
pub enum UnmountError {
    /// Nothing is mounted there, or something else is: its type, for the message.
    #[error("{}: no roxfs mount is there{}", printable(path), found.as_deref().unwrap_or_default())]
    NotMounted {
        path: PathBuf,
        found: Option<String>,
    },
    /// Files are open, or a process is in it.
    #[error(
        "{}: in use; \"fuser -vm {0}\" shows by whom; \"roxfs umount -l {0}\" detaches it now and ends it when the last file is closed",
        printable(path)
    )]
    Busy { path: PathBuf },
    /// The system or `fusermount3` refused.
    #[error("{}: {message}", printable(path))]
    Refused { path: PathBuf, message: String },
}

/// Unmounts a mount of this process wherever it is listed: it may have been bound elsewhere, or its
/// directory renamed. With `lazy` it is detached: no longer in the tree of names, it ends when it is
/// no longer in use. Whatever else has been mounted at the same path is left alone.
pub fn ours(mounted: &Mounted, lazy: bool) -> Result<(), UnmountError> {
    while_busy(|| {
        if mounted.is_connected() {
            everywhere(mounted, lazy)
        } else {
            remove_dead(mounted)
        }
    })
}

fn everywhere(mounted: &Mounted, lazy: bool) -> Result<(), UnmountError> {
    let table = mounted.table();
    let all = table
        .all()
        .map_err(|error| refused(mounted.path(), error))?;
    for (number, mount) in all.iter().enumerate() {
        if mount.device != mounted.info().device {
            continue;
        }
        let mut later = all[number + 1..].iter();
        if later.any(|above| above.path == mount.path) {
            let error = io::Error::other("something else is mounted over it");
            return Err(refused(&mount.path, error));
        }
        unmount_path(&mount.path, lazy)?;
    }
    Ok(())
}

/// A file system whose connection was cut (by `umount -f`, for one) stays mounted, and fails all
/// that use it, until it is unmounted.
fn remove_dead(mounted: &Mounted) -> Result<(), UnmountError> {
    let path = mounted.path();
    let table = mounted.table();
    let listed = table.find(path).map_err(|error| refused(path, error))?;
    // Anything else is not to be touched: an automount that is left there would mount again.
    let is_ours = listed.is_some_and(|found| found == *mounted.info());
    // Not answered from the kernel's cache, as attributes are.
    let is_dead = || statvfs(path).is_err_and(|errno| errno == Errno::ENOTCONN);
    if is_ours && is_dead() {
        unmount_path(path, true)?;
    }
    Ok(())
}

/// Unmounts the roxfs mount at a path; refuses anything else.
pub fn by_path(mountpoint: &Path, lazy: bool) -> Result<(), UnmountError> {
    while_busy(|| unmount_found(mountpoint, lazy))
}

fn unmount_found(mountpoint: &Path, lazy: bool) -> Result<(), UnmountError> {
    let table = MountTable::open().map_err(|error| refused(mountpoint, error))?;
    let mut other = None;
    for path in candidates(mountpoint) {
        match table.find(&path).map_err(|error| refused(&path, error))? {
            Some(mount) if mount.kind == FS_TYPE => return unmount_and_end(&mount, lazy),
            Some(mount) => other = Some(format!(" (but {})", printable(mount.kind.as_ref()))),
            None => {}
        }
    }
    Err(UnmountError::NotMounted {
        path: mountpoint.to_owned(),
        found: other,
    })
}

/// Unmounts, after ending the connection where no process serves it any more but it cannot end by
/// itself: readers of such a mount wait for ever, and so would unmounting (`fuse_kill_sb_anon` waits
/// for a store to end).
fn unmount_and_end(mount: &MountInfo, lazy: bool) -> Result<(), UnmountError> {
    let is_ended = connection::end_if_abandoned(mount).unwrap_or_else(|error| {
        log::debug!("{}: {error}", printable(&mount.path));
        false
    });
    // Readers that waited may need a moment to leave.
    unmount_path(&mount.path, lazy || is_ended)
}

/// The mount point as the kernel lists it. First without touching the last component, because a
/// dead mount cannot even be looked at; then with it, for links to a mount point, `.` and `..`.
fn candidates(mountpoint: &Path) -> impl Iterator<Item = PathBuf> {
    let below = mountpoint.file_name().and_then(|name| {
        let parent = directory_of(mountpoint).canonicalize();
        Some(parent.ok()?.join(name))
    });
    let whole = iter::once_with(|| mountpoint.canonicalize());
    below.into_iter().chain(whole.flatten())
}

fn while_busy(mut unmount: impl FnMut() -> Result<(), UnmountError>) -> Result<(), UnmountError> {
    for _ in 1..UNMOUNT_TRIES {
        match unmount() {
            Err(UnmountError::Busy { .. }) => thread::sleep(UNMOUNT_PAUSE),
            done => return done,
        }
    }
    unmount()
}

/// Unmounts whatever is uppermost at this path.
pub(super) fn unmount_path(path: &Path, lazy: bool) -> Result<(), UnmountError> {
    let mut flags = MntFlags::UMOUNT_NOFOLLOW;
    flags.set(MntFlags::MNT_DETACH, lazy);
    match nix::mount::umount2(path, flags) {
        Ok(()) => Ok(()),
        Err(Errno::EBUSY) => Err(UnmountError::Busy {
            path: path.to_owned(),
        }),
        Err(Errno::EPERM) => fusermount::unmount(path, lazy),
        Err(errno) => Err(refused(path, errno.into())),
    }
}

pub(super) fn refused(path: &Path, error: io::Error) -> UnmountError {
    UnmountError::Refused {
        path: path.to_owned(),
        message: error.to_string(),
    }
}
