//! A shard read from one end to the other: what records in order need comes in blocks, not record by
//! record. Each block is followed by the same check of the file as any other read.

use super::names::number_by_entry;
use super::records::decode_table_entry;
use super::{LocalIndex, Shard, ShardError};
use crate::format::name::{MAX_LEN, Name};
use crate::format::offsets::{EndOffsets, Extent};
use crate::format::section::{ENTRY_LEN, NamesSection, U32Section};
use std::ops::Range;

/// The most bytes of the payload, and of each table, in one block.
const LARGEST_PAYLOAD_BLOCK: u64 = 1 << 20;
const LARGEST_TABLE_BLOCK: u64 = 128 << 10;

/// Reads a shard's records and their names and checksums, fastest in the order of the file. Any other
/// order gives the same, as slowly as the methods of [`Shard`] that it mirrors.
#[derive(Debug)]
pub struct Scan<'a> {
    shard: &'a Shard,
    payload: BlockBuffer,
    ends: BlockBuffer,
    name_ends: BlockBuffer,
    names: BlockBuffer,
    checksums: BlockBuffer,
    order: BlockBuffer,
}

impl Shard {
    /// For a reader of all records.
    pub fn scan(&self) -> Scan<'_> {
        let table = || BlockBuffer::new(LARGEST_TABLE_BLOCK);
        Scan {
            shard: self,
            payload: BlockBuffer::new(LARGEST_PAYLOAD_BLOCK),
            ends: table(),
            name_ends: table(),
            names: table(),
            checksums: table(),
            order: table(),
        }
    }
}

impl<'a> Scan<'a> {
    /// The shard.
    pub fn shard(&self) -> &'a Shard {
        self.shard
    }

    /// The first bytes of an extent of the payload: all of them where they are not many.
    pub fn payload(&mut self, extent: Extent) -> Result<&[u8], ShardError> {
        let (shard, part) = (self.shard, extent.part(0, LARGEST_PAYLOAD_BLOCK));
        let whole = 0..shard.payload_len();
        let read = |at, bytes: &mut [u8]| shard.read_payload(at, bytes);
        self.payload.get(part.start()..part.end(), whole, read)
    }

    /// As [`Shard::extent`].
    pub fn extent(&mut self, record: LocalIndex) -> Result<Extent, ShardError> {
        self.ends.extent(self.shard, &self.shard.index, record.0)
    }

    /// As [`Shard::name_extent`].
    pub fn name_extent(&mut self, record: LocalIndex) -> Result<Option<Extent>, ShardError> {
        let names = self.shard.sections.names.as_ref();
        let read = |names: &NamesSection| self.name_ends.extent(self.shard, &names.ends, record.0);
        names.map(read).transpose()
    }

    /// As [`Shard::raw_name`].
    pub fn raw_name(&mut self, record: LocalIndex) -> Result<Option<&[u8]>, ShardError> {
        match self.name_extent(record)? {
            Some(extent) => self.raw_name_at(extent),
            None => Ok(None),
        }
    }

    /// As [`Shard::name`].
    pub fn name(&mut self, record: LocalIndex) -> Result<Option<Name>, ShardError> {
        Ok(self.raw_name(record)?.and_then(|raw| Name::new(raw).ok()))
    }

    /// As [`Shard::raw_name_at`].
    pub fn raw_name_at(&mut self, extent: Extent) -> Result<Option<&[u8]>, ShardError> {
        let Some(names) = &self.shard.sections.names else {
            return Ok(None);
        };
        if extent.len() > MAX_LEN as u64 {
            return Ok(None);
        }
        let range = names.at + extent.start()..names.at + extent.end();
        let whole = names.at..names.at + names.ends.limit();
        let bytes = self.names.get_from_file(self.shard, range, whole);
        bytes.map(Some)
    }

    /// As [`Shard::valid_name_at`].
    pub fn valid_name_at(
        &mut self,
        record: LocalIndex,
        extent: Extent,
    ) -> Result<Option<Name>, ShardError> {
        let shard = self.shard;
        shard.valid_name_of(record, extent, self.raw_name_at(extent)?)
    }

    /// As [`Shard::crc32c`].
    pub fn crc32c(&mut self, record: LocalIndex) -> Result<Option<u32>, ShardError> {
        let table = self.shard.sections.crc32c.as_ref();
        let read = |table| self.checksums.table_entry(self.shard, table, record.0);
        table.map(read).transpose()
    }

    /// As [`Shard::check_crc32c`].
    pub fn check_crc32c(&mut self, record: LocalIndex, found: u32) -> Result<(), ShardError> {
        let expected = self.crc32c(record)?;
        self.shard.compare_crc32c(record, expected, found)
    }

    /// As [`Shard::number_in_name_order`].
    pub fn number_in_name_order(&mut self, position: u64) -> Result<u64, ShardError> {
        let table = self.shard.sections.order.as_ref();
        let table = table.filter(|table| position < table.count);
        let entry = table.map(|table| self.order.table_entry(self.shard, table, position));
        Ok(number_by_entry(position, entry.transpose()?))
    }
}

