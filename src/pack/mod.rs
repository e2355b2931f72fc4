//! Packing: records from a source into the shards of a dataset, one writer at a time, nothing
//! ever half written under its name.
//!
//! A record goes from its `source` through the `plan` (is it there already, is its name free) and
//! `load` (small files are read ahead) to the `writer` of a shard, and a full shard to the thread
//! that finishes it while the next one is filled.

mod continued;
mod directories;
mod directory;
mod error;
mod finish;
mod form;
mod hold;
mod load;
mod lock;
mod open_file;
mod origins;
mod own;
mod plan;
mod probe;
mod resume;
mod rights;
pub mod source;
mod tables;
mod target;
mod temporary;
mod unique;
mod writer;

pub use directory::Directory;
pub use error::PackError;
pub use form::Form;
pub use tables::Sections;
pub use target::Target;

use crate::dataset::add_records;
use crate::format::Damage;
use crate::format::footer::Version;
use crate::shard::Shard;
use directories::Directories;
use finish::Finisher;
use form::Advice;
use load::{Loaded, Output, Readahead};
use lock::Lock;
use own::OwnFiles;
use plan::Plan;
use resume::Written;
use rustix::fs::OFlags;
use source::{Content, Skipped, Source};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tables::Tables;
use unique::UniqueNames;
use writer::ShardWriter;

/// How to pack.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// Where to.
    pub target: Target,
    /// Begin a new shard when the current one would grow beyond this size in bytes.
    pub shard_size: Option<u64>,
    /// Which footer the shards get.
    pub form: Form,
    /// Which sections to write; without any, the files are those of the reference writer.
    pub sections: Sections,
    /// Leave out empty records.
    pub drop_empty: bool,
    /// Leave out records whose name is taken.
    pub keep_first: bool,
    /// Continue where an interrupted run has stopped.
    pub resume: bool,
    /// Do not continue the last shard of an existing dataset.
    pub new_shard: bool,
    /// Go on after errors that concern one record alone.
    pub keep_going: bool,
    /// Threads that read files.
    pub threads: usize,
}

/// What was packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackOutcome {
    /// Records written.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Shards written, in order.
    pub shards: Vec<PathBuf>,
    /// Records that were there already, in shards of an interrupted run.
    pub resumed: u64,
    /// Empty records left out.
    pub empty: u64,
    /// Records that failed and were left out.
    pub failed: u64,
    /// Whether the bytes of a shard or archive were at fault for one of them.
    pub is_damaged: bool,
    /// What has no content, or is not wanted.
    pub skipped: Skipped,
    /// Whether the run was interrupted; whole shards stay, and it can be resumed.
    pub interrupted: bool,
}

/// What a run tells while it goes on.
pub trait Progress {
    /// A record of this many bytes is done.
    fn done(&mut self, bytes: u64);
    /// A record has failed, and is left out.
    fn failed(&mut self, error: &PackError);
}

/// Opens a shard of the dataset that is written.
fn open_shard(directory: &Directory, name: &OsStr) -> Result<Shard, PackError> {
    let file = directory.open(name, OFlags::RDONLY, writer::EXPECTED)?;
    Ok(Shard::from_file(&directory.join(name), file)?)
}

/// Packs the records of `source`, until its end or until `interrupt` becomes true.
pub fn pack(
    source: Box<dyn Source>,
    options: &PackOptions,
    progress: &mut dyn Progress,
    interrupt: &AtomicBool,
) -> Result<PackOutcome, PackError> {
    let directory = Arc::new(options.target.directory()?);
    // Where there is a lock, the file that is tried with would come on top of those that a killed run
    // has left, if this one is killed as well.
    let target = &options.target;
    let is_probed = !target.has_begun(&directory) && target.probe_before(&directory)?;
    let mut lock = options.target.lock(&directory)?;
    options.target.remove_temporary(&directory)?;
    if !is_probed {
        options.target.probe(&directory)?;
    }
    options.target.check_form(&directory)?;
    let names = options.target.existing(&directory)?;
    let existing: Result<Vec<Shard>, _> = names
        .iter()
        .map(|name| open_shard(&directory, name))
        .collect();
    let existing = Arc::new(existing?);
    let records = existing
        .iter()
        .try_fold(0, |before, shard| add_records(shard, before))?;
    let first = lock.begin(records, options.resume)?;
    let resumed = first < records;
    let form = options.form_after(existing.last(), resumed)?;
    let mut packer = Packer::new(options, form, &directory, &existing, resumed)?;
    // A complete run may have left out records, and without names it is not known which.
    let is_nameless = |shard: &Shard| shard.sections().names.is_none();
    let is_closed = options.resume && !lock.is_left() && existing.iter().any(is_nameless);
    let written = Written::new(Arc::clone(&existing), first, is_closed);
    let packed = packer.run(source, first, written, &lock, progress, interrupt);
    let mut finished = match packed {
        Ok(false) => packer.finish(),
        Ok(true) | Err(_) => packer.abandon(),
    };
    if lock.is_left() && matches!((&packed, &finished), (Ok(false), Ok(()))) {
        // The interrupted run may have stopped before it had synced its last name.
        finished = directory.sync();
    }
    let mut outcome = packer.outcome;
    outcome.shards = packer.finisher.finished();
    outcome.interrupted = matches!(packed, Ok(true));
    let needs_resuming = packed.is_err() || finished.is_err() || outcome.interrupted;
    lock.end(needs_resuming, first > 0 || !outcome.shards.is_empty());
    packed?;
    finished?;
    if outcome.interrupted {
        return Ok(outcome);
    }
    lock.release()?;
    let skipped = outcome.skipped;
    let is_there_already = records > 0 && skipped.duplicates > 0;
    if is_there_already || outcome.records + outcome.resumed + outcome.failed > 0 {
        return Ok(outcome);
    }
    Err(PackError::Nothing {
        why: outcome.why_nothing(),
    })
}

