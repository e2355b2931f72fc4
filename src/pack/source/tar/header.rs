//! The fields of a header, in all the forms in which writers of tar archives have filled them: POSIX,
//! GNU, star, and before these. What several headers say of one entry is put together elsewhere.

use super::blocks::{BLOCK_BYTES, Block};
use super::sparse::Segment;
use crate::format::Damage;
use crate::text::escaped;
use std::ops::Range;

const NAME: Range<usize> = 0..100;
const SIZE: Range<usize> = 124..136;
const CHECKSUM: Range<usize> = 148..156;
const KIND: usize = 156;
const LINK: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..265;
const PREFIX: Range<usize> = 345..500;
/// In the old GNU form: offset and length of 4 pieces, whether blocks with more follow, and the size
/// with holes.
const PIECES: Range<usize> = 386..482;
const IS_EXTENDED: usize = 482;
const REAL_SIZE: Range<usize> = 483..495;
/// In a block of that form with more pieces: 21 of them, and whether yet another block follows.
const MORE_PIECES: Range<usize> = 0..504;
const IS_EXTENDED_AGAIN: usize = 504;
/// Size of a number in a piece.
const NUMBER_BYTES: usize = 12;

const GNU_MAGIC: &[u8] = b"ustar  \0";

/// A header whose checksum is right.
#[derive(Debug, Clone)]
pub struct Header(Block);

/// Why a block is no header.
#[derive(Debug)]
pub struct WrongChecksum {
    found: String,
    expected: i64,
}

impl WrongChecksum {
    /// As a fault of a header that is called `what`.
    pub fn damage(self, what: &str) -> Damage {
        let expected = format!("{:06o}", self.expected);
        Damage::new(format!("the checksum of {what}"), self.found, expected)
    }
}

/// What a header describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderKind {
    /// A regular file. POSIX wants types that a reader does not know to be read as such.
    File,
    /// A regular file with holes, in the old GNU form.
    OldSparse,
    /// Another name of an earlier entry.
    HardLink,
    SymbolicLink,
    Directory,
    /// A directory, and as content what an incremental backup found in it.
    DumpDirectory,
    /// A device or FIFO.
    Special,
    /// The name of a volume.
    Label,
    /// The rest of a file that begins in another volume.
    Rest,
    /// Not an entry: the content is the name of the next one.
    LongName,
    /// Not an entry: the content is where the next one leads.
    LongLink,
    /// Not an entry: the content has attributes of the next one.
    Extended,
    /// Not an entry: the content has attributes of all that follow.
    Global,
    /// Not an entry: the content is the access control list of the next one.
    AccessList,
}

/// Which of the formats a header is in, as far as it matters to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFormat {
    /// Before POSIX: there is no prefix.
    Old,
    /// That of GNU tar: other fields stand where POSIX has the prefix.
    Gnu,
    /// Of POSIX: ustar and PAX, and star's.
    Posix,
}

impl Header {
    /// A header, if that is what the block is.
    pub fn new(block: Block) -> Result<Header, WrongChecksum> {
        let found = number(&block[CHECKSUM]);
        let sum = |value: fn(&u8) -> i64| -> i64 {
            let outside: i64 = block[..CHECKSUM.start].iter().map(value).sum();
            let behind: i64 = block[CHECKSUM.end..].iter().map(value).sum();
            // The field itself counts as blanks.
            outside + behind + CHECKSUM.len() as i64 * i64::from(b' ')
        };
        let expected = sum(|&byte| i64::from(byte));
        let is = |sum: i64| found.is_some_and(|found| i64::try_from(found) == Ok(sum));
        // Old tars of BSD and Sun have added the bytes as signed ones.
        if is(expected) || is(sum(|&byte| i64::from(byte as i8))) {
            Ok(Header(block))
        } else {
            Err(WrongChecksum {
                found: shown_field(&block[CHECKSUM]),
                expected,
            })
        }
    }

    pub fn kind(&self) -> HeaderKind {
        match self.0[KIND] {
            b'1' => HeaderKind::HardLink,
            b'2' => HeaderKind::SymbolicLink,
            b'3' | b'4' | b'6' => HeaderKind::Special,
            b'5' => HeaderKind::Directory,
            b'A' => HeaderKind::AccessList,
            b'D' => HeaderKind::DumpDirectory,
            b'K' => HeaderKind::LongLink,
            b'L' => HeaderKind::LongName,
            b'M' => HeaderKind::Rest,
            // Without a size with holes it is not that of GNU tar or star, but of an unknown writer.
            b'S' if self.format() == HeaderFormat::Gnu || number(&self.0[REAL_SIZE]) != Some(0) => {
                HeaderKind::OldSparse
            }
            b'V' => HeaderKind::Label,
            b'g' => HeaderKind::Global,
            // Solaris has written X before POSIX chose x.
            b'x' | b'X' => HeaderKind::Extended,
            _ => HeaderKind::File,
        }
    }

    /// Which format it is in.
    pub fn format(&self) -> HeaderFormat {
        match &self.0[MAGIC] {
            GNU_MAGIC => HeaderFormat::Gnu,
            magic if magic.starts_with(b"ustar") => HeaderFormat::Posix,
            _ => HeaderFormat::Old,
        }
    }

