//! The files of a tar archive, read once from its beginning to its end, so that it can come from
//! a pipe.
//!
//! `blocks` reads, `header` and `pax` decode, `entries` puts together what the headers of an entry say,
//! `sparse` fills holes; here entries become records. What GNU tar, libarchive and Python's tarfile
//! all read is read with the same names and contents.

mod blocks;
mod entries;
mod header;
mod passed_over;
mod pax;
mod sparse;

use super::lists::name_of;
use super::{Content, Following, Origin, Record, Skipped, Source, Take};
use crate::format::Damage;
use crate::format::name::{MAX_LEN, Name};
use crate::pack::PackError;
use crate::text::{escaped, shown};
use entries::{End, Entries, Entry};
use header::Kind;
use passed_over::{PassedOver, What};
use std::ffi::OsStr;
use std::io::{self, BufRead, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// The most bytes that are kept in memory of one entry's headers: a long name, the name and map that
/// attributes (PAX) give, the map of an old sparse file. libarchive takes names up to 1 MiB and maps up
/// to 8 MiB; a map in the old GNU form has 512 bytes for 21 pieces, so this is room for 170,000 of them.
const MOST_KEPT: u64 = 4 << 20;
/// The most bytes of headers that one entry may have, kept or not. The longest that was heard of, of
/// attributes from macOS, had a little over 4 MiB.
const MOST_HEADER_BYTES: u64 = 64 << 20;
/// How many archives may lie within one another.
const MOST_NESTED: usize = 8;

/// A tar archive: regular files, sparse ones as their whole content, hard links as what they lead
/// to. Other entries are counted and passed over; directories are not counted.
pub struct Tar {
    input: Option<Box<dyn BufRead + Send>>,
    origin: Arc<Path>,
    shared: Shared,
}

/// What an archive and the archives within it have in common.
#[derive(Default)]
struct Shared {
    is_nested: bool,
    skipped: Skipped,
    passed_over: PassedOver,
}

impl Tar {
    /// Over `input`; `origin` names it in messages.
    pub fn new(input: Box<dyn BufRead + Send>, origin: &Path) -> Tar {
        Tar {
            input: Some(input),
            origin: origin.into(),
            shared: Shared::default(),
        }
    }

    /// Whether files in it whose names end with `.tar` are read as archives themselves: their entries'
    /// names begin with the archive's own, without that ending.
    #[allow(dead_code, reason = "no option asks for it yet")]
    pub fn nested(mut self, is_nested: bool) -> Tar {
        self.shared.is_nested = is_nested;
        self
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
        let mut reader = Reader {
            origin: Arc::clone(&self.origin),
            prefix: Vec::new(),
            depth: 0,
            shared: &mut self.shared,
        };
        reader.run(&mut input, take);
    }

    fn skipped(&self) -> Skipped {
        self.shared.skipped
    }

    fn has_links(&self) -> bool {
        true
    }

    fn is_stream(&self) -> bool {
        true
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

/// Makes records of an archive's entries.
struct Reader<'a> {
    /// The archive's name for messages.
    origin: Arc<Path>,
    /// What the names of its entries begin with.
    prefix: Vec<u8>,
    /// How many archives it lies in.
    depth: usize,
    shared: &'a mut Shared,
}

impl Reader<'_> {
    /// Gives all entries; `false` when no more is wanted.
    fn run(&mut self, input: &mut dyn Read, take: &mut Take<'_>) -> bool {
        let mut entries = Entries::new(input);
        loop {
            let go_on = match entries.next() {
                Ok(Some(entry)) => self.entry(entry, &mut entries, take),
                Ok(None) => break,
                Err(fault) => Err(fault),
            };
            match go_on {
                Ok(true) => {}
                Ok(false) => return false,
                Err(fault) => {
                    let is_last = matches!(fault, Fault::Io(_));
                    if !take(Err(self.error(fault, &entries))) || is_last {
                        return false;
                    }
                }
            }
        }
        self.tell_end(&entries.end);
        true
    }

    fn entry(
        &mut self,
        entry: Entry,
        entries: &mut Entries<'_>,
        take: &mut Take<'_>,
    ) -> Result<bool, Fault> {
        match entry.kind {
            Kind::HardLink if entry.size == 0 => Ok(self.link(&entry, take)),
            Kind::File | Kind::OldSparse | Kind::HardLink => self.file(entry, entries, take),
            Kind::SymbolicLink => {
                self.pass_over(&entry, What::Link);
                Ok(true)
            }
            Kind::Directory | Kind::DumpDirectory => {
                self.shared
                    .passed_over
                    .add(self.full_name(&entry.name), What::Directory);
                Ok(true)
            }
            Kind::Rest => Err(Fault::Damaged(Damage::new(
                format!("\"{}\"", shown_start(&entry.name)),
                "the rest of a file that begins in an earlier volume",
                "an archive of one volume",
            ))),
            _ => {
                self.pass_over(&entry, What::Special);
                Ok(true)
            }
        }
    }

    fn pass_over(&mut self, entry: &Entry, what: What) {
        match what {
            What::Link => self.shared.skipped.links += 1,
            What::Special | What::Directory => self.shared.skipped.special += 1,
        }
        let name = self.full_name(&entry.name);
        self.shared.passed_over.add(name, what);
    }

    fn file(
        &mut self,
        mut entry: Entry,
        entries: &mut Entries<'_>,
        take: &mut Take<'_>,
    ) -> Result<bool, Fault> {
        if self.shared.is_nested && self.is_archive(&entry) {
            return self.archive(entry, entries, take);
        }
        let (name, origin) = match self.name(&entry.name) {
            Ok(named) => named,
            Err(error) => return Ok(take(Err(error))),
        };
        self.shared.passed_over.remove(name.as_bytes());
        let size = entry.sparse.as_ref().map_or(entry.size, |map| map.size);
        let mut data = entries.blocks.content();
        let mut content = match entry.sparse.take() {
            Some(map) => Box::new(map.reader(data)) as Box<dyn Read>,
            None => Box::new(&mut data),
        };
        let go_on = match Following::begin(size, &mut content) {
            Err(error) => Err(error),
            Ok((begun, rest)) => {
                let go_on = take(Ok(Record {
                    name: Some(name),
                    size,
                    origin,
                    content: begun,
                }));
                // What nobody wants is passed over with the entry: a hole in it may have any size.
                match go_on {
                    true => rest.send(&mut content).map(|_| true),
                    false => Ok(false),
                }
            }
        };
        drop(content);
        go_on.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => entries.cut_off(),
            _ => Fault::Io(error),
        })
    }

    /// Whether an entry is an archive within this one.
    fn is_archive(&self, entry: &Entry) -> bool {
        self.depth < MOST_NESTED
            && Path::new(OsStr::from_bytes(&entry.name)).extension() == Some(OsStr::new("tar"))
    }

    /// Gives the entries of an archive within this one.
    fn archive(
        &mut self,
        entry: Entry,
        entries: &mut Entries<'_>,
        take: &mut Take<'_>,
    ) -> Result<bool, Fault> {
        let name = name_of(&entry.name);
        let stem = name.strip_suffix(b".tar").unwrap_or(&name);
        let mut inner = Reader {
            origin: self.origin.join(OsStr::from_bytes(&name)).into(),
            prefix: [&self.prefix, stem, b"/"].concat(),
            depth: self.depth + 1,
            shared: &mut *self.shared,
        };
        let mut data = entries.blocks.content();
        Ok(match entry.sparse {
            Some(map) => inner.run(&mut map.reader(data), take),
            None => inner.run(&mut data, take),
        })
    }

    /// Gives a hard link; `false` when no more is wanted.
    fn link(&mut self, entry: &Entry, take: &mut Take<'_>) -> bool {
        let (name, target) = (self.full_name(&entry.name), self.full_name(&entry.link));
        if let Some(what) = self.shared.passed_over.get(&target) {
            if name != target {
                self.pass_over(entry, what);
            }
            return true;
        }
        let record = self.name(&entry.name).and_then(|(name, origin)| {
            let target = Name::new(&target).map_err(|error| PackError::BadName {
                origin: self.place(&[&entry.name[..], b", a hard link to ", &entry.link].concat()),
                error,
            })?;
            Ok(Record {
                name: Some(name),
                // That of the target, which is not remembered here.
                size: 0,
                origin,
                content: Content::SameAs(target),
            })
        });
        self.shared.passed_over.remove(&name);
        take(record)
    }

    fn full_name(&self, path: &[u8]) -> Vec<u8> {
        [&self.prefix, &*name_of(path)].concat()
    }

    fn name(&self, path: &[u8]) -> Result<(Name, Origin), PackError> {
        let origin = self.place(path);
        match Name::new(&self.full_name(path)) {
            Ok(name) => Ok((name, origin)),
            Err(error) => Err(PackError::BadName { origin, error }),
        }
    }

    fn place(&self, path: &[u8]) -> Origin {
        Origin::Entry(Arc::clone(&self.origin), shown_start(path))
    }

    fn error(&self, fault: Fault, entries: &Entries<'_>) -> PackError {
        let (archive, entry, offset) = (self.origin.to_path_buf(), entries.number, entries.start);
        match fault {
            Fault::Io(error) => PackError::io(&archive, error),
            Fault::CutOff(damage) | Fault::Damaged(damage) => PackError::DamagedEntry {
                archive,
                entry,
                offset,
                damage,
            },
            Fault::TooLong { limit } => PackError::HeadersTooLong {
                archive,
                entry,
                offset,
                limit,
            },
        }
    }

    /// Says what was not as it should be at the archive's end, though all of it could be read.
    fn tell_end(&self, end: &End) {
        let archive = shown(&self.origin);
        if end.is_missing {
            log::warn!(
                "{archive}: it has no end mark: what came after its last entry may be missing"
            );
        }
        if end.joined > 0 {
            log::warn!(
                "{archive}: an end mark at byte {} is followed by more entries, which are packed too; archives that follow an end mark: {}",
                end.first_at,
                end.joined
            );
        }
        if end.lone_blocks > 0 {
            log::warn!(
                "{archive}: a block of zeros at byte {} is followed by more entries, which are packed too; such blocks: {}",
                end.first_at,
                end.lone_blocks
            );
        }
        if end.trailing > 0 {
            log::warn!(
                "{archive}: {} after its end mark, from byte {} on, are no archive and left out",
                crate::format::bytes(end.trailing),
                end.trailing_at
            );
        }
    }
}
