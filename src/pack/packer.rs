//! Which shard a record goes to: the open one, the last one of an existing dataset, or a new one.

use super::directories::Directories;
use super::directory::Directory;
use super::finish::Finisher;
use super::loader::{Loaded, LoadedRecord, Loader, Next};
use super::lock::Lock;
use super::plan::Plan;
use super::resume::FinishedRecords;
use super::source::{Content, Source, SourceError};
use super::tables::Tables;
use super::unique::UniqueNames;
use super::writer::ShardWriter;
use super::{PackError, PackOptions, PackOutcome, Progress, open_shard};
use crate::format::Damage;
use crate::format::footer::Version;
use crate::shard::Shard;
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a run ends, unless an error ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    Complete,
    Interrupted,
}

/// What became of what the loader gave.
enum Taken {
    /// This many bytes of the sources are done.
    Done(u64),
    /// A record has failed, and its number if it was to have one.
    Failed(PackError, Option<u64>),
    Ended(RunEnd),
}

/// Puts records into shards.
pub struct Packer<'a> {
    options: &'a PackOptions,
    /// Where it is noted that records were left out.
    lock: &'a Lock,
    /// The form of the shards that are begun.
    form: Version,
    directory: Arc<Directory>,
    existing: Arc<Vec<Shard>>,
    /// Number in the dataset of the run's first record.
    first: u64,
    /// Number of the shard that is begun next.
    next_shard: u64,
    /// Number in the dataset of the next record.
    next_record: u64,
    /// The tables of the last shard that was there, if it can be continued.
    last: Option<Tables>,
    shard: Option<ShardWriter>,
    /// Number in the dataset of each shard's first record, for all shards.
    first_records: Vec<u64>,
    finisher: Finisher,
    /// The numbers of records that have failed, ascending: those after them come down by one each.
    lost: Vec<u64>,
    /// Records in the open shard, and their bytes: lost if it is not finished.
    unfinished: (u64, u64),
    outcome: PackOutcome,
}

