//! Sections: the optional tables between index and footer, found by walking backwards.

use super::footer::Footer;
use super::offsets::{EndOffsets, OffsetsOf};
use super::{Damage, MAX_SECTIONS, OFFSET_LEN, byte_count, i64_at, non_negative, show_magic};

/// Bytes of a section's footer.
pub const FOOTER_LEN: u64 = 24;
/// Bytes of one entry of a checksum or order section.
pub const ENTRY_LEN: u64 = 4;

/// Makes the kinds of sections, their magics and names out of one list.
macro_rules! section_kinds {
    ($($(#[$doc:meta])* $kind:ident = $magic:literal, $name:literal;)*) => {
        /// The sections that are known. Code that writes, checks or describes sections goes through
        /// [`ALL`](Self::ALL) with a match, so that a new kind cannot be forgotten there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum SectionKind {
            $($(#[$doc])* $kind,)*
        }

        impl SectionKind {
            /// Each of them once.
            pub const ALL: [SectionKind; [$($name),*].len()] = [$(SectionKind::$kind),*];

            /// The magic of its footer.
            pub fn magic(self) -> &'static [u8; 8] {
                match self {
                    $(SectionKind::$kind => $magic,)*
                }
            }

            /// What a person calls it.
            pub fn name(self) -> &'static str {
                match self {
                    $(SectionKind::$kind => $name,)*
                }
            }
        }
    };
}

section_kinds! {
    /// Record names.
    Names = b"ROXNAMES", "names";
    /// Checksums.
    Crc32c = b"ROXCRC32", "crc32c";
    /// The names' byte order.
    Order = b"ROXORDER", "order";
}

impl SectionKind {
    fn of_magic(magic: &[u8; 8]) -> Option<SectionKind> {
        SectionKind::ALL
            .into_iter()
            .find(|kind| kind.magic() == magic)
    }
}

/// A section's own footer, before it is checked against its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionFooter {
    magic: [u8; 8],
    count: i64,
    body_len: i64,
}

impl SectionFooter {
    /// A footer to write. Counts and lengths of real sections are far below `i64::MAX`.
    pub fn new(kind: SectionKind, count: u64, body_len: u64) -> Self {
        SectionFooter::with_magic(kind.magic(), count, body_len)
    }

    fn with_magic(magic: &[u8; 8], count: u64, body_len: u64) -> Self {
        SectionFooter {
            magic: *magic,
            count: count as i64,
            body_len: body_len as i64,
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; FOOTER_LEN as usize] {
        let mut bytes = [0; FOOTER_LEN as usize];
        bytes[..8].copy_from_slice(&self.count.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.body_len.to_le_bytes());
        bytes[16..].copy_from_slice(&self.magic);
        bytes
    }

    fn decode(bytes: &[u8; FOOTER_LEN as usize]) -> Self {
        let mut magic = [0; 8];
        magic.copy_from_slice(&bytes[16..]);
        SectionFooter {
            magic,
            count: i64_at(bytes, 0).unwrap_or(-1),
            body_len: i64_at(bytes, 8).unwrap_or(-1),
        }
    }
}

/// Where the names are: their bytes in the file, and the end offsets into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamesSection {
    /// Offset in the file of the first name's first byte.
    pub at: u64,
    /// The table that cuts the bytes into names.
    pub ends: EndOffsets,
}

/// A table of `count` `u32` at byte `at` of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct U32Section {
    /// Offset in the file.
    pub at: u64,
    /// Number of entries: the shard's records, or 0.
    pub count: u64,
}

/// The sections of a shard, each found to lie in the file and to match its record count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sections {
    /// `ROXNAMES`
    pub names: Option<NamesSection>,
    /// `ROXCRC32`
    pub crc32c: Option<U32Section>,
    /// `ROXORDER`; with count 0 the names are in byte order already.
    pub order: Option<U32Section>,
    /// How many were skipped because their magic is not known.
    pub unknown: usize,
}

