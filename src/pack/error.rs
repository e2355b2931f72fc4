//! What can go wrong with the dataset that is written; what can go wrong with the sources is beside
//! these.

use super::form::{Advice, Form};
use super::source::{Loss, Origin, SourceError};
use crate::dataset::DatasetError;
use crate::format::footer::Version;
use crate::format::name::Name;
use crate::shard::ShardError;
use crate::sys::files::limit_hint;
use crate::text::printable;
use std::io;
use std::path::{Path, PathBuf};

/// Why packing stopped. Whole shards stay as they are.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what variants and fields are")]
pub enum PackError {
    /// A record or more cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A shard of the dataset cannot be read.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The shards of the dataset do not go together.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The system refused.
    #[error("{}: {}{}", printable(.0), .1, limit_hint(.1))]
    Io(PathBuf, io::Error),
    #[error("a thread for {purpose} cannot be started: {reason}")]
    Thread {
        purpose: &'static str,
        reason: io::Error,
    },
    #[error("a thread that reads the sources has ended early, by a fault of this program")]
    LoaderGone,
    /// A shard for which a file system has no place.
    #[error(
        "{}: it is larger than this file system, or the limit of this process (ulimit -f), lets a file be ({}): take a smaller --shard-size; FAT has files of less than 4 GiB",
        printable(.0), .1
    )]
    TooLarge(PathBuf, io::Error),
    /// A file system whose files can only be written from their beginning to their end.
    #[error(
        "{}: this file system does not read or shorten a file that is being written ({}), which packing needs (a mount of rclone does it with --vfs-cache-mode writes)",
        printable(.0), .1
    )]
    WritesOnce(PathBuf, io::Error),
    /// Something else than there should be under a name that this program chooses.
    #[error("{}: it is {found}, expected {expected}", printable(path))]
    Planted {
        path: PathBuf,
        found: String,
        expected: String,
    },
    #[error(
        "{origin}: the name \"{name}\" is taken already by {first}{}",
        if *has_failed { ", which has failed" } else { "" }
    )]
    DuplicateName {
        origin: Origin,
        name: Name,
        /// Where the first record of that name is or was.
        first: String,
        /// The number of that record, if it has one; records that failed are counted in it.
        number: Option<u64>,
        has_failed: bool,
    },
    /// No records, and what they are left out by if there were some.
    #[error("nothing to pack: {0}")]
    Nothing(String),

    // What an interrupted run has left.
    #[error(
        "{}: an earlier run was interrupted; continue it with --resume, or remove this file to keep what it wrote and begin a new run",
        printable(.0)
    )]
    Interrupted(PathBuf),
    #[error(
        "{}: the interrupted run has left out records, and there are no names to tell which: it cannot be continued; remove its shards and this file, and begin again",
        printable(.0)
    )]
    LeftOutNameless(PathBuf),
    /// A record that is not in the shards of the interrupted run.
    #[error("{0}: the interrupted run has left it out, or it has changed since")]
    LeftOutBefore(Origin),
    /// A run that is resumed though none was interrupted, and has more records than are there.
    #[error(
        "{}: no run of this dataset was interrupted, and there are no names to tell whether {origin} is in it: --resume does not add it; pack what is new without --resume",
        printable(path)
    )]
    NothingToResume {
        /// The last shard.
        path: PathBuf,
        /// The first record that is too many.
        origin: Origin,
    },
    /// The source is not what the existing shards were made of.
    #[error(
        "{}: record {record} is {found}, but the source has {expected}: it has changed since, --resume cannot continue",
        printable(path)
    )]
    SourceChanged {
        path: PathBuf,
        /// Its number in the shard.
        record: u64,
        /// Name and size in the shard.
        found: String,
        /// Name and size in the source.
        expected: String,
    },

    // One writer at a time.
    #[error("{}: another process is writing this dataset", printable(.0))]
    Locked(PathBuf),
    /// The same, where the file system has no locks.
    #[error(
        "{}: {owner} is writing this dataset, or was killed while it was; without locks of the file system nothing tells which: if it has ended, remove this file",
        printable(path)
    )]
    Held {
        /// The file that says so.
        path: PathBuf,
        /// Whose it is, in words.
        owner: String,
    },
    #[error(
        "{}: it belongs to user {found}, expected user {expected}: another user is packing this dataset or was interrupted; only that user can resume; removing this file begins a new run",
        printable(lock)
    )]
    OtherUsersLock {
        lock: PathBuf,
        found: u32,
        expected: u32,
    },
    /// A lock file that cannot be removed after a run that is complete.
    #[error(
        "{}: everything is packed, but this file, which says that a run has been interrupted, cannot be removed: {}; remove it",
        printable(.0), .1
    )]
    LockStays(PathBuf, io::Error),

    // The shards that are there already.
    #[error("{}: another program has changed it meanwhile; it stays as it is now", printable(.0))]
    ChangedMeanwhile(PathBuf),
    /// The shards there do not begin with 0000, or one is missing.
    #[error(
        "{}: it should be followed by {}, which is missing",
        printable(path),
        printable(missing)
    )]
    Gap {
        /// The shard before the gap, or the first that should have come later.
        path: PathBuf,
        missing: PathBuf,
    },
    /// Appending would lose what the last shard has.
    #[error(
        "{}: it has names or checksums, which would be lost; leave out the option that drops them, or begin a new shard by --new-shard",
        printable(.0)
    )]
    WouldDrop(PathBuf),
    /// A single file that roxfs would not write as it is.
    #[error(
        "{}: it cannot be appended to: it has sections of an unknown kind, which would be lost",
        printable(.0)
    )]
    CannotAppend(PathBuf),
    /// The last shard has another footer than is asked for.
    #[error("{}: it is {found}, and {asked}; {}", printable(path), advice.about(found))]
    OtherForm {
        path: PathBuf,
        found: Version,
        asked: Form,
        advice: Advice,
    },
    /// Shards that are packed anew have several kinds of footers.
    #[error(
        "{} is {}, and {} is {}: say by --footer and --dtype which of them is to be written",
        printable(&first.0), first.1, printable(&second.0), second.1
    )]
    SeveralForms {
        first: (PathBuf, Version),
        second: (PathBuf, Version),
    },
    /// A single file beside numbered shards, or these beside a single file, under one name.
    #[error(
        "{}: it is there already, as {found}: {advice}, or take another name",
        printable(path)
    )]
    OtherNumbering {
        path: PathBuf,
        /// Which of the two it is, in words.
        found: &'static str,
        advice: String,
    },
}