impl PackOutcome {
    /// Why a run has packed nothing though it has not failed.
    fn why_nothing(&self) -> String {
        let skipped = &self.skipped;
        let excluded = skipped.excluded + skipped.excluded_directories;
        let reasons = [
            (excluded, "excluded"),
            (skipped.short, "left out by --strip"),
            (self.empty, "empty, left out by --drop-empty"),
            (skipped.own, "of the dataset that is written"),
        ];
        let reasons = reasons.iter().filter(|(number, _)| *number > 0);
        let reasons: Vec<String> = reasons
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        match (&reasons[..], self.empty > 0) {
            ([], _) => "there are no records".to_owned(),
            ([_], true) => "there are only empty records".to_owned(),
            _ => format!("everything is left out: {}", reasons.join("; ")),
        }
    }
}

/// Puts records into shards.
struct Packer<'a> {
    options: &'a PackOptions,
    /// The form of the shards that are begun.
    form: Version,
    directory: Arc<Directory>,
    existing: Arc<Vec<Shard>>,
    /// Number of the shard that is begun next.
    next_shard: u64,
    /// Number in the dataset of the next record.
    next_record: u64,
    /// The last shard, if it can be continued, and its tables.
    last: Option<Tables>,
    shard: Option<ShardWriter>,
    /// Number in the dataset of each shard's first record, for all shards.
    first_records: Vec<u64>,
    finisher: Finisher,
    /// The numbers of records that have failed, ascending: those after them come down by one each.
    lost: Vec<u64>,
    /// Records in the open shard, and their bytes: lost if it is not finished.
    open: (u64, u64),
    outcome: PackOutcome,
}

