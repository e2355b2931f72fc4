//! The records of a shard: where they lie, their bytes and their checksums.

use super::compared::{Permit, any_work};
use super::{Shard, ShardError};
use crate::format::offsets::{EndOffsets, Extent};
use crate::format::section;
use crate::format::{Damage, OFFSET_LEN};
use std::ops::{ControlFlow, Range};

/// How many table entries are read at once when many are wanted: 32 KiB of offsets.
pub(super) const BATCH_ENTRIES: u64 = 4096;

/// The number of a record within its shard, from 0. Only a [`Shard`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalIndex(pub(super) u64);

impl LocalIndex {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl Shard {
    /// Record `index`, where there is one.
    pub fn local(&self, index: u64) -> Option<LocalIndex> {
        (index < self.records()).then_some(LocalIndex(index))
    }

    /// All records, by their numbers.
    pub fn all(&self) -> impl Iterator<Item = LocalIndex> + use<> {
        (0..self.records()).map(LocalIndex)
    }

    /// Where a record lies in the payload.
    pub fn extent(&self, record: LocalIndex) -> Result<Extent, ShardError> {
        self.entry(&self.index, record.0)
    }

    /// Calls `each` with the extents of records `range`, in order, until it breaks off. A damaged
    /// entry is passed on as such and does not end the walk.
    pub fn for_each_extent(
        &self,
        range: Range<u64>,
        each: &mut dyn FnMut(LocalIndex, Result<Extent, Damage>) -> ControlFlow<()>,
    ) -> Result<(), ShardError> {
        self.for_each_entry(&self.index, range, &mut |entry, extent| {
            each(LocalIndex(entry), extent)
        })
    }

