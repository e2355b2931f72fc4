//! Tar archives that may be compressed, recognized by their first bytes and not by their names.
//!
//! What is read of an archive is decompressed in the thread of the source, a piece at a time. Its
//! checksums are compared also behind the archive's end mark, where reading it ends: they stand at
//! the end of the compressed data.

use super::looks::{HEAD, Looks};
use super::tar::{Tar, is_tar_header};
use super::{Exclude, Skipped, Source, Take, give_of_input};
use crate::format::byte_count;
use crate::pack::PackError;
use crate::sys::lock;
use members::{Format, Members, TooMuchMemory};
use peeked::Peeked;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex};

pub mod members;
mod peeked;

/// Decompressed bytes that are handed to the reader of the archive at once.
const BUFFER: usize = 128 << 10;

/// A tar archive, as it is or compressed by gzip, zstd, xz or bzip2.
pub struct TarSource {
    input: Option<Box<dyn BufRead + Send>>,
    origin: Arc<Path>,
    nested: Option<Exclude>,
    is_quiet: bool,
    skipped: Skipped,
}

impl TarSource {
    /// Over `input`, which is not read from before the source runs; `origin` names it in messages.
    pub fn new(input: Box<dyn BufRead + Send>, origin: &Path) -> TarSource {
        TarSource {
            input: Some(input),
            origin: origin.into(),
            nested: None,
            is_quiet: false,
            skipped: Skipped::default(),
        }
    }

    /// See [`Tar::nested`].
    pub fn nested(self, nested: Option<Exclude>) -> TarSource {
        TarSource { nested, ..self }
    }

    /// Whether nothing is said of what is odd but no error.
    pub fn quiet(self, is_quiet: bool) -> TarSource {
        TarSource { is_quiet, ..self }
    }

    /// `false` when no more is wanted, or no more can be read.
    fn run_tar(&mut self, input: Peeked, take: &mut Take<'_>) -> bool {
        let mut go_on = true;
        let mut tar = Tar::new(Box::new(input), &self.origin)
            .nested(self.nested.clone())
            .quiet(self.is_quiet);
        tar.run(&mut |record| {
            go_on = give_of_input(record, take);
            go_on
        });
        self.skipped = tar.skipped();
        go_on
    }

    /// Why what begins like this is no tar archive, compressed by this format or not.
    fn refused(&self, head: &[u8], format: Option<Format>) -> Option<PackError> {
        if is_tar_header(head) {
            return None;
        }
        let looks = Looks::of(head).map(match format {
            Some(_) => Looks::inside,
            None => Looks::refused_as_tar,
        });
        let looks = match (looks, head.len()) {
            (Some(looks), _) => looks,
            (None, len @ 1..HEAD) => {
                format!(
                    "it has {}, a tar archive at least {HEAD}",
                    byte_count(len as u64)
                )
            }
            _ => return None,
        };
        Some(PackError::NotAnArchive {
            path: self.origin.to_path_buf(),
            expected: match format {
                None => "tar archive",
                Some(Format::Gzip) => "tar archive compressed by gzip",
                Some(Format::Zstd) => "tar archive compressed by zstd",
                Some(Format::Xz) => "tar archive compressed by xz",
                Some(Format::Bzip2) => "tar archive compressed by bzip2",
            },
            looks: Some(looks),
        })
    }

    fn run_compressed(&mut self, format: Format, input: Peeked, take: &mut Take<'_>) {
        let stream = Arc::new(Mutex::new(Stream {
            format,
            members: Members::new(format, input),
            failed: None,
        }));
        let origin = Arc::clone(&self.origin);
        let translate = |error| lock(&stream).translate(&origin, error);
        let reader = BufReader::with_capacity(BUFFER, Shared(Arc::clone(&stream)));
        let mut reader = Peeked::new(Box::new(reader));
        // A first member may be shorter than the header that tells what this is.
        let refused = match reader.peek(HEAD) {
            // Another member might follow that is damaged.
            Ok(head)
                if head.len() < HEAD && lock(&stream).members.ends_before_input().is_some() =>
            {
                None
            }
            Ok(head) => self.refused(head, Some(format)),
            Err(error) => Some(translate(PackError::input(&origin, error))),
        };
        if let Some(error) = refused {
            take(Err(error));
            return;
        }
        let go_on = self.run_tar(reader, &mut |record| {
            give_of_input(record.map_err(translate), take)
        });
        let finished = match go_on {
            true => lock(&stream).finish(&origin, self.is_quiet),
            false => Ok(()),
        };
        if let Err(error) = finished {
            take(Err(translate(error)));
        }
    }
}

