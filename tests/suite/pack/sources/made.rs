//! Tar archives byte by byte: the parts that real writers have made them of, and any field as it should
//! not be.

/// Size of a header, and what contents are padded to.
pub const BLOCK: usize = 512;
/// The magics of the formats.
pub const POSIX: &[u8] = b"ustar\x0000";
pub const GNU: &[u8] = b"ustar  \0";
pub const OLD: &[u8] = b"";
/// The end mark.
pub const END: &[u8] = &[0; 2 * BLOCK];

/// A header.
#[derive(Clone)]
pub struct Made {
    block: [u8; BLOCK],
}

impl Made {
    /// Of a regular, empty file.
    pub fn new(name: impl AsRef<[u8]>) -> Made {
        let made = Made { block: [0; BLOCK] };
        made.put(0, name.as_ref())
            .put(100, b"0000644\x000000000\x000000000\0")
            .put(124, b"00000000000\x0000000000000\0")
            .kind(b'0')
            .magic(POSIX)
    }

    /// With these bytes from here on.
    pub fn put(mut self, at: usize, bytes: &[u8]) -> Made {
        self.block[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub fn kind(self, kind: u8) -> Made {
        self.put(156, &[kind])
    }

    pub fn magic(self, magic: &[u8]) -> Made {
        self.put(257, &[0; 8]).put(257, magic)
    }

    pub fn link(self, link: impl AsRef<[u8]>) -> Made {
        self.put(157, link.as_ref())
    }

    pub fn size(self, size: usize) -> Made {
        self.put(124, format!("{size:011o}\0").as_bytes())
    }

    /// The whole block, with its checksum: of signed bytes or not.
    pub fn header_of(mut self, is_signed: bool) -> Vec<u8> {
        self.block[148..156].fill(b' ');
        let value = |&byte: &u8| {
            if is_signed {
                i64::from(byte as i8)
            } else {
                i64::from(byte)
            }
        };
        let sum: i64 = self.block.iter().map(value).sum();
        let made = self.put(148, format!("{sum:06o}\0 ").as_bytes());
        made.block.to_vec()
    }

    /// The whole block.
    pub fn header(self) -> Vec<u8> {
        self.header_of(false)
    }

    /// The header and a content, whose size it has.
    pub fn content(self, content: impl AsRef<[u8]>) -> Vec<u8> {
        let content = content.as_ref();
        [self.size(content.len()).header(), padded(content)].concat()
    }
}

/// A regular file.
pub fn file(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Vec<u8> {
    Made::new(name).content(content)
}

/// A content as it stands in an archive.
pub fn padded(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// A record of an extended header; its length counts itself.
pub fn record(key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value.as_ref(), b"\n"].concat();
    let mut length = rest.len();
    while length != length.to_string().len() + rest.len() {
        length = length.to_string().len() + rest.len();
    }
    [length.to_string().as_bytes(), &rest].concat()
}

/// An extended header of these records.
pub fn extended(kind: u8, records: &[(&str, &[u8])]) -> Vec<u8> {
    let records = records.iter().map(|(key, value)| record(key, value));
    let records: Vec<Vec<u8>> = records.collect();
    Made::new("PaxHeaders/x")
        .kind(kind)
        .content(records.concat())
}

/// An extended header for the next entry.
pub fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    extended(b'x', records)
}

/// GNU tar's header with a name (`L`) or link (`K`) that is too long for its field.
pub fn long(kind: u8, name: impl AsRef<[u8]>) -> Vec<u8> {
    Made::new("././@LongLink")
        .magic(GNU)
        .kind(kind)
        .content(name)
}

/// The size of a volume's label is blank.
pub fn label() -> Vec<u8> {
    Made::new("label")
        .magic(GNU)
        .kind(b'V')
        .put(124, &[0; 12])
        .header()
}
