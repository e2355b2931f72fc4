//! From the sources of a command line to something that gives records.

use super::chain::{Chain, Link, Unopened};
use super::compressed::TarSource;
use super::files::{Files, Links};
use super::first::First;
use super::last::Last;
use super::lists::List;
use super::regular::RegularFiles;
use super::renamed::{Naming, Renamed};
use super::shards::Shards;
use super::shuffle::Shuffled;
use super::streams::{Framing, Stream};
use super::zip::{ArchiveFile, OpenFiles, Zip};
use super::{Origin, Source};
use crate::lease;
use crate::pack::{OwnFiles, PackError, Target, directory_of, open_file};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the name of standard input is written on a command line.
const STANDARD_INPUT: &str = "-";
/// How it is named in messages.
pub const STANDARD_INPUT_NAME: &str = "standard input";
/// Bytes read at once.
const BUFFER: usize = 1 << 20;

/// What the sources are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Directories and files; a file with the name of an archive is one, see [`archive_kind`].
    Paths,
    /// Directories and files, archives too, as they are.
    Files,
    /// Tar archives, which may be compressed.
    Tar,
    /// Zip archives.
    Zip,
    /// Lists of paths, each ended by this byte.
    List(u8),
    /// Streams of records.
    Stream(Framing),
    /// Shards, each by its path.
    Rox,
}

/// What becomes of records with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// The run ends at the second one.
    #[default]
    Refuse,
    /// Only the first one is packed.
    First,
    /// Only the last one is packed: the sources are read twice.
    Last,
}

/// What is to be packed, and how.
#[derive(Debug, Clone)]
pub struct Input {
    /// What the sources are.
    pub kind: Kind,
    /// The sources; for lists, streams and archives `-` is standard input, and so is none.
    pub sources: Vec<PathBuf>,
    /// What happens to symbolic links in directories.
    pub links: Links,
    /// Whether the files of a list are packed in byte order of their names.
    pub sort: bool,
    /// The seed of a shuffled order.
    pub shuffle: Option<u64>,
    /// How records are named.
    pub naming: Naming,
    /// What becomes of records with the same name; of the first one and of those in the dataset
    /// already it is the packing that knows.
    pub duplicates: Duplicates,
    /// Whether empty records are left out, so that they take no names; it is the packing that does it.
    pub drop_empty: bool,
}

impl Input {
    /// These sources, of this kind, with nothing else asked for.
    pub fn new(kind: Kind, sources: Vec<PathBuf>) -> Input {
        Input {
            kind,
            sources,
            links: Links::Follow,
            sort: false,
            shuffle: None,
            naming: Naming::default(),
            duplicates: Duplicates::default(),
            drop_empty: false,
        }
    }
}

/// Opens the sources, or makes sure that they can be opened when their turn comes. `target` must not
/// lie in one of them; its own files among them are left out.
pub fn open(input: &Input, target: &Target) -> Result<Box<dyn Source>, PackError> {
    let own = Arc::new(OwnFiles::of(target)?);
    let source = open_named(input, target, &own, false)?;
    let source = match input.duplicates {
        // In byte order of their paths, files have one name each.
        _ if source.is_sorted() => source,
        Duplicates::Last => {
            check_readable_twice(input)?;
            let (input, target) = (input.clone(), target.clone());
            let again = move || open_named(&input, &target, &own, true);
            Box::new(Last::new(source, Box::new(again)))
        }
        // The first one of the sources, whichever comes first later.
        Duplicates::First if input.shuffle.is_some() => {
            Box::new(First::new(source, input.drop_empty))
        }
        Duplicates::First | Duplicates::Refuse => source,
    };
    match input.shuffle {
        Some(_) if source.is_stream() => Err(PackError::CannotShuffle),
        Some(seed) => Ok(Box::new(Shuffled::new(source, seed))),
        None => Ok(source),
    }
}