impl Sections {
    /// Whether there is a section of this kind.
    pub fn has(&self, kind: SectionKind) -> bool {
        match kind {
            SectionKind::Names => self.names.is_some(),
            SectionKind::Crc32c => self.crc32c.is_some(),
            SectionKind::Order => self.order.is_some(),
        }
    }
}

/// Walks the sections of one shard backwards. The caller reads the bytes: as long as
/// [`next_at`](Self::next_at) gives an offset, the 24 bytes there go to [`take`](Self::take).
#[derive(Debug)]
pub struct SectionWalk {
    records: u64,
    index_end: u64,
    /// Everything from here to the footer has been walked.
    cursor: u64,
    walked: usize,
    found: Sections,
}

impl SectionWalk {
    /// Starts at the shard's footer.
    pub fn new(footer: &Footer) -> Self {
        SectionWalk {
            records: footer.records(),
            index_end: footer.index_end(),
            cursor: footer.start(),
            walked: 0,
            found: Sections::default(),
        }
    }

    /// Offset in the file of the next section footer to read; `None` at the index's end.
    pub fn next_at(&self) -> Result<Option<u64>, Damage> {
        let gap = self.cursor - self.index_end;
        if gap == 0 {
            return Ok(None);
        }
        if gap < FOOTER_LEN {
            return Err(Damage::new(
                "gap after the index",
                byte_count(gap),
                "0 bytes, or at least 24 (a section footer)",
            ));
        }
        if self.walked == MAX_SECTIONS {
            return Err(Damage::new(
                "number of sections",
                format!("more than {MAX_SECTIONS}"),
                format!("at most {MAX_SECTIONS}"),
            ));
        }
        Ok(Some(self.cursor - FOOTER_LEN))
    }

    /// Takes the section footer that lies at [`next_at`](Self::next_at).
    pub fn take(&mut self, footer: &[u8; FOOTER_LEN as usize]) -> Result<(), Damage> {
        let footer = SectionFooter::decode(footer);
        let label = format!("section {}", show_magic(&footer.magic));
        let count = non_negative(&format!("{label}: count"), footer.count)?;
        let len = non_negative(&format!("{label}: body length"), footer.body_len)?;
        let room = self.cursor - FOOTER_LEN - self.index_end;
        if len > room {
            return Err(Damage::new(
                format!("{label}: body length"),
                byte_count(len),
                format!("at most {room} (what lies between it and the index)"),
            ));
        }
        self.cursor -= FOOTER_LEN + len;
        self.walked += 1;
        let body = Body {
            label,
            at: self.cursor,
            count,
            len,
            records: self.records,
        };
        match SectionKind::of_magic(&footer.magic) {
            Some(SectionKind::Names) => set_once(&mut self.found.names, body.names()?, body.label),
            Some(SectionKind::Crc32c) => {
                set_once(&mut self.found.crc32c, body.table(false)?, body.label)
            }
            Some(SectionKind::Order) => {
                set_once(&mut self.found.order, body.table(true)?, body.label)
            }
            None => {
                self.found.unknown += 1;
                Ok(())
            }
        }
    }

    /// What was found, once [`next_at`](Self::next_at) gave `None`.
    pub fn finish(self) -> Result<Sections, Damage> {
        if self.found.order.is_some() && self.found.names.is_none() {
            return Err(Damage::new(
                "section \"ROXORDER\"",
                "there alone",
                "it only beside a section \"ROXNAMES\"",
            ));
        }
        Ok(self.found)
    }
}

/// One section's body: its place, and what its footer says of it.
struct Body {
    label: String,
    at: u64,
    count: u64,
    len: u64,
    records: u64,
}

