//! Mounting and unmounting, with mount(2) where that is allowed and with `fusermount3` where not.
//!
//! fuser's own mounting is not used: it gives no file system type, takes a comma in the source
//! name for further options, and may unmount a stranger that has been mounted at the same path.

use super::connection;
use crate::sys::device;
use crate::sys::files::directory_of;
use crate::sys::mountinfo::{MountInfo, MountTable};
use crate::sys::{self, child};
use crate::text::shown;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::mount::{MntFlags, MsFlags};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::statvfs::statvfs;
use nix::unistd::{geteuid, getgid, getuid};
use rustix::fs::{FlockOperation, flock};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::iter;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The type under which mounts are listed.
pub const FS_TYPE: &str = "fuse.roxfs";
const HELPER: &str = "fusermount3";
/// How often unmounting is tried where the mount is in use, and how long after that again.
const UNMOUNT_TRIES: u32 = 5;
const UNMOUNT_PAUSE: Duration = Duration::from_millis(10);
/// For how long another mount at the same directory may keep it locked, and how often to look.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What a mount is asked to be, beside read-only, nosuid, nodev and default_permissions, which
/// it always is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// Let users other than the mounting one in, as far as the shards' permissions go.
    pub allow_other: bool,
    /// Do not run programs from it.
    pub noexec: bool,
    /// Never write access times; there are none, so this only shows in the listing of mounts.
    pub noatime: bool,
    /// What the listing of mounts shows as its source.
    pub source: OsString,
}

/// Why something cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The mount point cannot be used.
    #[error("{}: cannot be mounted on: {reason}", shown(path))]
    MountPoint {
        /// The mount point.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Another process has had a lock on the mount point for too long.
    #[error(
        "{}: another process holds a lock on this directory, as a mount does for a moment; \
         \"fuser -v {0}\" shows which; a directory of mode 0700 can be locked by its owner alone",
        shown(path)
    )]
    Locked {
        /// The mount point.
        path: PathBuf,
    },
    /// A dataset is there already.
    #[error(
        "{}: a dataset is mounted there already; unmount it first: roxfs umount {0}",
        shown(path)
    )]
    AlreadyMounted {
        /// The mount point.
        path: PathBuf,
    },
    /// No FUSE in the kernel, or not for this user.
    #[error("{}: {reason}{hint}", device::PATH)]
    Device {
        /// What the system said.
        reason: io::Error,
        /// What may help.
        hint: &'static str,
    },
    /// The kernel refused.
    #[error("{}: mount: {reason}{hint}", shown(path))]
    Kernel {
        /// The mount point.
        path: PathBuf,
        /// What it said.
        reason: io::Error,
        /// What may help.
        hint: &'static str,
    },
    /// The helper for ordinary users is not there.
    #[error("{HELPER}: {reason}; ordinary users need it to mount (Debian package fuse3)")]
    NoHelper {
        /// What the system said.
        reason: io::Error,
    },
    /// The helper refused.
    #[error("{}: {message}", shown(path))]
    Helper {
        /// The mount point.
        path: PathBuf,
        /// What it said.
        message: String,
    },
}

/// Why something cannot be unmounted.
#[derive(Debug, thiserror::Error)]
pub enum UnmountError {
    /// Nothing is mounted there, or something else.
    #[error("{}: no roxfs mount is there{}", shown(path), found.as_deref().unwrap_or_default())]
    NotMounted {
        /// The path.
        path: PathBuf,
        /// What is there instead.
        found: Option<String>,
    },
    /// Files are open or a process is in it.
    #[error(
        "{}: in use; \"fuser -vm {0}\" shows by whom; \"roxfs umount -l {0}\" detaches it now and ends it when the last file is closed",
        shown(path)
    )]
    Busy {
        /// The path.
        path: PathBuf,
    },
    /// The system or the helper refused.
    #[error("{}: {message}", shown(path))]
    Refused {
        /// The path.
        path: PathBuf,
        /// What it said.
        message: String,
    },
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

/// Mounts at `mountpoint`, and returns the descriptor through which the kernel asks.
pub fn mount(mountpoint: &Path, options: &MountOptions) -> Result<(OwnedFd, Mounted), MountError> {
    let bad = |reason| MountError::MountPoint {
        path: mountpoint.to_owned(),
        reason,
    };
    let path = mountpoint.canonicalize().map_err(bad)?;
    if !path.is_dir() {
        return Err(bad(io::Error::from_raw_os_error(Errno::ENOTDIR as i32)));
    }
    let table = MountTable::open().map_err(bad)?;
    // One at a time from the check to the listing: two mounts that come at once would stack.
    let _lock = lock(&path)?;
    let there = table.find(&path).map_err(bad)?;
    if there.is_some_and(|mount| mount.kind == FS_TYPE) {
        return Err(MountError::AlreadyMounted { path });
    }
    let device = match mount_directly(&path, options)? {
        Some(device) => device,
        None => mount_by_helper(&path, options)?,
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
            let _ = unmount_path(&path, true);
            Err(bad(reason))
        }
    }
}

