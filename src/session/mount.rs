//! Mounting, with mount(2) where that is allowed and by `fusermount3` where not.
//!
//! fuser's own mounting is not used: it gives no file system type, takes a comma in the source
//! name for further options, and may unmount a stranger that has been mounted at the same path.

use super::{MountOptions, fusermount, unmount};
use crate::sys;
use crate::sys::device;
use crate::sys::mountinfo::{MountInfo, MountTable};
use crate::text::printable;
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{geteuid, getgid, getuid};
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// The type under which mounts are listed.
pub const FS_TYPE: &str = "fuse.roxfs";
/// For how long another mount at the same directory may keep it locked, and how often to look.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why something cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The mount point cannot be used.
    #[error(
        "{}: cannot be mounted on: {reason}{}",
        printable(path),
        mount_point_hint(path, reason)
    )]
    MountPoint { path: PathBuf, reason: io::Error },
    /// It is part of another mount of roxfs.
    #[error(
        "{}: it is in the dataset that is mounted at {}; mount on a directory outside it",
        printable(path),
        printable(outer)
    )]
    Inside { path: PathBuf, outer: PathBuf },
    /// Another process has had a lock on the mount point for too long.
    #[error(
        "{}: another process holds a lock on this directory, as a mount does for a moment; \
         \"fuser -v {0}\" shows which; a directory of mode 0700 can be locked by its owner alone",
        printable(path)
    )]
    Locked { path: PathBuf },
    /// A dataset is there already.
    #[error(
        "{}: a dataset is mounted there already; unmount it first: roxfs umount {0}",
        printable(path)
    )]
    AlreadyMounted { path: PathBuf },
    /// No FUSE in the kernel, or not for this user. The hint says what may help.
    #[error("{}: {reason}{hint}", device::PATH)]
    Device {
        reason: io::Error,
        hint: &'static str,
    },
    /// The kernel refused. The hint says what may help.
    #[error("{}: mount: {reason}{hint}", printable(path))]
    Kernel {
        path: PathBuf,
        reason: io::Error,
        hint: &'static str,
    },
    /// `fusermount3` cannot be run.
    #[error(
        "{}: {reason}; ordinary users need it to mount (Debian package fuse3)",
        fusermount::PROGRAM
    )]
    NoHelper { reason: io::Error },
    /// `fusermount3` refused.
    #[error("{}: {message}", printable(path))]
    Helper { path: PathBuf, message: String },
}

/// A mount made by this process. Dropped, it is unmounted, if it is still there.
#[derive(Debug)]
pub struct Mounted {
    info: MountInfo,
    table: Mutex<MountTable>,
    /// The descriptor through which the kernel asks: while it is connected, the file system lives,
    /// and its device number is nobody else's.
    device: Arc<OwnedFd>,
}

fn mount_point_hint(path: &Path, reason: &io::Error) -> String {
    match reason.kind() {
        io::ErrorKind::NotFound if !path.as_os_str().is_empty() => {
            format!("; make the directory first: mkdir -p {}", printable(path))
        }
        _ => String::new(),
    }
}

/// The path that a mount point has in the list of mounts, if it is a directory.
pub fn check_mount_point(mountpoint: &Path) -> Result<PathBuf, MountError> {
    let bad = |reason| MountError::MountPoint {
        path: mountpoint.to_owned(),
        reason,
    };
    let path = mountpoint.canonicalize().map_err(bad)?;
    if !path.is_dir() {
        return Err(bad(io::Error::from_raw_os_error(Errno::ENOTDIR as i32)));
    }
    Ok(path)
}

/// Mounts at `mountpoint`, and returns the descriptor through which the kernel asks.
pub fn mount(mountpoint: &Path, options: &MountOptions) -> Result<(OwnedFd, Mounted), MountError> {
    let bad = |reason| MountError::MountPoint {
        path: mountpoint.to_owned(),
        reason,
    };
    let path = check_mount_point(mountpoint)?;
    let table = MountTable::open().map_err(bad)?;
    // One at a time from the check to the listing: two mounts that come at once would stack.
    let _lock = lock(&path)?;
    let is_dataset = |mount: &MountInfo| mount.kind == FS_TYPE;
    if table
        .find(&path)
        .map_err(bad)?
        .is_some_and(|there| is_dataset(&there))
    {
        return Err(MountError::AlreadyMounted { path });
    }
    if let Some(holding) = table.find_holding(&path).map_err(bad)?.filter(is_dataset) {
        let outer = holding.path;
        return Err(MountError::Inside { path, outer });
    }
    let device = match mount_directly(&path, options)? {
        Some(device) => device,
        None => fusermount::mount(&path, options)?,
    };
    let listed = table.find(&path).and_then(|found| {
        let info = found.ok_or_else(|| io::Error::other("the new mount is not listed"))?;
        Ok((info, device.try_clone()?))
    });
    match listed {
        Ok((info, clone)) => {
            let mounted = Mounted {
                info,
                table: Mutex::new(table),
                device: Arc::new(clone),
            };
            Ok((device, mounted))
        }
        Err(reason) => {
            let _ = unmount::unmount_path(&path, true);
            Err(bad(reason))
        }
    }
}

