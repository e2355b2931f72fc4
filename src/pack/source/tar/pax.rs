//! The records of extended headers: `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record. So a
//! value may hold any bytes, newlines and what looks like a record too. Only what a record is packed
//! by is kept; all else (access control lists, resource forks) is passed over, however long it is.

use super::blocks::Blocks;
use super::sparse::{Fields, decimal};
use super::{Fault, MOST_KEPT_BYTES};
use crate::format::Damage;
use std::io::{self, BufRead, BufReader, Read};

/// Digits of the length of a record that 64 bits have room for.
const MOST_DIGITS: u64 = 20;
/// Longer keys are those of attributes that are not kept.
const LONGEST_KEY_BYTES: u64 = 64;
/// The memory that a number of a map of holes takes.
const KEPT_BYTES_OF_NUMBER: u64 = 16;
/// Bytes read at once.
const BUFFER_BYTES: usize = 512;

/// What is kept of extended headers.
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    pub path: Option<Vec<u8>>,
    /// Where a link leads.
    pub link: Option<Vec<u8>>,
    /// How many bytes of content the archive has.
    pub size: Option<u64>,
    /// The map of holes.
    pub sparse: Fields,
}

impl Attributes {
    /// Reads the records of the header that is the current content of `blocks`. A key that has come
    /// before counts again. Of all headers of an entry `kept` bytes have been kept.
    pub fn read(&mut self, blocks: &mut Blocks<'_>, kept: &mut u64) -> Result<(), Fault> {
        let size = blocks.left();
        let mut left = size;
        let mut content = BufReader::with_capacity(BUFFER_BYTES, blocks.content());
        let read = loop {
            if left == 0 {
                break Ok(());
            }
            match self.read_record(&mut content, &mut left, kept) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(fault) => break Err(fault),
            }
        };
        drop(content);
        match read {
            Err(RecordFault::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(blocks.cut_off())
            }
            Err(RecordFault::Io(error)) => Err(Fault::Io(error)),
            Err(RecordFault::TooLong) => Err(Fault::TooLong {
                limit: MOST_KEPT_BYTES,
            }),
            Err(RecordFault::Damaged(expected)) => {
                let what = format!("a record of its extended header, {left} bytes before its end,");
                Err(Fault::Damaged(Damage::new(what, "damaged", expected)))
            }
            Ok(()) => Ok(()),
        }
    }

    /// `false` where only padding is left.
    fn read_record(
        &mut self,
        content: &mut impl BufRead,
        left: &mut u64,
        kept: &mut u64,
    ) -> Result<bool, RecordFault> {
        let (len, before) = match read_length(content, *left)? {
            Some(length) => length,
            None => return Ok(false),
        };
        let after = len.checked_sub(before).filter(|_| len <= *left);
        let after = after.ok_or(RecordFault::Damaged("a length within the header"))?;
        let mut key = Vec::new();
        content
            .by_ref()
            .take(after.min(LONGEST_KEY_BYTES))
            .read_until(b'=', &mut key)?;
        // The newline, and of a long key what was not read, too.
        let rest = after - key.len() as u64;
        let is_whole = key.pop_if(|last| *last == b'=').is_some();
        let value = rest.checked_sub(1);
        let value = value.ok_or(RecordFault::Damaged("a key, \"=\", a value and a newline"))?;
        if is_whole && is_kept(&key) {
            // A number takes more memory than its digits.
            *kept += value.max(KEPT_BYTES_OF_NUMBER);
            if *kept > MOST_KEPT_BYTES {
                return Err(RecordFault::TooLong);
            }
            let mut bytes = vec![0; value as usize];
            content.read_exact(&mut bytes)?;
            self.keep(&key, bytes).map_err(RecordFault::Damaged)?;
        } else if io::copy(&mut content.by_ref().take(value), &mut io::sink())? < value {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut newline = [0];
        content.read_exact(&mut newline)?;
        if newline != *b"\n" {
            return Err(RecordFault::Damaged("one that ends with a newline"));
        }
        *left -= len;
        Ok(true)
    }

    fn keep(&mut self, key: &[u8], value: Vec<u8>) -> Result<(), &'static str> {
        // An empty value takes back what an earlier header has said.
        let value = Some(value).filter(|value| !value.is_empty());
        match key {
            b"path" => self.path = value,
            b"linkpath" => self.link = value,
            b"size" => {
                let size = value.as_deref().map(decimal);
                self.size = match size {
                    Some(None) => return Err("a number of bytes as size"),
                    Some(size) => size,
                    None => None,
                };
            }
            _ => {
                if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.set(key, value.unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }
}

fn is_kept(key: &[u8]) -> bool {
    matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.")
}

/// The length of the next record, and how many bytes said it; `None` where only padding is left.
fn read_length(content: &mut impl BufRead, left: u64) -> Result<Option<(u64, u64)>, RecordFault> {
    if content.fill_buf()?.first() == Some(&0) {
        return Ok(None);
    }
    let mut digits = Vec::new();
    let most = left.min(MOST_DIGITS + 1);
    content.by_ref().take(most).read_until(b' ', &mut digits)?;
    let before = digits.len() as u64;
    let is_whole = digits.pop_if(|last| *last == b' ').is_some();
    if !is_whole && before < most {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    let length = decimal(&digits).filter(|_| is_whole);
    match length {
        Some(length) => Ok(Some((length, before))),
        None => Err(RecordFault::Damaged("one that begins with its length")),
    }
}

enum RecordFault {
    Io(io::Error),
    TooLong,
    Damaged(&'static str),
}

impl From<io::Error> for RecordFault {
    fn from(error: io::Error) -> RecordFault {
        RecordFault::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::escaped;

    /// What is kept of a header of these bytes, or why it is not read.
    fn read(header: &[u8]) -> Result<Attributes, String> {
        let mut input = header;
        let mut blocks = Blocks::new(&mut input);
        blocks.begin_content(header.len() as u64);
        let mut attributes = Attributes::default();
        match attributes.read(&mut blocks, &mut 0) {
            Ok(()) => Ok(attributes),
            Err(Fault::Damaged(damage)) => Err(damage.to_string()),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn path(header: &[u8]) -> Option<String> {
        let path = read(header).expect("whole").path;
        path.map(|path| escaped(&path).to_string())
    }

    #[test]
    fn records_are_cut_by_their_lengths() {
        let cases: [(&[u8], Option<&str>); 8] = [
            (b"", None),
            (b"10 path=a\n", Some("a")),
            (b"10 path=a\n10 path=b\n", Some("b")),
            (b"10 path=a\n8 path=\n", None),
            (b"14 path=a\nb=c\n", Some("a\\nb=c")),
            (b"29 comment=x\n10 path=evil\nab\n10 path=a\n", Some("a")),
            (b"10 path=a\n\0\0\0\0", Some("a")),
            (b"013 path=abc\n", Some("abc")),
        ];
        for (header, expected) in cases {
            assert_eq!(path(header).as_deref(), expected, "{}", escaped(header));
        }
        let sized = read(b"12 size=700\n").expect("whole");
        assert_eq!(sized.size, Some(700));
    }

    #[test]
    fn a_header_that_is_cut_off_is_not_taken_for_a_damaged_one() {
        let whole = b"10 path=a\n14 linkpath=b\n";
        for len in 0..whole.len() {
            let mut input = &whole[..len];
            let mut blocks = Blocks::new(&mut input);
            blocks.begin_content(whole.len() as u64);
            let read = Attributes::default().read(&mut blocks, &mut 0);
            assert!(matches!(read, Err(Fault::CutOff(_))), "{len}: {read:?}");
        }
    }

    #[test]
    fn records_that_are_damaged_are_errors() {
        let cases: [(&[u8], &str); 9] = [
            (b"path=a\n", "begins with its length"),
            (b"10path=a\n", "begins with its length"),
            (b"99 path=a\n", "a length within the header"),
            (b"2 path=a\n", "a key, \"=\", a value and a newline"),
            (b"3 path=a\n", "a key, \"=\", a value and a newline"),
            (b"8 path=a\n", "ends with a newline"),
            (b"10 path=a\nx", "begins with its length"),
            (b"12 size=7x0\n", "a number of bytes as size"),
            (
                b"99999999999999999999999 path=a\n",
                "begins with its length",
            ),
        ];
        for (header, expected) in cases {
            let error = read(header).expect_err(expected);
            assert!(error.contains(expected), "{}: {error}", escaped(header));
        }
    }
}
