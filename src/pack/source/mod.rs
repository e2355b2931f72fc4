//! Where records come from. A source knows its records one after the other, in the order in which
//! they are packed, by name and size before their content is read.
//!
//! `open` puts together what a command line asks for: a `chain` of `files`, `lists`, `streams`, `tar`
//! archives (behind `compressed`), `zip` archives or `shards`; around it `renamed`, `first` or `last`,
//! and `shuffle`, which are sources themselves.

mod archive_name;
mod by_name;
mod chain;
mod compressed;
mod error;
mod excluded;
mod files;
mod first;
mod inline_content;
mod input;
mod last;
mod lists;
mod looks;
mod open;
pub(super) mod open_file;
mod reader;
mod regular;
mod renamed;
mod shards;
mod shuffle;
mod skipped;
mod spool;
mod streams;
mod tar;
mod walk;
mod zip;

pub use archive_name::archive_name;
pub(super) use error::Loss;
pub use error::SourceError;
pub use excluded::{Exclude, ExcludePattern, JUNK, PatternError};
pub use files::{Files, Links};
pub use input::{Duplicates, Input, SourceKind};
pub use open::{open, shards_to_read};
pub use renamed::RecordNaming;
pub use skipped::Skipped;
pub use streams::Framing;

use super::PackError;
use crate::format::name::Name;
use crate::format::offsets::Extent;
use crate::shard::Shard;
use crate::text::printable;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// A record to be packed.
#[derive(Debug)]
pub struct Incoming {
    /// Its name in the dataset; `None` from sources that have none.
    pub name: Option<Name>,
    /// Its size in bytes.
    pub size: u64,
    /// Where it comes from, for messages.
    pub origin: Origin,
    /// Its content, or where to get it.
    pub content: Content,
}

/// The content of a record.
#[derive(Debug)]
pub enum Content {
    /// All of a file, which is opened and read when its turn comes.
    File(PathBuf),
    /// Bytes that have been read.
    Bytes(Vec<u8>),
    /// Bytes that have been read, among others.
    Slice(Arc<Vec<u8>>, Range<usize>),
    /// Bytes that are being read, in pieces; the channel closes at their end, or when the input fails.
    Pieces(Receiver<Vec<u8>>),
    /// A file that is open, from its beginning.
    Open(std::fs::File),
    /// A record of a shard, by its place in the payload, and the checksum it should have.
    Part(Arc<Shard>, Extent, Option<u32>),
    /// A file in an archive that can be read at any place.
    Member(Box<dyn Member>),
    /// The same as a record of this source that came before, by its name; the size is that one's
    /// too, whatever the record says.
    SameAs(Name),
    /// None: it is no record but a directory, which is told of to find out which ones are empty.
    Directory,
    /// None: the record cannot be packed, because of an error that concerns it alone. Its name is its own
    /// all the same: links to it must not get the content of an earlier record of that name.
    Failed(Box<SourceError>),
}

impl Content {
    /// All of it, where it has been read.
    pub fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Content::Bytes(bytes) => Some(bytes),
            Content::Slice(bytes, range) => bytes.get(range.clone()),
            _ => None,
        }
    }
}

/// A file in an archive, which is unpacked when its turn comes, by any thread.
pub trait Member: fmt::Debug + Send {
    /// Gives all its bytes to `sink`, in pieces, and never more than the record's size. After the
    /// last one its checksum has been compared. `origin` names it in errors.
    fn unpack(&self, origin: &Origin, sink: &mut Unpacked<'_>) -> Result<(), PackError>;
}

/// What takes the bytes of a [`Member`]; after an error there are no more.
pub type Unpacked<'a> = dyn FnMut(&[u8]) -> Result<(), PackError> + 'a;

/// Where a record comes from: how messages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// An entry of an archive.
    Entry(Arc<Path>, String),
    /// A record of an input, by its number from 0.
    Number(Arc<Path>, u64),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path) => write!(f, "{}", printable(path)),
            Origin::Entry(input, entry) => write!(f, "{}: {entry}", printable(input)),
            Origin::Number(input, number) => write!(f, "{}: record {number}", printable(input)),
        }
    }
}

/// The name of a record, or why the path that it has in its source cannot be one.
fn record_name(path: &[u8], origin: &Origin) -> Result<Name, SourceError> {
    Name::new(path).map_err(|error| SourceError::BadName {
        origin: origin.clone(),
        error,
    })
}

/// Gives records to a caller, one after the other.
///
/// Records are pushed and not pulled, because the content of one may be a part of the same input
/// as the next one's header: a source that has given out [`Content::Pieces`] reads and sends them
/// before it comes to the next record.
pub trait Source: Send {
    /// Passes each record to `sink`, in order, until that breaks off. After an error that
    /// [concerns one record alone](SourceError::concerns_one_record) more may come, and after any that
    /// does not [end the run](SourceError::ends_run), more of other inputs: to break off at one that
    /// does is up to `sink`. Returns what `sink` has returned last.
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()>;

    /// What is known of its records before it is run.
    fn facts(&self) -> Facts {
        Facts::default()
    }

    /// What has been passed over until now.
    fn skipped(&self) -> Skipped {
        Skipped::default()
    }

    /// Says, for messages, where it has met a name first.
    fn locate(&self) -> Locate {
        locate_in_input()
    }
}

/// What a source calls with each record, or with what is wrong.
pub type Sink<'a> = dyn FnMut(Result<Incoming, SourceError>) -> ControlFlow<()> + 'a;

/// What is known of the records of a source before it is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Their names come in byte order.
    pub is_sorted: bool,
    /// Some may be [`Content::SameAs`] earlier ones.
    pub has_links: bool,
    /// Contents come with the records, so that these cannot be put in another order.
    pub is_stream: bool,
}

/// Finds where a name, met again at this origin, was met first, if that can be known; the path is
/// that of the archive or shard in which it was, if it was in one.
pub type Locate = Box<dyn Fn(&Name, &Origin, Option<&Path>) -> Option<String> + Send>;

/// Names the archive or shard in which a name was met first.
fn locate_in_input() -> Locate {
    Box::new(|name, _, input| Some(format!("{}: {name}", printable(input?))))
}
