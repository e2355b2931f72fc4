//! Records cut out of one stream of bytes: lines, NUL-terminated, with lengths before them, or of
//! one size. They have no names.

use super::inline_content::InlineContent;
use super::spool::Spool;
use super::{Content, Facts, Incoming, Origin, Sink, Source, SourceError};
use memchr::{memchr, memchr_iter, memrchr};
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a stream is cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After each of these bytes, which is no part of the record: a newline or NUL. What follows
    /// the last one is a record too, unless there is nothing.
    Terminated(u8),
    /// A little-endian length of this many bytes (4 or 8) stands before each record.
    Length(usize),
    /// Each record has this many bytes.
    Fixed(u64),
}

/// A stream of records.
pub struct RecordStream {
    input: Box<dyn BufRead + Send>,
    origin: Arc<Path>,
    framing: Framing,
    /// Where long records of unknown length are kept meanwhile.
    spool_directory: PathBuf,
    number: u64,
}

impl RecordStream {
    /// What is known of the records of any stream.
    pub const FACTS: Facts = Facts {
        is_sorted: false,
        has_links: false,
        is_stream: true,
    };

    /// Over `input`; `origin` names it in messages.
    pub fn new(
        input: Box<dyn BufRead + Send>,
        origin: &Path,
        framing: Framing,
        spool_directory: &Path,
    ) -> RecordStream {
        RecordStream {
            input,
            origin: origin.into(),
            framing,
            spool_directory: spool_directory.to_owned(),
            number: 0,
        }
    }

    fn io(&self, error: io::Error) -> SourceError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => SourceError::Truncated {
                origin: self.here(),
                what: "it ends within this record".to_owned(),
            },
            _ => SourceError::io(&self.origin, error),
        }
    }

    fn here(&self) -> Origin {
        Origin::Number(Arc::clone(&self.origin), self.number)
    }

    fn record(&self, size: u64, content: Content) -> Incoming {
        Incoming {
            name: None,
            size,
            origin: self.here(),
            content,
        }
    }

    /// Gives the next record, or several.
    fn step(&mut self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, SourceError> {
        let flow = match self.framing {
            Framing::Terminated(byte) => {
                let whole = self.whole_records(byte)?;
                if !whole.is_empty() {
                    return Ok(self.give_out(whole, byte, sink));
                }
                let (size, content) = self.until(byte)?;
                sink(Ok(self.record(size, content)))
            }
            Framing::Length(width) => {
                let size = self.length(width).map_err(|error| self.io(error))?;
                self.sized(size, sink)?
            }
            Framing::Fixed(size) => self.sized(size, sink)?,
        };
        self.number += 1;
        Ok(flow)
    }

    fn has_ended(&mut self) -> Result<bool, SourceError> {
        let has_ended = self.input.fill_buf().map(<[u8]>::is_empty);
        has_ended.map_err(|error| self.io(error))
    }

    fn sized(&mut self, size: u64, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, SourceError> {
        let begun = InlineContent::begin(size, &mut self.input);
        let (content, rest) = begun.map_err(|error| self.io(error))?;
        let flow = sink(Ok(self.record(size, content)));
        if flow.is_continue() {
            let sent = rest.send(&mut self.input);
            let skipped = sent.and_then(|left| pass_over(left, &mut self.input));
            skipped.map_err(|error| self.io(error))?;
        }
        Ok(flow)
    }

    fn length(&mut self, width: usize) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.input.read_exact(&mut bytes[..width])?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Takes what has been read already up to the last terminator in it.
    fn whole_records(&mut self, terminator: u8) -> Result<Vec<u8>, SourceError> {
        let buffer = match self.input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) => return Err(SourceError::io(&self.origin, error)),
        };
        let len = memrchr(terminator, buffer).map_or(0, |last| last + 1);
        let whole = buffer[..len].to_vec();
        self.input.consume(len);
        Ok(whole)
    }

    /// Gives out whole records, of which each ends with its terminator.
    fn give_out(&mut self, whole: Vec<u8>, terminator: u8, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let whole = Arc::new(whole);
        let mut start = 0;
        for end in memchr_iter(terminator, &whole) {
            let content = Content::Slice(Arc::clone(&whole), start..end);
            sink(Ok(self.record((end - start) as u64, content)))?;
            self.number += 1;
            start = end + 1;
        }
        ControlFlow::Continue(())
    }

    /// Takes one record that does not end in what has been read already.
    fn until(&mut self, terminator: u8) -> Result<(u64, Content), SourceError> {
        let spool = |error| SourceError::io(&self.spool_directory, error);
        let mut kept = Spool::new(&self.spool_directory);
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) => return Err(SourceError::io(&self.origin, error)),
            };
            let end = memchr(terminator, buffer);
            let part = &buffer[..end.unwrap_or(buffer.len())];
            kept.write(part).map_err(spool)?;
            let used = part.len() + usize::from(end.is_some());
            let done = end.is_some() || used == 0;
            self.input.consume(used);
            if done {
                break;
            }
        }
        kept.finish().map_err(spool)
    }
}

