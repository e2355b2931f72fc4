//! Writes records as files, or as an archive: the inverse of packing. Prints nothing.
//!
//! A record that fails is reported, and the run continues with the others; only what would fail for
//! all of them, such as a full disk, ends it.

mod archive;
mod claimed;
mod destination;
mod folded;
mod outgoing;
mod probe;
mod writer;

use crate::dataset::Dataset;
use crate::order::{Order, Union};
use crate::shard::ShardError;
use crate::shard::allowance::Allowance;
use crate::sys::lock;
use claimed::{ClaimedNames, Clash};
use folded::Folded;
use outgoing::Outgoing;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use writer::Writer;

pub use destination::{Destination, PlaceError};

/// Bytes of a record read and written at once.
const PIECE_BYTES: usize = 1 << 20;
/// More threads than this wait for the file system and not for each other.
const MAX_THREADS: usize = 8;
/// The most records that a thread takes at once: neighbours share a directory, and two threads
/// in one directory wait for each other.
const MAX_BATCH_RECORDS: u64 = 1024;
/// Into how many batches per thread the work is cut, where it is too little for full ones, so
/// that all threads end at about the same time.
const BATCHES_PER_THREAD: u64 = 16;

/// What an extraction has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtractOutcome {
    /// How many records were extracted, and how many bytes they have.
    pub records: u64,
    /// See `records`.
    pub bytes: u64,
    /// How many records failed.
    pub failed: u64,
    /// How many of those that failed have damaged data.
    pub damaged: u64,
    /// Whether the run ended early.
    pub stopped: bool,
}

/// Why a record was not extracted. `record` says in words which one.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ExtractError {
    /// It cannot be read, or its name or content is damaged.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// Its file cannot be written.
    #[error("{source} ({record})")]
    Place { record: String, source: PlaceError },
    /// Its name is in the way of another's in this run.
    #[error("{record}: name is \"{name}\", {clash}")]
    Clash {
        record: String,
        name: String,
        clash: Clash,
    },
}

impl ExtractError {
    /// Whether the data is at fault, and not the system or what is at the destination.
    pub fn is_damage(&self) -> bool {
        match self {
            ExtractError::Shard(error) => error.is_damage(),
            ExtractError::Place { .. } | ExtractError::Clash { .. } => false,
        }
    }

    /// Whether every other record would fail in the same way.
    pub fn ends_run(&self) -> bool {
        matches!(self, ExtractError::Place { source, .. } if source.ends_run())
    }
}

/// What to extract, and whom to report to.
pub struct Extraction<'a> {
    /// The dataset that the records are in.
    pub dataset: &'a Dataset,
    /// The order that the records are taken from.
    pub order: &'a dyn Order,
    /// Their positions in it.
    pub selected: Union,
    /// Called with each record that fails.
    pub report: &'a (dyn Fn(&ExtractError) + Sync),
    /// Called with the number of bytes whenever some are written.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl Extraction<'_> {
    /// Writes each record as a file, in as many threads as there are cores.
    pub fn into_directory(self, destination: &Destination) -> ExtractOutcome {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(MAX_THREADS);
        let batch = self.selected.at_most() / (threads as u64 * BATCHES_PER_THREAD);
        let run = ExtractRun {
            dataset: self.dataset,
            allowances: self.dataset.allowances(),
            order: self.order,
            destination,
            batch: batch.clamp(1, MAX_BATCH_RECORDS) as usize,
            queue: Mutex::new(self.selected),
            claimed: destination.replaces().then(Mutex::default),
            folded: destination.folds().then(Mutex::default),
            outcome: Mutex::default(),
            stopped: AtomicBool::new(false),
            report: self.report,
            progress: self.progress,
        };
        std::thread::scope(|scope| {
            for number in 1..threads {
                let builder = std::thread::Builder::new().name(format!("extract-{number}"));
                // With fewer threads it takes longer, and nothing else.
                if builder.spawn_scoped(scope, || run.work()).is_err() {
                    break;
                }
            }
            run.work();
        });
        ExtractOutcome {
            stopped: run.stopped.into_inner(),
            ..*lock(&run.outcome)
        }
    }
}