/// Opens the sources, with their records' names as they are wanted. Where they are read only to
/// `survey` their names, what is odd about them is not said: it is when they are packed.
fn open_named(
    input: &Input,
    target: &Target,
    own: &Arc<OwnFiles>,
    survey: bool,
) -> Result<Box<dyn Source>, PackError> {
    let source = open_sources(input, target, own, survey)?;
    match input.naming.is_plain() {
        true => Ok(source),
        false => Ok(Box::new(Renamed::new(source, input.naming.clone()))),
    }
}

/// Fails if a source is a stream, whose beginning cannot be read again.
fn check_readable_twice(input: &Input) -> Result<(), PackError> {
    let standard = [PathBuf::from(STANDARD_INPUT)];
    let has_standard = matches!(input.kind, Kind::Tar | Kind::List(_) | Kind::Stream(_));
    let sources = match &input.sources[..] {
        [] if has_standard => &standard[..],
        sources => sources,
    };
    for path in sources {
        if has_standard && path == Path::new(STANDARD_INPUT) {
            if standard_file()?.is_some() {
                continue;
            }
            let path = PathBuf::from(STANDARD_INPUT_NAME);
            return Err(PackError::CannotReadTwice { path });
        }
        if std::fs::metadata(path).is_ok_and(|file| !file.is_file() && !file.is_dir()) {
            return Err(PackError::CannotReadTwice { path: path.clone() });
        }
    }
    Ok(())
}

fn open_sources(
    input: &Input,
    target: &Target,
    own: &Arc<OwnFiles>,
    survey: bool,
) -> Result<Box<dyn Source>, PackError> {
    Ok(match input.kind {
        Kind::Paths => open_paths(input, target, own, survey, archive_kind)?,
        Kind::Files => open_paths(input, target, own, survey, |_| None)?,
        Kind::Rox => {
            let shards = foreign(&input.sources, own);
            let left_out = input.sources.len() - shards.len();
            let link = Link::Open(Box::new(Shards::new(shards).quiet(survey)));
            Box::new(Chain::new(vec![link]).without(left_out)) as Box<dyn Source>
        }
        Kind::Tar | Kind::Zip | Kind::List(_) | Kind::Stream(_) => {
            let standard = [PathBuf::from(STANDARD_INPUT)];
            let sources = match &input.sources[..] {
                [] => &standard[..],
                sources => sources,
            };
            let read = foreign(sources, own);
            let zips = Arc::default();
            let links: Result<Vec<Link>, _> = (read.iter())
                .map(|path| later(input.kind, input, path, target, own, &zips, survey))
                .collect();
            Box::new(Chain::new(links?).without(sources.len() - read.len()))
        }
    })
}

/// The shards among the sources, which are paths of shards, that are packed anew: all but those of
/// the dataset that is written.
pub fn shards_to_read(input: &Input, target: &Target) -> Result<Vec<PathBuf>, PackError> {
    Ok(foreign(&input.sources, &OwnFiles::of(target)?.silent()))
}

/// The sources that are not files of the dataset that is written.
fn foreign(sources: &[PathBuf], own: &OwnFiles) -> Vec<PathBuf> {
    let paths = sources.iter().filter(|path| !is_own(own, path));
    paths.cloned().collect()
}

/// Whether a source is a file of the dataset that is written. What cannot be looked at is not.
fn is_own(own: &OwnFiles, path: &Path) -> bool {
    let metadata = path.metadata();
    metadata.is_ok_and(|metadata| metadata.is_file() && own.has(path, Some(&metadata)))
}

/// What the names of archives end with, in letters of any case. Tar archives in compressed forms
/// that are not read here are among them, because reading them says what to do.
const TAR_ENDINGS: [&[u8]; 19] = [
    b".tar",
    b".tar.gz",
    b".tgz",
    b".tar.zst",
    b".tar.zstd",
    b".tzst",
    b".tar.xz",
    b".txz",
    b".tar.bz2",
    b".tar.bz",
    b".tbz2",
    b".tbz",
    b".tar.lz4",
    b".tar.lz",
    b".tar.lzma",
    b".tar.lzo",
    b".tlz",
    b".tar.z",
    b".taz",
];
const ZIP_ENDING: &[u8] = b".zip";