impl PackError {
    pub(super) fn io(path: &Path, reason: io::Error) -> PackError {
        let path = path.to_owned();
        match reason.kind() {
            io::ErrorKind::FileTooLarge => PackError::TooLarge(path, reason),
            _ => PackError::Io(path, reason),
        }
    }

    /// Whether only one record is lost by it, so that the others can be packed all the same.
    pub fn concerns_one_record(&self) -> bool {
        self.loss() == Loss::Record
    }

    /// Whether not even the other inputs can be packed.
    pub fn ends_run(&self) -> bool {
        self.loss() == Loss::Run
    }

    fn loss(&self) -> Loss {
        match self {
            PackError::Source(error) => error.loss(),
            PackError::LeftOutBefore(_) | PackError::DuplicateName { .. } => Loss::Record,
            PackError::Shard(_)
            | PackError::Dataset(_)
            | PackError::Io(..)
            | PackError::Thread { .. }
            | PackError::LoaderGone
            | PackError::TooLarge(..)
            | PackError::WritesOnce(..)
            | PackError::Planted { .. }
            | PackError::Nothing(_)
            | PackError::Interrupted(_)
            | PackError::LeftOutNameless(_)
            | PackError::NothingToResume { .. }
            | PackError::SourceChanged { .. }
            | PackError::Locked(_)
            | PackError::Held { .. }
            | PackError::OtherUsersLock { .. }
            | PackError::LockStays(..)
            | PackError::ChangedMeanwhile(_)
            | PackError::Gap { .. }
            | PackError::WouldDrop(_)
            | PackError::CannotAppend(_)
            | PackError::OtherForm { .. }
            | PackError::SeveralForms { .. }
            | PackError::OtherNumbering { .. } => Loss::Run,
        }
    }

    /// Whether something is not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, PackError::Io(_, reason) if reason.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the bytes of a shard or archive are at fault.
    pub fn is_damage(&self) -> bool {
        match self {
            PackError::Source(error) => error.is_damage(),
            PackError::Shard(error) => error.is_damage(),
            PackError::Dataset(error) => error.is_damage(),
            _ => false,
        }
    }
}