/// Locks a mount point until the file is closed. Whoever may open the directory may hold the lock,
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
    let device = match device::open() {
        Ok(device) => device,
        Err(reason) => {
            let hint = match reason.kind() {
                io::ErrorKind::PermissionDenied => {
                    "; it has to be open to users who mount (usually mode 0666)"
                }
                _ => "; is the fuse module loaded (modprobe fuse)?",
            };
            return Err(MountError::Device { reason, hint });
        }
    };
    let mut flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    flags.set(MsFlags::MS_NOEXEC, options.noexec);
    flags.set(MsFlags::MS_NOATIME, options.noatime);
    let data = format!(
        "fd={},rootmode=40000,user_id={},group_id={},default_permissions{}",
        device.as_raw_fd(),
        getuid(),
        getgid(),
        if options.allow_other {
            ",allow_other"
        } else {
            ""
        },
    );
    let source = Some(options.source.as_os_str());
    match nix::mount::mount(source, path, Some(FS_TYPE), flags, Some(data.as_str())) {
        Ok(()) => Ok(Some(device.into())),
        Err(Errno::EPERM) if !geteuid().is_root() => Ok(None),
        Err(errno) => Err(MountError::Kernel {
            path: path.to_owned(),
            reason: errno.into(),
            hint: match errno {
                Errno::EPERM => {
                    "; root needs CAP_SYS_ADMIN to mount, in a container \
                     --cap-add SYS_ADMIN --device /dev/fuse"
                }
                _ => "",
            },
        }),
    }
}

/// Mounts by `fusermount3`, which is setuid root and sends the descriptor over a socket whose
/// number it finds in `_FUSE_COMMFD`.
fn mount_by_helper(path: &Path, options: &MountOptions) -> Result<OwnedFd, MountError> {
    let no_helper = |reason| MountError::NoHelper { reason };
    let (ours, theirs) = UnixStream::pair().map_err(no_helper)?;
    fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|e| no_helper(e.into()))?;
    let mut list = OsString::from("ro,nosuid,nodev,default_permissions,subtype=roxfs,fsname=");
    list.push(escape(&options.source));
    let more = [
        (options.allow_other, ",allow_other"),
        (options.noexec, ",noexec"),
        (options.noatime, ",noatime"),
    ];
    for (_, option) in more.iter().filter(|(wanted, _)| *wanted) {
        list.push(option);
    }
    let helper = Command::new(HELPER)
        .arg("-o")
        .arg(list)
        .arg("--")
        .arg(path)
        .env("_FUSE_COMMFD", theirs.as_raw_fd().to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(no_helper)?;
    drop(theirs);
    let device = receive_descriptor(&ours);
    let output = child::finish(helper).map_err(no_helper)?;
    match device {
        Ok(Some(device)) if output.status.success() => Ok(device),
        Err(reason) => Err(no_helper(reason)),
        Ok(_) => Err(MountError::Helper {
            path: path.to_owned(),
            message: said(&output),
        }),
    }
}

/// A comma would end the option, and a backslash escapes the next byte.
fn escape(source: &OsStr) -> OsString {
    let mut escaped = Vec::new();
    for &byte in source.as_bytes() {
        if byte == b',' || byte == b'\\' {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    OsStr::from_bytes(&escaped).to_owned()
}

/// `None` where the other side ended without sending one.
fn receive_descriptor(socket: &UnixStream) -> io::Result<Option<OwnedFd>> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut data = [IoSliceMut::new(&mut byte)];
    rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut data, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            return Ok(descriptors.next());
        }
    }
    Ok(None)
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

    /// Unmounts it wherever it is listed: it may have been bound elsewhere, or its directory
    /// renamed. With `lazy` takes it out of the tree of names, to end when it is no longer in use.
    /// What else may have been mounted at the same path is left alone.
    pub fn unmount(&self, lazy: bool) -> Result<(), UnmountError> {
        while_busy(|| self.unmount_all(lazy))
    }

    fn unmount_all(&self, lazy: bool) -> Result<(), UnmountError> {
        if !self.is_connected() {
            return self.remove_dead();
        }
        // A table has no state that a panic elsewhere could spoil.
        let table = sys::lock(&self.table);
        let all = table.all().map_err(|error| refused(self.path(), error))?;
        for (number, mount) in all.iter().enumerate() {
            if mount.device != self.info.device {
                continue;
            }
            if all[number + 1..]
                .iter()
                .any(|above| above.path == mount.path)
            {
                let error = io::Error::other("something else is mounted over it");
                return Err(refused(&mount.path, error));
            }
            unmount_path(&mount.path, lazy)?;
        }
        Ok(())
    }

    /// A file system whose connection was cut (by `umount -f`, for one) stays mounted, and fails
    /// all who use it, until it is unmounted.
    fn remove_dead(&self) -> Result<(), UnmountError> {
        let table = sys::lock(&self.table);
        let listed = table
            .find(self.path())
            .map_err(|error| refused(self.path(), error))?;
        let ours = listed.is_some_and(|found| found == self.info);
        // Not answered from the kernel's cache, as attributes are.
        let is_dead = statvfs(self.path()).is_err_and(|errno| errno == Errno::ENOTCONN);
        match ours && is_dead {
            true => unmount_path(self.path(), true),
            false => Ok(()),
        }
    }

    /// Whether the file system lives: it ends with being unmounted, and where its connection is cut.
    pub fn is_connected(&self) -> bool {
        let mut device = [PollFd::new(self.device.as_fd(), PollFlags::empty())];
        let ready = poll(&mut device, PollTimeout::ZERO);
        let events = device[0].revents().unwrap_or(PollFlags::empty());
        ready.is_ok() && !events.contains(PollFlags::POLLERR)
    }

    /// Raises the kernel's readahead on the mount to `bytes`, where this user may: a mount begins
    /// with 128 KiB, and FUSE's own negotiation can only lower it.
    pub fn raise_readahead(&self, bytes: u32) {
        let file = format!("/sys/class/bdi/{}/read_ahead_kb", self.info.device);
        if let Err(error) = std::fs::write(&file, (bytes / 1024).to_string()) {
            log::debug!("{file}: {error}; readahead stays as it is");
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = self.unmount(true) {
            log::error!("{error}");
        }
    }
}

