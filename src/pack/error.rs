//! What can go wrong when packing.

use super::form::{Advice, Form};
use super::source::{Origin, STANDARD_INPUT_NAME};
use crate::dataset::DatasetError;
use crate::format::Damage;
use crate::format::footer::Version;
use crate::format::name::{Name, NameError};
use crate::shard::ShardError;
use crate::sys::files::{is_out_of_descriptors, limit_hint};
use crate::text::{quoted, shown};
use std::io;
use std::path::{Path, PathBuf};

/// Why packing stopped. Whole shards stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The system refused.
    #[error("{}: {reason}{}", shown(path), limit_hint(reason))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        reason: io::Error,
    },
    /// An archive, list or stream could not be opened or read on: what comes behind is lost.
    #[error("{}: {reason}{}", shown(path), open_files_hint(reason))]
    UnreadableInput {
        /// The input.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A file could not be read.
    #[error("{origin}: {reason}{}", open_files_hint(reason))]
    Unreadable {
        /// The record.
        origin: Origin,
        /// What the system said.
        reason: io::Error,
    },
    /// A source that is neither file nor directory.
    #[error(
        "{}: it is {found}, expected a file or a directory{}",
        shown(path),
        if *is_pipe { "; --from KIND says what comes out of it, as --from tar or --from lines" } else { "" }
    )]
    NotAFile {
        /// The source.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// Whether something may come out of it that can be packed.
        is_pipe: bool,
    },
    /// A file that has become something else since it was found.
    #[error("{origin}: it is no regular file any more")]
    NoFileNow {
        /// The file.
        origin: Origin,
    },
    /// A path that cannot be a record's name.
    #[error("{origin}: this path cannot be the name of a record: {error}")]
    BadName {
        /// The file or entry.
        origin: Origin,
        /// Which rule it breaks.
        error: NameError,
    },
    /// Directories in a circle.
    #[error("{}: {by} leads back to {}", shown(path), shown(ancestor))]
    Loop {
        /// The link or mount.
        path: PathBuf,
        /// What it is.
        by: &'static str,
        /// Where it leads.
        ancestor: PathBuf,
    },
    /// A hard link to what has not come before it.
    #[error("{origin}: a hard link to \"{target}\", which is not in the archive before it")]
    UnknownLink {
        /// The entry.
        origin: Origin,
        /// Where it leads.
        target: Name,
    },
    /// A hard link to a record that has failed.
    #[error("{origin}: a hard link to a record that was left out")]
    LostLink {
        /// The entry.
        origin: Origin,
    },
    /// A hard link to a record that has been left out because another one has its name.
    #[error(
        "{origin}: a hard link to \"{target}\", whose content --duplicates first leaves out: an earlier record has the name"
    )]
    LinkToDuplicate {
        /// The entry.
        origin: Origin,
        /// Where it leads.
        target: Name,
    },
    /// A hard link to an entry that the person has left out.
    #[error(
        "{origin}: a hard link to \"{target}\", which --exclude or --strip leaves out with the content"
    )]
    LinkToExcluded {
        /// The entry.
        origin: Origin,
        /// Where it leads.
        target: Name,
    },
    /// A hard link to an entry whose name another one has, now that both have lost components.
    #[error(
        "{origin}: a hard link to \"{target}\": with --strip another entry has its name \"{name}\" by now"
    )]
    AmbiguousLink {
        /// The entry.
        origin: Origin,
        /// Where it leads.
        target: Name,
        /// The name of both.
        name: Name,
    },
    /// An input that ends too early.
    #[error("{origin}: {what}")]
    Truncated {
        /// Where.
        origin: Origin,
        /// What is missing.
        what: String,
    },
    /// Another size than announced.
    #[error("{origin}: its size changed while it was read: {found} bytes, expected {expected}")]
    SizeChanged {
        /// The record.
        origin: Origin,
        /// Bytes read.
        found: String,
        /// Bytes announced.
        expected: u64,
    },
    /// A record of a shard that is not what its checksum says.
    #[error("{origin}: its checksum is {found:#010x}, expected {expected:#010x}")]
    Changed {
        /// The record.
        origin: Origin,
        /// Of what was read.
        found: u32,
        /// Of what was written.
        expected: u32,
    },
    /// A record that is not in the shards of the interrupted run.
    #[error("{origin}: the interrupted run has left it out, or it has changed since")]
    LeftOutBefore {
        /// The record.
        origin: Origin,
    },
    /// The input ended within a record; the source says where.
    #[error("{origin}: the input ends within it")]
    InputEnded {
        /// The record.
        origin: Origin,
    },
    /// An entry of an archive that cannot be read.
    #[error("{}: entry {entry} at byte {offset}: {damage}", shown(archive))]
    DamagedEntry {
        /// The archive.
        archive: PathBuf,
        /// Number of the entry, from 1.
        entry: u64,
        /// Where its headers begin.
        offset: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// An entry of an archive with more headers than are read.
    #[error(
        "{}: entry {entry} at byte {offset}: its headers (long name, attributes, map of holes) have more than {limit} bytes, expected at most these",
        shown(archive)
    )]
    HeadersTooLong {
        /// The archive.
        archive: PathBuf,
        /// Number of the entry, from 1.
        entry: u64,
        /// Where its headers begin.
        offset: u64,
        /// The most bytes they may have.
        limit: u64,
    },
    /// An input of another kind than was said or its name says.
    #[error(
        "{}: this is no {expected}{}",
        shown(path),
        looks.as_ref().map(|looks| format!(": {looks}")).unwrap_or_default()
    )]
    NotAnArchive {
        /// The input.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What it looks like, as a sentence, and what to do with that.
        looks: Option<String>,
    },
    /// A compressed or zip archive whose bytes make no sense.
    #[error("{}: {what}", shown(path))]
    DamagedArchive {
        /// The archive.
        path: PathBuf,
        /// What was found and where.
        what: String,
    },
    /// An entry of a zip archive that is not what the archive's directory says.
    #[error("{origin}: the entry is damaged: {what}")]
    DamagedMember {
        /// The entry.
        origin: Origin,
        /// What was found, and what is expected.
        what: String,
    },
    /// An entry of a zip archive that cannot be unpacked here.
    #[error("{origin}: {what}")]
    UnsupportedEntry {
        /// The entry.
        origin: Origin,
        /// Why, and what to do.
        what: String,
    },
    /// A compressed archive that needs more memory than is given.
    #[error(
        "{}: {what}; decompress it by another program: {} | roxfs pack --from tar ...",
        shown(path),
        match is_standard_input(path) {
            true => format!("... | {decompressor}"),
            false => format!("{decompressor} {}", quoted(path)),
        }
    )]
    TooMuchMemory {
        /// The archive.
        path: PathBuf,
        /// How much is needed and given.
        what: String,
        /// The command that decompresses it.
        decompressor: &'static str,
    },
    /// A zip archive that is no file.
    #[error(
        "{}: a zip archive has its directory at the end and is read from a file, not from a pipe; save it in a file first",
        shown(path)
    )]
    NeedsFile {
        /// The input.
        path: PathBuf,
    },
    /// The last file of a zip archive in several files.
    #[error(
        "{}: it is part {part} of a zip archive in several files; join them: zip -s 0 {} --out whole.zip",
        shown(path),
        match is_standard_input(path) {
            true => "FILE.zip".to_owned(),
            false => quoted(path),
        }
    )]
    SplitZip {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        part: u64,
    },
    /// Records that come one after the other cannot be put in another order.
    #[error(
        "a stream or archive cannot be shuffled: pack it first, then the shards with --from rox --shuffle"
    )]
    CannotShuffle,
    /// A stream in which it cannot be known which record of a name is the last.
    #[error(
        "{}: --duplicates last reads its sources twice, which is not possible here: it is no regular file; write it into one first",
        shown(path)
    )]
    CannotReadTwice {
        /// The stream.
        path: PathBuf,
    },
    /// Sources that were not the same when they were read again.
    #[error(
        "the sources have changed while they were read: {names} of the names that come more than once came less often the second time"
    )]
    NamesChanged {
        /// How many.
        names: u64,
    },
    /// A name that is there already.
    #[error(
        "{origin}: the name \"{name}\" is taken already by {first}{}",
        if *has_failed { ", which has failed" } else { "" }
    )]
    DuplicateName {
        /// The second one.
        origin: Origin,
        /// The name.
        name: Name,
        /// The first one.
        first: String,
        /// Its number, if it has one; records that failed are counted in it.
        number: Option<u64>,
        /// Whether it has failed.
        has_failed: bool,
    },
    /// No records.
    #[error("nothing to pack: {why}")]
    Nothing {
        /// Whether there are records at all, and what they are left out by.
        why: String,
    },
    /// An earlier run was interrupted.
    #[error(
        "{}: an earlier run was interrupted; continue it with --resume, or remove this file to keep what it wrote and begin a new run",
        shown(lock)
    )]
    Interrupted {
        /// The file that says so.
        lock: PathBuf,
    },
    /// An interrupted run cannot be continued.
    #[error(
        "{}: the interrupted run has left out records, and there are no names to tell which: it cannot be continued; remove its shards and this file, and begin again",
        shown(lock)
    )]
    LeftOutNameless {
        /// The file that says so.
        lock: PathBuf,
    },
    /// A run that is resumed though none was interrupted, and has more records than are there.
    #[error(
        "{}: no run of this dataset was interrupted, and there are no names to tell whether {origin} is in it: --resume does not add it; pack what is new without --resume",
        shown(path)
    )]
    NothingToResume {
        /// The last shard.
        path: PathBuf,
        /// The first record that is too many.
        origin: Origin,
    },
    /// Something else than there should be under a name that this program chooses.
    #[error("{}: it is {found}, expected {expected}", shown(path))]
    Planted {
        /// The name.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What should be, or nothing.
        expected: String,
    },
    /// The lock file of another user.
    #[error(
        "{}: it belongs to user {found}, expected user {expected}: another user is packing this dataset or was interrupted; only that user can resume, and whoever removes this file begins a new run",
        shown(lock)
    )]
    OtherUsersLock {
        /// The file.
        lock: PathBuf,
        /// Its owner.
        found: u32,
        /// The user of this process.
        expected: u32,
    },
    /// A shard for which a file system has no place.
    #[error(
        "{}: it is larger than this file system, or the limit of this process (ulimit -f), lets a file be ({reason}): take a smaller --shard-size; FAT has files of less than 4 GiB",
        shown(path)
    )]
    TooLarge {
        /// The shard.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A file system whose files can only be written from their beginning to their end.
    #[error(
        "{}: this file system does not read or shorten a file that is being written ({reason}), which packing needs (a mount of rclone does it with --vfs-cache-mode writes)",
        shown(path)
    )]
    WritesOnce {
        /// The shard that would be written.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A lock file that cannot be removed after a run that is complete.
    #[error(
        "{}: everything is packed, but this file, which says that a run has been interrupted, cannot be removed: {reason}; remove it",
        shown(lock)
    )]
    LockStays {
        /// The file.
        lock: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A thread that the run needs cannot be started.
    #[error("a thread for {purpose} cannot be started: {reason}")]
    Thread {
        /// What it is for.
        purpose: &'static str,
        /// What the system said.
        reason: io::Error,
    },
    /// A shard that was changed by somebody else meanwhile.
    #[error(
        "{}: another program has changed it meanwhile; it stays as it is now",
        shown(path)
    )]
    ChangedMeanwhile {
        /// The shard.
        path: PathBuf,
    },
    /// The shards there do not begin with 0000, or one is missing.
    #[error(
        "{}: it should be followed by {}, which is missing",
        shown(path),
        shown(missing)
    )]
    Gap {
        /// The shard before the gap, or the first that should have come later.
        path: PathBuf,
        /// The missing one.
        missing: PathBuf,
    },
    /// An existing shard cannot be read.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// Shards that are packed anew cannot be found.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Appending would lose what the last shard has.
    #[error(
        "{}: it has names or checksums, which would be lost; leave out the option that drops them, or begin a new shard by --new-shard",
        shown(path)
    )]
    WouldDrop {
        /// The last shard.
        path: PathBuf,
    },
    /// A single file that roxfs would not write as it is.
    #[error(
        "{}: it cannot be appended to: it has sections of an unknown kind, which would be lost",
        shown(path)
    )]
    CannotAppend {
        /// The file.
        path: PathBuf,
    },
    /// The last shard has another footer than is asked for.
    #[error("{}: it is {found}, and {asked}; {}", shown(path), advice.about(found))]
    OtherForm {
        /// The shard.
        path: PathBuf,
        /// Its form.
        found: Version,
        /// What is asked for.
        asked: Form,
        /// What can be done.
        advice: Advice,
    },
    /// Shards that are packed anew have several kinds of footers.
    #[error(
        "{} is {}, and {} is {}: say by --footer and --dtype which of them is to be written",
        shown(&first.0), first.1, shown(&second.0), second.1
    )]
    SeveralForms {
        /// A shard and its form.
        first: (PathBuf, Version),
        /// One of another form.
        second: (PathBuf, Version),
    },
    /// The source is not what the existing shards were made of.
    #[error(
        "{}: record {record} is {found}, but the source has {expected}: it has changed since, --resume cannot continue",
        shown(path)
    )]
    SourceChanged {
        /// The shard.
        path: PathBuf,
        /// Number of the record in the shard.
        record: u64,
        /// Name and size in the shard.
        found: String,
        /// Name and size in the source.
        expected: String,
    },
    /// Another process writes the same dataset.
    #[error("{}: another process is writing this dataset", shown(path))]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The same, where the file system has no locks.
    #[error(
        "{}: {owner} is writing this dataset, or was killed while it was; without locks of the file system nothing tells which: if it has ended, remove this file",
        shown(path)
    )]
    Held {
        /// The file that says so.
        path: PathBuf,
        /// Whose it is, in words.
        owner: String,
    },
    /// A single file beside numbered shards, or these beside a single file, under one name.
    #[error(
        "{}: it is there already, as {found}: {advice}, or take another name",
        shown(path)
    )]
    OtherNumbering {
        /// The file that is there.
        path: PathBuf,
        /// Which of the two that is.
        found: &'static str,
        /// What to do.
        advice: String,
    },
    /// The dataset would be packed into itself.
    #[error(
        "{}: the output lies in the source {}",
        shown(output),
        shown(source_dir)
    )]
    OutputInSource {
        /// The dataset.
        output: PathBuf,
        /// The directory that is packed.
        source_dir: PathBuf,
    },
}

