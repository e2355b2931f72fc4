//! Reads the sources ahead of the writer: what comes out is in the order of the source.
//!
//! One thread runs the source and decides by the plan what becomes of each record (`queue`). Threads
//! of their own read small files in batches (`readers`). The writer asks for one record after the
//! other. What is in memory between them is bounded (`budget`).

mod budget;
mod queue;
mod readers;

use super::PackError;
use super::plan::{Plan, Planned, Step};
use super::source::{Content, Origin, Skipped, Source, SourceError, open_file};
use crate::format::name::Name;
use crate::sys::lock;
use budget::MemoryBudget;
use queue::{Collected, Promise, SourceQueue, Ticket};
use readers::{Batch, Pool};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How many batches may be on their way from the source to the writer.
const QUEUE_BATCHES: usize = 64;
/// How often a waiting writer looks whether it has been interrupted.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A record with its content, or with what it can be copied from.
#[derive(Debug)]
pub struct LoadedRecord {
    pub name: Option<Name>,
    /// In bytes.
    pub size: u64,
    pub origin: Origin,
    /// Whole in memory where it is small.
    pub content: Content,
    /// Its checksum, where that has been computed.
    pub crc: Option<u32>,
    /// The number that it has if no record before it fails.
    pub number: u64,
}

impl LoadedRecord {
    /// The same with its file open, if it is one; `None` if waiting for that was interrupted.
    pub fn opened(
        mut self,
        is_interrupted: &dyn Fn() -> bool,
    ) -> Result<Option<LoadedRecord>, SourceError> {
        if let Content::File(path) = &self.content {
            match open_file::open_unless(path, &self.origin, is_interrupted)? {
                Some(file) => self.content = Content::Open(file),
                None => return Ok(None),
            }
        }
        Ok(Some(self))
    }
}

/// What became of one record of the source, or of the source.
#[derive(Debug)]
pub enum Loaded {
    /// A record to write.
    Record(LoadedRecord),
    /// A record with the content of an earlier one, by that one's number.
    Copy(LoadedRecord, u64),
    /// A record of this many bytes that is in a finished shard already.
    Finished(u64),
    /// An empty record that is left out.
    Dropped,
    /// The record that would have had this number has failed.
    Lost(PackError, u64),
    /// Something went wrong; more may come.
    Failed(PackError),
    /// The end, with what the source has passed over.
    End(Skipped),
}

#[derive(Debug)]
pub enum Next {
    Loaded(Loaded),
    /// The run is interrupted.
    Interrupted,
    /// A thread has ended without [`Loaded::End`]: it has panicked.
    Gone,
}

/// A source that is being read ahead.
#[derive(Debug)]
pub struct Loader {
    tickets: Receiver<Ticket>,
    collected: Arc<Mutex<Collected>>,
    budget: Arc<MemoryBudget>,
    /// What a reading thread has promised and comes next.
    promised: Option<Receiver<Batch>>,
    /// What has come out of a batch and was not asked for yet, and the bytes it refers to.
    batch: std::vec::IntoIter<Loaded>,
    buffer: Arc<Vec<u8>>,
    pool: Arc<Pool>,
}

impl Loader {
    /// Begins to read `source` as `plan` says, with `threads` threads that read files. The threads
    /// are not waited for: one may sit in a read from a pipe, which may never end.
    pub fn start(
        source: Box<dyn Source>,
        plan: Plan,
        checksums: bool,
        threads: usize,
    ) -> Result<Loader, PackError> {
        let (tickets, receiver) = sync_channel(QUEUE_BATCHES);
        let (jobs, waiting) = sync_channel(QUEUE_BATCHES);
        let budget = Arc::new(MemoryBudget::default());
        let collected = Arc::new(Mutex::default());
        let pool = Arc::new(Pool::default());
        let mut queue = SourceQueue::new(tickets, jobs, &budget, &collected, checksums);
        // Told how many threads read files, once they are there: this one has to be.
        let (readers, reading) = sync_channel(1);
        let run = move || {
            queue.readers = reading.recv().unwrap_or(0);
            run_source(source, plan, queue);
        };
        let started = thread::Builder::new().name("source".to_owned()).spawn(run);
        started.map_err(|reason| PackError::Thread {
            purpose: "the source",
            reason,
        })?;
        let _ = readers.send(readers::start(threads, waiting, &pool));
        Ok(Loader {
            tickets: receiver,
            collected,
            budget,
            promised: None,
            batch: Vec::new().into_iter(),
            buffer: Arc::default(),
            pool,
        })
    }

