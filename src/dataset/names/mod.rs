//! The names of a dataset in byte order, over all of its shards.
//!
//! Few names are kept in memory. While the shards' ranges of names do not overlap, one shard's names
//! come after the other's; where they do, the order is merged once into a number for each record.
//! Names here are keys: bytes as they stand in the shards, valid or not.
//!
//! A shard that lies about its order can hide its own names, and do nothing else: its names count
//! only within the range from its first name to its last one, which no other shard's names are in,
//! and only where they do not decrease. One whose first name is larger than its last has none.

mod below;
mod clashes;
mod cursor;
mod fences;
mod merge;
mod shard_names;

pub use clashes::{LeftOut, Reason, clashes};
pub use cursor::{Cursor, NameAt};

use crate::dataset::{Dataset, RecordId};
use crate::shard::{Shard, ShardError};
use crate::sys::memory;
use fences::Fences;
use merge::Merge;
use shard_names::{ShardNames, part_at, sort_disjoint};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Inode numbers of directories have room for this many positions.
pub const MAX_POSITIONS: u64 = 1 << 45;

/// This many names are read in one piece for less than halving further would take.
const SCAN_NAMES: u64 = 24;

/// The named records of a dataset in byte order of their names, equal names by number.
#[derive(Debug)]
pub struct NameOrder {
    dataset: Arc<Dataset>,
    layout: Layout,
    len: u64,
    fences: Fences,
}

#[derive(Debug)]
enum Layout {
    /// One shard's names after the other's.
    Disjoint(Vec<ShardNames>),
    /// Records by position, as 32-bit numbers while these suffice.
    Merged(Vec<u32>),
    MergedWide(Vec<u64>),
}

impl NameOrder {
    /// Finds out how the shards' names lie to each other, and merges them if they overlap. Reads
    /// two names of each shard, or all. Fails where memory has no room for a merged order.
    pub fn new(dataset: Arc<Dataset>) -> Result<NameOrder, ShardError> {
        let mut parts = Vec::new();
        for (number, shard) in dataset.shards().iter().enumerate() {
            parts.extend(ShardNames::of(number, shard)?.filter(ShardNames::is_honest));
        }
        let len: u64 = parts.iter().map(|part| part.len).sum();
        let layout = if sort_disjoint(&mut parts) {
            Layout::Disjoint(parts)
        } else {
            merged(&dataset, &parts, len)?
        };
        let len = match &layout {
            Layout::Disjoint(_) => len,
            Layout::Merged(records) => records.len() as u64,
            Layout::MergedWide(records) => records.len() as u64,
        };
        Ok(NameOrder {
            dataset,
            layout,
            len: len.min(MAX_POSITIONS),
            fences: Fences::new(len),
        })
    }

