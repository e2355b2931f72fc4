//! Where an archive is being read, and how much of it may be headers.
//!
//! The tar crate keeps what describes an entry in memory: a long name, attributes (PAX), the map of
//! an old sparse file. Their lengths are the archive's word, so what is read for one entry before
//! its content begins is bounded here.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;
use tar::EntryType;

/// The most bytes of headers that one entry may have. libarchive and Go's archive/tar take long names
/// and PAX headers up to 1 MiB each, GNU tar what memory holds; a map of holes in the old GNU form
/// has 512 bytes for 21 pieces, so this is room for 170,000 of them.
pub const MOST_HEADER_BYTES: u64 = 4 << 20;

/// Size of a header, and what contents are padded to.
pub const BLOCK: u64 = 512;

/// Reads an archive, and keeps its place.
pub struct Input {
    pub input: Box<dyn BufRead + Send>,
    pub place: Rc<Place>,
}

/// Where the reading is, in bytes from the archive's beginning.
#[derive(Debug)]
pub struct Place {
    at: Cell<u64>,
    /// Whether the end of the input was met.
    met_end: Cell<bool>,
    /// Where the next entry's headers begin.
    next: Cell<u64>,
    /// No byte from here on is given out.
    limit: Cell<u64>,
    refused: Cell<bool>,
}

impl Place {
    /// At the beginning of an archive.
    pub fn new() -> Place {
        Place {
            at: Cell::new(0),
            met_end: Cell::new(false),
            next: Cell::new(0),
            limit: Cell::new(u64::MAX),
            refused: Cell::new(false),
        }
    }

    /// How many bytes have been read.
    pub fn at(&self) -> u64 {
        self.at.get()
    }

    /// Whether the end of the input was met.
    pub fn met_end(&self) -> bool {
        self.met_end.get()
    }

    /// Where the headers of the current or next entry begin, if there were too many of them.
    pub fn refused(&self) -> Option<u64> {
        self.refused.get().then(|| self.next.get())
    }

    /// What is read next is what is left of an entry's content, and then headers.
    pub fn headers_begin(&self) {
        let limit = self.next.get().saturating_add(MOST_HEADER_BYTES);
        self.limit.set(limit);
    }

    /// An entry's headers have been read, and its content of so many bytes comes next.
    pub fn content_begins(&self, bytes: u64) {
        self.limit.set(u64::MAX);
        let end = self.at.get().saturating_add(bytes);
        let next = end.checked_next_multiple_of(BLOCK);
        self.next.set(next.unwrap_or(u64::MAX));
    }
}

/// How many bytes of the archive an entry's content takes: of an old sparse file the crate says how
/// many it stands for.
pub fn stored_len<R: Read>(entry: &tar::Entry<'_, R>) -> u64 {
    match entry.header().entry_type() {
        EntryType::GNUSparse => entry.header().entry_size().unwrap_or(0),
        _ => entry.size(),
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let place = &self.place;
        let left = place.limit.get().saturating_sub(place.at.get());
        if left == 0 && !buffer.is_empty() {
            place.refused.set(true);
            return Err(io::Error::other("an entry's headers are too long"));
        }
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.input.read(&mut buffer[..most])?;
        place.at.set(place.at.get() + read as u64);
        place.met_end.set(read == 0 && !buffer.is_empty());
        Ok(read)
    }
}