impl Body {
    fn names(&self) -> Result<NamesSection, Damage> {
        self.check_count(self.count == self.records, "")?;
        // No overflow: the footer's check has the index, which is as long, in the file.
        let table_len = self.records * OFFSET_LEN;
        let Some(names_len) = self.len.checked_sub(table_len) else {
            return Err(self.bad_len(format!("at least {table_len} (8 for each record)")));
        };
        if self.records == 0 && names_len > 0 {
            return Err(self.bad_len("0 (there are 0 records)".to_owned()));
        }
        let ends = EndOffsets::new(
            OffsetsOf::Names,
            self.at + names_len,
            self.records,
            names_len,
        );
        Ok(NamesSection { at: self.at, ends })
    }

    fn table(&self, may_be_empty: bool) -> Result<U32Section, Damage> {
        let empty = may_be_empty && self.count == 0;
        let or_empty = if may_be_empty { " or 0" } else { "" };
        self.check_count(empty || self.count == self.records, or_empty)?;
        let expected = self.count * ENTRY_LEN;
        if self.len != expected {
            return Err(self.bad_len(format!("{expected} (4 for each entry)")));
        }
        Ok(U32Section {
            at: self.at,
            count: self.count,
        })
    }

    fn check_count(&self, right: bool, or_empty: &str) -> Result<(), Damage> {
        if right {
            return Ok(());
        }
        let expected = format!("{}{or_empty} (the shard's records)", self.records);
        let what = format!("{}: count", self.label);
        Err(Damage::new(what, self.count, expected))
    }

    fn bad_len(&self, expected: String) -> Damage {
        let what = format!("{}: body length", self.label);
        Damage::new(what, byte_count(self.len), expected)
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, label: String) -> Result<(), Damage> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Damage::new(label, "there twice", "it once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::footer::Version;

    /// Walks `sections`, which stand alone between an index of `records` entries and a footer.
    fn walk(records: u64, sections: &[u8]) -> Result<Sections, Damage> {
        let file_len = records * 8 + sections.len() as u64 + 24;
        let footer = Footer::parse(&Footer::encode(&Version::V01, records, 0), file_len)?;
        let mut walk = SectionWalk::new(&footer);
        while let Some(at) = walk.next_at()? {
            let at = (at - records * 8) as usize;
            walk.take(sections[at..at + 24].try_into().expect("24 bytes"))?;
        }
        walk.finish()
    }

    fn section(magic: &[u8; 8], count: u64, body: &[u8]) -> Vec<u8> {
        let footer = SectionFooter::with_magic(magic, count, body.len() as u64);
        [body, &footer.encode()].concat()
    }

    #[test]
    fn known_sections_are_found_and_unknown_ones_skipped() {
        let all = [
            section(
                SectionKind::Names.magic(),
                1,
                &[b'x', 1, 0, 0, 0, 0, 0, 0, 0],
            ),
            section(b"NEWTHING", 99, b"whatever"),
            section(SectionKind::Order.magic(), 0, b""),
            section(SectionKind::Crc32c.magic(), 1, &[0; 4]),
        ]
        .concat();
        let found = walk(1, &all).expect("valid");
        let names = found.names.expect("names");
        assert_eq!(
            (names.at, names.ends.limit(), names.ends.count()),
            (8, 1, 1)
        );
        assert_eq!(found.unknown, 1);
        assert_eq!(found.order.map(|table| table.count), Some(0));
        assert_eq!(found.crc32c.map(|table| table.count), Some(1));
    }

    #[test]
    fn a_chain_of_empty_sections_ends() {
        let many = section(b"NEWTHING", 0, b"").repeat(65);
        let error = walk(0, &many).expect_err("too many");
        assert_eq!(
            error.to_string(),
            "number of sections is more than 64, expected at most 64"
        );
    }

    #[test]
    fn order_needs_names_and_nothing_comes_twice() {
        let lonely = section(SectionKind::Order.magic(), 0, b"");
        assert!(walk(0, &lonely).is_err());
        let twice = section(SectionKind::Crc32c.magic(), 0, b"").repeat(2);
        let error = walk(0, &twice).expect_err("twice");
        assert_eq!(
            error.to_string(),
            "section \"ROXCRC32\" is there twice, expected it once"
        );
    }
}
