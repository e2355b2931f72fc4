//! Tar archives that may be compressed, recognized by their first bytes and not by their names.
//!
//! What is read of an archive is decompressed in the thread of the source, a piece at a time. Its
//! checksums are compared also behind the archive's end mark, where reading it ends: they stand at
//! the end of the compressed data.

use super::looks::{HEAD_BYTES, Looks};
use super::tar::{Tar, is_tar_header};
use super::{Exclude, Facts, Sink, Skipped, Source, SourceError};
use crate::format::byte_count;
use crate::sys::lock;
use members::{CompressionFormat, Members, TooMuchMemory};
use peeked::Peeked;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub mod members;
mod peeked;

/// Decompressed bytes that are handed to the reader of the archive at once.
const BUFFER_BYTES: usize = 128 << 10;

/// A tar archive, as it is or compressed by gzip, zstd, xz or bzip2.
pub struct TarSource {
    input: Option<Box<dyn BufRead + Send>>,
    origin: Arc<Path>,
    nested: Option<Exclude>,
    is_quiet: bool,
    skipped: Skipped,
}

impl TarSource {
    /// See [`Tar::FACTS`].
    pub const FACTS: Facts = Tar::FACTS;

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

    /// Whether nothing is logged of what is odd but no error.
    pub fn quiet(self, is_quiet: bool) -> TarSource {
        TarSource { is_quiet, ..self }
    }

    fn run_tar(&mut self, input: Peeked, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let mut tar = Tar::new(Box::new(input), &self.origin)
            .nested(self.nested.clone())
            .quiet(self.is_quiet);
        let flow = tar.run(sink);
        self.skipped = tar.skipped();
        flow
    }

    /// Why what begins like this is no tar archive, compressed by this format or not.
    fn refused(&self, head: &[u8], format: Option<CompressionFormat>) -> Option<SourceError> {
        if is_tar_header(head) {
            return None;
        }
        let looks = Looks::of(head).map(match format {
            Some(_) => Looks::inside,
            None => Looks::refused_as_tar,
        });
        let looks = match (looks, head.len()) {
            (Some(looks), _) => looks,
            (None, len @ 1..HEAD_BYTES) => {
                format!(
                    "it has {}, a tar archive at least {HEAD_BYTES}",
                    byte_count(len as u64)
                )
            }
            _ => return None,
        };
        Some(SourceError::NotAnArchive {
            path: self.origin.to_path_buf(),
            expected: match format {
                None => "tar archive",
                Some(CompressionFormat::Gzip) => "tar archive compressed by gzip",
                Some(CompressionFormat::Zstd) => "tar archive compressed by zstd",
                Some(CompressionFormat::Xz) => "tar archive compressed by xz",
                Some(CompressionFormat::Bzip2) => "tar archive compressed by bzip2",
            },
            looks: Some(looks),
        })
    }

    fn run_compressed(
        &mut self,
        format: CompressionFormat,
        input: Peeked,
        sink: &mut Sink<'_>,
    ) -> ControlFlow<()> {
        let stream = Arc::new(Mutex::new(Decompression {
            format,
            members: Members::new(format, input),
            failed: None,
        }));
        let origin = Arc::clone(&self.origin);
        let translate = |error| lock(&stream).translate(&origin, error);
        let reader =
            BufReader::with_capacity(BUFFER_BYTES, DecompressionReader(Arc::clone(&stream)));
        let mut reader = Peeked::new(Box::new(reader));
        // A first member may be shorter than the header that tells what this is.
        let refused = match reader.peek(HEAD_BYTES) {
            // Another member might follow that is damaged.
            Ok(head)
                if head.len() < HEAD_BYTES
                    && lock(&stream).members.ends_before_input().is_some() =>
            {
                None
            }
            Ok(head) => self.refused(head, Some(format)),
            Err(error) => Some(translate(SourceError::input(&origin, error))),
        };
        if let Some(error) = refused {
            return sink(Err(error));
        }
        self.run_tar(reader, &mut |record| sink(record.map_err(translate)))?;
        let finished = lock(&stream).finish(&origin, self.is_quiet);
        match finished {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => sink(Err(translate(error))),
        }
    }