/// Unmounts a roxfs mount; refuses anything else.
pub fn unmount(mountpoint: &Path, lazy: bool) -> Result<(), UnmountError> {
    while_busy(|| unmount_found(mountpoint, lazy))
}

fn unmount_found(mountpoint: &Path, lazy: bool) -> Result<(), UnmountError> {
    let table = MountTable::open().map_err(|error| refused(mountpoint, error))?;
    let mut other = None;
    for path in candidates(mountpoint) {
        match table.find(&path).map_err(|error| refused(&path, error))? {
            Some(mount) if mount.kind == FS_TYPE => return unmount_and_end(&mount, lazy),
            Some(mount) => other = Some(format!(" (but {})", shown(mount.kind.as_ref()))),
            None => {}
        }
    }
    Err(UnmountError::NotMounted {
        path: mountpoint.to_owned(),
        found: other,
    })
}

/// Unmounts, after ending what nobody serves any more but cannot end by itself: those who read from
/// it wait for ever, and so would unmounting (`fuse_kill_sb_anon` waits for a store to end).
fn unmount_and_end(mount: &MountInfo, lazy: bool) -> Result<(), UnmountError> {
    let is_ended = connection::end_if_abandoned(mount).unwrap_or_else(|error| {
        log::debug!("{}: {error}", shown(&mount.path));
        false
    });
    // Who waited may need a moment to leave.
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

/// Tries again a few times where the mount is in use: who looks at it in passing, as monitors do,
/// is gone by then.
fn while_busy(mut unmount: impl FnMut() -> Result<(), UnmountError>) -> Result<(), UnmountError> {
    for _ in 1..UNMOUNT_TRIES {
        match unmount() {
            Err(UnmountError::Busy { .. }) => thread::sleep(UNMOUNT_PAUSE),
            done => return done,
        }
    }
    unmount()
}

fn unmount_path(path: &Path, lazy: bool) -> Result<(), UnmountError> {
    let mut flags = MntFlags::UMOUNT_NOFOLLOW;
    flags.set(MntFlags::MNT_DETACH, lazy);
    match nix::mount::umount2(path, flags) {
        Ok(()) => Ok(()),
        Err(Errno::EBUSY) => Err(UnmountError::Busy {
            path: path.to_owned(),
        }),
        Err(Errno::EPERM) => unmount_by_helper(path, lazy),
        Err(errno) => Err(refused(path, errno.into())),
    }
}

fn unmount_by_helper(path: &Path, lazy: bool) -> Result<(), UnmountError> {
    let output = Command::new(HELPER)
        .arg("-u")
        .args(lazy.then_some("-z"))
        .arg("--")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .env("LC_ALL", "C")
        .spawn()
        .and_then(child::finish)
        .map_err(|error| refused(Path::new(HELPER), error))?;
    if output.status.success() {
        return Ok(());
    }
    let message = said(&output);
    match message.contains("busy") {
        true => Err(UnmountError::Busy {
            path: path.to_owned(),
        }),
        false => Err(UnmountError::Refused {
            path: path.to_owned(),
            message,
        }),
    }
}

fn refused(path: &Path, error: io::Error) -> UnmountError {
    UnmountError::Refused {
        path: path.to_owned(),
        message: error.to_string(),
    }
}

fn said(output: &std::process::Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    match text.trim() {
        "" => format!("{HELPER} failed: {}", output.status),
        text => text.replace('\n', "; "),
    }
}
