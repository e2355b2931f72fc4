//! Where records come from. A source knows its records one after the other, in the order in which
//! they are packed, by name and size before their content is read.

mod archive_name;
mod chain;
mod compressed;
mod excluded;
mod files;
mod first;
mod last;
mod lists;
mod looks;
mod open;
mod reader;
mod regular;
mod renamed;
mod shards;
mod shuffle;
mod streams;
mod tar;
mod walk;
mod zip;

pub use archive_name::archive_name;
pub use excluded::{Exclude, JUNK, Pattern, PatternError};
pub use files::{Files, Links};
pub use open::{Duplicates, Input, Kind, open, shards_to_read};
pub(super) use reader::STANDARD_INPUT_NAME;
pub use renamed::Naming;
pub use streams::Framing;

use super::PackError;
use crate::format::name::Name;
use crate::format::offsets::Extent;
use crate::shard::Shard;
use crate::text::shown;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A record to be packed.
#[derive(Debug)]
pub struct Record {
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
    Failed(Box<PackError>),
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
            Origin::File(path) => write!(f, "{}", shown(path)),
            Origin::Entry(input, entry) => write!(f, "{}: {entry}", shown(input)),
            Origin::Number(input, number) => write!(f, "{}: record {number}", shown(input)),
        }
    }
}

/// What was passed over, because it has no content to pack or is not wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// FIFOs, sockets, devices, and other entries of archives that are not files.
    pub special: u64,
    /// Symbolic links: to nothing, or all where they are not followed.
    pub links: u64,
    /// Directories that a list names.
    pub directories: u64,
    /// Files of the dataset that is written.
    pub own: u64,
    /// Records that a pattern leaves out, and in directories also links and what else is no file,
    /// but for those in the next field. Entries of archives that are no files are counted above.
    pub excluded: u64,
    /// Directories that a pattern leaves out, and nobody has looked into.
    pub excluded_directories: u64,
    /// Records of whose names nothing is left without their leading components.
    pub short: u64,
    /// Records whose name another one has, which was chosen.
    pub duplicates: u64,
    /// Directories below which no record is.
    pub empty_directories: u64,
}

impl std::ops::AddAssign for Skipped {
    fn add_assign(&mut self, more: Skipped) {
        self.special += more.special;
        self.links += more.links;
        self.directories += more.directories;
        self.own += more.own;
        self.excluded += more.excluded;
        self.excluded_directories += more.excluded_directories;
        self.short += more.short;
        self.duplicates += more.duplicates;
        self.empty_directories += more.empty_directories;
    }
}

impl Skipped {
    /// Both together.
    pub fn plus(mut self, more: Skipped) -> Skipped {
        self += more;
        self
    }
}

/// Gives records to a caller, one after the other.
///
/// Records are pushed and not pulled, because the content of one may be a part of the same input
/// as the next one's header: a source that has given out [`Content::Pieces`] goes on to read and
/// send them before it comes to the next record.
pub trait Source: Send {
    /// Calls `take` with each record, in order, until it returns `false`. After an error that
    /// [concerns one record alone](PackError::concerns_one_record) more may come, and after any that
    /// does not [end the run](PackError::ends_run), more of other inputs.
    fn run(&mut self, take: &mut Take<'_>);

    /// The source that this one takes its records from, if it takes them from another: what is not
    /// said of this one is said of that.
    fn inner(&self) -> Option<&dyn Source> {
        None
    }

    /// What has been passed over until now.
    fn skipped(&self) -> Skipped {
        self.inner().map(Source::skipped).unwrap_or_default()
    }

    /// Whether its names come in byte order.
    fn is_sorted(&self) -> bool {
        self.inner().is_some_and(Source::is_sorted)
    }

    /// Whether records may be [`Content::SameAs`] earlier ones.
    fn has_links(&self) -> bool {
        self.inner().is_some_and(Source::has_links)
    }

    /// Whether contents come with the records, so that these cannot be put in another order.
    fn is_stream(&self) -> bool {
        self.inner().is_some_and(Source::is_stream)
    }

    /// Says, for messages, where it has met a name first.
    fn locate(&self) -> Locate {
        self.inner().map_or_else(locate_in_input, Source::locate)
    }
}

/// Says where a name was met first by the archive or shard in which it was.
fn locate_in_input() -> Locate {
    Box::new(|name, _, input| Some(format!("{}: {name}", shown(input?))))
}

/// Finds where a name, met again at this origin, was met first, if that can be known; the path is
/// that of the archive or shard in which it was, if it was in one.
pub type Locate = Box<dyn Fn(&Name, &Origin, Option<&Path>) -> Option<String> + Send>;

/// What a source calls with each record; `false` ends the run.
pub type Take<'a> = dyn FnMut(Result<Record, PackError>) -> bool + 'a;

/// Hands on what a source gives; `false` when no more is wanted, or an error ends the run.
fn give(record: Result<Record, PackError>, take: &mut Take<'_>) -> bool {
    let ends_run = record.as_ref().is_err_and(PackError::ends_run);
    take(record) && !ends_run
}

/// The same for what a single input gives: `false` also when no more of it can be read.
fn give_of_input(record: Result<Record, PackError>, take: &mut Take<'_>) -> bool {
    let is_last = (record.as_ref()).is_err_and(|error| !error.concerns_one_record());
    take(record) && !is_last
}

/// The content of a record whose header has been read, and whose `size` bytes come next: at once
/// where they are few, else in pieces, which are sent when `send` is called.
struct Following {
    left: u64,
    sender: Option<SyncSender<Vec<u8>>>,
}

/// Records up to this size are read at once; larger ones go through in pieces of this size.
const PIECE: u64 = 1 << 20;

impl Following {
    fn begin(size: u64, input: &mut impl Read) -> io::Result<(Content, Following)> {
        if size <= PIECE {
            let content = read_exactly(size, input)?;
            let nothing = Following {
                left: 0,
                sender: None,
            };
            return Ok((Content::Bytes(content), nothing));
        }
        // One piece waits while the next one is read.
        let (sender, receiver) = sync_channel(1);
        let rest = Following {
            left: size,
            sender: Some(sender),
        };
        Ok((Content::Pieces(receiver), rest))
    }

    /// Reads what has not been read, and passes it on as long as somebody listens. Returns how much
    /// is left then. If the input fails, the channel closes early, and the source says why.
    fn send(mut self, input: &mut impl Read) -> io::Result<u64> {
        let Some(sender) = self.sender else {
            return Ok(self.left);
        };
        while self.left > 0 {
            let piece = read_exactly(self.left.min(PIECE), input)?;
            self.left -= piece.len() as u64;
            if sender.send(piece).is_err() {
                break;
            }
        }
        Ok(self.left)
    }
}

fn read_exactly(size: u64, input: &mut impl Read) -> io::Result<Vec<u8>> {
    // At most one piece, so a size that lies cannot ask for much memory.
    let mut bytes = vec![0; size as usize];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
