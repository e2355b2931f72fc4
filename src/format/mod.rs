//! The `.rox` shard format: this page is the specification, the modules below it turn bytes into
//! types and back. Nothing here does I/O, and nothing here panics, whatever the bytes.
//!
//! # Layout
//!
//! A shard is one file. All integers are little-endian; lengths and offsets are in bytes.
//!
//! ```text
//! 0              payload length      + 8 x records                     file size
//! |   payload    |       index       |   sections (optional)   | footer |
//! | record bytes | records x i64     | body, 24-byte footer ...| 24/32  |
//! ```
//!
//! **Payload.** The bytes of all records, end to end, from byte 0 of the file, without headers or
//! padding, so that it can be mapped as it stands.
//!
//! **Index.** For every record the offset in the payload at which it ends, as `i64`. Record `i` is
//! `payload[end[i-1]..end[i]]` with `end[-1] = 0`. The offsets never decrease (equal ones are an
//! empty record), and the last one equals the payload length.
//!
//! **Footer.** The last bytes of the file. Its magic says which of two forms it has:
//!
//! | magic | size | fields |
//! |---|---|---|
//! | `ROXXEL01` | 24 | records `i64`, payload length `i64`, magic 8 |
//! | `ROXXEL02` | 32 | records `i64`, payload length `i64`, dtype 8, magic 8 |
//!
//! *records* is the number of records, 0 or more; with 0 records the payload is empty. *payload
//! length* is the size of the payload. *dtype* is the NumPy name of the payload's element type,
//! printable ASCII padded with NUL, cut at 8 bytes ([`dtype::Dtype`]). roxfs reads both, and writes
//! the one it is asked for. Of the Python package `roxxel`, versions 0.1.0 to 0.3.1 read and write
//! 01, 0.4.0 to 0.5.9 read both and write 02, and 0.6.0 to 0.9.14 read and write 02.
//!
//! **Sections.** Tables between index and footer. A reader of the plain format never sees them,
//! because it finds the index from the payload length. Each is a body and, after it, a footer:
//!
//! ```text
//! | body | count i64 | body length i64 | magic 8 |
//! ```
//!
//! They are stacked without gaps and read backwards, from the shard's footer until exactly the
//! end of the index; at most [`MAX_SECTIONS`] of them. A section with an unknown magic is
//! skipped by its length. Anything else in that place is damage. No section appears twice.
//!
//! | magic | count | body | meaning |
//! |---|---|---|---|
//! | `ROXNAMES` | records | name bytes, then records x `i64` end offsets into them | record i's path |
//! | `ROXCRC32` | records | records x `u32` | CRC-32C (Castagnoli) of each record |
//! | `ROXORDER` | records, or 0 | count x `u32` record numbers | the names in byte order |
//!
//! A *name* ([`name::Name`]) is a relative path: components joined by `/`, none empty, `.` or
//! `..`, none over 255 bytes, 4095 bytes in all, no NUL. An empty name means that the record has
//! none. `ROXORDER` lists the shard's records sorted by name, compared as bytes, records of equal
//! names by number; with count 0 the names are in that order already. It appears only beside
//! `ROXNAMES`.
//!
//! # Example
//!
//! Three records, `cat` named `a/1`, an empty one named `a/2` and `dogs` named `b`, with names,
//! order (empty: the names are sorted) and checksums:
//!
//! ```text
//! 00000000  63 61 74 64 6f 67 73 03 00 00 00 00 00 00 00 03  |catdogs.........|
//! 00000010  00 00 00 00 00 00 00 07 00 00 00 00 00 00 00 61  |...............a|
//! 00000020  2f 31 61 2f 32 62 03 00 00 00 00 00 00 00 06 00  |/1a/2b..........|
//! 00000030  00 00 00 00 00 00 07 00 00 00 00 00 00 00 03 00  |................|
//! 00000040  00 00 00 00 00 00 1f 00 00 00 00 00 00 00 52 4f  |..............RO|
//! 00000050  58 4e 41 4d 45 53 00 00 00 00 00 00 00 00 00 00  |XNAMES..........|
//! 00000060  00 00 00 00 00 00 52 4f 58 4f 52 44 45 52 a7 66  |......ROXORDER.f|
//! 00000070  57 89 00 00 00 00 83 5b 7f bd 03 00 00 00 00 00  |W......[........|
//! 00000080  00 00 0c 00 00 00 00 00 00 00 52 4f 58 43 52 43  |..........ROXCRC|
//! 00000090  33 32 03 00 00 00 00 00 00 00 07 00 00 00 00 00  |32..............|
//! 000000a0  00 00 52 4f 58 58 45 4c 30 31                    |..ROXXEL01|
//! ```
//!
//! Payload `00..07`; index `07..1f` with ends 3, 3, 7; names `1f..66` (7 name bytes, ends 3, 6,
//! 7, section footer at `4e`); order `66..`, an empty body and its footer; checksums; footer at
//! `92`: 3 records, 7 bytes of payload, `ROXXEL01`.
//!
//! Two records `cat` and `dogs` without sections, in a `ROXXEL02` shard of element type `uint8`:
//!
//! ```text
//! 00000000  63 61 74 64 6f 67 73 03 00 00 00 00 00 00 00 07  |catdogs.........|
//! 00000010  00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 07  |................|
//! 00000020  00 00 00 00 00 00 00 75 69 6e 74 38 00 00 00 52  |.......uint8...R|
//! 00000030  4f 58 58 45 4c 30 32                             |OXXEL02|
//! ```
//!
//! Payload `00..07`; index `07..17` with ends 3, 7; footer at `17`: 2 records, 7 bytes of payload,
//! `uint8`, `ROXXEL02`.

