//! Reading ahead: small files are read by several threads at once, and come out in their order.

use super::PackError;
use super::open_file::{self, open};
use super::plan::{Plan, Planned, Step};
use super::source::{Content, Origin, Skipped, Source};
use crate::format::name::Name;
use crate::sys::lock;
use std::ops::Range;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Files up to this size are read whole by a reading thread.
const SMALL: u64 = 256 << 10;
/// How many small files one thread reads before it hands them on, and how many of their bytes: what
/// passes between threads costs as much as reading a small file.
const BATCH_FILES: usize = 32;
const BATCH_BYTES: u64 = 512 << 10;
/// The same of records that need no reading thread, such as lines: then they are handed on together.
const BATCH_RECORDS: usize = 256;
/// How many batches may be on their way from the source to the writer.
const QUEUE: usize = 64;
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

impl Loaded {
    /// The same with its file open, if it is one; `None` if waiting for that was interrupted.
    pub fn opened(
        mut self,
        is_interrupted: &dyn Fn() -> bool,
    ) -> Result<Option<Loaded>, PackError> {
        if let Content::File(path) = &self.content {
            match open_file::open_unless(path, &self.origin, is_interrupted)? {
                Some(file) => self.content = Content::Open(file),
                None => return Ok(None),
            }
        }
        Ok(Some(self))
    }
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
    collected: Arc<Mutex<Collected>>,
    budget: Arc<Budget>,
    /// What has come out of a batch and was not asked for yet, and the bytes it refers to.
    batch: std::vec::IntoIter<Output>,
    buffer: Arc<Vec<u8>>,
    pool: Arc<Pool>,
}

/// Buffers that have been used: new memory costs more than reading into it does.
type Pool = Mutex<Vec<Vec<u8>>>;

/// Small files that have been read, one after the other in one buffer.
#[derive(Debug)]
struct Batch {
    buffer: Arc<Vec<u8>>,
    outputs: Vec<Output>,
}

/// Outputs that are not on their way yet, and how many bytes they hold. A slow source may leave them
/// here for long, so the writer takes them when nothing else comes.
#[derive(Debug, Default)]
struct Collected {
    outputs: Vec<Output>,
    bytes: u64,
}

/// Outputs, or the promise of some by a reading thread.
#[derive(Debug)]
struct Ticket {
    held: u64,
    outputs: Promise,
}

#[derive(Debug)]
enum Promise {
    Ready(Vec<Output>),
    Later(Receiver<Batch>),
}

/// Small files to be read.
struct Job {
    batch: Vec<Planned>,
    checksum: bool,
    reply: SyncSender<Batch>,
}

impl Readahead {
    /// Begins to read `source` as `plan` says, with `threads` threads that read files. The threads
    /// are not waited for: one may sit in a read from a pipe, which may never end.
    pub fn start(
        mut source: Box<dyn Source>,
        mut plan: Plan,
        checksum: bool,
        threads: usize,
    ) -> Result<Readahead, PackError> {
        let (tickets, receiver) = sync_channel(QUEUE);
        let (jobs, waiting) = sync_channel::<Job>(QUEUE);
        let budget = Arc::new(Budget::default());
        let collected = Arc::new(Mutex::default());
        let pool = Arc::new(Pool::default());
        // Told how many threads read files, once they are there: this one has to be.
        let (readers, reading) = sync_channel(1);
        let mut queue = Queue {
            tickets,
            jobs,
            readers: 0,
            budget: Arc::clone(&budget),
            checksum,
            files: Vec::new(),
            file_bytes: 0,
            collected: Arc::clone(&collected),
        };
        let run = move || {
            queue.readers = reading.recv().unwrap_or(0);
            let mut go_on = true;
            source.run(&mut |record| {
                go_on = match plan.step(record) {
                    Ok(Step::Write(planned)) => queue.write(planned),
                    Ok(Step::Kept(size)) => queue.put(0, Output::Kept(size)),
                    Ok(Step::Dropped) => queue.put(0, Output::Dropped),
                    Ok(Step::Passed) => true,
                    Err(error) => {
                        let more = !error.ends_run();
                        queue.put_at_once(0, Output::Failed(error)) && more
                    }
                };
                go_on
            });
            if !go_on {
                return;
            }
            let last = match plan.finish() {
                Ok(skipped) => Output::End(source.skipped().plus(skipped)),
                Err(error) => Output::Failed(error),
            };
            queue.put_at_once(0, last);
        };
        let started = thread::Builder::new().name("source".to_owned()).spawn(run);
        started.map_err(|reason| PackError::Thread {
            purpose: "the source",
            reason,
        })?;
        let _ = readers.send(start_readers(threads, waiting, &pool));
        Ok(Readahead {
            tickets: receiver,
            collected,
            budget,
            batch: Vec::new().into_iter(),
            buffer: Arc::default(),
            pool,
        })
    }

