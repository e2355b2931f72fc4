//! Going into the background: the command returns when the mount answers, or fails with the
//! exit code of the process that should have become the daemon.

use crate::sys::files;
use nix::sched::{CloneFlags, setns};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::RawFd;
use std::path::Path;

/// What a daemon has for its standard streams.
const NULL: &str = "/dev/null";

/// What this process does after [`start`].
#[derive(Debug)]
pub enum Side {
    /// It was started by a person or script, and waits until the daemon is ready.
    Parent(Parent),
    /// It serves the mount.
    Server(Server),
}

/// A process that serves.
#[derive(Debug)]
pub enum Server {
    /// It was started by a person or script, and stays where it is.
    Foreground,
    /// A process of its own. Until [`ready`](Daemon::ready) its messages go where the parent's go.
    Background(Daemon),
}

#[derive(Debug)]
pub struct Parent {
    ready: PipeReader,
    daemon: Pid,
}

#[derive(Debug)]
pub struct Daemon {
    ready: PipeWriter,
    null: File,
}

/// How far a daemon has come when its parent returns.
#[derive(Debug, PartialEq, Eq)]
pub enum Started {
    Ready,
    /// It ended before, with this exit code.
    Exited(i32),
    /// A signal ended it before.
    Killed,
}

/// Closes the descriptors beyond the standard three that the caller has left open: a pipe or a
/// lock of a script's must not stay with the daemon. To be called before any file is opened.
pub fn close_inherited() -> io::Result<()> {
    for descriptor in files::numbers(Path::new("/proc/self/fd"))? {
        if descriptor > 2 {
            // The one of the listing itself is closed already.
            let _ = nix::unistd::close(descriptor as RawFd);
        }
    }
    Ok(())
}

/// Continues in the mount namespace that a file stands for (mount_namespaces(7)). To be called while the
/// process has one thread.
pub fn enter_namespace(file: &Path) -> io::Result<()> {
    Ok(setns(File::open(file)?, CloneFlags::CLONE_NEWNS)?)
}

/// Stays in the foreground, or splits the process in two. To be called while it has one thread.
pub fn start(foreground: bool) -> io::Result<Side> {
    if foreground {
        return Ok(Side::Server(Server::Foreground));
    }
    let (reader, writer) = io::pipe()?;
    // Opened before anything is mounted, perhaps over it.
    let null = File::options().read(true).write(true).open(NULL);
    let null = null.map_err(|error| io::Error::new(error.kind(), format!("{NULL}: {error}")))?;
    #[expect(unsafe_code, reason = "a daemon is a forked process; std cannot fork")]
    // SAFETY: the process has one thread here, so the child has all locks free and may continue as
    // the parent would have.
    let forked = unsafe { nix::unistd::fork()? };
    Ok(match forked {
        ForkResult::Parent { child } => Side::Parent(Parent {
            ready: reader,
            daemon: child,
        }),
        ForkResult::Child => Side::Server(Server::Background(Daemon {
            ready: writer,
            null,
        })),
    })
}

impl Parent {
    /// Waits until the daemon is ready or has ended.
    pub fn wait(mut self) -> io::Result<Started> {
        let mut byte = [0];
        if self.ready.read(&mut byte)? == 1 {
            return Ok(Started::Ready);
        }
        Ok(match waitpid(self.daemon, None)? {
            WaitStatus::Exited(_, code) => Started::Exited(code),
            _ => Started::Killed,
        })
    }
}

impl Daemon {
    /// Tells the parent to return, and leaves its session, directory and standard streams.
    pub fn ready(mut self) -> io::Result<()> {
        nix::unistd::setsid()?;
        nix::unistd::chdir("/")?;
        // Last, so that a failure is seen by the parent: it reads an end, and waits for the exit.
        self.ready.write_all(&[1])?;
        nix::unistd::dup2_stdin(&self.null)?;
        nix::unistd::dup2_stdout(&self.null)?;
        nix::unistd::dup2_stderr(&self.null)?;
        Ok(())
    }
}