/// What to do where this process may open no more files, though it has few open.
fn open_files_hint(reason: &io::Error) -> &'static str {
    match is_out_of_descriptors(reason) {
        true => "; `ulimit -n` says how many there may be",
        false => "",
    }
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT_NAME)
}

/// How much is lost by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// One record.
    Record,
    /// The rest of one input.
    Input,
    /// The run.
    Run,
}

impl PackError {
    pub(super) fn io(path: &Path, reason: io::Error) -> PackError {
        let path = path.to_owned();
        match reason.kind() {
            io::ErrorKind::FileTooLarge => PackError::TooLarge { path, reason },
            _ => PackError::Io { path, reason },
        }
    }

    pub(super) fn input(path: &Path, reason: io::Error) -> PackError {
        PackError::UnreadableInput {
            path: path.to_owned(),
            reason,
        }
    }

    pub(super) fn unreadable(path: &Path, reason: io::Error) -> PackError {
        PackError::Unreadable {
            origin: Origin::File(path.to_owned()),
            reason,
        }
    }

    /// Whether only one record is lost by it, so that the others can be packed all the same.
    pub fn concerns_one_record(&self) -> bool {
        self.loss() == Loss::Record
    }

    /// Whether not even the other inputs can be packed. If neither this nor that, the rest of one
    /// input is lost.
    pub fn ends_run(&self) -> bool {
        self.loss() == Loss::Run
    }

