//! The files of a tar archive, read once from its beginning to its end, so that it can come from
//! a pipe.
//!
//! `blocks` reads, `header` and `pax` decode, `entries` and `entry` put together what the headers of an
//! entry say, `sparse` fills holes, and in `records` entries become records. What GNU tar, libarchive
//! and Python's tarfile all read is read with the same names and contents.

mod blocks;
mod entries;
mod entry;
mod header;
mod pax;
mod records;
mod sparse;

use super::by_name::ByName;
use super::{Exclude, Facts, Sink, Skipped, Source};
use crate::format::Damage;
use crate::text::printable;
use blocks::BLOCK_BYTES;
use header::Header;
use records::ArchiveReader;
pub(super) use records::shown_start;
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// The most bytes that are kept in memory of one entry's headers: a long name, the name and map that
/// attributes (PAX) give, the map of an old sparse file. libarchive takes names up to 1 MiB and maps up
/// to 8 MiB; a map in the old GNU form has 512 bytes for 21 pieces, so this is room for 170,000 of them.
const MOST_KEPT_BYTES: u64 = 4 << 20;
/// The most bytes of headers that one entry may have, kept or not. The longest that was heard of, of
/// attributes from macOS, had a little over 4 MiB.
const MOST_HEADER_BYTES: u64 = 64 << 20;
/// How many archives may lie within one another.
const MOST_NESTED_ARCHIVES: usize = 8;

/// Whether an input that begins like this begins with a header whose checksum is right.
pub(super) fn is_tar_header(head: &[u8]) -> bool {
    let block = head
        .get(..BLOCK_BYTES)
        .and_then(|block| block.try_into().ok());
    block.is_some_and(|block| Header::new(block).is_ok())
}

/// A tar archive: regular files, sparse ones as their whole content, hard links as what they lead
/// to, and the directories that it has as entries, which are no records. Other entries are counted
/// and passed over.
pub struct Tar {
    input: Option<Box<dyn BufRead + Send>>,
    origin: Arc<Path>,
    state: ArchiveState,
}

/// What an archive and the archives within it have in common.
#[derive(Default)]
struct ArchiveState {
    /// What is left out, where archives within it are read as well.
    nested: Option<Exclude>,
    /// Files with the names of archives that are packed as they are: the first ones, and how many.
    as_files: (Vec<String>, u64),
    is_quiet: bool,
    skipped: Skipped,
    /// Entries that are passed over, by their names, so that hard links to them are too.
    passed_over: ByName<PassedOver>,
}

/// What an entry that is passed over is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PassedOver {
    Link,
    Directory,
    /// A device or FIFO.
    Special,
    /// An archive whose entries are read instead of it.
    Archive,
    /// A file that cannot be read.
    Lost,
}

impl Tar {
    /// What is known of the records of any tar archive.
    pub const FACTS: Facts = Facts {
        is_sorted: false,
        has_links: true,
        is_stream: true,
    };

    /// Over `input`; `origin` names it in messages.
    pub fn new(input: Box<dyn BufRead + Send>, origin: &Path) -> Tar {
        Tar {
            input: Some(input),
            origin: origin.into(),
            state: ArchiveState::default(),
        }
    }

    /// Files in it that have the names of tar archives, and are some, are read as archives themselves,
    /// unless `nested` is `None` or leaves them out: their entries' names begin with the archive's own,
    /// without its ending.
    pub fn nested(mut self, nested: Option<Exclude>) -> Tar {
        self.state.nested = nested;
        self
    }

    /// Whether nothing is logged of what is odd at its end but no error.
    pub fn quiet(mut self, is_quiet: bool) -> Tar {
        self.state.is_quiet = is_quiet;
        self
    }

    /// Says which files one might expect to have been read as archives.
    fn tell_as_files(&self) {
        let (names, count) = &self.state.as_files;
        if *count == 0 || self.state.is_quiet {
            return;
        }
        let more = match count - names.len() as u64 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        log::warn!(
            "{}: archives within it are read where they are uncompressed and at most {MOST_NESTED_ARCHIVES} lie within one another; packed as files: {}{more}",
            printable(&self.origin),
            names.join(", ")
        );
    }
}

impl Source for Tar {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let Some(mut input) = self.input.take() else {
            return ControlFlow::Continue(());
        };
        let mut reader = ArchiveReader::new(Arc::clone(&self.origin), &mut self.state);
        let flow = reader.run(&mut input, sink);
        self.tell_as_files();
        flow
    }

    fn facts(&self) -> Facts {
        Tar::FACTS
    }

    fn skipped(&self) -> Skipped {
        self.state.skipped
    }
}

/// Why an entry, or the archive, is not read.
#[derive(Debug)]
enum Fault {
    /// The input cannot be read, and so nothing more of the archive.
    Io(io::Error),
    /// The archive ends too early.
    CutOff(Damage),
    /// A header is not what it should be.
    Damaged(Damage),
    /// The headers of an entry are longer than what is read.
    TooLong {
        /// The most bytes they may have.
        limit: u64,
    },
}

impl Fault {
    /// Whether more entries may come.
    fn concerns_one_entry(&self) -> bool {
        match self {
            Fault::Damaged(_) | Fault::TooLong { .. } => true,
            Fault::Io(_) | Fault::CutOff(_) => false,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

#[cfg(test)]
mod tests;
