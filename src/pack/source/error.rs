//! What can go wrong with the sources, and how much of them is lost by it.

use super::Origin;
use super::reader::STANDARD_INPUT_NAME;
use crate::format::Damage;
use crate::format::name::{Name, NameError};
use crate::shard::ShardError;
use crate::sys::files::{is_out_of_descriptors, limit_hint};
use crate::text::{printable, quoted};
use std::io;
use std::path::{Path, PathBuf};

/// Why a record, the rest of an input, or all sources cannot be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what variants and fields are")]
pub enum SourceError {
    /// The system refused, and what comes next may not be what was meant.
    #[error("{}: {}{}", printable(.0), .1, limit_hint(.1))]
    Io(PathBuf, io::Error),
    /// An archive, list or stream could not be opened or read any further: its rest is lost.
    #[error("{}: {}{}", printable(.0), .1, open_files_hint(.1))]
    UnreadableInput(PathBuf, io::Error),
    /// A file could not be read.
    #[error("{}: {}{}", .0, .1, open_files_hint(.1))]
    Unreadable(Origin, io::Error),
    /// A source that is neither file nor directory.
    #[error(
        "{}: it is {found}, expected a file or a directory{}",
        printable(path),
        if *is_pipe { "; --from KIND says what comes out of it, as --from tar or --from lines" } else { "" }
    )]
    NotAFile {
        path: PathBuf,
        found: &'static str,
        /// Whether something may come out of it that can be packed.
        is_pipe: bool,
    },
    /// A file that has become something else since it was found.
    #[error("{0}: it is no regular file any more")]
    NoFileNow(Origin),
    #[error("{origin}: this path cannot be the name of a record: {error}")]
    BadName { origin: Origin, error: NameError },
    /// Directories in a circle.
    #[error("{}: {by} leads back to {}", printable(path), printable(ancestor))]
    Loop {
        path: PathBuf,
        /// Whether the path is a link or a mount, in words.
        by: &'static str,
        ancestor: PathBuf,
    },
    /// A hard link to what has not come before it.
    #[error("{origin}: a hard link to \"{target}\", which is not in the archive before it")]
    UnknownLink { origin: Origin, target: Name },
    /// A hard link to a record that has failed.
    #[error("{0}: a hard link to a record that was left out")]
    LostLink(Origin),
    /// A hard link to a record that was left out because another one has its name.
    #[error(
        "{origin}: a hard link to \"{target}\", whose content --duplicates first leaves out: an earlier record has the name"
    )]
    LinkToDuplicate { origin: Origin, target: Name },
    /// A hard link to an entry that an option leaves out.
    #[error(
        "{origin}: a hard link to \"{target}\", which --exclude or --strip leaves out with the content"
    )]
    LinkToExcluded { origin: Origin, target: Name },
    /// A hard link to an entry whose name another one has, now that both have lost components.
    #[error(
        "{origin}: a hard link to \"{target}\": with --strip another entry has its name \"{name}\" by now"
    )]
    AmbiguousLink {
        origin: Origin,
        target: Name,
        /// The name of both entries.
        name: Name,
    },
    /// An input that ends too early.
    #[error("{origin}: {what}")]
    Truncated { origin: Origin, what: String },
    #[error("{origin}: its size changed while it was read: {found} bytes, expected {expected}")]
    SizeChanged {
        origin: Origin,
        /// In words, because a file that has grown is not read to its end.
        found: String,
        expected: u64,
    },
    /// A record of a shard that does not have its checksum.
    #[error("{origin}: its checksum is {found:#010x}, expected {expected:#010x}")]
    Changed {
        origin: Origin,
        found: u32,
        expected: u32,
    },
    /// The input ended within a record; the source says where.
    #[error("{0}: the input ends within it")]
    InputEnded(Origin),
    /// An entry of a tar archive that cannot be read.
    #[error("{}: entry {entry} at byte {offset}: {damage}", printable(archive))]
    DamagedEntry {
        archive: PathBuf,
        /// Its number, from 1.
        entry: u64,
        /// Where its headers begin.
        offset: u64,
        damage: Damage,
    },
    #[error(
        "{}: entry {entry} at byte {offset}: its headers (long name, attributes, map of holes) have more than {limit} bytes, expected at most these",
        printable(archive)
    )]
    HeadersTooLong {
        archive: PathBuf,
        /// The number of the entry, from 1.
        entry: u64,
        /// Where its headers begin.
        offset: u64,
        /// The most bytes they may have.
        limit: u64,
    },
    /// An input of another kind than `--from` or its name says.
    #[error(
        "{}: this is no {expected}{}",
        printable(path),
        looks.as_ref().map(|looks| format!(": {looks}")).unwrap_or_default()
    )]
    NotAnArchive {
        path: PathBuf,
        expected: &'static str,
        /// What it looks like, as a sentence, and what to do with that.
        looks: Option<String>,
    },
    /// A compressed or zip archive whose bytes make no sense.
    #[error("{}: {what}", printable(path))]
    DamagedArchive { path: PathBuf, what: String },
    /// An entry of a zip archive that is not what the archive's directory says.
    #[error("{origin}: the entry is damaged: {what}")]
    DamagedMember { origin: Origin, what: String },
    /// An entry of a zip archive that cannot be unpacked here, and what to do with it.
    #[error("{origin}: {what}")]
    UnsupportedEntry { origin: Origin, what: String },
    /// A compressed archive that needs more memory than is given.
    #[error(
        "{}: {what}; decompress it by another program: {} | roxfs pack --from tar ...",
        printable(path),
        if is_standard_input(path) {
            format!("... | {decompressor}")
        } else {
            format!("{decompressor} {}", quoted(path))
        }
    )]
    TooMuchMemory {
        path: PathBuf,
        /// How much is needed and given.
        what: String,
        /// The command that decompresses it.
        decompressor: &'static str,
    },
    #[error(
        "{}: a zip archive has its directory at the end and is read from a file, not from a pipe; save it in a file first",
        printable(.0)
    )]
    NeedsFile(PathBuf),
    /// The last file of a zip archive in several files.
    #[error(
        "{}: it is part {part} of a zip archive in several files; join them: zip -s 0 {} --out whole.zip",
        printable(path),
        if is_standard_input(path) { "FILE.zip".to_owned() } else { quoted(path) }
    )]
    SplitZip {
        path: PathBuf,
        /// Its number, from 1.
        part: u64,
    },
    #[error(
        "a stream or archive cannot be shuffled: pack it first, then the shards with --from rox --shuffle"
    )]
    CannotShuffle,
    /// A stream in which it cannot be known which record of a name is the last.
    #[error(
        "{}: --duplicates last reads its sources twice, which is not possible here: it is no regular file; write it into one first",
        printable(.0)
    )]
    CannotReadTwice(PathBuf),
    /// Sources that were not the same when they were read again.
    #[error(
        "the sources have changed while they were read: {names} of the names that come more than once came less often the second time"
    )]
    NamesChanged { names: u64 },
    /// The dataset would be packed into itself.
    #[error(
        "{}: the output lies in the source {}",
        printable(output),
        printable(source_dir)
    )]
    OutputInSource {
        output: PathBuf,
        source_dir: PathBuf,
    },
    /// A shard that is packed anew cannot be read.
    #[error(transparent)]
    Shard(#[from] ShardError),
}

