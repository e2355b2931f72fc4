//! Merging the shards' orders of names into one.

use super::shard_names::ShardNames;
use crate::dataset::{Dataset, RecordId};
use crate::shard::{ShardError, SortedNames};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// How many names of all shards together are read ahead, about, and how many bytes for each.
const READ_AHEAD_NAMES: u64 = 1 << 15;
const BYTES_PER_NAME: u64 = 128;
/// Bytes that a shard takes however many there are: its next name, and places of the next few.
const BYTES_PER_SHARD: u64 = 16 << 10;

/// How many bytes of memory merging `shards` takes beside its result.
pub fn buffers(shards: usize) -> u64 {
    READ_AHEAD_NAMES * BYTES_PER_NAME + shards as u64 * BYTES_PER_SHARD
}

/// The named records of all shards in byte order of their names, equal names by number. Names that
/// a shard's order gives too late are passed over and counted: they would hide others.
pub struct Merge<'a> {
    dataset: &'a Dataset,
    runs: Vec<(usize, SortedNames<'a>)>,
    heads: BinaryHeap<Reverse<Head>>,
    is_past_first: bool,
    out_of_order: u64,
}

/// The next name of a run. Ordered by name, then number.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    key: Vec<u8>,
    record: RecordId,
    run: usize,
}

impl<'a> Merge<'a> {
    /// Of all shards that have names.
    pub fn new(dataset: &'a Dataset) -> Result<Merge<'a>, ShardError> {
        let (mut named, mut out_of_order) = (Vec::new(), 0);
        for (number, shard) in dataset.shards().iter().enumerate() {
            match ShardNames::of(number, shard)? {
                Some(part) if part.is_honest() => named.push((number, shard)),
                Some(part) => out_of_order += part.len,
                None => {}
            }
        }
        let batch = READ_AHEAD_NAMES / named.len().max(1) as u64;
        let runs = named.into_iter().map(|(number, shard)| {
            let names = shard.sorted_names(0);
            (number, names.with_batches_of(batch, batch * BYTES_PER_NAME))
        });
        let mut merge = Merge {
            dataset,
            runs: runs.collect(),
            heads: BinaryHeap::new(),
            is_past_first: false,
            out_of_order,
        };
        for run in 0..merge.runs.len() {
            let mut key = Vec::new();
            if let Some(record) = merge.read(run, &mut key)? {
                merge.heads.push(Reverse(Head { key, record, run }));
            }
        }
        Ok(merge)
    }

    /// The next record and its name.
    pub fn next_name(&mut self) -> Result<Option<(RecordId, &[u8])>, ShardError> {
        // The name given out last is still the smallest; its run continues after it.
        if std::mem::replace(&mut self.is_past_first, true) {
            let Some(mut top) = self.heads.peek_mut() else {
                return Ok(None);
            };
            let head = &mut top.0;
            match read(
                self.dataset,
                &mut self.runs[head.run],
                &mut head.key,
                &mut self.out_of_order,
            )? {
                Some(record) => head.record = record,
                None => {
                    PeekMut::pop(top);
                }
            }
        }
        let top = self.heads.peek();
        Ok(top.map(|Reverse(head)| (head.record, &head.key[..])))
    }

    /// How many names were passed over, because smaller than the one before them in their shard.
    pub fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    fn read(&mut self, run: usize, key: &mut Vec<u8>) -> Result<Option<RecordId>, ShardError> {
        read(
            self.dataset,
            &mut self.runs[run],
            key,
            &mut self.out_of_order,
        )
    }
}

/// The next record of a run whose name is not smaller than `key`, which becomes that name.
fn read(
    dataset: &Dataset,
    (shard, names): &mut (usize, SortedNames<'_>),
    key: &mut Vec<u8>,
    out_of_order: &mut u64,
) -> Result<Option<RecordId>, ShardError> {
    while let Some((local, name)) = names.next_name()? {
        let record = local.and_then(|local| dataset.record_in(*shard, local));
        let Some(record) = record.filter(|_| !name.is_empty()) else {
            continue;
        };
        if *name < key[..] {
            *out_of_order += 1;
            continue;
        }
        key.clear();
        key.extend_from_slice(name);
        return Ok(Some(record));
    }
    Ok(None)
}
