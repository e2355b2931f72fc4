//! The files of a tar archive, read once from its beginning to its end, so that it can come from
//! a pipe.

use super::lists::name_of;
use super::{Content, Following, Origin, Record, Skipped, Source, Take};
use crate::format::name::{MAX_LEN, Name};
use crate::pack::PackError;
use crate::text::escaped;
use headers::{BLOCK, Input, Place};
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use tar::{Archive, Entry, EntryType};

mod headers;
mod sparse;

/// A tar archive: regular files, sparse ones as their whole content, hard links as what they lead
/// to. Other entries are counted and passed over; directories are not counted.
pub struct Tar {
    input: Option<Box<dyn BufRead + Send>>,
    origin: Arc<Path>,
    skipped: Skipped,
}

impl Tar {
    /// Over `input`; `origin` names it in messages.
    pub fn new(input: Box<dyn BufRead + Send>, origin: &Path) -> Tar {
        Tar {
            input: Some(input),
            origin: origin.into(),
            skipped: Skipped::default(),
        }
    }
}

/// The program that unpacks what begins with these bytes, if it is compressed.
fn compressed_by(start: &[u8]) -> Option<&'static str> {
    let magics: [(&[u8], &str); 4] = [
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
    ];
    let found = magics.iter().find(|(magic, _)| start.starts_with(magic));
    found.map(|(_, program)| *program)
}

/// GNU tar puts the name of a volume before everything else, as a header that the tar crate does
/// not understand: its size is blank.
fn is_volume_label(start: &[u8]) -> bool {
    let (kind, size) = (start.get(156), start.get(124..136));
    let is_blank = |size: &[u8]| size.iter().all(|byte| b" 0\0".contains(byte));
    start.len() >= BLOCK as usize && kind == Some(&b'V') && size.is_some_and(is_blank)
}

/// The name of an entry for a message: the archive may give it one of any length.
fn shown_start(path: &[u8]) -> String {
    match path.get(..MAX_LEN) {
        Some(start) if path.len() > MAX_LEN => format!("{}...", escaped(start)),
        _ => escaped(path).to_string(),
    }
}

impl Source for Tar {
    fn run(&mut self, take: &mut Take<'_>) {
        let Some(mut input) = self.input.take() else {
            return;
        };
        if let Some(program) = input.fill_buf().ok().and_then(compressed_by) {
            take(Err(PackError::Compressed {
                path: self.origin.to_path_buf(),
                program,
            }));
            return;
        }
        if input.fill_buf().is_ok_and(is_volume_label) {
            input.consume(BLOCK as usize);
            self.skipped.special += 1;
        }
        let place = Rc::new(Place::new());
        let mut archive = Archive::new(Input {
            input,
            place: Rc::clone(&place),
        });
        let mut reader = Reader {
            origin: Arc::clone(&self.origin),
            place: &place,
            number: 0,
            skipped: &mut self.skipped,
        };
        let read = reader.entries(&mut archive, take);
        let truncated = |what: &str| PackError::Truncated {
            origin: Origin::File(self.origin.to_path_buf()),
            what: format!("{what} (after {} bytes)", place.at()),
        };
        let error = match read {
            // The end of an archive is a block of zeros, which the reader stops at.
            Ok(true) if place.met_end() => truncated("the archive is cut off: it has no end mark"),
            Ok(_) => return,
            Err(PackError::Io { reason, .. }) if place.met_end() => {
                truncated(&format!("the archive is cut off: {reason}"))
            }
            Err(error) => error,
        };
        take(Err(error));
    }

    fn skipped(&self) -> Skipped {
        self.skipped
    }

    fn has_links(&self) -> bool {
        true
    }

    fn is_stream(&self) -> bool {
        true
    }
}

struct Reader<'a> {
    origin: Arc<Path>,
    place: &'a Place,
    /// Number of the entry that is read, from 1.
    number: u64,
    skipped: &'a mut Skipped,
}

impl Reader<'_> {
    /// `Ok(false)` when no more was wanted.
    fn entries(
        &mut self,
        archive: &mut Archive<Input>,
        take: &mut Take<'_>,
    ) -> Result<bool, PackError> {
        let mut entries = archive.entries().map_err(|error| self.io(error))?;
        loop {
            self.number += 1;
            self.place.headers_begin();
            let Some(entry) = entries.next() else {
                return Ok(true);
            };
            let mut entry = entry.map_err(|error| self.io(error))?;
            self.place.content_begins(headers::stored_len(&entry));
            let go_on = match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                    self.file(&mut entry, take)?
                }
                EntryType::Link => take(self.link(&entry)),
                EntryType::Symlink => {
                    self.skipped.links += 1;
                    true
                }
                EntryType::Directory | EntryType::XGlobalHeader => true,
                _ => {
                    self.skipped.special += 1;
                    true
                }
            };
            if !go_on {
                return Ok(false);
            }
        }
    }

    fn file(
        &mut self,
        entry: &mut Entry<'_, Input>,
        take: &mut Take<'_>,
    ) -> Result<bool, PackError> {
        // Old tars mark a directory by a slash at the end of its name.
        if entry.path_bytes().ends_with(b"/") {
            return Ok(true);
        }
        let io = |error| PackError::io(&self.origin, error);
        let sparse = sparse::Map::of(entry).map_err(io)?;
        let (path, size) = match &sparse {
            Some(map) => (map.name(entry), map.size()),
            None => (entry.path_bytes().into_owned(), entry.size()),
        };
        let (name, origin) = match self.name(&path) {
            Ok(named) => named,
            Err(error) => return Ok(take(Err(error))),
        };
        let mut content = match sparse {
            Some(map) => Box::new(map.reader(entry)) as Box<dyn Read>,
            None => Box::new(entry),
        };
        let (begun, rest) = Following::begin(size, &mut content).map_err(io)?;
        let go_on = take(Ok(Record {
            name: Some(name),
            size,
            origin,
            content: begun,
        }));
        // What nobody wants is passed over with the entry: a hole in it may have any size.
        if go_on {
            rest.send(&mut content).map_err(io)?;
        }
        Ok(go_on)
    }

    fn link(&mut self, entry: &Entry<'_, Input>) -> Result<Record, PackError> {
        let (name, origin) = self.name(&entry.path_bytes())?;
        let target = entry.link_name_bytes().unwrap_or_default();
        let (target, _) = self.name(&target)?;
        Ok(Record {
            name: Some(name),
            // That of the target, which is not remembered here.
            size: 0,
            origin,
            content: Content::SameAs(target),
        })
    }

    fn name(&self, path: &[u8]) -> Result<(Name, Origin), PackError> {
        let origin = Origin::Entry(Arc::clone(&self.origin), shown_start(path));
        match Name::new(name_of(path)) {
            Ok(name) => Ok((name, origin)),
            Err(error) => Err(PackError::BadName { origin, error }),
        }
    }

    fn io(&self, error: io::Error) -> PackError {
        match self.place.refused() {
            Some(offset) => PackError::HeadersTooLong {
                archive: self.origin.to_path_buf(),
                entry: self.number,
                offset,
                limit: headers::MOST_HEADER_BYTES,
            },
            None => PackError::io(&self.origin, error),
        }
    }
}