    fn run_any(&mut self, mut input: Peeked, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let found = input
            .peek(HEAD_BYTES)
            .map(|head| match CompressionFormat::of(head) {
                Some(format) if !is_tar_header(head) => (Some(format), None),
                _ => (None, self.refused(head, None)),
            });
        match found {
            Ok((Some(format), _)) => self.run_compressed(format, input, sink),
            Ok((None, Some(error))) => sink(Err(error)),
            Ok((None, None)) => self.run_tar(input, sink),
            Err(error) => sink(Err(SourceError::input(&self.origin, error))),
        }
    }
}

impl Source for TarSource {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let Some(input) = self.input.take() else {
            return ControlFlow::Continue(());
        };
        let mut flow = ControlFlow::Continue(());
        // An error that does not concern one record alone is the last of this archive, whatever the
        // sink wants of the next one.
        let _ = self.run_any(Peeked::new(input), &mut |record| {
            let is_last = (record.as_ref()).is_err_and(|error| !error.concerns_one_record());
            flow = sink(record);
            if is_last {
                ControlFlow::Break(())
            } else {
                flow
            }
        });
        flow
    }

    fn facts(&self) -> Facts {
        TarSource::FACTS
    }

    fn skipped(&self) -> Skipped {
        self.skipped
    }
}

/// Data that are being decompressed, and why that has failed.
struct Decompression {
    format: CompressionFormat,
    members: Members,
    failed: Option<DecompressionFailure>,
}

enum DecompressionFailure {
    Damage(String),
    Memory(String),
}

impl Decompression {
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
                DecompressionFailure::Memory(error.to_string())
            }
            io::ErrorKind::UnexpectedEof => {
                DecompressionFailure::Damage(format!("are cut off after {at} bytes"))
            }
            _ => DecompressionFailure::Damage(format!("are damaged before byte {at}: {error}")),
        });
        Err(error)
    }

    /// After the archive's end: decompresses what is left, for its checksums.
    fn finish(&mut self, origin: &Path, is_quiet: bool) -> Result<(), SourceError> {
        let io = |error| SourceError::input(origin, error);
        let mut buffer = vec![0; BUFFER_BYTES];
        while self.read(&mut buffer).map_err(io)? > 0 {}
        let trailing = self.members.trailing().map_err(io)?;
        if trailing > 0 && !is_quiet {
            log::warn!(
                "{}: after its end, {trailing} bytes that {} has not written are passed over",
                crate::text::printable(origin),
                self.format.program()
            );
        }
        Ok(())
    }

    /// Why reading the archive has failed, where that is known better here.
    fn translate(&mut self, origin: &Path, error: SourceError) -> SourceError {
        let (path, format) = (origin.to_owned(), self.format);
        if self.failed.is_none()
            && matches!(error, SourceError::DamagedEntry { .. })
            && let Some(end) = self.members.ends_before_input()
        {
            let what = format!(
                "end after {end} bytes, and what follows is none, but the archive is cut off there"
            );
            self.failed = Some(DecompressionFailure::Damage(what));
        }
        match (&self.failed, error) {
            (Some(DecompressionFailure::Damage(what)), _) => SourceError::DamagedArchive {
                path,
                what: format!("the {} data {what}", format.program()),
            },
            (Some(DecompressionFailure::Memory(what)), _) => SourceError::TooMuchMemory {
                path,
                what: what.clone(),
                decompressor: match format {
                    CompressionFormat::Zstd => "zstd -dc --long=31",
                    _ => "xz -dc",
                },
            },
            (None, error) => error,
        }
    }
}

/// A stream for the reader of the archive, which keeps what it reads from.
struct DecompressionReader(Arc<Mutex<Decompression>>);

impl Read for DecompressionReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.0).read(buffer)
    }
}