impl<'a> Packer<'a> {
    /// For a run whose first record has number `first`; where that is one of an existing shard, an
    /// interrupted run is resumed.
    pub fn new(
        options: &'a PackOptions,
        lock: &'a Lock,
        form: Version,
        directory: &Arc<Directory>,
        existing: &Arc<Vec<Shard>>,
        first: u64,
    ) -> Result<Packer<'a>, PackError> {
        let mut first_records = Vec::new();
        let mut next_record = 0;
        for shard in existing.iter() {
            first_records.push(next_record);
            next_record += shard.records();
        }
        let is_resumed = first < next_record;
        // The last shard of an interrupted run is full, or there would be no need to continue.
        let last = match existing.last() {
            Some(shard) if (!is_resumed || options.is_single()) && options.can_append_to(shard) => {
                let name = shard.path().file_name().unwrap_or_default();
                directory.check_owner(name, shard.file())?;
                Some(Tables::of(shard, options.sections)?)
            }
            Some(shard) if options.is_single() => {
                return Err(PackError::CannotAppend(shard.path().to_owned()));
            }
            _ => None,
        };
        Ok(Packer {
            options,
            lock,
            form,
            directory: Arc::clone(directory),
            existing: Arc::clone(existing),
            first,
            next_shard: existing.len() as u64,
            next_record,
            last,
            shard: None,
            first_records,
            finisher: Finisher::start(directory),
            lost: Vec::new(),
            unfinished: (0, 0),
            outcome: PackOutcome::default(),
        })
    }

    /// Packs the records of `source`, but for those that are `finished` already, and finishes the
    /// shards.
    pub fn run(
        &mut self,
        source: Box<dyn Source>,
        finished: FinishedRecords,
        progress: &mut dyn Progress,
        interrupt: &AtomicBool,
    ) -> Result<RunEnd, PackError> {
        let end = self.pack(source, finished, progress, interrupt);
        let finished = match end {
            Ok(RunEnd::Complete) => self.finish(),
            Ok(RunEnd::Interrupted) | Err(_) => self.abandon(),
        };
        end.and_then(|end| finished.map(|()| end))
    }

    pub fn outcome(mut self) -> PackOutcome {
        PackOutcome {
            shards: self.finisher.finished(),
            ..self.outcome
        }
    }

    fn pack(
        &mut self,
        source: Box<dyn Source>,
        finished: FinishedRecords,
        progress: &mut dyn Progress,
        interrupt: &AtomicBool,
    ) -> Result<RunEnd, PackError> {
        let plan = self.plan(&*source, finished)?;
        let checksums = self.options.sections.checksums;
        let mut loader = Loader::start(source, plan, checksums, self.options.threads)?;
        let is_interrupted = || interrupt.load(Ordering::Relaxed);
        loop {
            let loaded = match loader.next(is_interrupted) {
                Next::Loaded(loaded) => loaded,
                Next::Interrupted => return Ok(RunEnd::Interrupted),
                Next::Gone => return Err(PackError::LoaderGone),
            };
            match self.take(loaded, &is_interrupted) {
                Taken::Done(bytes) => progress.done(bytes),
                Taken::Failed(error, number) => self.fail(error, number, progress)?,
                Taken::Ended(end) => return Ok(end),
            }
        }
    }

    fn plan(&self, source: &dyn Source, finished: FinishedRecords) -> Result<Plan, PackError> {
        let facts = source.facts();
        let has_names = self.options.sections.names;
        let is_sorted = facts.is_sorted && !facts.has_links;
        let names = if has_names || facts.has_links {
            let existing = Arc::clone(&self.existing);
            Some(UniqueNames::new(
                existing, self.first, is_sorted, has_names,
            )?)
        } else {
            None
        };
        Ok(Plan {
            finished,
            names,
            keep_first: self.options.keep_first,
            duplicates: 0,
            directories: has_names.then(|| Directories::new(is_sorted)),
            sizes: facts.has_links.then(Vec::new),
            first: self.first,
            drop_empty: self.options.drop_empty,
            keep_going: self.options.keep_going,
            next: self.first,
            locate: source.locate(),
        })
    }

    fn take(&mut self, loaded: Loaded, is_interrupted: &dyn Fn() -> bool) -> Taken {
        let (size, number, added) = match loaded {
            Loaded::Record(record) => {
                let (size, number) = (record.size, record.number);
                match record.opened(is_interrupted) {
                    Ok(Some(record)) => (size, number, self.add(record)),
                    Ok(None) => return Taken::Ended(RunEnd::Interrupted),
                    Err(error) => (size, number, Err(error.into())),
                }
            }
            Loaded::Copy(record, same_as) => {
                let (size, number) = (record.size, record.number);
                (size, number, self.add_copy(record, same_as))
            }
            Loaded::Finished(size) => {
                self.outcome.resumed += 1;
                return Taken::Done(size);
            }
            Loaded::Dropped => {
                self.outcome.empty += 1;
                return Taken::Done(0);
            }
            Loaded::Lost(error, number) => return Taken::Failed(error, Some(number)),
            Loaded::Failed(error) => return Taken::Failed(self.explained(error), None),
            Loaded::End(skipped) => {
                self.outcome.skipped = skipped;
                return Taken::Ended(RunEnd::Complete);
            }
        };
        match added {
            Ok(()) => Taken::Done(size),
            Err(error) => Taken::Failed(error, Some(number)),
        }
    }

    /// Leaves out a record that has failed, or fails as well where the run ends with it.
    fn fail(
        &mut self,
        error: PackError,
        number: Option<u64>,
        progress: &mut dyn Progress,
    ) -> Result<(), PackError> {
        if let PackError::Source(SourceError::InputEnded(_)) = error {
            // What the source says next is why.
            self.lost.extend(number);
            return Ok(());
        }
        if !self.options.keep_going || error.ends_run() {
            return Err(error);
        }
        if self.outcome.failed == 0 && !self.options.sections.names {
            self.lock.note_left_out()?;
        }
        self.outcome.failed += 1;
        let is_left_out = matches!(error, PackError::LeftOutBefore(_));
        if error.is_damage() || is_left_out && self.lock.had_damage() {
            if !self.outcome.is_damaged && !self.lock.had_damage() {
                self.lock.note_damaged()?;
            }
            self.outcome.is_damaged = true;
        }
        self.lost.extend(number);
        progress.failed(&error);
        Ok(())
    }

    /// An error with what is known here alone: which records could not be read.
    fn explained(&self, mut error: PackError) -> PackError {
        if let PackError::DuplicateName {
            number: Some(number),
            has_failed,
            ..
        } = &mut error
        {
            *has_failed = self.lost.binary_search(number).is_ok();
        }
        error
    }

    fn add(&mut self, record: LoadedRecord) -> Result<(), PackError> {
        let size = record.size;
        let mut shard = self.shard_for(&record)?;
        let added = shard.append(record);
        self.finish_adding(shard, size, added)
    }

    /// Adds a record with the content of an earlier one.
    fn add_copy(&mut self, mut record: LoadedRecord, same_as: u64) -> Result<(), PackError> {
        let gone = || PackError::from(SourceError::LostLink(record.origin.clone()));
        let before = self.lost.partition_point(|&lost| lost < same_as);
        if self.lost.get(before) == Some(&same_as) {
            return Err(gone());
        }
        let number = same_as - before as u64;
        let place = self.first_records.partition_point(|&first| first <= number);
        let place = place.checked_sub(1).ok_or_else(gone)?;
        let local = number - self.first_records[place];
        let is_open = |packer: &Self| place + 1 == packer.first_records.len();
        if is_open(self)
            && let Some(shard) = &self.shard
        {
            let (start, end) = shard.tables().extent(local).ok_or_else(gone)?;
            record.size = end - start;
        }
        let size = record.size;
        let mut shard = self.shard_for(&record)?;
        // Asked again: the shard that was open may be full.
        let added = if is_open(self) {
            shard.append_copy(local, record)
        } else {
            self.earlier_content(place, local)
                .and_then(|(content, size)| {
                    record.content = content;
                    record.size = size;
                    shard.append(record)
                })
        };
        self.finish_adding(shard, size, added)
    }

    /// The content of a record in a finished shard, and its size.
    fn earlier_content(&mut self, place: usize, local: u64) -> Result<(Content, u64), PackError> {
        self.finisher.wait()?;
        let shard = open_shard(&self.directory, &self.shard_name(place as u64))?;
        let missing = || {
            let expected = format!("more than {local}");
            shard.damaged(Damage::new("record count", shard.records(), expected))
        };
        let record = shard.local(local).ok_or_else(missing)?;
        let (extent, crc) = (shard.extent(record)?, shard.crc32c(record)?);
        Ok((Content::Part(Arc::new(shard), extent, crc), extent.len()))
    }

    fn finish_adding(
        &mut self,
        shard: ShardWriter,
        size: u64,
        added: Result<(), PackError>,
    ) -> Result<(), PackError> {
        // After an error of one record the shard is as it was.
        self.shard = Some(shard);
        added?;
        self.next_record += 1;
        self.unfinished.0 += 1;
        self.unfinished.1 += size;
        Ok(())
    }

    /// The shard that has room for a record.
    fn shard_for(&mut self, record: &LoadedRecord) -> Result<ShardWriter, PackError> {
        let limit = self.options.shard_size;
        let has_room = |tables: &Tables| tables.has_room(record.name.as_ref(), record.size, limit);
        if let (Some(last), Some(shard)) = (self.last.take(), self.existing.last())
            && has_room(&last)
        {
            let name = self.shard_name(self.existing.len() as u64 - 1);
            return ShardWriter::continue_copy(&self.directory, &name, shard, last);
        }
        if let Some(shard) = self.shard.take() {
            if has_room(shard.tables()) {
                return Ok(shard);
            }
            self.finish_shard(shard)?;
        }
        let name = self.shard_name(self.next_shard);
        // Found out now and not when it is written: where case does not count, another dataset's.
        self.directory.check_free(&name)?;
        self.next_shard += 1;
        self.first_records.push(self.next_record);
        let tables = Tables::new(self.options.sections, self.form.clone());
        ShardWriter::create(&self.directory, &name, tables)
    }

    fn shard_name(&self, number: u64) -> OsString {
        let path = self.options.target.shard_path(number);
        path.file_name().unwrap_or_default().to_owned()
    }

    /// Finishes the open shard, and waits for the ones before it.
    fn finish(&mut self) -> Result<(), PackError> {
        // A shard that was begun for a record that failed may be empty.
        let shard = self.shard.take();
        if let Some(shard) = shard.filter(|shard| shard.tables().records() > 0) {
            self.finish_shard(shard)?;
        }
        self.finisher.wait()
    }

    fn finish_shard(&mut self, shard: ShardWriter) -> Result<(), PackError> {
        let (records, bytes) = std::mem::take(&mut self.unfinished);
        self.outcome.records += records;
        self.outcome.bytes += bytes;
        self.finisher.finish(shard)
    }

    /// Drops the open shard, and waits for the ones before it.
    fn abandon(&mut self) -> Result<(), PackError> {
        self.shard = None;
        self.finisher.wait()
    }
}
