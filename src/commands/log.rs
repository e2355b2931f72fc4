//! Where messages go: to standard error, until the process is in the background; then to the system's
//! log, through the socket that syslog daemons and journald listen on.
//!
//! While a mount is served a thread of its own writes them, because a pipe that nobody reads, or a log
//! that is full, must not hold up the threads that answer requests.

use super::say;
use crate::sys::lock;
use crate::text::{Visible, is_hidden};
use nix::sys::signal::{SigSet, SigmaskHow};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

const SOCKET: &str = "/dev/log";
/// As syslog(3) codes it.
const PRIORITY: i32 = libc::LOG_DAEMON | libc::LOG_WARNING;
/// How long the system's log may take for a line, and the last lines of the process for all of them.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// This many lines may wait. More are lost, and counted.
const MOST_LINES: usize = 1000;

static IN_BACKGROUND: AtomicBool = AtomicBool::new(false);
static QUEUE: OnceLock<LineQueue> = OnceLock::new();

/// Lines on their way to the thread that writes them.
#[derive(Default)]
struct LineQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    lines: VecDeque<Vec<u8>>,
    /// One is being written.
    is_writing: bool,
    lost: u64,
}

/// What the logger writes its lines to. A line that cannot be written is lost.
struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        write_line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has panics said like everything else: in one line, with escapes; and where they come from, if
/// `RUST_BACKTRACE` asks for that.
pub fn start_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        say(panic);
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            trace.to_string().lines().for_each(say);
        }
    }));
}

/// Sends the log to standard error, as lines `roxfs: message`, and that of a process in the background
/// to the system's log. `ROXFS_LOG` sets the level.
pub fn start_log() {
    let mut log = env_logger::Builder::new();
    log.filter_level(log::LevelFilter::Warn);
    match std::env::var("ROXFS_LOG") {
        // The parser repeats what it does not understand as it stands.
        Ok(levels) if levels.contains(is_hidden) => say("ROXFS_LOG has control characters"),
        Ok(levels) => match env_filter::Builder::new().try_parse(&levels) {
            Ok(_) => _ = log.parse_filters(&levels),
            Err(error) => say(format_args!("ROXFS_LOG is ignored: {error}")),
        },
        Err(_) => {}
    }
    // fuser logs as an error every reply to a request that its caller has given up.
    log.filter_module("fuser", log::LevelFilter::Off)
        .format(|line, record| writeln!(line, "roxfs: {}", Visible(record.args())))
        .target(env_logger::Target::Pipe(Box::new(LogWriter)))
        .init();
}

/// Writes a line, or has it written.
pub fn write_line(line: &[u8]) {
    match QUEUE.get() {
        Some(queue) => queue.push(line),
        None => {
            let _ = write(line);
        }
    }
}

/// From now on no thread that writes a line waits. To be called once, while the process has one thread.
pub fn never_wait() -> io::Result<()> {
    // Signals are for another thread.
    let signals = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let started = thread::Builder::new()
        .name("log".to_owned())
        .spawn(|| QUEUE.get_or_init(LineQueue::default).run(write));
    signals.thread_set_mask()?;
    started?;
    QUEUE.get_or_init(LineQueue::default);
    Ok(())
}

/// Waits a moment until everything that has been said is written.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        let is_busy = |state: &mut QueueState| state.is_writing || !state.lines.is_empty();
        let _ = queue
            .changed
            .wait_timeout_while(queue.lock(), WRITE_TIMEOUT, is_busy);
    }
}

/// From now on lines go to the system's log: standard error is nobody's.
pub fn go_to_background() {
    IN_BACKGROUND.store(true, Ordering::Relaxed);
}

impl LineQueue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        lock(&self.state)
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.lines.len() < MOST_LINES {
            state.lines.push_back(line.to_owned());
        } else {
            state.lost += 1;
        }
        self.changed.notify_all();
    }

    /// Writes what comes, one line after the other.
    fn run(&self, write: impl Fn(&[u8]) -> io::Result<()>) {
        loop {
            let is_empty = |state: &mut QueueState| state.lines.is_empty();
            let state = self.changed.wait_while(self.lock(), is_empty);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            let line = state.lines.pop_front().unwrap_or_default();
            let lost = state.lost;
            state.is_writing = true;
            drop(state);
            let is_written = write(&line).is_ok();
            // The log is read again: it is told what is missing.
            let report = format!("roxfs: messages lost because nobody took them: {lost}\n");
            let is_told = is_written && lost > 0 && write(report.as_bytes()).is_ok();
            let mut state = self.lock();
            state.is_writing = false;
            state.lost += u64::from(!is_written);
            state.lost -= if is_told { lost } else { 0 };
            self.changed.notify_all();
        }
    }
}

fn write(line: &[u8]) -> io::Result<()> {
    if IN_BACKGROUND.load(Ordering::Relaxed) {
        send(line)
    } else {
        io::stderr().write_all(line)
    }
}

fn send(line: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(WRITE_TIMEOUT))?;
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
        let queue: &LineQueue = Box::leak(Box::default());
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
