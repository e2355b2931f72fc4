//! One shard's part of the order of names: which positions, and between which names.

use crate::shard::{Shard, ShardError};

/// The names of one shard.
#[derive(Debug)]
pub struct ShardNames {
    /// Number of the shard.
    pub shard: usize,
    /// Position of its first name in the dataset.
    pub first: u64,
    /// Number of its names.
    pub len: u64,
    /// Records without a name, which are the first in the shard's own order.
    unnamed: u64,
    /// Its first and last names.
    range: (Vec<u8>, Vec<u8>),
}

impl ShardNames {
    /// Reads a shard's first and last names; `None` where no record has a name.
    pub fn of(number: usize, shard: &Shard) -> Result<Option<ShardNames>, ShardError> {
        let records = if shard.has_names() {
            shard.records()
        } else {
            0
        };
        let key = |position: u64| {
            let mut key = Vec::new();
            if let Some(record) = shard.record_in_name_order(position)? {
                shard.name_key(record, &mut key)?;
                shard.check_unchanged()?;
            }
            Ok::<Vec<u8>, ShardError>(key)
        };
        let Some(last) = records.checked_sub(1) else {
            return Ok(None);
        };
        let mut first = key(0)?;
        let mut unnamed = 0;
        if first.is_empty() {
            // Records without a name have the empty one, the smallest: where they end is found by
            // halving.
            let mut named = last;
            while unnamed < named {
                let middle = unnamed + (named - unnamed) / 2;
                if key(middle)?.is_empty() {
                    unnamed = middle + 1;
                } else {
                    named = middle;
                }
            }
            first = key(unnamed)?;
        }
        if first.is_empty() {
            return Ok(None);
        }
        Ok(Some(ShardNames {
            shard: number,
            first: 0,
            len: records - unnamed,
            unnamed,
            range: (first, key(last)?),
        }))
    }

    /// Whether its first name is not larger than its last one; otherwise nothing that its order says
    /// can be relied on.
    pub fn is_honest(&self) -> bool {
        self.range.0 <= self.range.1
    }

    /// One past the position of its last name.
    pub fn end(&self) -> u64 {
        self.first + self.len
    }

    /// The position in the shard's own order of what is at `position` of the dataset's.
    pub fn local(&self, position: u64) -> u64 {
        position - self.first + self.unnamed
    }

    /// Whether a name lies between its first and last ones.
    pub fn holds(&self, key: &[u8]) -> bool {
        (&self.range.0[..]..=&self.range.1[..]).contains(&key)
    }

    /// Whether all of its names are smaller than `key`.
    pub fn is_below(&self, key: &[u8]) -> bool {
        self.range.1[..] < *key
    }

    /// Whether all records have names.
    pub fn is_complete(&self) -> bool {
        self.unnamed == 0
    }
}

/// The part that `position` is in.
pub fn part_at(parts: &[ShardNames], position: u64) -> Option<&ShardNames> {
    let after = parts.partition_point(|part| part.first <= position);
    let part = parts.get(after.checked_sub(1)?)?;
    (position < part.end()).then_some(part)
}

/// Sorts shards by their names and says whether one's come after the other's; of equal names that
/// of the earlier shard has to come first.
pub fn sort_disjoint(parts: &mut [ShardNames]) -> bool {
    parts.sort_by(|a, b| (&a.range, a.shard).cmp(&(&b.range, b.shard)));
    let mut next = 0;
    for part in parts.iter_mut() {
        part.first = next;
        next += part.len;
    }
    let is_disjoint = |pair: &[ShardNames]| {
        let (last, first) = (&pair[0].range.1, &pair[1].range.0);
        last < first || last == first && pair[0].shard < pair[1].shard
    };
    parts.windows(2).all(is_disjoint)
}