pub mod dtype;
pub mod footer;
pub mod name;
pub mod offsets;
pub mod section;

/// The most sections a shard may carry: bounds the work of opening a hostile file.
pub const MAX_SECTIONS: usize = 64;

/// Bytes of one end offset, in the index and in a names section.
pub const OFFSET_LEN: u64 = 8;

/// What does not fit in the bytes of a shard: which field, what it holds, what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {found}, expected {expected}")]
pub struct Damage {
    what: String,
    found: String,
    expected: String,
}

impl Damage {
    /// Describes one fault; the parts are joined as "`what` is `found`, expected `expected`".
    pub fn new(
        what: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl std::fmt::Display,
    ) -> Self {
        Damage {
            what: what.into(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}

/// Reads the `i64` at `at`; `None` where the slice is too short.
pub(crate) fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    let field = bytes.get(at..at.checked_add(8)?)?;
    Some(i64::from_le_bytes(field.try_into().ok()?))
}

/// A count or length field, which must not be negative.
pub(crate) fn non_negative(what: &str, value: i64) -> Result<u64, Damage> {
    u64::try_from(value).map_err(|_| Damage::new(what, value, "0 or more"))
}

/// A number of bytes in words.
pub(crate) fn byte_count(count: impl Into<u128>) -> String {
    match count.into() {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}

/// A magic as a person can read it: ASCII where it is, escapes where it is not.
pub(crate) fn show_magic(magic: &[u8]) -> String {
    format!("\"{}\"", magic.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::dtype::Dtype;
    use super::footer::{Footer, Version};
    use super::section::{SectionFooter, SectionKind};

    /// The first example of the module's documentation, built with the encoders.
    fn example() -> Vec<u8> {
        let mut file = b"catdogs".to_vec();
        let ends = |ends: [i64; 3]| ends.map(i64::to_le_bytes).concat();
        file.extend(ends([3, 3, 7]));
        file.extend(b"a/1a/2b");
        file.extend(ends([3, 6, 7]));
        file.extend(SectionFooter::new(SectionKind::Names, 3, 7 + 24).encode());
        file.extend(SectionFooter::new(SectionKind::Order, 0, 0).encode());
        for record in [&b"cat"[..], b"", b"dogs"] {
            file.extend(crc32c::crc32c(record).to_le_bytes());
        }
        file.extend(SectionFooter::new(SectionKind::Crc32c, 3, 12).encode());
        file.extend(Footer::encode(&Version::V01, 3, 7));
        file
    }

    /// The second one.
    fn typed_example() -> Vec<u8> {
        let dtype = Dtype::default();
        let footer = Footer::encode(&Version::V02 { dtype }, 2, 7);
        let ends = [3i64, 7].map(i64::to_le_bytes).concat();
        [&b"catdogs"[..], &ends, &footer].concat()
    }

    fn hex_dump(bytes: &[u8]) -> Vec<String> {
        let line = |(row, chunk): (usize, &[u8])| {
            let hex: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = chunk.iter().map(|&byte| match byte {
                b' '..=b'~' => byte as char,
                _ => '.',
            });
            let text: String = text.collect();
            format!("{:08x}  {:<47}  |{text}|", row * 16, hex.join(" "))
        };
        bytes.chunks(16).enumerate().map(line).collect()
    }

    #[test]
    fn the_documented_hex_dumps_are_what_the_encoders_write() {
        let documented: Vec<&str> = include_str!("mod.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! "))
            .filter(|line| line.starts_with("000000"))
            .collect();
        let written = [hex_dump(&example()), hex_dump(&typed_example())].concat();
        assert_eq!(documented, written);
    }
}
