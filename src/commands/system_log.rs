//! Where messages go: to standard error, until the process is in the background; then to the system's
//! log, through the socket that syslog daemons and journald listen on.
//!
//! While a mount is served a thread of its own writes them, because a pipe that nobody reads, or a log
//! that is full, must not hold up those who answer requests.

use crate::sys::lock;
use nix::sys::signal::{SigSet, SigmaskHow};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

const SOCKET: &str = "/dev/log";
/// Facility "daemon" (3), severity "warning" (4), as syslog(3) codes them.
const PRIORITY: u8 = 3 << 3 | 4;
/// How long the log may take for a line, and the last lines of the process for all of them.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many lines may wait. More are lost, and counted.
const MOST_LINES: usize = 1000;

static IN_BACKGROUND: AtomicBool = AtomicBool::new(false);
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Lines on their way to the thread that writes them.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Something has changed in it.
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    /// One is being written.
    is_writing: bool,
    lost: u64,
}

/// What the logger writes its lines to. A line that cannot be written is lost.
pub struct Output;

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        say(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a line, or has it written.
pub fn say(line: &[u8]) {
    match QUEUE.get() {
        Some(queue) => queue.push(line),
        None => {
            let _ = write(line);
        }
    }
}

/// From now on nobody who has something to say waits. To be called once, while the process has one
/// thread.
pub fn never_wait() -> io::Result<()> {
    // Signals are for another thread.
    let signals = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let started = thread::Builder::new()
        .name("log".to_owned())
        .spawn(|| QUEUE.get_or_init(Queue::default).run(write));
    signals.thread_set_mask()?;
    started?;
    QUEUE.get_or_init(Queue::default);
    Ok(())
}

/// Waits a moment for what has been said to be written.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        let _ = queue
            .changed
            .wait_timeout_while(queue.lock(), PATIENCE, is_busy);
    }
}

/// From now on standard error is nobody's.
pub fn go_to_background() {
    IN_BACKGROUND.store(true, Ordering::Relaxed);
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        match waiting.lines.len() < MOST_LINES {
            true => waiting.lines.push_back(line.to_owned()),
            false => waiting.lost += 1,
        }
        self.changed.notify_all();
    }

    /// Writes what comes, one line after the other.
    fn run(&self, write: impl Fn(&[u8]) -> io::Result<()>) {
        loop {
            let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty();
            let waiting = self.changed.wait_while(self.lock(), is_empty);
            let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
            let line = waiting.lines.pop_front().unwrap_or_default();
            let lost = waiting.lost;
            waiting.is_writing = true;
            drop(waiting);
            let is_written = write(&line).is_ok();
            // The log is read again: it is told what is missing.
            let report = format!("roxfs: messages lost because nobody took them: {lost}\n");
            let is_told = is_written && lost > 0 && write(report.as_bytes()).is_ok();
            let mut waiting = self.lock();
            waiting.is_writing = false;
            waiting.lost += u64::from(!is_written);
            waiting.lost -= if is_told { lost } else { 0 };
            self.changed.notify_all();
        }
    }
}

fn write(line: &[u8]) -> io::Result<()> {
    match IN_BACKGROUND.load(Ordering::Relaxed) {
        false => io::stderr().write_all(line),
        true => send(line),
    }
}

fn send(line: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let tag = format!("<{PRIORITY}>roxfs[{}]: ", std::process::id());
    let message = line.strip_prefix(b"roxfs: ").unwrap_or(line);
    socket.send_to(&[tag.as_bytes(), message].concat(), SOCKET)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn nobody_waits_for_a_log_that_nobody_reads_and_it_is_told_what_it_has_missed() {
        let queue: &Queue = Box::leak(Box::default());
        // Takes a line only when it is received.
        let (sender, receiver) = sync_channel(0);
        thread::spawn(move || {
            queue.run(|line| sender.send(line.to_owned()).map_err(io::Error::other))
        });
        queue.push(b"first");
        while !queue.lock().is_writing {
            thread::yield_now();
        }
        for number in 0..MOST_LINES + 5 {
            queue.push(number.to_string().as_bytes());
        }
        let next = || String::from_utf8(receiver.recv().expect("a line")).expect("text");
        assert_eq!(next(), "first");
        assert_eq!(next(), "0");
        assert_eq!(next(), "roxfs: messages lost because nobody took them: 5\n");
        for number in 1..MOST_LINES {
            assert_eq!(next(), number.to_string());
        }
        queue.push(b"last");
        assert_eq!(next(), "last");
    }
}
