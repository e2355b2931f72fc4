//! The tables of a shard that is being written: where records end, their names and checksums.

use super::PackError;
use crate::format::OFFSET_LEN;
use crate::format::footer::{Footer, Version};
use crate::format::name::Name;
use crate::format::section::{ENTRY_LEN, FOOTER_LEN, SectionFooter, SectionKind};
use crate::shard::{LocalIndex, Scan, Shard, ShardError};
use std::io::{self, Write};

/// Which sections are wanted beside the plain format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenSections {
    /// Names, and their order.
    pub names: bool,
    /// Checksums.
    pub checksums: bool,
}

impl WrittenSections {
    fn have(self, kind: SectionKind) -> bool {
        match kind {
            SectionKind::Names | SectionKind::Order => self.names,
            SectionKind::Crc32c => self.checksums,
        }
    }
}

/// In which order they stand in the file: checksums last, of which an open shard remembers the end.
const WRITTEN: [SectionKind; SectionKind::ALL.len()] =
    [SectionKind::Names, SectionKind::Order, SectionKind::Crc32c];

/// What is known of the records so far: 8 bytes for each, and the entries of its sections.
#[derive(Debug)]
pub struct Tables {
    sections: WrittenSections,
    version: Version,
    ends: Vec<u64>,
    crcs: Vec<u32>,
    names: NameTable,
}

/// The names of the records so far.
#[derive(Debug)]
struct NameTable {
    bytes: Vec<u8>,
    ends: Vec<u64>,
    /// Whether no name is smaller than the one before it.
    sorted: bool,
}

impl Tables {
    /// Of a new shard.
    pub fn new(sections: WrittenSections, version: Version) -> Tables {
        Tables {
            sections,
            version,
            ends: Vec::new(),
            crcs: Vec::new(),
            names: NameTable {
                bytes: Vec::new(),
                ends: Vec::new(),
                sorted: true,
            },
        }
    }

    /// Of an existing shard that is continued, in its own form. Refuses to drop what it has; names that break the
    /// rules are kept as they are, but for those that are longer than any name. Checksums that it
    /// lacks are left for [`set_checksum`](Self::set_checksum).
    pub fn of(shard: &Shard, sections: WrittenSections) -> Result<Tables, PackError> {
        let is_dropped = |kind| shard.sections().has(kind) && !sections.have(kind);
        if SectionKind::ALL.into_iter().any(is_dropped) {
            return Err(PackError::WouldDrop(shard.path().to_owned()));
        }
        let mut tables = Tables::new(sections, shard.version().clone());
        let mut scan = shard.scan();
        for record in shard.all() {
            tables.push_from(&mut scan, record)?;
        }
        Ok(tables)
    }

    /// Whether these begin with the `earlier` ones; checksums count where those have them.
    pub fn begin_with(&self, earlier: &Tables, checksums: bool) -> bool {
        // All of it, so that what is added to a shard has to be compared here.
        let Tables {
            sections: _,
            version: _,
            ends,
            crcs,
            names,
        } = earlier;
        self.ends.starts_with(ends)
            && self.names.ends.starts_with(&names.ends)
            && self.names.bytes.starts_with(&names.bytes)
            && (!checksums || self.crcs.starts_with(crcs))
    }

    fn push_from(&mut self, scan: &mut Scan<'_>, record: LocalIndex) -> Result<(), ShardError> {
        let extent = scan.extent(record)?;
        let crc = scan.crc32c(record)?.unwrap_or(0);
        let shard = scan.shard();
        let name = match scan.raw_name(record)? {
            Some(raw) => raw,
            // The shard has no names; or this one is longer than any, which is an error here.
            None => {
                shard.valid_name(record)?;
                &[]
            }
        };
        self.push_raw(name, extent.len(), crc);
        Ok(())
    }

    /// Which sections are written.
    pub fn sections(&self) -> WrittenSections {
        self.sections
    }

    pub fn records(&self) -> u64 {
        self.ends.len() as u64
    }

    /// Bytes of payload.
    pub fn payload_len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Where a record lies in the payload: its first byte, and one past its last.
    pub fn extent(&self, record: u64) -> Option<(u64, u64)> {
        let record = usize::try_from(record).ok()?;
        let end = *self.ends.get(record)?;
        let start = record.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some((start, end))
    }

    pub fn push(&mut self, name: Option<&Name>, size: u64, crc: u32) {
        self.push_raw(name.map_or(&[], Name::as_bytes), size, crc);
    }

    /// The same with the bytes of a name as they stand in a shard: one that breaks the rules is kept.
    fn push_raw(&mut self, name: &[u8], size: u64, crc: u32) {
        self.ends.push(self.payload_len() + size);
        if self.sections.checksums {
            self.crcs.push(crc);
        }
        if self.sections.names {
            self.names.push(name);
        }
    }

