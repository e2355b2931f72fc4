//! Ending a mount's connection when the process that serves it is killed.
//!
//! The kernel ends it once the device is closed. But a thread that stores into the kernel's cache may
//! be waiting for a page that is to be filled by an answer (see [`kernel_cache`](crate::kernel_cache)
//! for what is done to make that rare). If the process is killed then, that answer never comes, the
//! thread waits for ever, the device stays open, and all readers hang. So a second process, which does
//! not have the device, is told by the kernel when the first one is killed, and aborts the connection.

use super::connection;
use super::mount::FS_TYPE;
use crate::sys::mountinfo::{MountInfo, MountTable};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getppid};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// More bytes than a device number has.
const LONGEST_DEVICE: u64 = 32;
/// How long a mount waits for it, in milliseconds. It takes about one.
const LONGEST_START_MS: u16 = 5000;
/// What the kernel sends when the process is killed; nothing else sends it.
const KILLED: Signal = Signal::SIGUSR1;

/// The second process; dropping this ends it.
#[derive(Debug)]
pub struct Watchdog(Child);

impl Watchdog {
    /// Starts it: before the mount is there, which may cover the program, and from the thread that
    /// ends last, because the kernel tells when that thread ends.
    pub fn start(abort_if_killed: fn(parent: u32) -> Command) -> io::Result<Watchdog> {
        let mut command = abort_if_killed(std::process::id());
        command
            // A terminal's signals are for this process.
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            // Says when it watches.
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.spawn().map(Watchdog)
    }

    /// Tells it which mount this process serves.
    pub fn watch(&mut self, mount: &MountInfo) -> io::Result<()> {
        match self.0.stdin.take() {
            Some(mut input) => input.write_all(mount.device.as_bytes()),
            None => Ok(()),
        }
    }
}

impl Watchdog {
    /// Waits until it watches, or has ended instead.
    pub fn wait(&mut self) {
        let Some(output) = self.0.stdout.take() else {
            return;
        };
        let mut polled = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        // One that takes this long has been stopped, and watches once it is continued.
        let _ = poll(&mut polled, LONGEST_START_MS);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // One that cannot be killed ends with this process.
        if self.0.kill().is_ok() {
            let _ = self.0.wait();
        }
    }
}

/// Waits until the process `parent`, which started this one, is killed, and aborts the connection of
/// the mount that it named on standard input. To be called in a process of its own. Refuses any mount
/// that is not one of this program's.
pub fn abort_if_killed(parent: Pid) -> io::Result<()> {
    set_name(c"roxfs-watch")?;
    if getppid() != parent || !is_this_program(parent) {
        let reason =
            "not started by the roxfs mount with this number, so there is nothing to watch";
        return Err(io::Error::other(reason));
    }
    // Signals that are meant for all processes of a service are the other one's to act on.
    let signals = SigSet::all();
    signals.thread_block()?;
    set_pdeathsig(KILLED)?;
    let mut device = String::new();
    io::stdin()
        .take(LONGEST_DEVICE)
        .read_to_string(&mut device)?;
    if getppid() != parent || device.is_empty() {
        return Ok(());
    }
    if !is_ours(&device)? {
        return Err(io::Error::other("not the device number of a roxfs mount"));
    }
    // Opened now: later the number may be that of another mount.
    let abort = connection::open_abort(&device).inspect_err(|error| {
        log::debug!("{device}: {error}; readers may hang if process {parent} is killed");
    });
    if getppid() != parent {
        // Killed before that: the number may have been another mount's already. The kernel ends the
        // connection of a daemon that had no time to store anything.
        return Ok(());
    }
    // The other process waits for this.
    let _ = io::stdout().write_all(b"watching\n");
    while signals.wait()? != KILLED {}
    abort?.write_all(b"1")
}

/// Where the other process cannot be looked at, it counts as this program.
fn is_this_program(process: Pid) -> bool {
    let file = |process: &str| {
        let file = std::fs::metadata(format!("/proc/{process}/exe"))?;
        io::Result::Ok((file.dev(), file.ino()))
    };
    match (file(&process.to_string()), file("self")) {
        (Ok(theirs), Ok(ours)) => theirs == ours,
        _ => true,
    }
}

fn is_ours(device: &str) -> io::Result<bool> {
    let all = MountTable::open()?.all()?;
    Ok(all
        .iter()
        .any(|mount| mount.device == device && mount.kind == FS_TYPE))
}