    fn loss(&self) -> Loss {
        match self {
            // That this process may open no more files is nothing about this one.
            PackError::Unreadable { reason, .. } | PackError::UnreadableInput { reason, .. }
                if is_out_of_descriptors(reason) =>
            {
                Loss::Run
            }
            PackError::UnreadableInput { .. }
            | PackError::NotAnArchive { .. }
            | PackError::DamagedArchive { .. }
            | PackError::TooMuchMemory { .. }
            | PackError::SplitZip { .. } => Loss::Input,
            PackError::Unreadable { .. }
            | PackError::NotAFile { .. }
            | PackError::NoFileNow { .. }
            | PackError::BadName { .. }
            | PackError::DamagedMember { .. }
            | PackError::UnsupportedEntry { .. }
            | PackError::Loop { .. }
            | PackError::UnknownLink { .. }
            | PackError::LostLink { .. }
            | PackError::LinkToDuplicate { .. }
            | PackError::LinkToExcluded { .. }
            | PackError::AmbiguousLink { .. }
            | PackError::SizeChanged { .. }
            | PackError::Changed { .. }
            | PackError::LeftOutBefore { .. }
            | PackError::InputEnded { .. }
            | PackError::DamagedEntry { .. }
            | PackError::HeadersTooLong { .. }
            | PackError::DuplicateName { .. } => Loss::Record,
            PackError::Io { .. }
            | PackError::Truncated { .. }
            | PackError::CannotShuffle
            | PackError::NeedsFile { .. }
            | PackError::CannotReadTwice { .. }
            | PackError::NamesChanged { .. }
            | PackError::Nothing { .. }
            | PackError::Interrupted { .. }
            | PackError::LeftOutNameless { .. }
            | PackError::NothingToResume { .. }
            | PackError::Planted { .. }
            | PackError::OtherUsersLock { .. }
            | PackError::LockStays { .. }
            | PackError::TooLarge { .. }
            | PackError::WritesOnce { .. }
            | PackError::Thread { .. }
            | PackError::ChangedMeanwhile { .. }
            | PackError::Gap { .. }
            | PackError::Shard(_)
            | PackError::Dataset(_)
            | PackError::WouldDrop { .. }
            | PackError::CannotAppend { .. }
            | PackError::OtherForm { .. }
            | PackError::SeveralForms { .. }
            | PackError::SourceChanged { .. }
            | PackError::Locked { .. }
            | PackError::Held { .. }
            | PackError::OtherNumbering { .. }
            | PackError::OutputInSource { .. } => Loss::Run,
        }
    }

    /// Whether something is not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, PackError::Io { reason, .. } if reason.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the bytes of a shard or archive are at fault.
    pub fn is_damage(&self) -> bool {
        match self {
            PackError::Shard(error) => error.is_damage(),
            PackError::Dataset(error) => error.is_damage(),
            PackError::Changed { .. }
            | PackError::DamagedArchive { .. }
            | PackError::DamagedEntry { .. }
            | PackError::DamagedMember { .. }
            | PackError::HeadersTooLong { .. } => true,
            _ => false,
        }
    }
}
