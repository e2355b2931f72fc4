//! An order as it comes in: numbers and paths, one a line, or numbers as bytes.

use std::mem;

/// The longest line, in bytes: the longest path that the kernel takes (`PATH_MAX` of its limits.h).
const LONGEST_LINE: usize = 4096;

/// How the input is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderForm {
    /// Lines, each ended by this byte.
    Lines(u8),
    /// Numbers of 8 bytes, little-endian.
    Binary,
}

/// One record of the order.
#[derive(Debug, PartialEq, Eq)]
pub enum Named {
    ByNumber(u64),
    ByPath(Vec<u8>),
}

/// What is wrong with an entry itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    #[error("it is empty: expected the number of a record, or its path")]
    Empty,
    #[error("it is longer than {LONGEST_LINE} bytes, the longest path: expected one record a line")]
    TooLong,
    #[error("the input ends within it: expected numbers of 8 bytes")]
    Cut,
}

/// Input that has come, and was not read as entries yet.
#[derive(Debug)]
pub struct OrderInput {
    form: OrderForm,
    bytes: Vec<u8>,
    /// How many of the bytes were read.
    read: usize,
    /// How many entries were, also with an error.
    entries: u64,
}

impl OrderInput {
    /// Nothing yet.
    pub fn new(form: OrderForm) -> OrderInput {
        OrderInput {
            form,
            bytes: Vec::new(),
            read: 0,
            entries: 0,
        }
    }

    /// Takes what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..mem::take(&mut self.read));
        self.bytes.extend_from_slice(bytes);
    }

    /// The next entry that has come as a whole.
    pub fn next_entry(&mut self) -> Option<Result<Named, InputError>> {
        let rest = &self.bytes[self.read..];
        match self.form {
            OrderForm::Binary => {
                let number = *rest.first_chunk()?;
                Some(self.take(8, Ok(Named::ByNumber(u64::from_le_bytes(number)))))
            }
            OrderForm::Lines(end) => match memchr::memchr(end, rest) {
                Some(len) => {
                    let entry = parse_line(&rest[..len]);
                    Some(self.take(len + 1, entry))
                }
                None if rest.len() > LONGEST_LINE => {
                    Some(self.take(rest.len(), Err(InputError::TooLong)))
                }
                None => None,
            },
        }
    }

    /// The last entry, where nothing more comes.
    pub fn last_entry(&mut self) -> Option<Result<Named, InputError>> {
        let rest = &self.bytes[self.read..];
        if rest.is_empty() {
            return None;
        }
        let entry = match self.form {
            OrderForm::Binary => Err(InputError::Cut),
            OrderForm::Lines(_) => parse_line(rest),
        };
        Some(self.take(rest.len(), entry))
    }

    /// Where the last entry stands that was read; where that was an error, the entry that is wrong.
    pub fn place(&self) -> String {
        let what = match self.form {
            OrderForm::Lines(b'\n') => "line",
            OrderForm::Lines(_) => "entry",
            OrderForm::Binary => "number",
        };
        format!("{what} {}", self.entries)
    }

    fn take(&mut self, len: usize, entry: Result<Named, InputError>) -> Result<Named, InputError> {
        self.read += len;
        self.entries += 1;
        entry
    }
}

/// Digits alone are a number, whatever files there are.
fn parse_line(line: &[u8]) -> Result<Named, InputError> {
    if line.is_empty() {
        return Err(InputError::Empty);
    }
    if line.len() > LONGEST_LINE {
        return Err(InputError::TooLong);
    }
    if !line.iter().all(u8::is_ascii_digit) {
        return Ok(Named::ByPath(line.to_vec()));
    }
    let digit = |number: u64, digit: &u8| {
        let ten = number.saturating_mul(10);
        ten.saturating_add(u64::from(digit - b'0'))
    };
    // Numbers beyond all are no record either.
    Ok(Named::ByNumber(line.iter().fold(0, digit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(number: u64) -> Named {
        Named::ByNumber(number)
    }

    fn path(path: &str) -> Named {
        Named::ByPath(path.into())
    }

    /// All entries of an input that comes in pieces of this many bytes.
    fn entries(
        form: OrderForm,
        bytes: &[u8],
        piece: usize,
    ) -> Result<Vec<Named>, (String, InputError)> {
        let mut input = OrderInput::new(form);
        let mut entries = Vec::new();
        for piece in bytes.chunks(piece) {
            input.push(piece);
            while let Some(entry) = input.next_entry() {
                entries.push(entry.map_err(|error| (input.place(), error))?);
            }
        }
        while let Some(entry) = input.last_entry() {
            entries.push(entry.map_err(|error| (input.place(), error))?);
        }
        Ok(entries)
    }

    #[test]
    fn lines_are_numbers_or_paths_however_they_come() {
        let text = b"7\nfiles/cat/1.jpg\n007\n./7\n99999999999999999999\n-1\n 7";
        let expected = || {
            vec![
                number(7),
                path("files/cat/1.jpg"),
                number(7),
                path("./7"),
                number(u64::MAX),
                path("-1"),
                path(" 7"),
            ]
        };
        for piece in [1, 3, 100] {
            assert_eq!(
                entries(OrderForm::Lines(b'\n'), text, piece),
                Ok(expected())
            );
        }
        let null = text.map(|byte| if byte == b'\n' { 0 } else { byte });
        assert_eq!(entries(OrderForm::Lines(0), &null, 5), Ok(expected()));
        assert_eq!(entries(OrderForm::Lines(b'\n'), b"", 1), Ok(vec![]));
        assert_eq!(
            entries(OrderForm::Lines(b'\n'), b"1\n", 1),
            Ok(vec![number(1)])
        );
    }

    #[test]
    fn what_is_no_entry_is_an_error_behind_those_that_are() {
        let line = OrderForm::Lines(b'\n');
        assert_eq!(
            entries(line, b"1\n2\n\n3\n", 3),
            Err(("line 3".into(), InputError::Empty))
        );
        let long = [b"1\n", &[b'a'; LONGEST_LINE + 1][..]].concat();
        assert_eq!(
            entries(line, &long, 100),
            Err(("line 2".into(), InputError::TooLong))
        );
        assert!(entries(line, &long[..LONGEST_LINE + 2], 100).is_ok());
        let endless = vec![b'a'; 1 << 20];
        assert_eq!(
            entries(line, &endless, 100),
            Err(("line 1".into(), InputError::TooLong))
        );
        let numbers = [1_u64, 2].map(u64::to_le_bytes).concat();
        let cut = entries(OrderForm::Binary, &numbers[..15], 4);
        assert_eq!(cut, Err(("number 2".into(), InputError::Cut)));
        let whole = entries(OrderForm::Binary, &numbers, 5);
        assert_eq!(whole, Ok(vec![number(1), number(2)]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_alike_in_any_pieces(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            piece in 1..50_usize,
        ) {
            for form in [OrderForm::Lines(b'\n'), OrderForm::Lines(0), OrderForm::Binary] {
                prop_assert_eq!(entries(form, &bytes, piece), entries(form, &bytes, 200));
            }
        }
    }
}
