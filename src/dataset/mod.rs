//! A dataset: an ordered list of shards, its records and bytes numbered across all of them.

mod arguments;
mod error;
pub mod names;
pub mod numbered;
mod pattern;
mod record;
pub mod resident;
pub mod sizes;
pub mod summary;

pub use arguments::{expand, out_of_numeric_order, shard_number};
pub use error::DatasetError;
pub use record::Record;

use crate::format::Damage;
use crate::format::offsets::Extent;
use crate::shard::allowance::Allowance;
use crate::shard::mmap::PAGE;
use crate::shard::{LocalIndex, Shard, ShardError};
use resident::ResidentSet;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;

/// The most records of a dataset: inode numbers carry a tag in their top byte.
pub const MAX_RECORDS: u64 = 1 << 55;

/// The number of a record in its dataset, from 0. Only a [`Dataset`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(u64);

impl RecordId {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// An ordered list of open shards, at least one.
#[derive(Debug)]
pub struct Dataset {
    shards: Vec<Shard>,
    /// For each shard the number of its first record, then the number of all records.
    first_record: Vec<u64>,
    /// For each shard the offset of its first byte in the joined payload, then the whole length.
    first_byte: Vec<u64>,
    resident: Arc<ResidentSet>,
}

impl Dataset {
    /// Opens the shards that the arguments name (see [`expand`]).
    pub fn open(arguments: &[PathBuf]) -> Result<Dataset, DatasetError> {
        let mut shards = Vec::new();
        for path in expand(arguments)? {
            shards.push(Shard::open(&path)?);
        }
        Dataset::new(shards)
    }

    /// Joins shards in their order.
    pub fn new(shards: Vec<Shard>) -> Result<Dataset, DatasetError> {
        let mut first_record = vec![0];
        let mut first_byte = vec![0];
        let (mut records, mut bytes) = (0, 0);
        for shard in &shards {
            records = add_records(shard, records)?;
            // Offsets in a file are signed.
            bytes = add(
                shard,
                "payload bytes",
                bytes,
                shard.payload_len(),
                i64::MAX as u64,
            )?;
            first_record.push(records);
            first_byte.push(bytes);
        }
        Ok(Dataset {
            shards,
            first_record,
            first_byte,
            resident: Arc::new(ResidentSet::new(records, bytes)),
        })
    }

    /// The shards in order.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Whether any shard has names.
    pub fn has_names(&self) -> bool {
        self.shards.iter().any(Shard::has_names)
    }

    /// What one pass over all shards may read of each, in their order.
    pub fn allowances(&self) -> Vec<Allowance> {
        self.shards.iter().map(Allowance::of).collect()
    }

    /// Number of records in all shards.
    pub fn records(&self) -> u64 {
        last(&self.first_record)
    }

    /// Bytes of payload in all shards.
    pub fn payload_len(&self) -> u64 {
        last(&self.first_byte)
    }

    /// How many bytes a record has on average.
    pub fn mean_record_len(&self) -> u64 {
        self.payload_len() / self.records().max(1)
    }

    /// Which records are to stay in memory.
    pub fn resident(&self) -> &Arc<ResidentSet> {
        &self.resident
    }

    /// Bytes that the kernel's cache of the mount takes for all records, about: it has whole pages, of
    /// which the last one is half full in the mean.
    pub fn page_cache_len(&self) -> u64 {
        let one_each = self.records().saturating_mul(PAGE);
        self.payload_len()
            .saturating_add(one_each / 2)
            .max(one_each)
    }

    /// Record number `index`, where there is one.
    pub fn record(&self, index: u64) -> Option<RecordId> {
        (index < self.records()).then_some(RecordId(index))
    }

    /// Number of the first record of shard number `shard`, or of all records for one past the last.
    pub fn first_record(&self, shard: usize) -> Option<u64> {
        self.first_record.get(shard).copied()
    }

