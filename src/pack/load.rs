//! Reading ahead: small files are read by several threads at once, and come out in their order.

use super::PackError;
use super::plan::{Plan, Planned, Step};
use super::source::{Content, Origin, Skipped, Source};
use crate::format::name::Name;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Files up to this size are read whole by a reading thread.
const SMALL: u64 = 256 << 10;
/// How many records may be on their way from the source to the writer.
const QUEUE: usize = 256;
/// How many bytes of them may be in memory.
const IN_MEMORY: u64 = 16 << 20;
/// How often a waiting writer looks whether it has been interrupted.
const PATIENCE: Duration = Duration::from_millis(100);

/// A record with its content, or with what it can be copied from.
#[derive(Debug)]
pub struct Loaded {
    /// Its name.
    pub name: Option<Name>,
    /// Its size in bytes.
    pub size: u64,
    /// Where it comes from.
    pub origin: Origin,
    /// Its content: whole in memory where it is small.
    pub content: Content,
    /// Its checksum, where that has been computed.
    pub crc: Option<u32>,
    /// The number that it has if no record before it fails.
    pub number: u64,
}

/// What comes out, in the order of the source.
#[derive(Debug)]
pub enum Output {
    /// A record to write.
    Record(Loaded),
    /// A record with the content of an earlier one, by that one's number.
    Again(Loaded, u64),
    /// A record of this many bytes that is there already.
    Kept(u64),
    /// An empty record that is left out.
    Dropped,
    /// The record that would have had this number has failed.
    Lost(PackError, u64),
    /// Something went wrong; more may come.
    Failed(PackError),
    /// The end, with what the source has passed over.
    End(Skipped),
}

/// A source that is being read ahead.
#[derive(Debug)]
pub struct Readahead {
    tickets: Receiver<Ticket>,
    budget: Arc<Budget>,
}

/// An output, or the promise of one by a reading thread.
#[derive(Debug)]
struct Ticket {
    held: u64,
    output: Promise,
}

#[derive(Debug)]
enum Promise {
    Ready(Output),
    Later(Receiver<Output>),
}

/// A small file to be read.
struct Job {
    planned: Planned,
    checksum: bool,
    reply: SyncSender<Output>,
}

