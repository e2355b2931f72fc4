//! Records out of the entries of an archive; `nested` reads the archives within it.

use super::entries::{End, Entries};
use super::entry::Entry;
use super::header::Kind;
use super::passed_over::What;
use super::{Fault, Shared};
use crate::format::name::{MAX_LEN, Name};
use crate::format::{Damage, byte_count};
use crate::pack::PackError;
use crate::pack::source::lists::name_of;
use crate::pack::source::{Content, Following, Origin, Record, Take};
use crate::text::{escaped, shown};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

mod nested;

/// The name of an entry for a message: the archive may give it one of any length.
pub fn shown_start(path: &[u8]) -> String {
    match path.get(..MAX_LEN) {
        Some(start) if path.len() > MAX_LEN => format!("{}...", escaped(start)),
        _ => escaped(path).to_string(),
    }
}

/// Makes records of an archive's entries.
pub struct Reader<'a> {
    /// The archive's name for messages.
    origin: Arc<Path>,
    /// What the names of its entries begin with.
    prefix: Vec<u8>,
    /// How many archives it lies in.
    depth: usize,
    shared: &'a mut Shared,
}

impl<'a> Reader<'a> {
    /// For an archive that is no other's entry.
    pub fn new(origin: Arc<Path>, shared: &'a mut Shared) -> Reader<'a> {
        Reader {
            origin,
            prefix: Vec::new(),
            depth: 0,
            shared,
        }
    }

    /// Gives all entries; `false` when no more is wanted.
    pub fn run(&mut self, input: &mut dyn Read, take: &mut Take<'_>) -> bool {
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
                    if let Some(name) = entries.lost_name.take() {
                        let name = self.full_name(&name);
                        self.shared.passed_over.add(name, What::Lost);
                    }
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
                let name = self.full_name(&entry.name);
                self.shared.passed_over.add(name, What::Directory);
                Ok(self.directory(&entry, take))
            }
            Kind::Rest => {
                let what = format!("\"{}\"", shown_start(&entry.name));
                entries.lost_name = Some(entry.name);
                let found = "the rest of a file that begins in an earlier volume";
                let damage = Damage::new(what, found, "an archive of one volume");
                Err(Fault::Damaged(damage))
            }
            // It has a name of its own kind.
            Kind::Label => {
                self.shared.skipped.special += 1;
                Ok(true)
            }
            _ => {
                self.pass_over(&entry, What::Special);
                Ok(true)
            }
        }
    }

    /// Tells of a directory, unless no record below it can have a name.
    fn directory(&self, entry: &Entry, take: &mut Take<'_>) -> bool {
        let Ok((name, origin)) = self.name(&entry.name) else {
            return true;
        };
        take(Ok(Record {
            name: Some(name),
            size: 0,
            origin,
            content: Content::Directory,
        }))
    }

    fn pass_over(&mut self, entry: &Entry, what: What) {
        match what {
            What::Link => self.shared.skipped.links += 1,
            What::Special | What::Directory | What::Archive | What::Lost => {
                self.shared.skipped.special += 1
            }
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
        let size = entry.sparse.as_ref().map_or(entry.size, |map| map.size);
        let mut data = entries.blocks.content();
        let mut content = match entry.sparse.take() {
            Some(map) => Box::new(map.reader(data)) as Box<dyn Read>,
            None => Box::new(&mut data),
        };
        let go_on = match self.archive_stem(&entry.name) {
            Some(stem) => self.archive_or_record(&entry, &stem, size, &mut content, take),
            None => self.record(&entry, size, &mut content, take),
        };
        drop(content);
        go_on.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => entries.cut_off(),
            _ => Fault::Io(error),
        })
    }

    /// Gives a file with this content; `false` when no more is wanted.
    fn record(
        &mut self,
        entry: &Entry,
        size: u64,
        mut content: &mut dyn Read,
        take: &mut Take<'_>,
    ) -> io::Result<bool> {
        let (name, origin) = match self.name(&entry.name) {
            Ok(named) => named,
            Err(error) => return Ok(take(Err(error))),
        };
        self.shared.passed_over.remove(name.as_bytes());
        match Following::begin(size, &mut content) {
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
        }
    }

    /// Gives a hard link; `false` when no more is wanted.
    fn link(&mut self, entry: &Entry, take: &mut Take<'_>) -> bool {
        let (name, target) = (self.full_name(&entry.name), self.full_name(&entry.link));
        let content = match (self.shared.passed_over.get(&target), Name::new(&target)) {
            (Some(What::Lost), _) => Err(PackError::LostLink {
                origin: self.place(&entry.name),
            }),
            (Some(_), _) if name == target => return true,
            (Some(what), _) => {
                self.pass_over(entry, what);
                return true;
            }
            (None, Ok(target)) => Ok(Content::SameAs(target)),
            (None, Err(error)) => Err(PackError::BadName {
                origin: self.place(&[&entry.name[..], b", a hard link to ", &entry.link].concat()),
                error,
            }),
        };
        let record = self.name(&entry.name).map(|(name, origin)| Record {
            name: Some(name),
            // That of the target, which is not remembered here.
            size: 0,
            origin,
            content: content.unwrap_or_else(|error| Content::Failed(Box::new(error))),
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
            Fault::Io(error) => PackError::input(&archive, error),
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
        if self.shared.is_quiet {
            return;
        }
        let archive = shown(&self.origin);
        if end.is_missing {
            log::warn!(
                "{archive}: it has no end mark: what came after its last entry may be missing"
            );
        }
        if end.joined > 0 {
            log::warn!(
                "{archive}: an end mark at byte {} is followed by more entries, which are packed too; archives that follow an end mark: {}",
                end.joined_at,
                end.joined
            );
        }
        if end.lone_blocks > 0 {
            log::warn!(
                "{archive}: a block of zeros at byte {} is followed by more entries, which are packed too; such blocks: {}",
                end.lone_at,
                end.lone_blocks
            );
        }
        if end.trailing > 0 {
            log::warn!(
                "{archive}: {} after its end mark, from byte {} on, are no archive and left out",
                byte_count(end.trailing),
                end.trailing_at
            );
        }
    }
}
