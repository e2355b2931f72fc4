//! A shard's names in byte order, read in batches.
//!
//! A shard may lie about its names: what cannot be read as one has the empty name here, which
//! stands for a record without a name, and order entries that are no record's are passed over.

use super::names::KEY_LEN;
use super::records::decode_table_entry;
use super::{LocalIndex, Shard, ShardError};
use crate::format::offsets::Extent;
use crate::format::section::ENTRY_LEN;
use std::ops::Range;

/// Batches grow from this many names to [`LARGEST_BATCH_NAMES`]: a lookup needs a few, a listing all.
const FIRST_BATCH_NAMES: u64 = 32;
/// The same where each name has to be read by itself.
const FIRST_BATCH_NAMES_BY_ORDER: u64 = 2;
const LARGEST_BATCH_NAMES: u64 = 512;
/// The most bytes of names that are read in one piece.
const LARGEST_READ_LEN: u64 = LARGEST_BATCH_NAMES * KEY_LEN;

/// Names of a shard from a position in byte order on.
#[derive(Debug)]
pub struct SortedNames<'a> {
    shard: &'a Shard,
    /// The position that is read next.
    next: u64,
    size: u64,
    largest: u64,
    /// A batch ends when it has this many bytes of names.
    largest_bytes: u64,
    /// Records that have been read, and where in `bytes` their names are; given out up to `given`.
    batch: Vec<(Option<LocalIndex>, Range<usize>)>,
    given: usize,
    bytes: Vec<u8>,
    table: Vec<u8>,
}

impl Shard {
    /// The names from `position` in byte order on.
    pub fn sorted_names(&self, position: u64) -> SortedNames<'_> {
        SortedNames {
            shard: self,
            next: position,
            size: if self.is_in_name_order() {
                FIRST_BATCH_NAMES
            } else {
                FIRST_BATCH_NAMES_BY_ORDER
            },
            largest: LARGEST_BATCH_NAMES,
            largest_bytes: LARGEST_READ_LEN,
            batch: Vec::new(),
            given: 0,
            bytes: Vec::new(),
            table: Vec::new(),
        }
    }
}

impl SortedNames<'_> {
    /// Reads about this many names and bytes of them at once: a reader of many shards wants fewer of
    /// each.
    pub fn with_batches_of(mut self, names: u64, bytes: u64) -> Self {
        self.size = names.clamp(FIRST_BATCH_NAMES, LARGEST_BATCH_NAMES);
        self.largest = self.size;
        self.largest_bytes = bytes.min(LARGEST_READ_LEN);
        self
    }

    /// The next record and its name; without a record where the order section is damaged.
    #[expect(
        clippy::type_complexity,
        reason = "an iterator that lends what it gives out"
    )]
    pub fn next_name(&mut self) -> Result<Option<(Option<LocalIndex>, &[u8])>, ShardError> {
        if self.given == self.batch.len() {
            self.fill()?;
        }
        let Some((record, name)) = self.batch.get(self.given) else {
            return Ok(None);
        };
        self.given += 1;
        Ok(Some((*record, &self.bytes[name.clone()])))
    }

    fn fill(&mut self) -> Result<(), ShardError> {
        self.batch.clear();
        self.bytes.clear();
        self.given = 0;
        let records = if self.shard.has_names() {
            self.shard.records()
        } else {
            0
        };
        let end = records.min(self.next.saturating_add(self.size));
        if self.next >= end {
            return Ok(());
        }
        let positions = self.next..end;
        self.size = self.largest.min(self.size * 4);
        if self.shard.is_in_name_order() {
            self.fill_in_order(positions.clone())?;
        } else {
            self.fill_by_order(positions.clone())?;
        }
        self.next = positions.start + self.batch.len() as u64;
        self.shard.check_unchanged()
    }

    /// Whether the batch has as many bytes as it may have.
    fn is_full(&self) -> bool {
        self.bytes.len() as u64 >= self.largest_bytes
    }

    /// Names that stand one after the other in the file.
    fn fill_in_order(&mut self, records: Range<u64>) -> Result<(), ShardError> {
        let Some(names) = self.shard.sections.names else {
            return Ok(());
        };
        let wanted = names.ends.file_range(records.clone());
        self.table.resize((wanted.end - wanted.start) as usize, 0);
        self.shard
            .file
            .read_unchecked(wanted.start, &mut self.table)?;
        let extents = || {
            let extents = names.ends.extents(records.start, &self.table);
            records.clone().zip(extents.map(Result::ok))
        };
        let known = || extents().filter_map(|(_, extent)| extent);
        let start = known().map(Extent::start).min().unwrap_or(0);
        let end = known().map(Extent::end).max().unwrap_or(0);
        let in_one_piece = end - start <= self.largest_bytes;
        if in_one_piece {
            self.bytes.resize((end - start) as usize, 0);
            self.shard
                .file
                .read_unchecked(names.at + start, &mut self.bytes)?;
        }
        for (record, extent) in extents() {
            if !in_one_piece && self.is_full() {
                break;
            }
            let name = match extent {
                None => 0..0,
                Some(extent) if in_one_piece => {
                    let from = (extent.start() - start) as usize;
                    from..from + extent.len().min(KEY_LEN) as usize
                }
                Some(extent) => {
                    let from = self.bytes.len();
                    self.shard.append_key(extent, &mut self.bytes)?;
                    from..self.bytes.len()
                }
            };
            self.batch.push((Some(LocalIndex(record)), name));
        }
        Ok(())
    }

    /// Names in the order of the section that says it.
    fn fill_by_order(&mut self, positions: Range<u64>) -> Result<(), ShardError> {
        let Some(order) = self.shard.sections.order else {
            return Ok(());
        };
        let len = (positions.end - positions.start) * ENTRY_LEN;
        self.table.resize(len as usize, 0);
        self.shard
            .file
            .read_unchecked(order.at + positions.start * ENTRY_LEN, &mut self.table)?;
        for entry in self.table.chunks_exact(ENTRY_LEN as usize) {
            let record = self.shard.local(decode_table_entry(entry).into());
            let from = self.bytes.len();
            if let Some(record) = record {
                self.shard.name_key(record, &mut self.bytes)?;
            }
            self.batch.push((record, from..self.bytes.len()));
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }
}
