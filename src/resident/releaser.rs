//! Hands what is to be let go of to a process ([`release`](super::release)), where that works.

use super::Shared;
use super::leaving::Part;
use super::release::{FilePart, MOST_GIVEN_BACK, READY, Request};
use crate::sys::child;
use crate::sys::mountinfo::{MountInfo, MountTable};
use crate::tree::{Node, Tree};
use nix::fcntl::{FcntlArg, fcntl};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// How to start a process that calls [`let_go_all`](super::release::let_go_all).
pub type Program = fn(&MountInfo) -> Command;

/// The process, started when something first is to be let go of. It is not started again: what was in
/// the pipe when it ended, a thousand records at most, is left to the kernel.
#[derive(Debug)]
pub struct Releaser {
    mount: MountInfo,
    program: Program,
    process: Process,
}

#[derive(Debug)]
enum Process {
    Unused,
    Used {
        input: ChildStdin,
        is_ready: Arc<AtomicBool>,
    },
    Ended,
}

impl Releaser {
    /// For a mount, with a process that `program` starts.
    pub fn new(mount: MountInfo, program: Program) -> Releaser {
        Releaser {
            mount,
            program,
            process: Process::Unused,
        }
    }

    /// Has these let go of; returns those that have to be let go of otherwise. Never waits for the
    /// process, which may have been stopped.
    pub(super) fn release(&mut self, shared: &Arc<Shared>, parts: Vec<Part>) -> Vec<Part> {
        if matches!(self.process, Process::Unused) && !parts.is_empty() {
            self.process = self.start(shared).unwrap_or_else(|error| {
                log::debug!("attributes are let go of with pages: {error}");
                Process::Ended
            });
        }
        let Process::Used { input, is_ready } = &mut self.process else {
            return parts;
        };
        if !is_ready.load(Ordering::Acquire) {
            return parts;
        }
        let mut pieces = Pieces {
            input,
            bytes: Vec::new(),
            within: Vec::new(),
            rest: Vec::new(),
        };
        let sent = pieces.push_all(&shared.tree, parts);
        let rest = pieces.rest;
        if let Err(error) = sent {
            log::debug!("attributes are let go of with pages from now on: {error}");
            self.process = Process::Ended;
        }
        rest
    }

    /// Starts it from this thread, with which it ends.
    fn start(&self, shared: &Arc<Shared>) -> io::Result<Process> {
        let table = MountTable::open()?;
        let mut child = (self.program)(&self.mount)
            // A terminal's signals are for this process.
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let is_ready = Arc::new(AtomicBool::new(false));
        let watch = Watch {
            shared: Arc::clone(shared),
            device: self.mount.device.clone(),
            table,
            is_ready: Arc::clone(&is_ready),
        };
        fcntl_setfl(&input, fcntl_getfl(&input)? | OFlags::NONBLOCK)?;
        // What waits there takes memory; what has no room is let go of otherwise. A hint.
        let _ = fcntl(&input, FcntlArg::F_SETPIPE_SZ(libc::PIPE_BUF as i32));
        // Where no thread can be started, the process ends with its input.
        thread::Builder::new()
            .name("release".to_owned())
            .spawn(move || watch.run(child, output))?;
        Ok(Process::Used { input, is_ready })
    }
}

/// Requests on their way into the pipe, in pieces that it takes whole or not at all (pipe(7)).
struct Pieces<'a> {
    input: &'a mut ChildStdin,
    /// The next piece, and what it asks for.
    bytes: Vec<u8>,
    within: Vec<Part>,
    /// What was not sent.
    rest: Vec<Part>,
}

impl Pieces<'_> {
    /// Fails where none can be sent any more.
    fn push_all(&mut self, tree: &Tree, parts: Vec<Part>) -> io::Result<()> {
        let mut parts = parts.into_iter();
        let sent = parts.try_for_each(|part| self.push(tree, part));
        let sent = sent.and_then(|()| self.send());
        self.rest.append(&mut self.within);
        self.rest.extend(parts);
        sent
    }

    fn push(&mut self, tree: &Tree, (node, range): Part) -> io::Result<()> {
        let Some(path) = tree.path_of(node) else {
            self.rest.push((node, range));
            return Ok(());
        };
        let part = FilePart {
            ino: node.ino(),
            offset: range.start,
            len: range.end - range.start,
        };
        let before = self.bytes.len();
        Request { part, path }.write(&mut self.bytes);
        let next = (self.bytes.len() > libc::PIPE_BUF).then(|| self.bytes.split_off(before));
        let sent = if next.is_some() { self.send() } else { Ok(()) };
        self.bytes.extend(next.into_iter().flatten());
        self.within.push((node, range));
        sent
    }

    fn send(&mut self) -> io::Result<()> {
        match self.input.write(&self.bytes) {
            Ok(len) if len == self.bytes.len() => self.within.clear(),
            // One alone that is longer: no name is.
            Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        self.bytes.clear();
        self.rest.append(&mut self.within);
        Ok(())
    }
}

/// What the thread has that waits for the process.
struct Watch {
    shared: Arc<Shared>,
    device: String,
    table: MountTable,
    is_ready: Arc<AtomicBool>,
}

impl Watch {
    /// Waits until the process ends; ends it when the mount is gone.
    fn run(self, mut child: Child, mut output: ChildStdout) {
        let watched = self.watch(&mut output);
        self.is_ready.store(false, Ordering::Release);
        let _ = child.kill();
        let message = match (watched, child::finish(child)) {
            (Err(error), _) | (_, Err(error)) => error.to_string(),
            (_, Ok(output)) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        };
        log::debug!("the process that lets go of pages has ended: {message}");
    }

    fn watch(&self, output: &mut ChildStdout) -> io::Result<()> {
        let mut ready = READY;
        if self.table.wait_while_mounted(&self.device, &*output)? {
            output.read_exact(&mut ready)?;
            self.is_ready.store(true, Ordering::Release);
        }
        let mut bytes = [0; MOST_GIVEN_BACK];
        while self.table.wait_while_mounted(&self.device, &*output)? {
            let len = output.read(&mut bytes)?;
            if len == 0 {
                break;
            }
            let (parts, _) = bytes[..len].as_chunks();
            for part in parts.iter().map(FilePart::from_bytes) {
                if let Some(node) = Node::from_ino(part.ino) {
                    let range = part.offset..part.offset.saturating_add(part.len);
                    self.shared.queue.push_in_use((node, range));
                }
            }
        }
        Ok(())
    }
}
