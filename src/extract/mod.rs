//! Writes records as files, or as an archive: the inverse of packing. Prints nothing.
//!
//! A record that fails is reported and the others go on; only what would fail for all of them,
//! as a full disk, ends the run.

mod archive;
mod destination;
mod folded;
mod outgoing;
mod probe;
mod taken;
mod writer;

use crate::dataset::Dataset;
use crate::order::Union;
use crate::shard::ShardError;
use crate::shard::allowance::Allowance;
use crate::sys::lock;
use folded::Folded;
use outgoing::Outgoing;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use taken::{Clash, Taken};
use writer::Writer;

pub use destination::{Destination, PlaceError};

/// Bytes of a record read and written at once.
const PIECE: usize = 1 << 20;
/// More threads than this wait for the file system and not for each other.
const MAX_THREADS: usize = 8;
/// The most records that a thread takes at once: neighbours share a directory, and two threads
/// in one directory wait for each other.
const MAX_BATCH: u64 = 1024;
/// Into how many batches per thread the work is cut, where it is too little for full ones, so
/// that all threads end at about the same time.
const BATCHES: u64 = 16;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Records extracted.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that failed.
    pub failed: u64,
    /// Those of them whose data is damaged.
    pub damaged: u64,
    /// Whether the run ended early.
    pub stopped: bool,
}

/// Why a record was not extracted.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It cannot be read, or its name or content is damaged.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// Its file cannot be written.
    #[error("{source} ({record})")]
    Place {
        /// Which record, in words.
        record: String,
        /// Where and why.
        source: PlaceError,
    },
    /// Its name is in the way of another's in this run.
    #[error("{record}: name is \"{name}\", {clash}")]
    Clash {
        /// Which record, in words.
        record: String,
        /// Its name, as a person can read it.
        name: String,
        /// How.
        clash: Clash,
    },
}

impl Failure {
    /// Whether the data is at fault, and not the system or what is at the destination.
    pub fn is_damage(&self) -> bool {
        match self {
            Failure::Shard(error) => error.is_damage(),
            Failure::Place { .. } | Failure::Clash { .. } => false,
        }
    }

    /// Whether every other record would fail in the same way.
    pub fn ends_run(&self) -> bool {
        matches!(self, Failure::Place { source, .. } if source.ends_run())
    }
}

/// Which records to extract, and who hears of it.
pub struct Extraction<'a> {
    /// Where the records are.
    pub dataset: &'a Dataset,
    /// Their numbers.
    pub selected: Union,
    /// Told of each record that fails.
    pub report: &'a (dyn Fn(&Failure) + Sync),
    /// Told of bytes that are written.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl Extraction<'_> {
    /// Writes each record as a file, in as many threads as there are cores.
    pub fn into_directory(self, destination: &Destination) -> Outcome {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(MAX_THREADS);
        let batch = self.selected.at_most() / (threads as u64 * BATCHES);
        let run = Run {
            dataset: self.dataset,
            allowances: self.dataset.allowances(),
            destination,
            batch: batch.clamp(1, MAX_BATCH) as usize,
            queue: Mutex::new(self.selected),
            taken: destination.replaces().then(Mutex::default),
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
        Outcome {
            stopped: run.stopped.into_inner(),
            ..*lock(&run.outcome)
        }
    }
}

/// What the threads share.
struct Run<'a> {
    dataset: &'a Dataset,
    allowances: Vec<Allowance>,
    destination: &'a Destination,
    batch: usize,
    queue: Mutex<Union>,
    /// Only where files are replaced: else the file system knows which names are taken.
    taken: Option<Mutex<Taken>>,
    /// Only where the case of letters does not count.
    folded: Option<Mutex<Folded>>,
    outcome: Mutex<Outcome>,
    stopped: AtomicBool,
    report: &'a (dyn Fn(&Failure) + Sync),
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Run<'_> {
    /// One thread: takes batches until there are no more.
    fn work(&self) {
        let mut writer = Writer::new(self.destination);
        let mut buffer = vec![0; PIECE];
        loop {
            let batch: Vec<u64> = lock(&self.queue).by_ref().take(self.batch).collect();
            if batch.is_empty() {
                return;
            }
            for number in batch {
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
    fn extract(&self, number: u64, writer: &mut Writer, buffer: &mut [u8]) -> Result<u64, Failure> {
        let Some(record) = Outgoing::find(self.dataset, number, &self.allowances).transpose()?
        else {
            return Ok(0);
        };
        if let Some(taken) = &self.taken {
            record.claim(&mut lock(taken))?;
        }
        self.check_case(&record, number)?;
        match self.write(&record, writer, buffer) {
            // Known now: from here on files are written under a name.
            Err(Failure::Place {
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
    ) -> Result<(), Failure> {
        let place = |source| record.place(source);
        let mut file = writer.begin(record.name(), record.len()).map_err(place)?;
        record.read(buffer, |piece| {
            file.write(piece).map_err(place)?;
            (self.progress)(piece.len() as u64);
            Ok::<(), Failure>(())
        })?;
        file.finish().map_err(place)
    }

    /// Refuses a name that the file system takes for that of another record.
    fn check_case(&self, record: &Outgoing, number: u64) -> Result<(), Failure> {
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

    fn fail(&self, failure: &Failure) {
        // What ends the run may come from several threads; it is one fault.
        let ends_run = failure.ends_run();
        if ends_run && self.stopped.swap(true, Ordering::Relaxed) {
            return;
        }
        lock(&self.outcome).fail(failure);
        (self.report)(failure);
    }
}

impl Outcome {
    fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
    }

    fn fail(&mut self, failure: &Failure) {
        self.failed += 1;
        self.damaged += u64::from(failure.is_damage());
    }
}
