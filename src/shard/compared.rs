//! Content of a shard whose times have changed: each byte is compared, with all of its record, with
//! the record's checksum before anybody gets it.
//!
//! Memory is needed for the part that is asked for, and for a buffer through which the rest of its
//! record passes. A long record is read whole once, and then remembered as long as the file's times
//! stay.
//!
//! That can be much more work than the request itself: the caller says how much is permitted
//! ([`Permit`]).

use super::records::{BATCH_ENTRIES, decode_table_entry};
use super::unchanged::Epoch;
use super::{LocalIndex, Shard, ShardError};
use crate::format::offsets::Extent;
use crate::format::section::ENTRY_LEN;
use crate::format::{Damage, OFFSET_LEN};
use std::ops::{ControlFlow, Range};

/// Longer records are remembered. Others are read whole each time, which is mostly once.
const LONG_RECORD_LEN: u64 = 256 << 10;
/// Bytes read at once of parts that nobody asked for.
const PIECE_LEN: u64 = 256 << 10;

/// Asked before this many bytes are read that nobody asked for, and again between pieces of them,
/// with 0; if it says no, nothing is read.
pub type Permit<'a> = dyn FnMut(u64) -> bool + 'a;

/// Permits all.
pub fn any_work(_: u64) -> bool {
    true
}

/// What came of comparing.
enum Compared {
    /// All agrees up to this place.
    UpTo(u64),
    NotPermitted,
}

/// A record, what its checksum is to be, and the bytes of it that are in memory already.
struct ReadPart<'a> {
    record: u64,
    extent: Extent,
    checksum: u32,
    part: Extent,
    bytes: &'a [u8],
}

impl Shard {
    /// Whether the content has to be read by [`read_compared`](Self::read_compared) and nothing else.
    pub fn is_compared(&self) -> bool {
        self.file.unchanged.is_compared()
    }

    /// The bytes of a part of the payload, of which all records agree with their checksums. `first`
    /// is the record that the part begins in, where it is known. `None` where that takes more than is
    /// permitted.
    pub fn read_compared(
        &self,
        first: Option<LocalIndex>,
        part: Extent,
        permit: &mut Permit<'_>,
    ) -> Result<Option<Vec<u8>>, ShardError> {
        let epoch = self.epoch();
        let mut bytes = vec![0; part.len() as usize];
        self.file.read_at(part.start(), &mut bytes)?;
        if part.is_empty() {
            return Ok(Some(bytes));
        }
        let mut next = match first {
            Some(record) => record.get(),
            None => self.record_of_byte(part.start())?,
        };
        let mut at = part.start();
        let mut batch = 1;
        while at < part.end() {
            let records = next..self.records().min(next + batch);
            if records.is_empty() {
                return Err(self.not_the_index(next, self.payload(), at));
            }
            if !permit((records.end - records.start) * (OFFSET_LEN + ENTRY_LEN)) {
                return Ok(None);
            }
            let known = (records.clone(), part, &bytes[..]);
            next = match self.compare_batch(known, at, epoch, permit)? {
                Compared::NotPermitted => return Ok(None),
                // All of them are empty, and as many more may be.
                Compared::UpTo(end) if end == at => self.record_of_byte(at)?.max(records.end),
                Compared::UpTo(end) => {
                    at = end;
                    records.end
                }
            };
            batch = BATCH_ENTRIES.min(batch * 8);
        }
        Ok(Some(bytes))
    }

    /// Compares those of the records that have bytes of the part from `at` on, up to where the last
    /// of them ends.
    fn compare_batch(
        &self,
        (records, part, bytes): (Range<u64>, Extent, &[u8]),
        mut at: u64,
        epoch: Epoch,
        permit: &mut Permit<'_>,
    ) -> Result<Compared, ShardError> {
        let (extents, checksums) = (self.extents(records.clone())?, self.checksums(&records)?);
        for ((record, extent), checksum) in records.zip(extents).zip(checksums) {
            if extent.is_empty() {
                continue;
            }
            if at >= part.end() {
                break;
            }
            if !(extent.start()..extent.end()).contains(&at) {
                return Err(self.not_the_index(record, extent, at));
            }
            let end = extent.end().min(part.end());
            let place = at - part.start()..end - part.start();
            let known = ReadPart {
                record,
                extent,
                checksum,
                part: part.part(place.start, end - at),
                bytes: &bytes[place.start as usize..place.end as usize],
            };
            if !self.compare(&known, epoch, permit)? {
                return Ok(Compared::NotPermitted);
            }
            at = end;
        }
        Ok(Compared::UpTo(at))
    }