impl Readahead {
    /// Begins to read `source` as `plan` says, with `threads` threads that read files. The threads
    /// are not waited for: one may sit in a read from a pipe, which may never end.
    pub fn start(
        mut source: Box<dyn Source>,
        mut plan: Plan,
        checksum: bool,
        threads: usize,
    ) -> io::Result<Readahead> {
        let (tickets, receiver) = sync_channel(QUEUE);
        let (jobs, waiting) = sync_channel::<Job>(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        let budget = Arc::new(Budget::default());
        for number in 0..threads {
            let waiting = Arc::clone(&waiting);
            let name = format!("read-{number}");
            thread::Builder::new()
                .name(name)
                .spawn(move || read_files(&waiting))?;
        }
        let held = Arc::clone(&budget);
        thread::Builder::new()
            .name("source".to_owned())
            .spawn(move || {
                let send = |ticket: Ticket| tickets.send(ticket).is_ok();
                let ready = |output| Ticket {
                    held: 0,
                    output: Promise::Ready(output),
                };
                let mut go_on = true;
                source.run(&mut |record| {
                    go_on = match plan.step(record) {
                        Ok(Step::Write(planned)) => {
                            write(planned, checksum, &jobs, &held).is_some_and(send)
                        }
                        Ok(Step::Kept(size)) => send(ready(Output::Kept(size))),
                        Ok(Step::Dropped) => send(ready(Output::Dropped)),
                        Err(error) => {
                            let more = error.concerns_one_record();
                            send(ready(Output::Failed(error))) && more
                        }
                    };
                    go_on
                });
                if !go_on {
                    return;
                }
                let end = match plan.finish() {
                    Ok(()) => Output::End(source.skipped()),
                    Err(error) => Output::Failed(error),
                };
                send(ready(end));
            })?;
        Ok(Readahead {
            tickets: receiver,
            budget,
        })
    }

    /// The next output; `None` when the source has ended without saying so, and again and again
    /// while nothing has come yet and `interrupted` does not hold.
    pub fn next(&self, interrupted: impl Fn() -> bool) -> Option<Output> {
        let ticket = loop {
            if interrupted() {
                return None;
            }
            match self.tickets.recv_timeout(PATIENCE) {
                Ok(ticket) => break ticket,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        };
        // The writer takes at most one more record into memory than the budget says.
        self.budget.give_back(ticket.held);
        match ticket.output {
            Promise::Ready(output) => Some(output),
            Promise::Later(receiver) => receiver.recv().ok(),
        }
    }
}

/// The ticket of a record to write; small files are given to the reading threads. `None` when
/// nobody is there any more.
fn write(
    planned: Planned,
    checksum: bool,
    jobs: &SyncSender<Job>,
    budget: &Budget,
) -> Option<Ticket> {
    let in_memory = match &planned.record.content {
        Content::File(_) if planned.record.size <= SMALL => planned.record.size,
        Content::Bytes(bytes) => bytes.len() as u64,
        _ => 0,
    };
    budget.take(in_memory);
    let output = match planned.record.content {
        Content::File(_) if planned.record.size <= SMALL => {
            let (reply, receiver) = sync_channel(1);
            let job = Job {
                planned,
                checksum,
                reply,
            };
            jobs.send(job).ok()?;
            Promise::Later(receiver)
        }
        _ => Promise::Ready(output(planned, None)),
    };
    Some(Ticket {
        held: in_memory,
        output,
    })
}

fn output(planned: Planned, crc: Option<u32>) -> Output {
    let record = planned.record;
    let loaded = Loaded {
        name: record.name,
        size: record.size,
        origin: record.origin,
        content: record.content,
        crc,
        number: planned.number,
    };
    match planned.same_as {
        Some(number) => Output::Again(loaded, number),
        None => Output::Record(loaded),
    }
}

fn read_files(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // Held while waiting: the others wait for the lock instead, which is the same.
        let Ok(job) = lock(jobs).recv() else { return };
        let Job {
            mut planned,
            checksum,
            reply,
        } = job;
        let result = match &planned.record.content {
            Content::File(path) => read_file(path, planned.record.size, &planned.record.origin),
            _ => continue,
        };
        let answer = match result {
            Ok(bytes) => {
                let crc = checksum.then(|| crc32c::crc32c(&bytes));
                planned.record.content = Content::Bytes(bytes);
                output(planned, crc)
            }
            Err(error) => Output::Lost(error, planned.number),
        };
        // If nobody waits any more, the run has ended.
        let _ = reply.send(answer);
    }
}

fn read_file(path: &Path, size: u64, origin: &Origin) -> Result<Vec<u8>, PackError> {
    let file = open(path, origin)?;
    let mut bytes = Vec::with_capacity(size as usize + 1);
    // One byte more shows that the file has grown; the writer compares the size.
    let read = file.take(size + 1).read_to_end(&mut bytes);
    read.map_err(|reason| PackError::Unreadable {
        origin: origin.clone(),
        reason,
    })?;
    Ok(bytes)
}

/// Opens a file. Never blocks, even if a FIFO has taken its place.
pub fn open(path: &Path, origin: &Origin) -> Result<File, PackError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path);
    file.map_err(|reason| PackError::Unreadable {
        origin: origin.clone(),
        reason,
    })
}

/// Bounds the bytes that are in memory.
#[derive(Debug, Default)]
struct Budget {
    used: Mutex<u64>,
    freed: Condvar,
}

impl Budget {
    /// Waits until there is room. What is larger than all room gets it alone.
    fn take(&self, bytes: u64) {
        let mut used = lock(&self.used);
        while *used > 0 && *used + bytes > IN_MEMORY {
            used = self
                .freed
                .wait(used)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
    }

    fn give_back(&self, bytes: u64) {
        *lock(&self.used) -= bytes;
        self.freed.notify_one();
    }
}

/// What the locks guard has no state that a panic elsewhere could spoil.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