    /// Copies payload bytes from `offset` on into `buffer`, which must fit into the payload.
    pub fn read_payload(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ShardError> {
        let all = self.read_payload_within(offset, buffer, &mut any_work)?;
        debug_assert!(all);
        Ok(())
    }

    /// The same; `false` where that takes more work than is permitted.
    pub fn read_payload_within(
        &self,
        offset: u64,
        buffer: &mut [u8],
        permit: &mut Permit<'_>,
    ) -> Result<bool, ShardError> {
        debug_assert!(offset + buffer.len() as u64 <= self.payload_len());
        if !self.is_compared() {
            self.file.read_at(offset, buffer)?;
        }
        // It may have become so just now.
        if self.is_compared() {
            let part = self.payload().part(offset, buffer.len() as u64);
            match self.read_compared(None, part, permit)? {
                Some(bytes) => buffer.copy_from_slice(&bytes),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Reads an extent of the payload through `buffer`, and passes each piece to `each` until that
    /// fails.
    pub fn for_each_piece<E: From<ShardError>>(
        &self,
        extent: Extent,
        buffer: &mut [u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        debug_assert!(!buffer.is_empty());
        let mut done = 0;
        while done < extent.len() {
            let part = extent.part(done, buffer.len() as u64);
            let piece = &mut buffer[..part.len() as usize];
            self.read_payload(part.start(), piece)?;
            each(piece)?;
            done += part.len();
        }
        Ok(())
    }

    /// The same for all of `record`, which lies at `extent`; compares its checksum at the end, where
    /// the shard has checksums.
    pub fn for_each_checked_piece<E: From<ShardError>>(
        &self,
        record: LocalIndex,
        extent: Extent,
        buffer: &mut [u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.sections.crc32c.is_none() {
            return self.for_each_piece(extent, buffer, each);
        }
        let mut crc = 0;
        self.for_each_piece(extent, buffer, |piece| {
            crc = crc32c::crc32c_append(crc, piece);
            each(piece)
        })?;
        Ok(self.check_crc32c(record, crc)?)
    }

    /// The stored checksum of a record, where the shard has checksums.
    pub fn crc32c(&self, record: LocalIndex) -> Result<Option<u32>, ShardError> {
        match &self.sections.crc32c {
            Some(table) => self.table_entry(table, record.0).map(Some),
            None => Ok(None),
        }
    }

    /// Compares the checksum of a record's content with the stored one, where the shard has
    /// checksums.
    pub fn check_crc32c(&self, record: LocalIndex, found: u32) -> Result<(), ShardError> {
        let expected = self.crc32c(record)?;
        self.compare_crc32c(record, expected, found)
    }

    pub(super) fn compare_crc32c(
        &self,
        record: LocalIndex,
        expected: Option<u32>,
        found: u32,
    ) -> Result<(), ShardError> {
        match expected {
            None => Ok(()),
            Some(expected) if expected == found => Ok(()),
            Some(expected) => {
                let what = format!("record {}: checksum", record.get());
                let hex = |crc| format!("{crc:#010x}");
                Err(self.damaged(Damage::new(what, hex(found), hex(expected))))
            }
        }
    }

    pub(super) fn table_entry(
        &self,
        table: &section::U32Section,
        entry: u64,
    ) -> Result<u32, ShardError> {
        let mut bytes = [0; section::ENTRY_LEN as usize];
        self.file
            .read_at(table.at + entry * section::ENTRY_LEN, &mut bytes)?;
        Ok(decode_table_entry(&bytes))
    }

    /// Fails where the last entry of a table does not end where all that it cuts up does.
    pub(super) fn check_last(&self, table: &EndOffsets) -> Result<(), ShardError> {
        let Some(last) = table.count().checked_sub(1) else {
            return Ok(());
        };
        let last = self.entry(table, last)?;
        table
            .check_last(last)
            .map_err(|damage| self.damaged(damage))
    }

    pub(super) fn entry(&self, table: &EndOffsets, entry: u64) -> Result<Extent, ShardError> {
        let range = table.file_range(entry..entry + 1);
        let mut bytes = [0; 2 * OFFSET_LEN as usize];
        let bytes = &mut bytes[..(range.end - range.start) as usize];
        self.file.read_at(range.start, bytes)?;
        self.decode_entry(table, entry, bytes)
    }

    /// Out of the bytes of [`EndOffsets::file_range`].
    pub(super) fn decode_entry(
        &self,
        table: &EndOffsets,
        entry: u64,
        bytes: &[u8],
    ) -> Result<Extent, ShardError> {
        let extent = table.extents(entry, bytes).next();
        let missing = || Damage::new("index entry", "missing", "it in the file");
        extent
            .unwrap_or_else(|| Err(missing()))
            .map_err(|damage| self.damaged(damage))
    }

    pub(super) fn for_each_entry(
        &self,
        table: &EndOffsets,
        range: Range<u64>,
        each: &mut dyn FnMut(u64, Result<Extent, Damage>) -> ControlFlow<()>,
    ) -> Result<(), ShardError> {
        let mut bytes = Vec::new();
        let mut first = range.start;
        while first < range.end {
            let batch = first..range.end.min(first + BATCH_ENTRIES);
            let wanted = table.file_range(batch.clone());
            bytes.resize((wanted.end - wanted.start) as usize, 0);
            self.file.read_at(wanted.start, &mut bytes)?;
            for (entry, extent) in batch.clone().zip(table.extents(first, &bytes)) {
                if each(entry, extent).is_break() {
                    return Ok(());
                }
            }
            first = batch.end;
        }
        Ok(())
    }
}

/// An entry of a checksum or order section.
pub(super) fn decode_table_entry(bytes: &[u8]) -> u32 {
    let byte = |n, &byte| n << 8 | u32::from(byte);
    bytes.iter().rev().fold(0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::footer::{Footer, Version};
    use crate::format::section::{SectionFooter, SectionKind};
    use std::io::Write;

    /// A shard of these records with these checksums.
    fn shard(records: &[&[u8]], checksums: &[u32]) -> Shard {
        let (payload, count) = (records.concat(), records.len() as u64);
        let mut bytes = payload.clone();
        let mut end = 0;
        for record in records {
            end += record.len() as i64;
            bytes.extend(end.to_le_bytes());
        }
        bytes.extend(checksums.iter().flat_map(|crc| crc.to_le_bytes()));
        let footer = SectionFooter::new(SectionKind::Crc32c, count, 4 * count);
        bytes.extend(footer.encode());
        bytes.extend(Footer::encode(&Version::V01, count, payload.len() as u64));
        let mut file = tempfile::NamedTempFile::new().expect("file");
        file.write_all(&bytes).expect("written");
        Shard::open(file.path()).expect("valid")
    }

    #[test]
    fn pieces_are_the_content_whatever_the_buffer() {
        let records = [&b""[..], b"catdog", b"x"];
        let shard = shard(&records, &records.map(crc32c::crc32c));
        for len in [1, 4, 6, 100] {
            for (record, expected) in shard.all().zip(records) {
                let (mut found, mut buffer) = (Vec::new(), vec![0; len]);
                let extent = shard.extent(record).expect("valid");
                let read =
                    shard.for_each_checked_piece(record, extent, &mut buffer, |piece: &[u8]| {
                        assert!(!piece.is_empty() && piece.len() <= len);
                        found.extend_from_slice(piece);
                        Ok::<(), ShardError>(())
                    });
                read.expect("read");
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn a_wrong_checksum_is_told_at_the_end_and_an_error_ends_the_pieces() {
        let shard = shard(&[b"catdog"], &[7]);
        let record = shard.local(0).expect("there");
        let extent = shard.extent(record).expect("valid");
        let read = |most: usize| {
            let mut pieces = 0;
            let read = shard.for_each_checked_piece(record, extent, &mut [0; 2], |_: &[u8]| {
                pieces += 1;
                if pieces <= most {
                    Ok(())
                } else {
                    Err(shard.damaged(Damage::new("this", "enough", "more")))
                }
            });
            (pieces, read.expect_err("damaged").to_string())
        };
        let (pieces, error) = read(9);
        assert_eq!(pieces, 3);
        assert!(error.contains("record 0: checksum is 0x"), "{error}");
        let (pieces, error) = read(1);
        assert_eq!(pieces, 2);
        assert!(error.ends_with("this is enough, expected more"), "{error}");
    }
}
