//! The shard's footer: parsed from the end of the file, checked against the file's size.

use super::dtype::Dtype;
use super::{Damage, OFFSET_LEN, byte_count, i64_at, non_negative, show_magic};
use std::fmt;

/// Magic of the plain form.
pub const MAGIC_01: &[u8; 8] = b"ROXXEL01";
/// Magic of the form with an element type.
pub const MAGIC_02: &[u8; 8] = b"ROXXEL02";
/// Bytes of a `ROXXEL01` footer, and the least size of a shard.
pub const LEN_01: u64 = 24;
/// Bytes of a `ROXXEL02` footer: what has to be read from the end of a file.
pub const LEN_02: u64 = 32;

/// Which of the two forms a footer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// `ROXXEL01`
    V01,
    /// `ROXXEL02`, with the NumPy name of the payload's element type.
    V02 {
        /// For instance `uint16`.
        dtype: Dtype,
    },
}

impl Version {
    /// The magic's name.
    pub fn name(&self) -> &'static str {
        match self {
            Version::V01 => "ROXXEL01",
            Version::V02 { .. } => "ROXXEL02",
        }
    }

    /// The element type, where the form has one.
    pub fn dtype(&self) -> Option<&str> {
        match self {
            Version::V01 => None,
            Version::V02 { dtype } => Some(dtype.as_str()),
        }
    }

    /// Bytes of such a footer.
    pub fn footer_len(&self) -> u64 {
        match self {
            Version::V01 => LEN_01,
            Version::V02 { .. } => LEN_02,
        }
    }
}

/// As `ROXXEL01` or `ROXXEL02 uint16`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::V01 => f.write_str(self.name()),
            Version::V02 { dtype } => write!(f, "{} {dtype}", self.name()),
        }
    }
}

/// A footer with a known magic whose payload and index fit into the file.
///
/// Guarantees that `payload_len + 8 * records + footer <= file_len` holds without overflow, which
/// every later offset computation relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    version: Version,
    records: u64,
    payload_len: u64,
    file_len: u64,
}

impl Footer {
    /// Parses the footer from `tail`, the last `min(32, file_len)` bytes of a file of `file_len`.
    pub fn parse(tail: &[u8], file_len: u64) -> Result<Footer, Damage> {
        let too_short = |expected| Damage::new("file size", byte_count(file_len), expected);
        if file_len < LEN_01 || tail.len() < LEN_01 as usize {
            return Err(too_short("at least 24 bytes (a footer)"));
        }
        let (fields, magic) = tail.split_at(tail.len() - 8);
        let version = if magic == MAGIC_01 {
            Version::V01
        } else if magic == MAGIC_02 {
            let at = fields.len().checked_sub(24);
            let fields = at.map(|at| &fields[at..]);
            let fields =
                fields.ok_or_else(|| too_short("at least 32 bytes (a ROXXEL02 footer)"))?;
            Version::V02 {
                dtype: Dtype::parse(&fields[16..])?,
            }
        } else {
            return Err(Damage::new(
                "footer magic",
                show_magic(magic),
                "\"ROXXEL01\" or \"ROXXEL02\"",
            ));
        };
        if file_len < version.footer_len() {
            return Err(too_short("as many bytes as its footer has"));
        }
        let start = tail.len() - version.footer_len() as usize;
        let field = |at| i64_at(tail, start + at).unwrap_or(-1);
        let records = non_negative("footer record count", field(0))?;
        let payload_len = non_negative("footer payload length", field(8))?;
        check_fit(records, payload_len, &version, file_len)?;
        Ok(Footer {
            version,
            records,
            payload_len,
            file_len,
        })
    }

    /// The bytes of a footer in this form.
    pub fn encode(version: &Version, records: u64, payload_len: u64) -> Vec<u8> {
        let counts = [records.to_le_bytes(), payload_len.to_le_bytes()];
        match version {
            Version::V01 => [counts.as_flattened(), MAGIC_01].concat(),
            Version::V02 { dtype } => [counts.as_flattened(), &dtype.field(), MAGIC_02].concat(),
        }
    }

    /// The footer's form.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Number of records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Bytes of payload; also the offset of the index in the file.
    pub fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// Size of the whole file in bytes.
    pub fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Where the index ends in the file, and the sections begin.
    pub fn index_end(&self) -> u64 {
        self.payload_len + self.records * OFFSET_LEN
    }

    /// Where the footer begins in the file, and the sections end.
    pub fn start(&self) -> u64 {
        self.file_len - self.version.footer_len()
    }
}

/// Protects every later `payload_len + 8 * i`: computed here once, wide enough not to overflow.
fn check_fit(
    records: u64,
    payload_len: u64,
    version: &Version,
    file_len: u64,
) -> Result<(), Damage> {
    if records == 0 && payload_len != 0 {
        return Err(Damage::new(
            "footer payload length",
            byte_count(payload_len),
            "0 bytes (there are 0 records)",
        ));
    }
    let footer = version.footer_len();
    let room = u128::from(file_len.saturating_sub(footer));
    let index = u128::from(records) * u128::from(OFFSET_LEN);
    if index > room {
        return Err(Damage::new(
            "footer record count",
            records,
            format!(
                "at most {} (in a file of {})",
                room / u128::from(OFFSET_LEN),
                byte_count(file_len)
            ),
        ));
    }
    let room = room - index;
    if u128::from(payload_len) > room {
        return Err(Damage::new(
            "footer payload length",
            byte_count(payload_len),
            format!(
                "at most {room} (with {records} records in a file of {})",
                byte_count(file_len)
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_footer_reads_back() {
        let typed = Version::V02 {
            dtype: Dtype::new("bfloat16").expect("valid"),
        };
        for version in [Version::V01, typed] {
            let bytes = Footer::encode(&version, 3, 7);
            assert_eq!(bytes.len() as u64, version.footer_len());
            let footer = Footer::parse(&bytes, 7 + 24 + version.footer_len()).expect("valid");
            assert_eq!((footer.records(), footer.payload_len()), (3, 7));
            assert_eq!((footer.index_end(), footer.start()), (31, 31));
            assert_eq!(footer.version(), &version);
        }
    }

    #[test]
    fn a_tail_longer_than_its_file_is_refused() {
        let tail = [&[0; 16][..], b"uint16\0\0ROXXEL02"].concat();
        assert!(Footer::parse(&tail, 32).is_ok());
        assert!(Footer::parse(&tail, 31).is_err());
    }

    #[test]
    fn form_02_has_a_dtype() {
        let mut tail = Vec::new();
        tail.extend(2i64.to_le_bytes());
        tail.extend(8i64.to_le_bytes());
        tail.extend(b"uint16\0\0ROXXEL02");
        let footer = Footer::parse(&tail, 8 + 16 + 32).expect("valid");
        assert_eq!(footer.version().dtype(), Some("uint16"));
        assert_eq!(footer.index_end(), footer.start());
        tail[17] = 0xff;
        let error = Footer::parse(&tail, 8 + 16 + 32).expect_err("dtype is not ASCII");
        assert!(error.to_string().starts_with("footer dtype is"), "{error}");
    }

    #[test]
    fn the_largest_fields_do_not_overflow() {
        for (records, payload) in [(i64::MAX, i64::MAX), (i64::MAX, 0), (1, i64::MAX)] {
            let bytes = Footer::encode(&Version::V01, records as u64, payload as u64);
            assert!(Footer::parse(&bytes, u64::MAX).is_err() || records == 1);
            assert!(Footer::parse(&bytes, 1 << 40).is_err());
        }
    }
}
