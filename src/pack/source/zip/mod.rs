//! The files of a zip archive, in the order of its directory, which stands at the archive's end: so
//! it has to be a file, and cannot come from a pipe.
//!
//! The directory is read twice and not kept: in memory is, of each entry, where it begins.

use super::looks::{HEAD_BYTES, Looks};
use super::tar::shown_start;
use super::{Content, Incoming, Origin, Sink, Skipped, Source, SourceError, record_name};
use crate::format::name::Name;
use crate::pack::source::lists::name_of;
use from_base::FromBase;
use member::{Method, ZipMember};
use names::MemberKind;
pub use open_files::{ArchiveFile, OpenFiles};
use rawzip::{
    ErrorKind, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt, ZipArchive, ZipFileHeaderRecord,
};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod from_base;
mod member;
mod names;
mod open_files;

/// A zip archive: regular files, and the directories that it has as entries, which are no records.
/// Other entries are passed over and counted.
pub struct Zip {
    path: PathBuf,
    file: ArchiveFile,
    skipped: Skipped,
}

impl Zip {
    /// The archive in `file`; `path` names it in messages.
    pub fn new(path: &Path, file: ArchiveFile) -> Zip {
        Zip {
            path: path.to_owned(),
            file,
            skipped: Skipped::default(),
        }
    }