    /// The next output; `None` when the source has ended without saying so, and again and again
    /// while nothing has come yet and `interrupted` does not hold.
    pub fn next(&mut self, interrupted: impl Fn() -> bool) -> Option<Output> {
        loop {
            if interrupted() {
                return None;
            }
            if let Some(output) = self.batch.next() {
                return Some(output);
            }
            let ticket = match self.next_ticket() {
                Ok(ticket) => ticket,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return None,
            };
            // The writer has at most one more batch in memory than the budget says.
            self.budget.give_back(ticket.held);
            match ticket.outputs {
                Promise::Ready(outputs) => self.batch = outputs.into_iter(),
                Promise::Later(receiver) => {
                    // A reading thread may wait for another program to give up a lease.
                    let batch = loop {
                        match receiver.recv_timeout(PATIENCE) {
                            Err(RecvTimeoutError::Timeout) if interrupted() => return None,
                            Err(RecvTimeoutError::Timeout) => {}
                            received => break received.ok()?,
                        }
                    };
                    self.batch = batch.outputs.into_iter();
                    let used = std::mem::replace(&mut self.buffer, batch.buffer);
                    // All records of it have been written.
                    if let Some(used) = Arc::into_inner(used) {
                        lock(&self.pool).push(used);
                    }
                }
            }
        }
    }

    fn next_ticket(&self) -> Result<Ticket, RecvTimeoutError> {
        match self.tickets.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => {}
            other => return other,
        }
        // While the source holds it, it sends.
        let Ok(mut collected) = self.collected.try_lock() else {
            return Err(RecvTimeoutError::Timeout);
        };
        match self.tickets.try_recv() {
            // What was sent meanwhile comes before what is collected.
            Ok(ticket) => Ok(ticket),
            Err(_) if collected.outputs.is_empty() => Err(RecvTimeoutError::Timeout),
            Err(_) => Ok(Ticket {
                held: 0,
                outputs: Promise::Ready(std::mem::take(&mut *collected).outputs),
            }),
        }
    }
}

/// The source's end of the queue. Small files are collected, and given to the reading threads; other
/// records are collected and handed on as they are. What has been collected of the one is sent before
/// the other is collected, so that the order stays.
struct Queue {
    tickets: SyncSender<Ticket>,
    jobs: SyncSender<Job>,
    /// How many threads read files. Without any, the writer reads all of them.
    readers: usize,
    budget: Arc<Budget>,
    checksum: bool,
    files: Vec<Planned>,
    file_bytes: u64,
    collected: Arc<Mutex<Collected>>,
}

impl Queue {
    /// Puts in a record to write; `false` when nobody is there any more.
    fn write(&mut self, planned: Planned) -> bool {
        let size = planned.record.size;
        match &planned.record.content {
            Content::File(_) | Content::Member(_) if size <= SMALL && self.readers > 0 => {
                if !self.send_collected() {
                    return false;
                }
                self.files.push(planned);
                self.file_bytes += size;
                let full = self.files.len() == BATCH_FILES || self.file_bytes >= BATCH_BYTES;
                !full || self.send_files()
            }
            Content::Bytes(_) | Content::Slice(..) => self.put(size, output(planned, None)),
            Content::File(_) | Content::SameAs(_) => self.put(0, output(planned, None)),
            // A file without a name, on the target's disk.
            Content::Open(_) => self.put_at_once(size, output(planned, None)),
            // The source sends pieces when they have been taken, and the others hold files open.
            _ => self.put_at_once(0, output(planned, None)),
        }
    }

    /// Puts in an output that holds this many bytes.
    fn put(&mut self, held: u64, output: Output) -> bool {
        if !self.send_files() {
            return false;
        }
        let mut collected = lock(&self.collected);
        collected.outputs.push(output);
        collected.bytes += held;
        let full = collected.outputs.len() >= BATCH_RECORDS || collected.bytes >= BATCH_BYTES;
        drop(collected);
        !full || self.send_collected()
    }

