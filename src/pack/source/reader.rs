//! An input that is read from its beginning to its end: a file, a FIFO, standard input.

use super::Origin;
use super::{SourceError, open_file};
use crate::sys::lease;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How the name of standard input is written on a command line.
pub const STANDARD_INPUT: &str = "-";
/// How it is named in messages.
pub const STANDARD_INPUT_NAME: &str = "standard input";
/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 20;

pub fn is_file(path: &Path) -> Result<bool, SourceError> {
    let metadata = path.metadata();
    Ok(metadata
        .map_err(|error| SourceError::input(path, error))?
        .is_file())
}

/// Standard input, if that is a regular file.
pub fn standard_file() -> Result<Option<File>, SourceError> {
    let io = |error| SourceError::input(Path::new(STANDARD_INPUT_NAME), error);
    let descriptor = io::stdin().as_fd().try_clone_to_owned().map_err(io)?;
    let file = File::from(descriptor);
    let is_file = file.metadata().map_err(io)?.is_file();
    Ok(is_file.then_some(file))
}

/// Whether an input is there and may be read. What is no regular file is not opened: opening a FIFO
/// waits until somebody writes to it.
pub fn check_readable(path: &Path) -> Result<(), SourceError> {
    if path == Path::new(STANDARD_INPUT) {
        return Ok(());
    }
    let io = |error| SourceError::io(path, error);
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
pub fn read(
    path: &Path,
    is_read_again: bool,
) -> Result<(Box<dyn BufRead + Send>, PathBuf), SourceError> {
    let io = |error| SourceError::input(path, error);
    if path == Path::new(STANDARD_INPUT) {
        let name = PathBuf::from(STANDARD_INPUT_NAME);
        let file = if is_read_again {
            standard_file()?
        } else {
            None
        };
        let input: Box<dyn Read + Send> = match file {
            Some(file) => Box::new(FromHere::new(file).map_err(|e| SourceError::input(&name, e))?),
            None => Box::new(io::stdin()),
        };
        return Ok((
            Box::new(BufReader::with_capacity(BUFFER_BYTES, input)),
            name,
        ));
    }
    let file = if is_file(path)? {
        open_regular(path)?
    } else {
        File::open(path).map_err(io)?
    };
    let input = BufReader::with_capacity(BUFFER_BYTES, file);
    Ok((Box::new(input), path.to_owned()))
}

/// A regular file. Without it all that it has is lost, and not one record.
pub fn open_regular(path: &Path) -> Result<File, SourceError> {
    let opened = open_file::open(path, &Origin::File(path.to_owned()));
    opened.map_err(|error| match error {
        SourceError::Unreadable(_, reason) => SourceError::input(path, reason),
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
