//! A mount used without keeping it busy.

use super::mountinfo::MountInfo;
use crate::text::printable;
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{CWD, fstat, major, minor};
use rustix::mount::{OpenTreeFlags, open_tree};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// A detached clone of a mount (open_tree(2)): without a path it keeps nothing busy, but the file system
/// lives as long as it does. To be called in a process that has one thread. Fails where another file
/// system has been mounted there meanwhile.
pub fn clone_of(mount: &MountInfo) -> io::Result<OwnedFd> {
    let clone = detach(&mount.path)?;
    let device = fstat(&clone)?.st_dev;
    if format!("{}:{}", major(device), minor(device)) != mount.device {
        let path = printable(&mount.path);
        return Err(io::Error::other(format!("{path}: another file system")));
    }
    Ok(clone)
}

/// Without `CAP_SYS_ADMIN` it is made in a new user namespace.
fn detach(mountpoint: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match open_tree(CWD, mountpoint, flags) {
        Err(rustix::io::Errno::PERM) => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
            Ok(open_tree(CWD, mountpoint, flags)?)
        }
        opened => Ok(opened?),
    }
}
