//! Packing: records from a source into the shards of a dataset, one writer at a time, nothing
//! ever half written under its name.
//!
//! A record goes from its `source` through the `plan` (is it there already, is its name free) and
//! the `loader` (small files are read ahead) to the `packer` (which shard) and the `writer` of that
//! shard; a full `shard_file` to the thread that finishes it while the next one is filled (`finish`).

mod continued;
mod directories;
mod directory;
mod earlier_run;
mod error;
mod finish;
mod form;
mod hold;
mod identity;
mod loader;
mod lock;
mod origins;
mod own;
mod packer;
mod plan;
mod probe;
mod resume;
mod rights;
mod shard_file;
pub mod source;
mod tables;
mod target;
mod temporary;
mod unique;
mod writer;

pub use directory::Directory;
pub use error::PackError;
pub use form::Form;
pub use tables::WrittenSections;
pub use target::Target;

use crate::dataset::add_records;
use crate::format::footer::Version;
use crate::shard::Shard;
use form::Advice;
use lock::Lock;
use own::OwnFiles;
use packer::{Packer, RunEnd};
use resume::FinishedRecords;
use rustix::fs::OFlags;
use source::{Skipped, Source};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How to pack.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// Where the shards are written.
    pub target: Target,
    /// Begin a new shard when the current one would grow beyond this size in bytes.
    pub shard_size: Option<u64>,
    /// Which footer the shards get.
    pub form: Form,
    /// Which sections to write; without any, the files are those of the reference writer.
    pub sections: WrittenSections,
    /// Leave out empty records.
    pub drop_empty: bool,
    /// Leave out records whose name is taken.
    pub keep_first: bool,
    /// Continue where an interrupted run has stopped.
    pub resume: bool,
    /// Do not continue the last shard of an existing dataset.
    pub new_shard: bool,
    /// Continue after errors that concern one record alone.
    pub keep_going: bool,
    /// Threads that read files.
    pub threads: usize,
}

/// What a run has packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackOutcome {
    /// How many records were written.
    pub records: u64,
    /// How many bytes these have.
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
    /// What has no content to pack, or is not wanted.
    pub skipped: Skipped,
    /// Whether the run was interrupted; whole shards stay, and it can be resumed.
    pub interrupted: bool,
}

/// What a run reports.
pub trait Progress {
    /// A record of this many bytes is done.
    fn done(&mut self, bytes: u64);
    /// A record has failed, and is left out.
    fn failed(&mut self, error: &PackError);
}

/// Opens a shard of the dataset that is written.
fn open_shard(directory: &Directory, name: &OsStr) -> Result<Shard, PackError> {
    let file = directory.open(name, OFlags::RDONLY, shard_file::EXPECTED)?;
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
    let mut lock = lock(&options.target, &directory)?;
    let existing = Arc::new(existing_shards(&options.target, &directory)?);
    let records = existing
        .iter()
        .try_fold(0, |before, shard| add_records(shard, before))?;
    let first = lock.begin(records, options.resume)?;
    let form = options.form_after(existing.last(), first < records)?;
    // A complete run may have left out records, and without names it is not known which.
    let is_nameless = |shard: &Shard| shard.sections().names.is_none();
    let is_closed = options.resume && !lock.is_left() && existing.iter().any(is_nameless);
    let finished = FinishedRecords::new(Arc::clone(&existing), first, is_closed);
    let mut packer = Packer::new(options, &lock, form, &directory, &existing, first)?;
    let mut end = packer.run(source, finished, progress, interrupt);
    if lock.is_left() && matches!(end, Ok(RunEnd::Complete)) {
        // The interrupted run may have stopped before it had synced its last name.
        end = directory.sync().map(|()| RunEnd::Complete);
    }
    let mut outcome = packer.outcome();
    let is_complete = matches!(end, Ok(RunEnd::Complete));
    lock.end(!is_complete, first > 0 || !outcome.shards.is_empty());
    if end? == RunEnd::Interrupted {
        outcome.interrupted = true;
        return Ok(outcome);
    }
    lock.release()?;
    outcome.unless_nothing(records)
}

/// Makes this process the only writer, finds out what the file system lacks, and removes what killed
/// runs have left.
fn lock(target: &Target, directory: &Arc<Directory>) -> Result<Lock, PackError> {
    // Where there is a lock, the file that is tried with would come on top of those that a killed run
    // has left, if this one is killed as well.
    let is_probed = !target.has_begun(directory) && target.probe_before(directory)?;
    let lock = target.lock(directory)?;
    target.remove_temporary(directory)?;
    if !is_probed {
        target.probe(directory)?;
    }
    Ok(lock)
}

/// The shards of the dataset that are there, in order.
fn existing_shards(target: &Target, directory: &Directory) -> Result<Vec<Shard>, PackError> {
    target.check_form(directory)?;
    let names = target.existing(directory)?;
    names
        .iter()
        .map(|name| open_shard(directory, name))
        .collect()
}

impl PackOutcome {
    /// Fails where there was nothing to pack, unless all of it was in the dataset of this many
    /// `records` already.
    fn unless_nothing(self, records: u64) -> Result<PackOutcome, PackError> {
        let is_there_already = records > 0 && self.skipped.duplicates > 0;
        if is_there_already || self.records + self.resumed + self.failed > 0 {
            return Ok(self);
        }
        Err(PackError::Nothing(self.why_nothing()))
    }

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

impl PackOptions {
    fn is_single(&self) -> bool {
        matches!(self.target, Target::SingleFile(_))
    }

    /// The form of new shards behind `last`. A run that is resumed ends with the bytes of one that
    /// was not interrupted, so it cannot change its form, even in a new shard.
    fn form_after(&self, last: Option<&Shard>, is_resumed: bool) -> Result<Version, PackError> {
        let advice = match (is_resumed, self.is_single()) {
            (true, _) => Advice::Resume,
            (false, true) => Advice::AppendToFile,
            (false, false) => Advice::Append,
        };
        self.form
            .decide(last, self.new_shard && !is_resumed, advice)
    }

    /// The reference's rule: a last shard below the limit is continued. One with what would be
    /// lost (unknown sections) is not.
    fn can_append_to(&self, shard: &Shard) -> bool {
        let below = self.shard_size.is_none_or(|limit| shard.file_len() < limit);
        below && shard.sections().unknown == 0 && !self.new_shard
    }
}