    fn entries(&mut self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, SourceError> {
        let file = self.file.clone();
        let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let archive = Arc::new(Archive::open(&self.path, file, &mut buffer)?);
        let mut entries = archive.zip.entries(&mut buffer);
        loop {
            let entry = entries.next_entry();
            let Some(entry) = entry.map_err(|error| archive.damaged(error))? else {
                return Ok(ControlFlow::Continue(()));
            };
            let name = names::name(&entry);
            let flow = match names::kind(&entry, &name) {
                MemberKind::File => sink(archive.record(&entry, &name)),
                MemberKind::Directory => match archive.directory(&name) {
                    Some(directory) => sink(Ok(directory)),
                    None => ControlFlow::Continue(()),
                },
                MemberKind::Link => {
                    self.skipped.links += 1;
                    ControlFlow::Continue(())
                }
                MemberKind::Special => {
                    self.skipped.special += 1;
                    ControlFlow::Continue(())
                }
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
    }
}

impl Source for Zip {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        match self.entries(sink) {
            Ok(flow) => flow,
            Err(error) => sink(Err(error)),
        }
    }

    fn skipped(&self) -> Skipped {
        self.skipped
    }
}

/// An archive whose directory has been read.
pub struct Archive {
    zip: ZipArchive<FromBase>,
    path: Arc<Path>,
    /// Where the local headers begin, ascending.
    starts: Vec<u64>,
}

impl Archive {
    /// Opens an archive and looks through its directory.
    fn open(path: &Path, file: ArchiveFile, buffer: &mut [u8]) -> Result<Archive, SourceError> {
        let located = from_base::locate(file, buffer);
        let mut archive = match located.map_err(|error| SourceError::input(path, error))? {
            Ok(zip) => Archive {
                zip,
                path: path.into(),
                starts: Vec::new(),
            },
            Err((input, error)) => return Err(refused(path, &input, error)),
        };
        archive.check_whole()?;
        let mut entries = archive.zip.entries(buffer);
        let mut starts = Vec::new();
        loop {
            match entries.next_entry() {
                Ok(Some(entry)) => starts.push(entry.local_header_offset()),
                Ok(None) => break,
                Err(error) => return Err(archive.damaged(error)),
            }
        }
        // Without zip64 the number has 16 bits, and old tools let it overflow.
        let (found, expected) = (starts.len() as u64, archive.zip.entries_hint());
        if found != expected && (found & 0xffff) != expected {
            return Err(SourceError::DamagedArchive {
                path: path.to_owned(),
                what: format!("entries in its directory: {found}, expected {expected}"),
            });
        }
        starts.sort_unstable();
        archive.starts = starts;
        Ok(archive)
    }

    /// An archive in several files has its directory in the last one.
    fn check_whole(&self) -> Result<(), SourceError> {
        let mut end = [0; 8];
        let read = self
            .zip
            .get_ref()
            .read_exact_at(&mut end, self.zip.eocd_offset());
        read.map_err(|error| SourceError::input(&self.path, error))?;
        let disk = u16::from_le_bytes([end[4], end[5]]);
        match disk {
            // With 0xffff the number stands in the record of zip64.
            0 | 0xffff => Ok(()),
            _ => Err(SourceError::SplitZip {
                path: self.path.to_path_buf(),
                part: u64::from(disk) + 1,
            }),
        }
    }

    fn damaged(&self, error: rawzip::Error) -> SourceError {
        match rawzip_error(error) {
            error if error.raw_os_error().is_some() => SourceError::input(&self.path, error),
            error => SourceError::DamagedArchive {
                path: self.path.to_path_buf(),
                what: format!(
                    "its directory, from byte {}, is damaged: {error}",
                    self.zip.directory_offset()
                ),
            },
        }
    }

    /// Where the entry with its local header at `offset` has to end: where the next one begins.
    /// `None` if two begin here.
    fn end_of(&self, offset: u64) -> Option<u64> {
        let first = self.starts.partition_point(|&start| start < offset);
        match self.starts.get(first..)? {
            [start, second, ..] if start == second => None,
            [_, next, ..] => Some((*next).min(self.zip.directory_offset())),
            _ => Some(self.zip.directory_offset()),
        }
    }

    /// A directory, unless no record below it can have a name.
    fn directory(&self, path: &[u8]) -> Option<Incoming> {
        Some(Incoming {
            name: Some(Name::new(&name_of(path)).ok()?),
            size: 0,
            origin: Origin::Entry(Arc::clone(&self.path), shown_start(path)),
            content: Content::Directory,
        })
    }

    fn record(
        self: &Arc<Archive>,
        entry: &ZipFileHeaderRecord<'_>,
        path: &[u8],
    ) -> Result<Incoming, SourceError> {
        let origin = Origin::Entry(Arc::clone(&self.path), shown_start(path));
        let name = record_name(&name_of(path), &origin)?;
        let size = entry.uncompressed_size_hint();
        let content = match Method::of(entry) {
            Ok(method) => Content::Member(Box::new(ZipMember {
                archive: Arc::clone(self),
                place: entry.wayfinder(),
                method,
                offset: entry.local_header_offset(),
                raw_name: entry.file_path().as_bytes().into(),
                size,
                crc: entry.crc32(),
            })),
            Err(what) => {
                let origin = origin.clone();
                Content::Failed(Box::new(SourceError::UnsupportedEntry { origin, what }))
            }
        };
        Ok(Incoming {
            name: Some(name),
            size,
            origin,
            content,
        })
    }
}

/// Why a file is not read as an archive.
fn refused(path: &Path, file: &FromBase, error: rawzip::Error) -> SourceError {
    let mut head = [0; HEAD_BYTES];
    let read = file.read_at(&mut head, 0).unwrap_or(0);
    let (head, path) = (&head[..read], path.to_owned());
    let is_zip = head.starts_with(b"PK");
    match error.kind() {
        ErrorKind::MissingEndOfCentralDirectory if !is_zip => SourceError::NotAnArchive {
            path,
            expected: "zip archive",
            looks: match head {
                [] => Some("it is empty".to_owned()),
                head => Looks::of(head).map(Looks::sentence),
            },
        },
        ErrorKind::MissingEndOfCentralDirectory => SourceError::DamagedArchive {
            path,
            what: "the zip archive has no directory at its end: it is cut off".to_owned(),
        },
        _ => match rawzip_error(error) {
            error if error.raw_os_error().is_some() => SourceError::input(&path, error),
            error => SourceError::DamagedArchive {
                path,
                what: format!("the end of its directory is damaged: {error}"),
            },
        },
    }
}

fn rawzip_error(error: rawzip::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::IO(error) => error,
        ErrorKind::Eof => io::ErrorKind::UnexpectedEof.into(),
        other => io::Error::new(
            io::ErrorKind::InvalidData,
            rawzip::Error::from(other).to_string(),
        ),
    }
}