/// Reads what nobody wants, up to the next record.
fn pass_over(bytes: u64, input: &mut impl Read) -> io::Result<()> {
    let passed = io::copy(&mut input.take(bytes), &mut io::sink())?;
    if passed == bytes {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

impl Source for RecordStream {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        if self.framing == Framing::Fixed(0) {
            return ControlFlow::Continue(());
        }
        loop {
            let flow = match self.has_ended() {
                Ok(true) => return ControlFlow::Continue(()),
                Ok(false) => self.step(sink),
                Err(error) => Err(error),
            };
            match flow {
                Ok(flow) => flow?,
                Err(error) => return sink(Err(error)),
            }
        }
    }

    fn facts(&self) -> Facts {
        RecordStream::FACTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of `input`, then the error it ended with.
    fn cut(input: &[u8], framing: Framing) -> (Vec<Vec<u8>>, Option<String>) {
        let mut records = Vec::new();
        let mut error = None;
        let input = Box::new(io::Cursor::new(input.to_vec()));
        let directory = std::env::temp_dir();
        let mut stream = RecordStream::new(input, Path::new("in"), framing, &directory);
        let _ = stream.run(&mut |record| {
            match record.map(|record| record.content) {
                Ok(Content::Bytes(bytes)) => records.push(bytes),
                Ok(Content::Slice(bytes, range)) => records.push(bytes[range].to_vec()),
                Ok(other) => panic!("{other:?}"),
                Err(found) => error = Some(found.to_string()),
            }
            ControlFlow::Continue(())
        });
        (records, error)
    }

    #[test]
    fn terminated_records_end_at_their_byte_or_at_the_end() {
        let cases: [(&[u8], &[&[u8]]); 5] = [
            (b"", &[]),
            (b"a\nb\n", &[b"a", b"b"]),
            (b"a\nb", &[b"a", b"b"]),
            (b"\n\na\n", &[b"", b"", b"a"]),
            (b"a\0\xff\n", &[b"a\0\xff"]),
        ];
        for (input, expected) in cases {
            let (records, error) = cut(input, Framing::Terminated(b'\n'));
            assert_eq!(records, expected, "{input:?}");
            assert_eq!(error, None);
        }
    }

    #[test]
    fn lengths_stand_before_their_records() {
        let (records, error) = cut(b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0c", Framing::Length(4));
        assert_eq!(records, [&b"ab"[..], b"", b"c"]);
        assert_eq!(error, None);
        let (records, _) = cut(b"\x02\0\0\0\0\0\0\0ab", Framing::Length(8));
        assert_eq!(records, [b"ab"]);
    }

    #[test]
    fn a_stream_that_ends_within_a_record_is_an_error_that_says_where() {
        let inputs: [(&[u8], Framing); 4] = [
            (b"\x01\0\0\0a\x02\0", Framing::Length(4)),
            (b"\x01\0\0\0a\x02\0\0\0b", Framing::Length(4)),
            (b"ab", Framing::Fixed(1)),
            (b"abc", Framing::Fixed(2)),
        ];
        for (input, framing) in inputs {
            let (records, error) = cut(input, framing);
            match framing {
                Framing::Fixed(1) => assert_eq!((records.len(), error), (2, None)),
                _ => {
                    assert_eq!(records.len(), 1);
                    let expected = "in: record 1: it ends within this record";
                    assert_eq!(error.as_deref(), Some(expected));
                }
            }
        }
    }

    #[test]
    fn a_length_that_lies_asks_for_no_memory() {
        let input = Box::new(io::Cursor::new([0xff; 20].to_vec()));
        let directory = std::env::temp_dir();
        let mut stream = RecordStream::new(input, Path::new("in"), Framing::Length(8), &directory);
        let mut seen = Vec::new();
        let _ = stream.run(&mut |record| {
            seen.push(
                record
                    .map(|record| record.size)
                    .map_err(|error| error.to_string()),
            );
            ControlFlow::Continue(())
        });
        assert_eq!(seen[0], Ok(u64::MAX));
        assert!(seen[1].is_err());
    }
}