/// What the threads share.
struct ExtractRun<'a> {
    dataset: &'a Dataset,
    allowances: Vec<Allowance>,
    order: &'a dyn Order,
    destination: &'a Destination,
    batch: usize,
    queue: Mutex<Union>,
    /// Only where files are replaced: else the file system knows which names are taken.
    claimed: Option<Mutex<ClaimedNames>>,
    /// Only where the case of letters does not count.
    folded: Option<Mutex<Folded>>,
    outcome: Mutex<ExtractOutcome>,
    stopped: AtomicBool,
    report: &'a (dyn Fn(&ExtractError) + Sync),
    progress: &'a (dyn Fn(u64) + Sync),
}

impl ExtractRun<'_> {
    /// One thread: takes batches until there are no more.
    fn work(&self) {
        let mut writer = Writer::new(self.destination);
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let batch: Vec<u64> = lock(&self.queue).by_ref().take(self.batch).collect();
            if batch.is_empty() {
                return;
            }
            let numbers = batch.into_iter().filter_map(|at| self.order.record_at(at));
            for number in numbers {
                if self.stopped.load(Ordering::Relaxed) {
                    return;
                }
                match self.extract(number, &mut writer, &mut buffer) {
                    Ok(bytes) => lock(&self.outcome).add(bytes),
                    Err(failure) => self.fail(&failure),
                }
            }
        }
    }

    /// Writes one record, and returns its length.
    fn extract(
        &self,
        number: u64,
        writer: &mut Writer,
        buffer: &mut [u8],
    ) -> Result<u64, ExtractError> {
        let Some(record) = Outgoing::find(self.dataset, number, &self.allowances).transpose()?
        else {
            return Ok(0);
        };
        if let Some(claimed) = &self.claimed {
            record.claim(&mut lock(claimed))?;
        }
        self.check_case(&record, number)?;
        match self.write(&record, writer, buffer) {
            // Known now: from here on files are written under a name.
            Err(ExtractError::Place {
                source: PlaceError::NoLink { .. },
                ..
            }) => self.write(&record, writer, buffer)?,
            done => done?,
        }
        Ok(record.len())
    }

    fn write(
        &self,
        record: &Outgoing,
        writer: &mut Writer,
        buffer: &mut [u8],
    ) -> Result<(), ExtractError> {
        let place = |source| record.place(source);
        let mut file = writer.begin(record.name(), record.len()).map_err(place)?;
        record.read(buffer, |piece| {
            file.write(piece).map_err(place)?;
            (self.progress)(piece.len() as u64);
            Ok::<(), ExtractError>(())
        })?;
        file.finish().map_err(place)
    }

    /// Refuses a name that the file system takes for that of another record.
    fn check_case(&self, record: &Outgoing, number: u64) -> Result<(), ExtractError> {
        let Some(folded) = &self.folded else {
            return Ok(());
        };
        let first = lock(folded).claim(record.name(), number);
        let first = first.and_then(|first| outgoing::name_of(self.dataset, first));
        match first.filter(|first| first != record.name()) {
            Some(first) => Err(record.clash(Clash::Case(first.to_string()))),
            None => Ok(()),
        }
    }

    fn fail(&self, failure: &ExtractError) {
        // What ends the run may come from several threads; it is one fault.
        let ends_run = failure.ends_run();
        if ends_run && self.stopped.swap(true, Ordering::Relaxed) {
            return;
        }
        lock(&self.outcome).fail(failure);
        (self.report)(failure);
    }
}

impl ExtractOutcome {
    fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
    }

    fn fail(&mut self, failure: &ExtractError) {
        self.failed += 1;
        self.damaged += u64::from(failure.is_damage());
    }
}