    /// Waits for what comes next, until `is_interrupted`.
    pub fn next(&mut self, is_interrupted: impl Fn() -> bool) -> Next {
        loop {
            if is_interrupted() {
                return Next::Interrupted;
            }
            if let Some(loaded) = self.batch.next() {
                return Next::Loaded(loaded);
            }
            match self.next_batch() {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Next::Gone,
            }
        }
    }

    fn next_batch(&mut self) -> Result<(), RecvTimeoutError> {
        if let Some(promised) = &self.promised {
            // A reading thread may wait for another program to give up a lease.
            let batch = promised.recv_timeout(POLL_INTERVAL)?;
            self.promised = None;
            self.batch = batch.loaded.into_iter();
            let used = std::mem::replace(&mut self.buffer, batch.buffer);
            // All records of it have been written.
            if let Some(used) = Arc::into_inner(used) {
                lock(&self.pool).push(used);
            }
            return Ok(());
        }
        let ticket = self.next_ticket()?;
        // The writer has at most one more batch in memory than the budget says.
        self.budget.give_back(ticket.held);
        match ticket.promise {
            Promise::Ready(loaded) => self.batch = loaded.into_iter(),
            Promise::Later(promised) => self.promised = Some(promised),
        }
        Ok(())
    }

    fn next_ticket(&self) -> Result<Ticket, RecvTimeoutError> {
        match self.tickets.recv_timeout(POLL_INTERVAL) {
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
            Err(_) if collected.loaded.is_empty() => Err(RecvTimeoutError::Timeout),
            Err(_) => Ok(Ticket {
                held: 0,
                promise: Promise::Ready(std::mem::take(&mut *collected).loaded),
            }),
        }
    }
}

/// The thread of the source: runs it to its end, or until nobody takes anything any more.
fn run_source(mut source: Box<dyn Source>, mut plan: Plan, mut queue: SourceQueue) {
    let flow = source.run(&mut |record| match plan.step(record) {
        Ok(Step::Write(planned)) => queue.write(planned),
        Ok(Step::Finished(size)) => queue.put(0, Loaded::Finished(size)),
        Ok(Step::Dropped) => queue.put(0, Loaded::Dropped),
        Ok(Step::Passed) => ControlFlow::Continue(()),
        Err(error) => {
            let ends_run = error.ends_run();
            queue.put_at_once(0, Loaded::Failed(error))?;
            if ends_run {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    });
    if flow.is_break() {
        return;
    }
    let last = match plan.finish() {
        Ok(skipped) => Loaded::End(source.skipped().plus(skipped)),
        Err(error) => Loaded::Failed(error),
    };
    // If nobody waits any more, the run has ended.
    let _ = queue.put_at_once(0, last);
}

fn loaded(planned: Planned, crc: Option<u32>) -> Loaded {
    let record = planned.record;
    let loaded = LoadedRecord {
        name: record.name,
        size: record.size,
        origin: record.origin,
        content: record.content,
        crc,
        number: planned.number,
    };
    match planned.same_as {
        Some(number) => Loaded::Copy(loaded, number),
        None => Loaded::Record(loaded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::resume::FinishedRecords;
    use crate::pack::source::Sink;

    struct Panics;

    impl Source for Panics {
        fn run(&mut self, _: &mut Sink<'_>) -> ControlFlow<()> {
            panic!("as it should in this test");
        }
    }

    fn plan() -> Plan {
        Plan {
            finished: FinishedRecords::new(Arc::default(), 0, false),
            names: None,
            keep_first: false,
            duplicates: 0,
            directories: None,
            sizes: None,
            first: 0,
            drop_empty: false,
            keep_going: false,
            next: 0,
            locate: Box::new(|_, _, _| None),
        }
    }

    #[test]
    fn a_source_that_panics_is_gone_and_no_interruption() {
        let mut loader = Loader::start(Box::new(Panics), plan(), false, 1).expect("started");
        assert!(matches!(loader.next(|| true), Next::Interrupted));
        assert!(matches!(loader.next(|| false), Next::Gone));
    }
}
