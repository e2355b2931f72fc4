//! Asking a new mount whether it answers, from a process of its own.
//!
//! The process that serves a mount must not use it: killed while it waits for its own answer, it
//! could not end, and so would not close the device. The process that asks does not have the device.

use super::mount::Mounted;
use crate::sys::child;
use crate::sys::mountinfo::MountInfo;
use crate::text::printable;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getppid};
use rustix::fs::{major, minor};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the first answer may take. It needs no disk, but for a few names where the root is one of
/// their directories.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often to look whether there is still a thread to answer, in milliseconds.
const LOOK_EVERY_MS: u16 = 100;
/// `FUSE_ROOT_ID` of include/uapi/linux/fuse.h.
const ROOT_INODE: u64 = 1;

/// Waits until the mount answers a process that `ask_root` starts. Fails where it gives a wrong answer,
/// none in time, or where `has_ended` says that there will be none.
pub fn wait_for_answer(
    mounted: &Mounted,
    ask_root: fn(parent: u32, mount: &MountInfo) -> Command,
    has_ended: impl Fn() -> bool,
) -> io::Result<()> {
    let mut child = ask_root(std::process::id(), mounted.info())
        // In the same process group: where the mount is made for systemd or autofs, which wait for it with
        // the directory in use, it alone may enter (`autofs_d_manage` in fs/autofs/root.c).
        .current_dir("/")
        .stdin(Stdio::null())
        // Closed when it ends, however it does.
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let ended = wait_for_end(&child, has_ended);
    if let Err(error) = ended {
        let _ = child.kill();
        // Not waited for: it ends when the connection does, which is after this.
        return Err(error);
    }
    let output = child::finish(child)?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let message = message.trim().trim_start_matches("roxfs: ");
    Err(io::Error::other(message.to_owned()))
}

fn wait_for_end(child: &Child, has_ended: impl Fn() -> bool) -> io::Result<()> {
    let Some(output) = &child.stdout else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let start = Instant::now();
    loop {
        let mut polled = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, PollTimeout::from(LOOK_EVERY_MS)) {
            Err(Errno::EINTR) | Ok(0) => {}
            Err(errno) => return Err(errno.into()),
            Ok(_) => return Ok(()),
        }
        if has_ended() {
            return Err(io::Error::other("serving ended before the first answer"));
        }
        if start.elapsed() > DEADLINE {
            let reason = format!("no answer within {DEADLINE:?}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
    }
}

/// Asks for the root's attributes as any user of the mount would. To be called in a process of its
/// own, which `parent` started and which ends with it.
pub fn ask(parent: Pid, mount: &MountInfo) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    // A terminal's are for the other process.
    SigSet::all().thread_block()?;
    if getppid() != parent {
        return Ok(());
    }
    let root = std::fs::metadata(&mount.path)?;
    let device = format!("{}:{}", major(root.dev()), minor(root.dev()));
    if device == mount.device && root.is_dir() && root.ino() == ROOT_INODE {
        return Ok(());
    }
    let path = printable(&mount.path);
    Err(io::Error::other(format!(
        "{path}: another file system covers it"
    )))
}