/// What to do where this process may open no more files, though it has few open.
fn open_files_hint(reason: &io::Error) -> &'static str {
    if is_out_of_descriptors(reason) {
        "; `ulimit -n` says how many there may be"
    } else {
        ""
    }
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT_NAME)
}

/// How much is lost by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Record,
    /// The rest of one input.
    Input,
    Run,
}

impl SourceError {
    pub(in crate::pack) fn io(path: &Path, reason: io::Error) -> SourceError {
        SourceError::Io(path.to_owned(), reason)
    }

    pub(super) fn input(path: &Path, reason: io::Error) -> SourceError {
        SourceError::UnreadableInput(path.to_owned(), reason)
    }

    pub(super) fn unreadable(path: &Path, reason: io::Error) -> SourceError {
        SourceError::Unreadable(Origin::File(path.to_owned()), reason)
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

    /// How much is lost by it.
    pub(in crate::pack) fn loss(&self) -> Loss {
        match self {
            // That this process may open no more files is nothing about this one.
            SourceError::Unreadable(_, reason) | SourceError::UnreadableInput(_, reason)
                if is_out_of_descriptors(reason) =>
            {
                Loss::Run
            }
            SourceError::UnreadableInput(..)
            | SourceError::NotAnArchive { .. }
            | SourceError::DamagedArchive { .. }
            | SourceError::TooMuchMemory { .. }
            | SourceError::SplitZip { .. } => Loss::Input,
            SourceError::Unreadable(..)
            | SourceError::NotAFile { .. }
            | SourceError::NoFileNow(_)
            | SourceError::BadName { .. }
            | SourceError::DamagedMember { .. }
            | SourceError::UnsupportedEntry { .. }
            | SourceError::Loop { .. }
            | SourceError::UnknownLink { .. }
            | SourceError::LostLink(_)
            | SourceError::LinkToDuplicate { .. }
            | SourceError::LinkToExcluded { .. }
            | SourceError::AmbiguousLink { .. }
            | SourceError::SizeChanged { .. }
            | SourceError::Changed { .. }
            | SourceError::InputEnded(_)
            | SourceError::DamagedEntry { .. }
            | SourceError::HeadersTooLong { .. } => Loss::Record,
            SourceError::Io(..)
            | SourceError::Truncated { .. }
            | SourceError::NeedsFile(_)
            | SourceError::CannotShuffle
            | SourceError::CannotReadTwice(_)
            | SourceError::NamesChanged { .. }
            | SourceError::OutputInSource { .. }
            | SourceError::Shard(_) => Loss::Run,
        }
    }

    /// Whether the bytes of a shard or archive are at fault.
    pub fn is_damage(&self) -> bool {
        match self {
            SourceError::Shard(error) => error.is_damage(),
            SourceError::Changed { .. }
            | SourceError::DamagedArchive { .. }
            | SourceError::DamagedEntry { .. }
            | SourceError::DamagedMember { .. }
            | SourceError::HeadersTooLong { .. } => true,
            _ => false,
        }
    }
}