    /// The name, with the prefix where there is one.
    pub fn name(&self) -> Vec<u8> {
        let name = text(&self.0[NAME]);
        let prefix = match self.format() {
            HeaderFormat::Posix => text(&self.0[PREFIX]),
            HeaderFormat::Gnu | HeaderFormat::Old => b"",
        };
        match prefix {
            b"" => name.to_vec(),
            prefix => [prefix, b"/", name].concat(),
        }
    }

    /// Where a link leads.
    pub fn link(&self) -> &[u8] {
        text(&self.0[LINK])
    }

    /// How many bytes of content follow, as the field says: of some kinds none do all the same.
    pub fn size(&self) -> Result<u64, Damage> {
        size(&self.0[SIZE], "the size in its header")
    }

    /// The pieces of a file in the old GNU form, whether more come in a block of their own, and the
    /// file's size.
    pub fn sparse(&self) -> Result<(Vec<Segment>, bool, u64), Damage> {
        if self.format() != HeaderFormat::Gnu {
            let found = "in another form than GNU tar's";
            return Err(Damage::new("its map of holes", found, "in GNU tar's"));
        }
        let mut pieces = Vec::new();
        let is_extended = add_pieces(&self.0[PIECES], &mut pieces)? && self.0[IS_EXTENDED] != 0;
        let real_size = size(&self.0[REAL_SIZE], "its size with holes")?;
        Ok((pieces, is_extended, real_size))
    }
}

/// Adds the pieces of a block of them, and says whether another one follows.
pub fn more_pieces(block: &Block, pieces: &mut Vec<Segment>) -> Result<bool, Damage> {
    Ok(add_pieces(&block[MORE_PIECES], pieces)? && block[IS_EXTENDED_AGAIN] != 0)
}

/// Whether a block is one of those that end an archive.
pub fn is_zero(block: &Block) -> bool {
    *block == [0; BLOCK_BYTES]
}

/// `false` where the list ends before the field does.
fn add_pieces(field: &[u8], pieces: &mut Vec<Segment>) -> Result<bool, Damage> {
    let (numbers, _) = field.as_chunks::<NUMBER_BYTES>();
    let (pairs, _) = numbers.as_chunks::<2>();
    for [offset, len] in pairs {
        if len[0] == 0 {
            return Ok(false);
        }
        pieces.push(Segment {
            offset: size(offset, "an offset in its map of holes")?,
            len: size(len, "a length in its map of holes")?,
        });
    }
    Ok(true)
}

/// Text up to the first NUL.
pub fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&byte| byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// A number of bytes: any that an offset in a file can have.
fn size(field: &[u8], what: &str) -> Result<u64, Damage> {
    let found = number(field).filter(|&found| i64::try_from(found).is_ok());
    found.ok_or_else(|| Damage::new(what, shown_field(field), "a number of bytes"))
}

fn shown_field(field: &[u8]) -> String {
    format!("\"{}\"", escaped(field))
}

/// A number: octal digits among blanks and NULs, a field without any being 0; or, with the first bit
/// set, the bits that follow.
fn number(field: &[u8]) -> Option<u64> {
    match field {
        // The second bit is the sign.
        [first, ..] if first & 0xc0 == 0x80 => {
            let bits = field.iter().enumerate().map(|(place, &byte)| match place {
                0 => byte & 0x3f,
                _ => byte,
            });
            let mut number = 0u64;
            for byte in bits {
                number = number.checked_mul(256)?.checked_add(byte.into())?;
            }
            Some(number)
        }
        // Some writers have let the number before it end here.
        [0, rest @ ..] => octal(rest),
        field => octal(field),
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let field = text(field.trim_ascii_start()).trim_ascii_end();
    let mut number = 0u64;
    for &byte in field {
        let digit = matches!(byte, b'0'..=b'7').then(|| u64::from(byte - b'0'))?;
        number = number.checked_mul(8)?.checked_add(digit)?;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_all_forms_that_writers_use() {
        let cases: [(&[u8], Option<u64>); 16] = [
            (b"00000000005\0", Some(5)),
            (b"         12 ", Some(10)),
            (b"000000000777", Some(0o777)),
            (b"777777777777", Some(0o777_777_777_777)),
            (b"5\0garbage\xff\xff\xff", Some(5)),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0", Some(0)),
            (b"            ", Some(0)),
            (b"\x000000000005\0", Some(5)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\x02", Some(258)),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(8 << 30)),
            (
                b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
                Some(u64::MAX),
            ),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb", None),
            (b"0000000008\0\0", None),
            (b"-0000000005\0", None),
            (b"5 5\0\0\0\0\0\0\0\0\0", None),
        ];
        for (field, expected) in cases {
            assert_eq!(number(field), expected, "{}", escaped(field));
        }
        assert!(size(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", "x").is_err());
    }

    #[test]
    fn a_checksum_may_be_of_signed_bytes() {
        let mut block = [0; BLOCK_BYTES];
        block[..4].copy_from_slice(b"\xff\xfe\x80x");
        for (checksum, is_right) in [(1013, true), (245, true), (246, false), (0, false)] {
            let field = format!("{checksum:06o}\0 ");
            block[CHECKSUM].copy_from_slice(field.as_bytes());
            assert_eq!(Header::new(block).is_ok(), is_right, "{checksum}");
        }
        let wrong = Header::new([b'x'; BLOCK_BYTES]).expect_err("not a header");
        let damage = wrong.damage("its header");
        let expected = "the checksum of its header is \"xxxxxxxx\", expected 166500";
        assert_eq!(damage.to_string(), expected);
    }
}
