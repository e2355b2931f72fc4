//! Records out of the entries of an archive; `nested` reads the archives within it.

use super::PassedOver;
use super::entries::{End, TarEntries};
use super::entry::TarEntry;
use super::header::HeaderKind;
use super::{ArchiveState, Fault};
use crate::format::name::{MAX_LEN, Name};
use crate::format::{Damage, byte_count};
use crate::pack::source::inline_content::InlineContent;
use crate::pack::source::lists::name_of;
use crate::pack::source::{Content, Incoming, Origin, Sink, SourceError, record_name};
use crate::text::{escaped, printable};
use std::io::{self, Read};
use std::ops::ControlFlow;
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
pub struct ArchiveReader<'a> {
    /// The archive's name for messages.
    origin: Arc<Path>,
    /// What the names of its entries begin with.
    prefix: Vec<u8>,
    /// How many archives it lies in.
    depth: usize,
    state: &'a mut ArchiveState,
}

impl<'a> ArchiveReader<'a> {
    /// For an archive that is no other's entry.
    pub fn new(origin: Arc<Path>, state: &'a mut ArchiveState) -> ArchiveReader<'a> {
        ArchiveReader {
            origin,
            prefix: Vec::new(),
            depth: 0,
            state,
        }
    }

    /// Gives all entries. Breaks off also where the input cannot be read any more.
    pub fn run(&mut self, input: &mut dyn Read, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let mut entries = TarEntries::new(input);
        loop {
            let flow = match entries.next() {
                Ok(Some(entry)) => self.entry(entry, &mut entries, sink),
                Ok(None) => break,
                Err(fault) => Err(fault),
            };
            match flow {
                Ok(flow) => flow?,
                Err(fault) => {
                    if let Some(name) = entries.lost_name.take() {
                        let name = self.full_name(&name);
                        self.state.passed_over.insert(&name, PassedOver::Lost);
                    }
                    let is_last = matches!(fault, Fault::Io(_));
                    sink(Err(self.error(fault, &entries)))?;
                    if is_last {
                        return ControlFlow::Break(());
                    }
                }
            }
        }
        self.tell_end(&entries.end);
        ControlFlow::Continue(())
    }

    fn entry(
        &mut self,
        entry: TarEntry,
        entries: &mut TarEntries<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>, Fault> {
        match entry.kind {
            HeaderKind::HardLink if entry.size == 0 => Ok(self.link(&entry, sink)),
            HeaderKind::File | HeaderKind::OldSparse | HeaderKind::HardLink => {
                self.file(entry, entries, sink)
            }
            HeaderKind::SymbolicLink => {
                self.pass_over(&entry, PassedOver::Link);
                Ok(ControlFlow::Continue(()))
            }
            HeaderKind::Directory | HeaderKind::DumpDirectory => {
                let name = self.full_name(&entry.name);
                self.state.passed_over.insert(&name, PassedOver::Directory);
                Ok(self.directory(&entry, sink))
            }
            HeaderKind::Rest => {
                let what = format!("\"{}\"", shown_start(&entry.name));
                entries.lost_name = Some(entry.name);
                let found = "the rest of a file that begins in an earlier volume";
                let damage = Damage::new(what, found, "an archive of one volume");
                Err(Fault::Damaged(damage))
            }
            // It has a name of its own kind.
            HeaderKind::Label => {
                self.state.skipped.special += 1;
                Ok(ControlFlow::Continue(()))
            }
            _ => {
                self.pass_over(&entry, PassedOver::Special);
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    /// Tells of a directory, unless no record below it can have a name.
    fn directory(&self, entry: &TarEntry, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let Ok((name, origin)) = self.name(&entry.name) else {
            return ControlFlow::Continue(());
        };
        sink(Ok(Incoming {
            name: Some(name),
            size: 0,
            origin,
            content: Content::Directory,
        }))
    }

    fn pass_over(&mut self, entry: &TarEntry, what: PassedOver) {
        match what {
            PassedOver::Link => self.state.skipped.links += 1,
            PassedOver::Special
            | PassedOver::Directory
            | PassedOver::Archive
            | PassedOver::Lost => self.state.skipped.special += 1,
        }
        let name = self.full_name(&entry.name);
        self.state.passed_over.insert(&name, what);
    }

    fn file(
        &mut self,
        mut entry: TarEntry,
        entries: &mut TarEntries<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>, Fault> {
        let size = entry.sparse.as_ref().map_or(entry.size, |map| map.size);
        let mut data = entries.blocks.content();
        let mut content = match entry.sparse.take() {
            Some(map) => Box::new(map.reader(data)) as Box<dyn Read>,
            None => Box::new(&mut data),
        };
        let flow = match self.archive_stem(&entry.name) {
            Some(stem) => self.archive_or_record(&entry, &stem, size, &mut content, sink),
            None => self.record(&entry, size, &mut content, sink),
        };
        drop(content);
        flow.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => entries.cut_off(),
            _ => Fault::Io(error),
        })
    }

    /// Gives a file with this content.
    fn record(
        &mut self,
        entry: &TarEntry,
        size: u64,
        mut content: &mut dyn Read,
        sink: &mut Sink<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let (name, origin) = match self.name(&entry.name) {
            Ok(named) => named,
            Err(error) => return Ok(sink(Err(error))),
        };
        self.state.passed_over.remove(name.as_bytes());
        let (begun, rest) = InlineContent::begin(size, &mut content)?;
        let flow = sink(Ok(Incoming {
            name: Some(name),
            size,
            origin,
            content: begun,
        }));
        if flow.is_continue() {
            // What nobody wants is passed over with the entry: a hole in it may have any size.
            rest.send(&mut content)?;
        }
        Ok(flow)
    }

    /// Gives a hard link.
    fn link(&mut self, entry: &TarEntry, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let (name, target) = (self.full_name(&entry.name), self.full_name(&entry.link));
        let content = match (
            self.state.passed_over.get(&target).copied(),
            Name::new(&target),
        ) {
            (Some(PassedOver::Lost), _) => Err(SourceError::LostLink(self.place(&entry.name))),
            (Some(_), _) if name == target => return ControlFlow::Continue(()),
            (Some(what), _) => {
                self.pass_over(entry, what);
                return ControlFlow::Continue(());
            }
            (None, Ok(target)) => Ok(Content::SameAs(target)),
            (None, Err(error)) => Err(SourceError::BadName {
                origin: self.place(&[&entry.name[..], b", a hard link to ", &entry.link].concat()),
                error,
            }),
        };
        let record = self.name(&entry.name).map(|(name, origin)| Incoming {
            name: Some(name),
            // That of the target, which is not remembered here.
            size: 0,
            origin,
            content: content.unwrap_or_else(|error| Content::Failed(Box::new(error))),
        });
        self.state.passed_over.remove(&name);
        sink(record)
    }

    fn full_name(&self, path: &[u8]) -> Vec<u8> {
        [&self.prefix, &*name_of(path)].concat()
    }

    fn name(&self, path: &[u8]) -> Result<(Name, Origin), SourceError> {
        let origin = self.place(path);
        let name = record_name(&self.full_name(path), &origin)?;
        Ok((name, origin))
    }

    fn place(&self, path: &[u8]) -> Origin {
        Origin::Entry(Arc::clone(&self.origin), shown_start(path))
    }

    fn error(&self, fault: Fault, entries: &TarEntries<'_>) -> SourceError {
        let (archive, entry, offset) = (self.origin.to_path_buf(), entries.number, entries.start);
        match fault {
            Fault::Io(error) => SourceError::input(&archive, error),
            Fault::CutOff(damage) | Fault::Damaged(damage) => SourceError::DamagedEntry {
                archive,
                entry,
                offset,
                damage,
            },
            Fault::TooLong { limit } => SourceError::HeadersTooLong {
                archive,
                entry,
                offset,
                limit,
            },
        }
    }

    /// Says what was not as it should be at the archive's end, though all of it could be read.
    fn tell_end(&self, end: &End) {
        if self.state.is_quiet {
            return;
        }
        let archive = printable(&self.origin);
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