    /// Fails where the record is another one. `false` where comparing is not permitted.
    fn compare(
        &self,
        known: &ReadPart<'_>,
        epoch: Epoch,
        permit: &mut Permit<'_>,
    ) -> Result<bool, ShardError> {
        let ReadPart { record, extent, .. } = *known;
        let is_long = extent.len() > LONG_RECORD_LEN;
        // With the times as they are after the bytes were read.
        if is_long && self.file.unchanged.has_agreed(record, epoch) && self.epoch() == epoch {
            return Ok(true);
        }
        if !permit(extent.len() - known.part.len()) {
            return Ok(false);
        }
        let before = extent.start()..known.part.start();
        let after = known.part.end()..extent.end();
        let Some(crc) = self.append_checksum(0, before, permit)? else {
            return Ok(false);
        };
        let crc = crc32c::crc32c_append(crc, known.bytes);
        let Some(found) = self.append_checksum(crc, after, permit)? else {
            return Ok(false);
        };
        if found != known.checksum {
            let hex = |crc| format!("{crc:#010x}");
            let what = format!("the checksum of record {record}");
            let damage = Damage::new(what, hex(found), hex(known.checksum));
            let changed = self.file.local().changed(damage.to_string());
            return Err(self.file.unchanged.set_changed(changed));
        }
        if is_long {
            self.check_unchanged()?;
            self.file.unchanged.set_agreed(record, epoch);
        }
        Ok(true)
    }

    /// Continues a checksum over bytes of the payload.
    fn append_checksum(
        &self,
        mut crc: u32,
        bytes: Range<u64>,
        permit: &mut Permit<'_>,
    ) -> Result<Option<u32>, ShardError> {
        let mut buffer = Vec::new();
        let mut at = bytes.start;
        while at < bytes.end {
            if !permit(0) {
                return Ok(None);
            }
            buffer.resize((bytes.end - at).min(PIECE_LEN) as usize, 0);
            self.file.read_unchecked(at, &mut buffer)?;
            crc = crc32c::crc32c_append(crc, &buffer);
            at += buffer.len() as u64;
        }
        Ok(Some(crc))
    }

    fn extents(&self, records: Range<u64>) -> Result<Vec<Extent>, ShardError> {
        let mut extents = Vec::with_capacity((records.end - records.start) as usize);
        let mut damage = None;
        self.for_each_extent(records, &mut |_, extent| match extent {
            Ok(extent) => {
                extents.push(extent);
                ControlFlow::Continue(())
            }
            Err(error) => {
                damage = Some(error);
                ControlFlow::Break(())
            }
        })?;
        match damage {
            Some(damage) => Err(self.damaged(damage)),
            None => Ok(extents),
        }
    }

    fn checksums(&self, records: &Range<u64>) -> Result<Vec<u32>, ShardError> {
        let Some(table) = &self.sections().crc32c else {
            return Ok(Vec::new());
        };
        let mut bytes = vec![0; ((records.end - records.start) * ENTRY_LEN) as usize];
        self.file
            .read_at(table.at + records.start * ENTRY_LEN, &mut bytes)?;
        let entries = bytes.chunks_exact(ENTRY_LEN as usize);
        Ok(entries.map(decode_table_entry).collect())
    }

    /// The record that holds byte `offset` of the payload.
    fn record_of_byte(&self, offset: u64) -> Result<u64, ShardError> {
        let (mut low, mut high) = (0, self.records());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.extent(LocalIndex(middle))?.end() <= offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn not_the_index(&self, record: u64, found: Extent, at: u64) -> ShardError {
        let what = format!("record {record}: place");
        let found = format!("bytes {} to {}", found.start(), found.end());
        self.damaged(Damage::new(what, found, format!("one with byte {at}")))
    }
}