    /// The number of the shard that holds a record, and the record's number there.
    pub fn locate(&self, record: RecordId) -> Option<(usize, LocalIndex)> {
        let shard = range_containing(&self.first_record, record.0);
        let local = self
            .shards
            .get(shard)?
            .local(record.0 - self.first_record[shard])?;
        Some((shard, local))
    }

    /// A record with its shard.
    pub fn get(&self, record: RecordId) -> Option<Record<'_>> {
        let (shard_number, local) = self.locate(record)?;
        Some(Record {
            id: record,
            shard_number,
            shard: &self.shards[shard_number],
            local,
        })
    }

    /// The number in the dataset of a record of shard number `shard`.
    pub fn record_in(&self, shard: usize, local: LocalIndex) -> Option<RecordId> {
        let first = self.first_record.get(shard)?;
        self.record(first + local.get())
    }

    /// Offset in the joined payload of the first byte of shard number `shard`.
    pub fn first_byte(&self, shard: usize) -> Option<u64> {
        self.first_byte.get(shard).copied()
    }

    /// The number of the shard that holds byte `offset` of the joined payload, and the offset there of
    /// the shard's own first byte; `None` past the end.
    pub fn shard_of_byte(&self, offset: u64) -> Option<(usize, u64)> {
        let number = range_containing(&self.first_byte, offset);
        (number < self.shards.len()).then(|| (number, self.first_byte[number]))
    }

    /// Calls `each` with records `range`: the number of the record and of its shard, and its extent
    /// in that shard's payload, until it breaks off. A damaged entry, or all that is left of a shard
    /// that cannot be read any more, is passed on as an error and does not end the walk.
    pub fn for_each_extent(
        &self,
        range: Range<u64>,
        each: &mut dyn FnMut(RecordId, usize, Result<Extent, ShardError>) -> ControlFlow<()>,
    ) {
        let mut next = range.start;
        let mut flow = ControlFlow::Continue(());
        let first_shard = range_containing(&self.first_record, range.start);
        for (number, shard) in self.shards.iter().enumerate().skip(first_shard) {
            let base = self.first_record[number];
            let end = self.first_record[number + 1].min(range.end);
            if next >= range.end || flow.is_break() {
                return;
            }
            let walked = shard.for_each_extent(next - base..end - base, &mut |local, extent| {
                let extent = extent.map_err(|damage| shard.damaged(damage));
                next = base + local.get() + 1;
                flow = each(RecordId(next - 1), number, extent);
                flow
            });
            if let Err(error) = walked {
                while flow.is_continue() && next < end {
                    flow = each(RecordId(next), number, Err(error.clone()));
                    next += 1;
                }
            }
        }
    }
}

/// Index of the range that holds `position`, in `firsts` as [`Dataset`] keeps them: the last one
/// that begins at or before it, so empty ones in between are passed over.
fn range_containing(firsts: &[u64], position: u64) -> usize {
    firsts
        .partition_point(|&first| first <= position)
        .saturating_sub(1)
}

fn last(firsts: &[u64]) -> u64 {
    firsts.last().copied().unwrap_or(0)
}

/// The number of records up to and with `shard`, where there are `before` in those before it.
pub fn add_records(shard: &Shard, before: u64) -> Result<u64, DatasetError> {
    add(shard, "records", before, shard.records(), MAX_RECORDS)
}

fn add(shard: &Shard, what: &str, sum: u64, more: u64, most: u64) -> Result<u64, DatasetError> {
    let total = u128::from(sum) + u128::from(more);
    match u64::try_from(total) {
        Ok(total) if total <= most => Ok(total),
        _ => Err(DatasetError::TooLarge {
            location: shard.location().clone(),
            damage: Damage::new(
                format!("sum of {what} up to this shard"),
                total,
                format!("at most {most}"),
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_in_empty_ranges_belong_to_the_next_one() {
        // Shards of 3, 0 and 2 records.
        let firsts = [0, 3, 3, 5];
        let found: Vec<usize> = (0..5)
            .map(|position| range_containing(&firsts, position))
            .collect();
        assert_eq!(found, [0, 0, 0, 2, 2]);
    }
}