/// A block of the file that has been read.
///
/// Blocks grow while they are asked for one after the other, so that less is read in vain than is
/// asked for: where offsets go back and forth, no more is read than they say.
#[derive(Debug)]
struct BlockBuffer {
    at: u64,
    bytes: Vec<u8>,
    /// How many bytes the last block was to have, and the most that one has.
    size: u64,
    largest: u64,
}

impl BlockBuffer {
    fn new(largest: u64) -> BlockBuffer {
        BlockBuffer {
            at: 0,
            bytes: Vec::new(),
            size: 0,
            largest,
        }
    }

    /// The bytes of `range`, which lies in `whole`; a block that `read` reads does not go beyond that.
    fn get(
        &mut self,
        range: Range<u64>,
        whole: Range<u64>,
        read: impl FnOnce(u64, &mut [u8]) -> Result<(), ShardError>,
    ) -> Result<&[u8], ShardError> {
        let end = self.at + self.bytes.len() as u64;
        if range.start < self.at || range.end > end {
            let len = range.end - range.start;
            self.size = if (self.at..=end).contains(&range.start) {
                len.max(self.largest.min(2 * self.size))
            } else {
                len
            };
            self.at = range.start;
            self.bytes
                .resize(self.size.min(whole.end - range.start) as usize, 0);
            if let Err(error) = read(range.start, &mut self.bytes) {
                self.bytes.clear();
                return Err(error);
            }
        }
        let from = (range.start - self.at) as usize;
        Ok(&self.bytes[from..from + (range.end - range.start) as usize])
    }

    fn get_from_file(
        &mut self,
        shard: &Shard,
        range: Range<u64>,
        whole: Range<u64>,
    ) -> Result<&[u8], ShardError> {
        self.get(range, whole, |at, bytes| shard.file.read_at(at, bytes))
    }

    fn extent(
        &mut self,
        shard: &Shard,
        table: &EndOffsets,
        entry: u64,
    ) -> Result<Extent, ShardError> {
        let (range, whole) = (
            table.file_range(entry..entry + 1),
            table.file_range(0..table.count()),
        );
        let bytes = self.get_from_file(shard, range, whole)?;
        shard.decode_entry(table, entry, bytes)
    }

    fn table_entry(
        &mut self,
        shard: &Shard,
        table: &U32Section,
        entry: u64,
    ) -> Result<u32, ShardError> {
        let place = |entry| table.at + entry * ENTRY_LEN;
        let (range, whole) = (place(entry)..place(entry + 1), place(0)..place(table.count));
        let bytes = self.get_from_file(shard, range, whole)?;
        Ok(decode_table_entry(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    /// What a block buffer gives out of `data`, and how many bytes it has read for that.
    fn read_all(data: &[u8], ranges: &[Range<u64>], largest: u64) -> u64 {
        let (mut buffer, mut read) = (BlockBuffer::new(largest), 0);
        let whole = 0..data.len() as u64;
        for range in ranges {
            let found = buffer.get(range.clone(), whole.clone(), |at, bytes| {
                read += bytes.len() as u64;
                bytes.copy_from_slice(&data[at as usize..][..bytes.len()]);
                Ok(())
            });
            let expected = &data[range.start as usize..range.end as usize];
            assert_eq!(found.expect("read"), expected);
        }
        read
    }

    #[test]
    fn what_is_asked_for_in_order_is_read_once_and_in_few_blocks() {
        let data: Vec<u8> = (0..100_000).map(|n| (n % 251) as u8).collect();
        let ranges: Vec<_> = (0..1000).map(|n| n * 100..(n + 1) * 100).collect();
        let mut blocks = 0;
        let mut buffer = BlockBuffer::new(16 << 10);
        for range in ranges {
            let found = buffer.get(range, 0..100_000, |_, _| {
                blocks += 1;
                Ok(())
            });
            found.expect("read");
        }
        assert!(blocks < 20, "{blocks}");
        assert_eq!(read_all(&data, &[0..0, 0..100_000, 5..7], 10), 100_000);
    }

    #[test]
    fn a_block_that_could_not_be_read_is_not_given_out() {
        let mut buffer = BlockBuffer::new(100);
        let error = || ShardError::NotRegular {
            location: Path::new("s").into(),
            found: "a device",
        };
        assert!(buffer.get(0..4, 0..8, |_, _| Err(error())).is_err());
        let found = buffer.get(0..4, 0..8, |_, bytes| {
            bytes.fill(7);
            Ok(())
        });
        assert_eq!(found.expect("read"), [7; 4]);
    }

    proptest! {
        #[test]
        fn any_ranges_give_their_bytes_and_not_many_more_are_read(
            ranges in prop::collection::vec((0u64..2000, 0u64..200), 0..100),
            largest in 0u64..1000,
        ) {
            let data: Vec<u8> = (0..2000).map(|n| (n % 251) as u8).collect();
            let cut = |(start, len): &(u64, u64)| *start..(start + len).min(2000);
            let ranges: Vec<_> = ranges.iter().map(cut).collect();
            let asked: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            let read = read_all(&data, &ranges, largest);
            prop_assert!(read <= 3 * asked + largest, "{read} for {asked}");
        }
    }
}