    /// Sets the checksum of a record that was added without.
    pub fn set_checksum(&mut self, record: u64, crc: u32) {
        if let Some(entry) = usize::try_from(record)
            .ok()
            .and_then(|at| self.crcs.get_mut(at))
        {
            *entry = crc;
        }
    }

    /// Whether there is a place for a record of `size` bytes within `limit`. The first record
    /// always has one: if it is larger than the limit it gets a shard of its own.
    pub fn has_room(&self, name: Option<&Name>, size: u64, limit: Option<u64>) -> bool {
        if self.ends.is_empty() {
            return true;
        }
        // An order section numbers the records in 32 bits.
        if self.sections.names && self.records() >= u64::from(u32::MAX) {
            return false;
        }
        limit.is_none_or(|limit| self.file_len_with(name, size) <= u128::from(limit))
    }

    /// The file's size if it had one more record.
    pub fn file_len_with(&self, name: Option<&Name>, size: u64) -> u128 {
        let count = u128::from(self.records()) + 1;
        let plain = u128::from(self.payload_len())
            + u128::from(size)
            + count * u128::from(OFFSET_LEN)
            + u128::from(self.version.footer_len());
        let name = name.map_or(&[][..], Name::as_bytes);
        let sections = WRITTEN.map(|kind| self.section_len_with(kind, name));
        plain + sections.iter().sum::<u128>()
    }

    /// The size of a section if there was one more record of this name.
    fn section_len_with(&self, kind: SectionKind, name: &[u8]) -> u128 {
        let count = u128::from(self.records()) + 1;
        let names_len = (self.names.bytes.len() + name.len()) as u128;
        if !self.sections.have(kind) {
            return 0;
        }
        let body = match kind {
            SectionKind::Names | SectionKind::Order if names_len == 0 => return 0,
            SectionKind::Names => names_len + count * u128::from(OFFSET_LEN),
            SectionKind::Order if self.names.sorted && self.names.last() <= name => 0,
            SectionKind::Order | SectionKind::Crc32c => count * u128::from(ENTRY_LEN),
        };
        body + u128::from(FOOTER_LEN)
    }

    /// Writes index, sections and footer.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let records = self.records();
        write_entries(out, self.ends.iter().map(|end| end.to_le_bytes()))?;
        for kind in WRITTEN {
            self.write_section(kind, out)?;
        }
        out.write_all(&Footer::encode(&self.version, records, self.payload_len()))
    }

    fn write_section(&self, kind: SectionKind, out: &mut impl Write) -> io::Result<()> {
        if !self.sections.have(kind) {
            return Ok(());
        }
        let records = self.records();
        let (count, len) = match kind {
            SectionKind::Names | SectionKind::Order if self.names.bytes.is_empty() => {
                return Ok(());
            }
            SectionKind::Names => {
                out.write_all(&self.names.bytes)?;
                write_entries(out, self.names.ends.iter().map(|end| end.to_le_bytes()))?;
                let len = self.names.bytes.len() as u64 + records * OFFSET_LEN;
                (records, len)
            }
            SectionKind::Order => {
                let order = self.names.order();
                write_entries(out, order.iter().map(|number| number.to_le_bytes()))?;
                let count = order.len() as u64;
                (count, count * ENTRY_LEN)
            }
            SectionKind::Crc32c => {
                write_entries(out, self.crcs.iter().map(|crc| crc.to_le_bytes()))?;
                (records, records * ENTRY_LEN)
            }
        };
        out.write_all(&SectionFooter::new(kind, count, len).encode())
    }
}

fn write_entries<const N: usize>(
    out: &mut impl Write,
    entries: impl Iterator<Item = [u8; N]>,
) -> io::Result<()> {
    for entry in entries {
        out.write_all(&entry)?;
    }
    Ok(())
}

impl NameTable {
    fn push(&mut self, name: &[u8]) {
        self.sorted = self.sorted && self.last() <= name;
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len() as u64);
    }

    fn last(&self) -> &[u8] {
        match self.ends.len().checked_sub(1) {
            Some(last) => self.get(last as u32),
            None => &[],
        }
    }

    fn get(&self, record: u32) -> &[u8] {
        let record = record as usize;
        let start = if record == 0 {
            0
        } else {
            self.ends[record - 1]
        };
        &self.bytes[start as usize..self.ends[record] as usize]
    }

    /// The records in byte order of their names, equal names by number; empty if they are.
    fn order(&self) -> Vec<u32> {
        if self.sorted {
            return Vec::new();
        }
        let mut order: Vec<u32> = (0..self.ends.len() as u32).collect();
        order.sort_by(|&a, &b| self.get(a).cmp(self.get(b)));
        order
    }
}
