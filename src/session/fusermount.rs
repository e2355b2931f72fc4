//! `fusermount3`, the setuid program that mounts and unmounts for ordinary users.

use super::MountOptions;
use super::mount::MountError;
use super::unmount::{self, UnmountError};
use crate::sys::child;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::ffi::{OsStr, OsString};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub const PROGRAM: &str = "fusermount3";
/// The variable in which the program finds the number of the socket that it sends the device over.
const SOCKET_VARIABLE: &str = "_FUSE_COMMFD";

/// Mounts at `path`, and returns the device that the program sends over a socket.
pub fn mount(path: &Path, options: &MountOptions) -> Result<OwnedFd, MountError> {
    let cannot_run = |reason| MountError::NoHelper { reason };
    let (ours, theirs) = UnixStream::pair().map_err(cannot_run)?;
    let inherited = FcntlArg::F_SETFD(FdFlag::empty());
    fcntl(&theirs, inherited).map_err(|errno| cannot_run(errno.into()))?;
    let program = Command::new(PROGRAM)
        .arg("-o")
        .arg(option_list(options))
        .arg("--")
        .arg(path)
        .env(SOCKET_VARIABLE, theirs.as_raw_fd().to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot_run)?;
    drop(theirs);
    let device = receive_descriptor(&ours);
    let output = child::finish(program).map_err(cannot_run)?;
    match device {
        Ok(Some(device)) if output.status.success() => Ok(device),
        Err(reason) => Err(cannot_run(reason)),
        Ok(_) => Err(MountError::Helper {
            path: path.to_owned(),
            message: message(&output),
        }),
    }
}

/// The argument of its `-o`.
fn option_list(options: &MountOptions) -> OsString {
    let mut list = OsString::from("ro,nosuid,nodev,default_permissions,subtype=roxfs,fsname=");
    list.push(escape(options.source()));
    let flags = [
        (options.allow_other, ",allow_other"),
        (options.noexec, ",noexec"),
        (options.noatime, ",noatime"),
    ];
    for (_, flag) in flags.iter().filter(|(is_set, _)| *is_set) {
        list.push(flag);
    }
    // Of today's versions none knows them, and says so.
    list.push(options.contexts());
    list
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

/// `None` where the other side has ended without sending one.
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

/// Unmounts `path`; with `lazy`, detaches it.
pub fn unmount(path: &Path, lazy: bool) -> Result<(), UnmountError> {
    let output = Command::new(PROGRAM)
        .arg("-u")
        .args(lazy.then_some("-z"))
        .arg("--")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Its messages are looked at.
        .env("LC_ALL", "C")
        .spawn()
        .and_then(child::finish)
        .map_err(|error| unmount::refused(Path::new(PROGRAM), error))?;
    if output.status.success() {
        return Ok(());
    }
    let path = path.to_owned();
    let message = message(&output);
    Err(if message.contains("busy") {
        UnmountError::Busy { path }
    } else {
        UnmountError::Refused { path, message }
    })
}

/// What the program said, as one line.
fn message(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    match text.trim() {
        "" => format!("{PROGRAM} failed: {}", output.status),
        text => text.replace('\n', "; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_adds_no_options() {
        let options = MountOptions {
            noexec: true,
            source: Some(OsString::from("a,dev\\")),
            ..MountOptions::default()
        };
        let list = option_list(&options);
        let end = r"subtype=roxfs,fsname=a\,dev\\,noexec";
        assert!(list.to_string_lossy().ends_with(end), "{list:?}");
    }
}