impl Source for TarSource {
    fn run(&mut self, take: &mut Take<'_>) {
        let Some(input) = self.input.take() else {
            return;
        };
        let mut input = Peeked::new(input);
        let found = input.peek(HEAD).map(|head| match Format::of(head) {
            Some(format) if !is_tar_header(head) => (Some(format), None),
            _ => (None, self.refused(head, None)),
        });
        match found {
            Ok((Some(format), _)) => self.run_compressed(format, input, take),
            Ok((None, Some(error))) => _ = take(Err(error)),
            Ok((None, None)) => _ = self.run_tar(input, take),
            Err(error) => _ = take(Err(PackError::input(&self.origin, error))),
        }
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

/// Data that are being decompressed, and why that has failed.
struct Stream {
    format: Format,
    members: Members,
    failed: Option<Failure>,
}

enum Failure {
    Damage(String),
    Memory(String),
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // What a decoder says after its first error means nothing.
        if self.failed.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let at = self.members.at();
        let error = match self.members.read(buffer) {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        // What the system says is no fault of the data.
        if error.raw_os_error().is_some() || error.kind() == io::ErrorKind::Interrupted {
            return Err(error);
        }
        let at = at.max(self.members.at());
        let inner = error.get_ref();
        self.failed = Some(match error.kind() {
            _ if inner.is_some_and(|inner| inner.is::<TooMuchMemory>()) => {
                Failure::Memory(error.to_string())
            }
            io::ErrorKind::UnexpectedEof => {
                Failure::Damage(format!("are cut off after {at} bytes"))
            }
            _ => Failure::Damage(format!("are damaged before byte {at}: {error}")),
        });
        Err(error)
    }

    /// After the archive's end: decompresses what is left, for its checksums.
    fn finish(&mut self, origin: &Path, is_quiet: bool) -> Result<(), PackError> {
        let io = |error| PackError::input(origin, error);
        let mut buffer = vec![0; BUFFER];
        while self.read(&mut buffer).map_err(io)? > 0 {}
        let trailing = self.members.trailing().map_err(io)?;
        if trailing > 0 && !is_quiet {
            log::warn!(
                "{}: after its end, {trailing} bytes that {} has not written are passed over",
                crate::text::shown(origin),
                self.format.program()
            );
        }
        Ok(())
    }

    /// Why reading the archive has failed, where that is known better here.
    fn translate(&mut self, origin: &Path, error: PackError) -> PackError {
        let (path, format) = (origin.to_owned(), self.format);
        if self.failed.is_none()
            && matches!(error, PackError::DamagedEntry { .. })
            && let Some(end) = self.members.ends_before_input()
        {
            let what = format!(
                "end after {end} bytes, and what follows is none, but the archive is cut off there"
            );
            self.failed = Some(Failure::Damage(what));
        }
        match (&self.failed, error) {
            (Some(Failure::Damage(what)), _) => PackError::DamagedArchive {
                path,
                what: format!("the {} data {what}", format.program()),
            },
            (Some(Failure::Memory(what)), _) => PackError::TooMuchMemory {
                path,
                what: what.clone(),
                decompressor: match format {
                    Format::Zstd => "zstd -dc --long=31",
                    _ => "xz -dc",
                },
            },
            (None, error) => error,
        }
    }
}

/// A stream for the reader of the archive, which keeps what it reads from.
struct Shared(Arc<Mutex<Stream>>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.0).read(buffer)
    }
}