impl<'a> Packer<'a> {
    fn new(
        options: &'a PackOptions,
        form: Version,
        directory: &Arc<Directory>,
        existing: &Arc<Vec<Shard>>,
        resumed: bool,
    ) -> Result<Packer<'a>, PackError> {
        let mut first_records = Vec::new();
        let mut next_record = 0;
        for shard in existing.iter() {
            first_records.push(next_record);
            next_record += shard.records();
        }
        // The last shard of an interrupted run is full, or there would be no need to go on.
        let last = match existing.last() {
            Some(shard) if (!resumed || options.is_single()) && options.goes_on_with(shard) => {
                let name = shard.path().file_name().unwrap_or_default();
                directory.check_owner(name, shard.file())?;
                Some(Tables::of(shard, options.sections)?)
            }
            Some(shard) if options.is_single() => {
                return Err(PackError::CannotAppend {
                    path: shard.path().to_owned(),
                });
            }
            _ => None,
        };
        Ok(Packer {
            options,
            form,
            directory: Arc::clone(directory),
            existing: Arc::clone(existing),
            next_shard: existing.len() as u64,
            next_record,
            last,
            shard: None,
            first_records,
            finisher: Finisher::start(directory),
            lost: Vec::new(),
            open: (0, 0),
            outcome: PackOutcome::default(),
        })
    }

    /// `Ok(true)` if it was interrupted.
    fn run(
        &mut self,
        source: Box<dyn Source>,
        first: u64,
        written: Written,
        lock: &Lock,
        progress: &mut dyn Progress,
        interrupt: &AtomicBool,
    ) -> Result<bool, PackError> {
        let locate = source.locate();
        let sorted = source.is_sorted() && !source.has_links();
        let names = match self.options.sections.names || source.has_links() {
            true => {
                let existing = Arc::clone(&self.existing);
                let refuse = self.options.sections.names;
                Some(UniqueNames::new(existing, first, sorted, refuse)?)
            }
            false => None,
        };
        let plan = Plan {
            written,
            names,
            keep_first: self.options.keep_first,
            duplicates: 0,
            directories: (self.options.sections.names).then(|| Directories::new(sorted)),
            sizes: source.has_links().then(Vec::new),
            first,
            drop_empty: self.options.drop_empty,
            keep_going: self.options.keep_going,
            next: first,
            locate,
        };
        let checksums = self.options.sections.checksums;
        let mut readahead = Readahead::start(source, plan, checksums, self.options.threads)?;
        let interrupted = || interrupt.load(Ordering::Relaxed);
        while let Some(output) = readahead.next(interrupted) {
            let (size, lost, result) = match output {
                Output::Record(record) => {
                    let (size, number) = (record.size, record.number);
                    match record.opened(&interrupted) {
                        Ok(Some(record)) => (size, Some(number), self.add(record)),
                        Ok(None) => return Ok(true),
                        Err(error) => (size, Some(number), Err(error)),
                    }
                }
                Output::Again(record, number) => (
                    record.size,
                    Some(record.number),
                    self.add_again(record, number),
                ),
                Output::Kept(size) => {
                    self.outcome.resumed += 1;
                    (size, None, Ok(()))
                }
                Output::Dropped => {
                    self.outcome.empty += 1;
                    (0, None, Ok(()))
                }
                Output::Lost(error, number) => (0, Some(number), Err(error)),
                Output::Failed(error) => (0, None, Err(self.explained(error))),
                Output::End(skipped) => {
                    self.outcome.skipped = skipped;
                    return Ok(false);
                }
            };
            match result {
                Ok(()) => progress.done(size),
                // What the source says next is why.
                Err(PackError::InputEnded { .. }) => self.lost.extend(lost),
                Err(error) if self.options.keep_going && !error.ends_run() => {
                    if self.outcome.failed == 0 && !self.options.sections.names {
                        lock.note_left_out()?;
                    }
                    self.outcome.failed += 1;
                    let is_left_out = matches!(error, PackError::LeftOutBefore { .. });
                    if error.is_damage() || is_left_out && lock.had_damage() {
                        if !self.outcome.is_damaged && !lock.had_damage() {
                            lock.note_damaged()?;
                        }
                        self.outcome.is_damaged = true;
                    }
                    self.lost.extend(lost);
                    progress.failed(&error);
                }
                Err(error) => return Err(error),
            }
        }
        match interrupted() {
            true => Ok(true),
            false => {
                let error = std::io::Error::other("it ended without a word");
                Err(PackError::io(Path::new("source"), error))
            }
        }
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

    fn add(&mut self, record: Loaded) -> Result<(), PackError> {
        let size = record.size;
        let mut shard = self.shard_for(&record)?;
        let added = shard.append(record);
        self.added(shard, size, added)
    }

    /// Adds a record with the content of an earlier one.
    fn add_again(&mut self, mut record: Loaded, same_as: u64) -> Result<(), PackError> {
        let gone = || PackError::LostLink {
            origin: record.origin.clone(),
        };
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
        let added = match is_open(self) {
            true => shard.append_again(local, record),
            false => self
                .earlier_content(place, local)
                .and_then(|(content, size)| {
                    record.content = content;
                    record.size = size;
                    shard.append(record)
                }),
        };
        self.added(shard, size, added)
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

    fn added(
        &mut self,
        shard: ShardWriter,
        size: u64,
        added: Result<(), PackError>,
    ) -> Result<(), PackError> {
        // After an error of one record the shard is as it was.
        self.shard = Some(shard);
        added?;
        self.next_record += 1;
        self.open.0 += 1;
        self.open.1 += size;
        Ok(())
    }

    /// The shard that has room for a record: the open one, the last one of an existing dataset, or
    /// a new one.
    fn shard_for(&mut self, record: &Loaded) -> Result<ShardWriter, PackError> {
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
        if let Some(shard) = self
            .shard
            .take()
            .filter(|shard| shard.tables().records() > 0)
        {
            self.finish_shard(shard)?;
        }
        self.finisher.wait()
    }

    fn finish_shard(&mut self, shard: ShardWriter) -> Result<(), PackError> {
        let (records, bytes) = std::mem::take(&mut self.open);
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

impl PackOptions {
    fn is_single(&self) -> bool {
        matches!(self.target, Target::SingleFile(_))
    }

    /// The form of new shards behind `last`. A run that is resumed ends with the bytes of one that
    /// was not interrupted, so it cannot change its form, even in a new shard.
    fn form_after(&self, last: Option<&Shard>, resumed: bool) -> Result<Version, PackError> {
        let advice = match resumed {
            true => Advice::Resume,
            false if self.is_single() => Advice::AppendToFile,
            false => Advice::Append,
        };
        self.form.decide(last, self.new_shard && !resumed, advice)
    }

    /// The reference's rule: a last shard below the limit is continued. One with what would be
    /// lost (unknown sections) is not.
    fn goes_on_with(&self, shard: &Shard) -> bool {
        let below = self.shard_size.is_none_or(|limit| shard.file_len() < limit);
        below && shard.sections().unknown == 0 && !self.new_shard
    }
}
