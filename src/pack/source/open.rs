//! From the sources of a command line to something that gives records.

use super::chain::Chain;
use super::files::{Files, Links};
use super::lists::List;
use super::shards::Shards;
use super::shuffle::Shuffled;
use super::streams::{Framing, Stream};
use super::tar::Tar;
use super::{Origin, Source};
use crate::pack::{PackError, Target, directory_of, load};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// How the name of standard input is written on a command line.
const STANDARD_INPUT: &str = "-";
/// Bytes read at once.
const BUFFER: usize = 1 << 20;

/// What the sources are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Directories and files; a file that ends with `.tar` is an archive.
    Paths,
    /// Directories and files, archives too, as they are.
    Files,
    /// Tar archives.
    Tar,
    /// Lists of paths, each ended by this byte.
    List(u8),
    /// Streams of records.
    Stream(Framing),
    /// Shards, as every command takes them.
    Rox,
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
}

/// Opens the sources. `target` must not lie in one of them.
pub fn open(input: &Input, target: &Target) -> Result<Box<dyn Source>, PackError> {
    let source = match input.kind {
        Kind::Paths => open_paths(input, target, is_archive)?,
        Kind::Files => open_paths(input, target, |_| false)?,
        Kind::Rox => {
            let paths = crate::dataset::expand(&input.sources)?;
            Box::new(Shards::new(paths)) as Box<dyn Source>
        }
        Kind::Tar | Kind::List(_) | Kind::Stream(_) => {
            let standard = [PathBuf::from(STANDARD_INPUT)];
            let sources = match &input.sources[..] {
                [] => &standard[..],
                sources => sources,
            };
            let opened: Result<Vec<_>, _> = sources
                .iter()
                .map(|path| open_stream(input, path, target))
                .collect();
            Box::new(Chain(opened?))
        }
    };
    match input.shuffle {
        Some(_) if source.is_stream() => Err(PackError::CannotShuffle),
        Some(seed) => Ok(Box::new(Shuffled::new(source, seed))),
        None => Ok(source),
    }
}

/// Whether a path among others is read as an archive; one that may be and cannot be asked is, and
/// opening it says why.
fn is_archive(path: &PathBuf) -> bool {
    path.extension().is_some_and(|extension| extension == "tar")
        && match std::fs::metadata(path) {
            Ok(metadata) => metadata.is_file(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
}

/// Runs of paths that are no archives are one source, which can say where names clash.
fn open_paths(
    input: &Input,
    target: &Target,
    is_archive: impl Fn(&PathBuf) -> bool,
) -> Result<Box<dyn Source>, PackError> {
    let mut chain: Vec<Box<dyn Source>> = Vec::new();
    for group in input
        .sources
        .chunk_by(|a, b| !is_archive(a) && !is_archive(b))
    {
        if let [archive] = group
            && is_archive(archive)
        {
            let (file, name) = read(archive)?;
            chain.push(Box::new(Tar::new(file, &name)));
            continue;
        }
        for path in group {
            target.check_outside(path)?;
        }
        chain.push(Box::new(Files::new(group.to_vec(), input.links)));
    }
    Ok(Box::new(Chain(chain)))
}

fn open_stream(input: &Input, path: &Path, target: &Target) -> Result<Box<dyn Source>, PackError> {
    let (reader, name) = read(path)?;
    Ok(match input.kind {
        Kind::Tar => Box::new(Tar::new(reader, &name)),
        Kind::List(separator) => Box::new(List::new(reader, &name, separator, input.sort)),
        Kind::Stream(framing) => {
            let spool = directory_of(target.base());
            Box::new(Stream::new(reader, &name, framing, spool))
        }
        Kind::Paths | Kind::Files | Kind::Rox => {
            Box::new(Files::new(vec![path.to_owned()], input.links))
        }
    })
}

/// An input that can be read, and its name for messages. What is no regular file is opened when it
/// is read from, in the source's own thread: opening a FIFO waits until somebody writes to it, and a
/// run can be interrupted meanwhile.
fn read(path: &Path) -> Result<(Box<dyn BufRead + Send>, PathBuf), PackError> {
    if path == Path::new(STANDARD_INPUT) {
        let input = BufReader::with_capacity(BUFFER, std::io::stdin());
        return Ok((Box::new(input), PathBuf::from("standard input")));
    }
    let io = |error| PackError::io(path, error);
    let input = match std::fs::metadata(path).map_err(io)?.is_file() {
        true => Late::Open(load::open(path, &Origin::File(path.to_owned()))?),
        false => Late::Unopened(path.to_owned()),
    };
    Ok((
        Box::new(BufReader::with_capacity(BUFFER, input)),
        path.to_owned(),
    ))
}

/// An input that is opened when it is first read from.
enum Late {
    Unopened(PathBuf),
    Open(File),
}

impl Read for Late {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Late::Unopened(path) = self {
            *self = Late::Open(File::open(path)?);
        }
        match self {
            Late::Open(file) => file.read(buffer),
            Late::Unopened(_) => Ok(0),
        }
    }
}