    /// Number of positions.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The names from the first one on that is at `from` or later and not smaller than `key`.
    pub fn seek(&self, key: &[u8], from: u64) -> Result<Cursor<'_>, ShardError> {
        let (range, shard) = self.range_for(key);
        let from = from.min(self.len);
        let range = range.start.max(from)..range.end.max(from);
        let position = self.narrow(range, key, shard)?;
        let cursor = self.cursor(position, key)?;
        shard.map_or(Ok(()), Shard::check_unchanged)?;
        Ok(cursor)
    }

    /// The positions among which `key` has its place, and the shard whose names these are if they are
    /// one shard's.
    fn range_for(&self, key: &[u8]) -> (Range<u64>, Option<&Shard>) {
        let Layout::Disjoint(parts) = &self.layout else {
            return (0..self.len, None);
        };
        let after = parts.partition_point(|part| part.is_below(key));
        let Some(part) = parts.get(after) else {
            return (self.len..self.len, None);
        };
        let range = part.first.min(self.len)..part.end().min(self.len);
        (range, Some(&self.dataset.shards()[part.shard]))
    }

    /// A position in `range` from which the first name that is not smaller than `key` is not far: by
    /// the fences first, then by halving.
    fn narrow(
        &self,
        range: Range<u64>,
        key: &[u8],
        shard: Option<&Shard>,
    ) -> Result<u64, ShardError> {
        let mut read =
            |position: u64, name: &mut Vec<u8>| self.read_for_search(position, name, shard);
        let (low, high) = self.fences.narrow(range.start, range.end, key, &mut read)?;
        // The cursor passes over smaller names, which is cheap only where it reads many at once.
        let most = if shard.is_some_and(Shard::is_in_name_order) {
            SCAN_NAMES
        } else {
            0
        };
        self.halve(low..high, key, most, shard)
    }

    /// The first position in a range of a part whose name is not smaller than `key`.
    fn search(&self, part: &ShardNames, range: Range<u64>, key: &[u8]) -> Result<u64, ShardError> {
        self.halve(range, key, 0, Some(&self.dataset.shards()[part.shard]))
    }

    /// Halves a range of positions, until `most` are left, before the first one whose name is not
    /// smaller than `key`.
    fn halve(
        &self,
        range: Range<u64>,
        key: &[u8],
        most: u64,
        shard: Option<&Shard>,
    ) -> Result<u64, ShardError> {
        let Range {
            start: mut low,
            end: mut high,
        } = range;
        let mut name = Vec::new();
        while high - low > most {
            let middle = low + (high - low) / 2;
            self.read_for_search(middle, &mut name, shard)?;
            if name[..] < *key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The name at a position. One `shard` is checked once, at the end of the search.
    fn read_for_search(
        &self,
        position: u64,
        name: &mut Vec<u8>,
        shard: Option<&Shard>,
    ) -> Result<(), ShardError> {
        match shard {
            Some(_) => self.read_key(position, name).map(drop),
            None => self.key_at(position, name),
        }
    }

    /// The position of a record's own name; `None` where it has none.
    pub fn position_of(&self, record: RecordId) -> Result<Option<u64>, ShardError> {
        let cursor = self.cursor_at(record)?;
        let found = cursor.as_ref().and_then(Cursor::current);
        Ok(found.map(|name| name.position))
    }

    /// The names from a record's own name on; `None` where it has none, or one that an earlier record has.
    fn cursor_at(&self, record: RecordId) -> Result<Option<Cursor<'_>>, ShardError> {
        let mut key = Vec::new();
        let Some(found) = self.dataset.get(record) else {
            return Ok(None);
        };
        found.shard().name_key(found.local(), &mut key)?;
        if key.is_empty() {
            return Ok(None);
        }
        let cursor = self.seek(&key, 0)?;
        let is_own = cursor.current().is_some_and(|name| name.record == record);
        Ok(is_own.then_some(cursor))
    }

    /// Whether the records are in the same order by name and by number, all of them named.
    pub fn is_by_number(&self) -> bool {
        let Layout::Disjoint(parts) = &self.layout else {
            return false;
        };
        let shards = self.dataset.shards();
        let in_order = parts
            .iter()
            .all(|part| part.is_complete() && shards[part.shard].is_in_name_order());
        in_order && parts.is_sorted_by_key(|part| part.shard) && self.len == self.dataset.records()
    }

    /// The names from `position` on that are not smaller than `floor`.
    pub fn cursor(&self, position: u64, floor: &[u8]) -> Result<Cursor<'_>, ShardError> {
        Cursor::new(self, position, floor)
    }

    /// Writes the name at `position` over what `key` held: nothing if there is none, or it lies
    /// outside the range of its shard's names.
    pub fn key_at(&self, position: u64, key: &mut Vec<u8>) -> Result<(), ShardError> {
        if let Some(shard) = self.read_key(position, key)? {
            shard.check_unchanged()?;
        }
        if let Layout::Disjoint(parts) = &self.layout
            && !part_at(parts, position).is_some_and(|part| part.holds(key))
        {
            key.clear();
        }
        Ok(())
    }

    /// The name at `position` as it stands there, and its shard, which has not been checked.
    fn read_key(&self, position: u64, key: &mut Vec<u8>) -> Result<Option<&Shard>, ShardError> {
        key.clear();
        let record = self.record_at(position)?;
        let Some(record) = record.and_then(|record| self.dataset.get(record)) else {
            return Ok(None);
        };
        record.shard().name_key(record.local(), key)?;
        Ok(Some(record.shard()))
    }

    /// The record at `position`; `None` past the end, and where a shard's order is damaged.
    pub fn record_at(&self, position: u64) -> Result<Option<RecordId>, ShardError> {
        let place = usize::try_from(position).unwrap_or(usize::MAX);
        match &self.layout {
            Layout::Merged(records) => Ok(records
                .get(place)
                .and_then(|&record| self.dataset.record(u64::from(record)))),
            Layout::MergedWide(records) => Ok(records
                .get(place)
                .and_then(|&record| self.dataset.record(record))),
            Layout::Disjoint(parts) => {
                let Some(part) = part_at(parts, position) else {
                    return Ok(None);
                };
                let shard = &self.dataset.shards()[part.shard];
                let local = shard.record_in_name_order(part.local(position))?;
                Ok(local.and_then(|local| self.dataset.record_in(part.shard, local)))
            }
        }
    }
}

fn merged(dataset: &Dataset, parts: &[ShardNames], names: u64) -> Result<Layout, ShardError> {
    let is_wide = dataset.records() > u64::from(u32::MAX);
    ask_for_memory(dataset, parts, names, if is_wide { 8 } else { 4 })?;
    let mut merge = Merge::new(dataset)?;
    let no_room = |_| no_memory(dataset, parts, "the kernel refuses it".to_owned());
    let most = usize::try_from(names).unwrap_or(usize::MAX);
    if is_wide {
        let mut records = Vec::new();
        records.try_reserve_exact(most).map_err(no_room)?;
        while let Some((record, _)) = merge.next_name()? {
            records.push(record.get());
        }
        return Ok(Layout::MergedWide(records));
    }
    let mut records = Vec::new();
    records.try_reserve_exact(most).map_err(no_room)?;
    while let Some((record, _)) = merge.next_name()? {
        // Checked above.
        records.push(record.get() as u32);
    }
    Ok(Layout::Merged(records))
}

/// Fails where a merged order, of this many bytes for each name, would take more than half of the
/// memory there is: a daemon that is killed for want of memory serves nobody.
fn ask_for_memory(
    dataset: &Dataset,
    parts: &[ShardNames],
    names: u64,
    bytes: u64,
) -> Result<(), ShardError> {
    let needed = names
        .saturating_mul(bytes)
        .saturating_add(merge::buffers(parts.len()));
    let available = memory::available();
    if needed <= available / 2 {
        return Ok(());
    }
    let numbers = format!("{needed} bytes are needed, {available} are available");
    Err(no_memory(dataset, parts, numbers))
}

fn no_memory(dataset: &Dataset, parts: &[ShardNames], why: String) -> ShardError {
    let text = format!(
        "no memory to merge the order of its names with that of other shards: {why}; give the \
         mount more memory, or pack the dataset with --sort"
    );
    let largest = parts.iter().max_by_key(|part| part.len);
    let shard = &dataset.shards()[largest.map_or(0, |part| part.shard)];
    shard.io(io::Error::new(io::ErrorKind::OutOfMemory, text))
}