/// What kind of archive a file name says it is, if any, and the name without that.
pub(super) fn split_ending(name: &[u8]) -> Option<(Kind, &[u8])> {
    let lower = name.to_ascii_lowercase();
    let tar = TAR_ENDINGS.iter().map(|ending| (Kind::Tar, *ending));
    let endings = tar.chain([(Kind::Zip, ZIP_ENDING)]);
    let fitting = endings.filter(|(_, ending)| lower.ends_with(ending));
    let (kind, ending) = fitting.max_by_key(|(_, ending)| ending.len())?;
    Some((kind, &name[..name.len() - ending.len()]))
}

/// How a path among others is read, if as an archive: by its name. One that may be an archive and
/// cannot be asked is, and opening it says why.
fn archive_kind(path: &PathBuf) -> Option<Kind> {
    let (kind, _) = split_ending(path.file_name()?.as_bytes())?;
    let is_file = match std::fs::metadata(path) {
        Ok(metadata) => metadata.is_file(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    is_file.then_some(kind)
}

/// Runs of paths that are no archives are one source, which can say where names clash.
fn open_paths(
    input: &Input,
    target: &Target,
    own: &Arc<OwnFiles>,
    survey: bool,
    archive_kind: impl Fn(&PathBuf) -> Option<Kind>,
) -> Result<Box<dyn Source>, PackError> {
    let mut chain = Vec::new();
    let zips = Arc::default();
    for group in input
        .sources
        .chunk_by(|a, b| archive_kind(a).is_none() && archive_kind(b).is_none())
    {
        if let [archive] = group
            && let Some(kind) = archive_kind(archive)
        {
            chain.push(later(kind, input, archive, target, own, &zips, survey)?);
            continue;
        }
        for path in group {
            target.check_outside(path)?;
        }
        let files = Files::new(group.to_vec(), input.links);
        let files = files.without(input.naming.exclude.clone());
        chain.push(Link::Open(Box::new(files.with(regular(target, own)))));
    }
    Ok(Box::new(Chain::new(chain)))
}

fn regular(target: &Target, own: &Arc<OwnFiles>) -> RegularFiles {
    RegularFiles::without(Arc::clone(own), directory_of(target.base()))
}

/// A source of this kind that is read from one input, which is opened when its turn comes. What would
/// be in the way then is an error now, before anything is written.
fn later(
    kind: Kind,
    input: &Input,
    path: &Path,
    target: &Target,
    own: &Arc<OwnFiles>,
    zips: &Arc<OpenFiles>,
    survey: bool,
) -> Result<Link, PackError> {
    check_readable(path)?;
    if kind == Kind::Zip {
        return later_zip(path, zips);
    }
    let is_read_again = input.duplicates == Duplicates::Last;
    let (path, sort, links) = (path.to_owned(), input.sort, input.links);
    let spool = directory_of(target.base()).to_owned();
    let regular = regular(target, own);
    let is_nested = !input.naming.prefix.is_empty();
    let nested = is_nested.then(|| input.naming.exclude.clone());
    let open = move || -> Result<Box<dyn Source>, PackError> {
        let (reader, name) = read(&path, is_read_again)?;
        Ok(match kind {
            Kind::Tar => Box::new(TarSource::new(reader, &name).nested(nested).quiet(survey)),
            Kind::List(separator) => Box::new(List::new(reader, &name, separator, sort, regular)),
            Kind::Stream(framing) => Box::new(Stream::new(reader, &name, framing, &spool)),
            Kind::Paths | Kind::Files | Kind::Rox | Kind::Zip => {
                Box::new(Files::new(vec![path], links).with(regular))
            }
        })
    };
    Ok(Link::Unopened(Unopened {
        open: Box::new(open),
        has_links: kind == Kind::Tar,
        is_stream: !matches!(kind, Kind::List(_)),
    }))
}

/// The same for a zip archive, which has to be a file.
fn later_zip(path: &Path, zips: &Arc<OpenFiles>) -> Result<Link, PackError> {
    let is_standard = path == Path::new(STANDARD_INPUT);
    let (name, is_file) = match is_standard {
        true => (Path::new(STANDARD_INPUT_NAME), standard_file()?.is_some()),
        false => (path, is_file(path)?),
    };
    if !is_file {
        return Err(PackError::NeedsFile {
            path: name.to_owned(),
        });
    }
    let (path, name, zips) = (path.to_owned(), name.to_owned(), Arc::clone(zips));
    let open = move || -> Result<Box<dyn Source>, PackError> {
        let file = match is_standard {
            true => {
                let file =
                    standard_file()?.ok_or_else(|| PackError::NeedsFile { path: name.clone() })?;
                ArchiveFile::Kept(Arc::new(file))
            }
            false => {
                let file = ArchiveFile::new(&path, open_regular(&path)?, &zips);
                file.map_err(|error| PackError::input(&path, error))?
            }
        };
        Ok(Box::new(Zip::new(&name, file)))
    };
    Ok(Link::Unopened(Unopened {
        open: Box::new(open),
        has_links: false,
        is_stream: false,
    }))
}

fn is_file(path: &Path) -> Result<bool, PackError> {
    let metadata = path.metadata();
    Ok(metadata
        .map_err(|error| PackError::input(path, error))?
        .is_file())
}

/// Standard input, if that is a regular file.
fn standard_file() -> Result<Option<File>, PackError> {
    let io = |error| PackError::input(Path::new(STANDARD_INPUT_NAME), error);
    let descriptor = io::stdin().as_fd().try_clone_to_owned().map_err(io)?;
    let file = File::from(descriptor);
    let is_file = file.metadata().map_err(io)?.is_file();
    Ok(is_file.then_some(file))
}

/// Whether an input is there and may be read. What is no regular file is not opened: opening a FIFO
/// waits until somebody writes to it.
fn check_readable(path: &Path) -> Result<(), PackError> {
    if path == Path::new(STANDARD_INPUT) {
        return Ok(());
    }
    let io = |error| PackError::io(path, error);
    let metadata = path.metadata().map_err(io)?;
    if metadata.is_dir() {
        return Err(io(rustix::io::Errno::ISDIR.into()));
    }
    if metadata.is_file() {
        match open_file::open_now(path) {
            Err(error) if lease::is_lease(&error) => {}
            opened => drop(opened.map_err(io)?),
        }
    }
    Ok(())
}

/// An input that can be read, and its name for messages. Runs in the source's own thread, so that the
/// run can be interrupted while it waits. Standard input that `is_read_again` is left where it is.
fn read(path: &Path, is_read_again: bool) -> Result<(Box<dyn BufRead + Send>, PathBuf), PackError> {
    let io = |error| PackError::input(path, error);
    if path == Path::new(STANDARD_INPUT) {
        let name = PathBuf::from(STANDARD_INPUT_NAME);
        let file = match is_read_again {
            true => standard_file()?,
            false => None,
        };
        let input: Box<dyn Read + Send> = match file {
            Some(file) => Box::new(FromHere::new(file).map_err(|e| PackError::input(&name, e))?),
            None => Box::new(io::stdin()),
        };
        return Ok((Box::new(BufReader::with_capacity(BUFFER, input)), name));
    }
    let file = match is_file(path)? {
        true => open_regular(path)?,
        false => File::open(path).map_err(io)?,
    };
    let input = BufReader::with_capacity(BUFFER, file);
    Ok((Box::new(input), path.to_owned()))
}

/// A regular file. Without it all that it has is lost, and not one record.
fn open_regular(path: &Path) -> Result<File, PackError> {
    let opened = open_file::open(path, &Origin::File(path.to_owned()));
    opened.map_err(|error| match error {
        PackError::Unreadable { reason, .. } => PackError::input(path, reason),
        error => error,
    })
}

/// Reads a file that is open from where it is, and leaves it there, so that this can be done again.
struct FromHere {
    file: File,
    at: u64,
}

impl FromHere {
    fn new(mut file: File) -> io::Result<FromHere> {
        let at = file.stream_position()?;
        Ok(FromHere { file, at })
    }
}

impl Read for FromHere {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
