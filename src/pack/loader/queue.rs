//! The source's end of the queue. Small files are collected, and given to the reading threads; other
//! records are collected and handed on as they are. What has been collected of the one kind is sent
//! before the other is collected, so that the order stays.

use super::budget::MemoryBudget;
use super::readers::{Batch, ReadJob, SMALL_FILE_BYTES};
use super::{Loaded, loaded, lock};
use crate::pack::plan::Planned;
use crate::pack::source::Content;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

/// How many small files one thread reads before it hands them on, and how many of their bytes: what
/// passes between threads costs as much as reading a small file.
const BATCH_FILES: usize = 32;
const BATCH_BYTES: u64 = 512 << 10;
/// The same of records that need no reading thread, such as lines: then they are handed on together.
const BATCH_RECORDS: usize = 256;

/// Something that comes next, or the promise of it by a reading thread.
#[derive(Debug)]
pub struct Ticket {
    /// Bytes in memory that are counted in the budget.
    pub held: u64,
    pub promise: Promise,
}

#[derive(Debug)]
pub enum Promise {
    Ready(Vec<Loaded>),
    Later(Receiver<Batch>),
}

/// What is not on its way yet, and how many bytes it holds. A slow source may leave it here for long,
/// so the writer takes it when nothing else comes.
#[derive(Debug, Default)]
pub struct Collected {
    pub loaded: Vec<Loaded>,
    bytes: u64,
}

/// What the thread of the source puts in. Each method breaks off when nobody takes anything any more.
pub struct SourceQueue {
    tickets: SyncSender<Ticket>,
    jobs: SyncSender<ReadJob>,
    /// How many threads read files. Without any, the writer reads all of them.
    pub readers: usize,
    budget: Arc<MemoryBudget>,
    checksums: bool,
    files: Vec<Planned>,
    file_bytes: u64,
    collected: Arc<Mutex<Collected>>,
}

impl SourceQueue {
    /// An empty one; with `checksums` the reading threads compute those of what they read.
    pub fn new(
        tickets: SyncSender<Ticket>,
        jobs: SyncSender<ReadJob>,
        budget: &Arc<MemoryBudget>,
        collected: &Arc<Mutex<Collected>>,
        checksums: bool,
    ) -> SourceQueue {
        SourceQueue {
            tickets,
            jobs,
            readers: 0,
            budget: Arc::clone(budget),
            checksums,
            files: Vec::new(),
            file_bytes: 0,
            collected: Arc::clone(collected),
        }
    }

    /// Puts in a record to write.
    pub fn write(&mut self, planned: Planned) -> ControlFlow<()> {
        let size = planned.record.size;
        match &planned.record.content {
            Content::File(_) | Content::Member(_)
                if size <= SMALL_FILE_BYTES && self.readers > 0 =>
            {
                self.send_collected()?;
                self.files.push(planned);
                self.file_bytes += size;
                if self.files.len() == BATCH_FILES || self.file_bytes >= BATCH_BYTES {
                    self.send_files()?;
                }
                ControlFlow::Continue(())
            }
            Content::Bytes(_) | Content::Slice(..) => self.put(size, loaded(planned, None)),
            Content::File(_) | Content::SameAs(_) => self.put(0, loaded(planned, None)),
            // A file without a name, on the target's disk.
            Content::Open(_) => self.put_at_once(size, loaded(planned, None)),
            // The source sends pieces when they have been taken, and the others hold files open.
            _ => self.put_at_once(0, loaded(planned, None)),
        }
    }

    /// Puts in something that holds this many bytes.
    pub fn put(&mut self, held: u64, loaded: Loaded) -> ControlFlow<()> {
        self.send_files()?;
        let mut collected = lock(&self.collected);
        collected.loaded.push(loaded);
        collected.bytes += held;
        let is_full = collected.loaded.len() >= BATCH_RECORDS || collected.bytes >= BATCH_BYTES;
        drop(collected);
        if is_full {
            self.send_collected()?;
        }
        ControlFlow::Continue(())
    }

    /// The same, and hands on all that there is.
    pub fn put_at_once(&mut self, held: u64, loaded: Loaded) -> ControlFlow<()> {
        self.put(held, loaded)?;
        self.send_collected()
    }

    fn send_files(&mut self) -> ControlFlow<()> {
        if self.files.is_empty() {
            return ControlFlow::Continue(());
        }
        let held = std::mem::take(&mut self.file_bytes);
        let (reply, promised) = sync_channel(1);
        let job = ReadJob {
            files: std::mem::take(&mut self.files),
            checksums: self.checksums,
            reply,
        };
        // The ticket first: it waits for room in memory, which the job then fills.
        self.send(held, Promise::Later(promised))?;
        flow(self.jobs.send(job))
    }

    fn send_collected(&self) -> ControlFlow<()> {
        // Held until they are on their way: the writer must not overtake them.
        let mut collected = lock(&self.collected);
        let Collected { loaded, bytes } = std::mem::take(&mut *collected);
        if loaded.is_empty() {
            return ControlFlow::Continue(());
        }
        self.send(bytes, Promise::Ready(loaded))
    }

    fn send(&self, held: u64, promise: Promise) -> ControlFlow<()> {
        self.budget.take(held);
        flow(self.tickets.send(Ticket { held, promise }))
    }
}

fn flow<T>(sent: Result<(), SendError<T>>) -> ControlFlow<()> {
    match sent {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}