    /// The same, and hands on all that there is.
    fn put_at_once(&mut self, held: u64, output: Output) -> bool {
        self.put(held, output) && self.send_collected()
    }

    fn send_files(&mut self) -> bool {
        if self.files.is_empty() {
            return true;
        }
        let held = std::mem::take(&mut self.file_bytes);
        let (reply, receiver) = sync_channel(1);
        let job = Job {
            batch: std::mem::take(&mut self.files),
            checksum: self.checksum,
            reply,
        };
        // The ticket first: it waits for room in memory, which the job then fills.
        self.send(held, Promise::Later(receiver)) && self.jobs.send(job).is_ok()
    }

    fn send_collected(&self) -> bool {
        // Held until they are on their way: the writer must not overtake them.
        let mut collected = lock(&self.collected);
        let Collected { outputs, bytes } = std::mem::take(&mut *collected);
        outputs.is_empty() || self.send(bytes, Promise::Ready(outputs))
    }

    fn send(&self, held: u64, outputs: Promise) -> bool {
        self.budget.take(held);
        self.tickets.send(Ticket { held, outputs }).is_ok()
    }
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

/// Starts up to `threads` threads that read files, and says how many could be.
fn start_readers(threads: usize, waiting: Receiver<Job>, pool: &Arc<Pool>) -> usize {
    let waiting = Arc::new(Mutex::new(waiting));
    let start = |number: &usize| {
        let (waiting, pool) = (Arc::clone(&waiting), Arc::clone(pool));
        let builder = thread::Builder::new().name(format!("read-{number}"));
        builder.spawn(move || read_files(&waiting, &pool)).is_ok()
    };
    (0..threads).take_while(start).count()
}

fn read_files(jobs: &Mutex<Receiver<Job>>, pool: &Pool) {
    loop {
        // Held while waiting: the others wait for the lock instead, which is the same.
        let Ok(job) = lock(jobs).recv() else { return };
        let mut buffer = lock(pool).pop().unwrap_or_default();
        buffer.clear();
        let read: Vec<(Planned, Result<Range<usize>, PackError>)> = job
            .batch
            .into_iter()
            .map(|planned| {
                let read = read_file(&planned, &mut buffer);
                (planned, read)
            })
            .collect();
        let buffer = Arc::new(buffer);
        let outputs = read.into_iter().map(|(mut planned, read)| match read {
            Ok(range) => {
                let crc = job.checksum.then(|| crc32c::crc32c(&buffer[range.clone()]));
                planned.record.content = Content::Slice(Arc::clone(&buffer), range);
                output(planned, crc)
            }
            Err(error) => Output::Lost(error, planned.number),
        });
        let outputs = outputs.collect();
        // If nobody waits any more, the run has ended.
        let _ = job.reply.send(Batch { buffer, outputs });
    }
}

/// Appends the bytes of a file, or of one in an archive, to `buffer`, and says where they are. More
/// of them than there should be are seen: the writer compares the size.
fn read_file(planned: &Planned, buffer: &mut Vec<u8>) -> Result<Range<usize>, PackError> {
    let record = &planned.record;
    let start = buffer.len();
    let path = match &record.content {
        Content::File(path) => path,
        Content::Member(member) => {
            let unpacked = member.unpack(&record.origin, &mut |piece| {
                buffer.extend_from_slice(piece);
                Ok(())
            });
            if unpacked.is_err() {
                buffer.truncate(start);
            }
            return unpacked.map(|()| start..buffer.len());
        }
        _ => return Ok(start..start),
    };
    let file = open(path, &record.origin)?;
    let wanted = record.size as usize;
    buffer.reserve(wanted + 1);
    loop {
        match rustix::io::read(&file, rustix::buffer::spare_capacity(buffer)) {
            Ok(0) => break,
            // There was room for more, so this is the end; or it is more than there should be.
            Ok(_) if buffer.len() - start >= wanted => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => {
                buffer.truncate(start);
                return Err(PackError::Unreadable {
                    origin: record.origin.clone(),
                    reason: errno.into(),
                });
            }
        }
    }
    Ok(start..buffer.len())
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