/// Locks a mount point until the file is closed. Any user that may open the directory may hold the lock,
/// so it is not waited for without end.
fn lock(path: &Path) -> Result<File, MountError> {
    let bad = |reason| MountError::MountPoint {
        path: path.to_owned(),
        reason,
    };
    let directory = File::open(path).map_err(bad)?;
    let start = Instant::now();
    loop {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(directory),
            Err(rustix::io::Errno::WOULDBLOCK) if start.elapsed() < LOCK_WAIT => {
                thread::sleep(LOCK_PAUSE);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(MountError::Locked {
                    path: path.to_owned(),
                });
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(bad(errno.into())),
        }
    }
}

/// `None` where this user may not use mount(2).
fn mount_directly(path: &Path, options: &MountOptions) -> Result<Option<OwnedFd>, MountError> {
    let device = device::open().map_err(|reason| MountError::Device {
        hint: device_hint(&reason),
        reason,
    })?;
    let mut flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    flags.set(MsFlags::MS_NOEXEC, options.noexec);
    flags.set(MsFlags::MS_NOATIME, options.noatime);
    let mut data = OsString::from(format!(
        "fd={},rootmode={:o},user_id={},group_id={},default_permissions{}",
        device.as_raw_fd(),
        libc::S_IFDIR,
        getuid(),
        getgid(),
        if options.allow_other {
            ",allow_other"
        } else {
            ""
        },
    ));
    data.push(options.contexts());
    let source = Some(options.source());
    match nix::mount::mount(source, path, Some(FS_TYPE), flags, Some(data.as_os_str())) {
        Ok(()) => Ok(Some(device.into())),
        Err(Errno::EPERM) if !geteuid().is_root() => Ok(None),
        Err(errno) => Err(MountError::Kernel {
            path: path.to_owned(),
            reason: errno.into(),
            hint: kernel_hint(errno, options),
        }),
    }
}

fn device_hint(reason: &io::Error) -> &'static str {
    match reason.raw_os_error().map(Errno::from_raw) {
        // The control group of a container has it forbidden (`bpf_cgroup_device` programs).
        Some(Errno::EPERM) => {
            "; a container needs to be given it: --device /dev/fuse --cap-add SYS_ADMIN"
        }
        Some(Errno::EACCES) => "; it has to be open to users who mount (usually mode 0666)",
        Some(Errno::EMFILE | Errno::ENFILE) => "",
        _ => {
            "; is the fuse module loaded (modprobe fuse)? A container needs \
             --device /dev/fuse --cap-add SYS_ADMIN"
        }
    }
}

/// For root: other users are refused on the way by `fusermount3`.
fn kernel_hint(errno: Errno, options: &MountOptions) -> &'static str {
    match errno {
        Errno::EINVAL if !options.contexts.is_empty() => {
            "; it does not take these security contexts: is SELinux enabled (getenforce)?"
        }
        Errno::EPERM => {
            "; root needs CAP_SYS_ADMIN to mount, in a container \
             --cap-add SYS_ADMIN --device /dev/fuse"
        }
        _ => "",
    }
}

impl Mounted {
    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.info.path
    }

    /// What the listing of mounts says of it.
    pub fn info(&self) -> &MountInfo {
        &self.info
    }

    /// The descriptor through which the kernel asks.
    pub fn device(&self) -> &Arc<OwnedFd> {
        &self.device
    }

    /// The list of mounts, as it was opened before this one was there.
    pub fn table(&self) -> MutexGuard<'_, MountTable> {
        // A table has no state that a panic elsewhere could spoil.
        sys::lock(&self.table)
    }

    /// Whether the file system lives: it ends with being unmounted, and where its connection is cut.
    pub fn is_connected(&self) -> bool {
        let mut device = [PollFd::new(self.device.as_fd(), PollFlags::empty())];
        let ready = poll(&mut device, PollTimeout::ZERO);
        let events = device[0].revents().unwrap_or(PollFlags::empty());
        ready.is_ok() && !events.contains(PollFlags::POLLERR)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = unmount::ours(self, true) {
            log::error!("{error}");
        }
    }
}
