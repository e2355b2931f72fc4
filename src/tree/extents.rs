//! Places of records that are listed one after the other.

use crate::dataset::Dataset;
use crate::format::offsets::Extent;
use std::ops::ControlFlow;

/// The most records whose places are read at once.
const LARGEST_BATCH_RECORDS: u64 = 256;
/// Each batch has this many times the records of the one before.
const BATCH_GROWTH: u64 = 4;

/// Where records are. Records of one directory of names usually follow each other in number: as long as
/// that holds, places are read in batches that grow.
pub(super) struct Extents<'a> {
    dataset: &'a Dataset,
    /// The record that the batch begins with.
    first: u64,
    batch: Vec<Option<(usize, Extent)>>,
}

impl<'a> Extents<'a> {
    pub fn new(dataset: &'a Dataset) -> Extents<'a> {
        Extents {
            dataset,
            first: 0,
            batch: Vec::new(),
        }
    }

    /// A record's shard and place; `None` where it cannot be read.
    pub fn get(&mut self, record: u64) -> Option<(usize, Extent)> {
        let end = self.first + self.batch.len() as u64;
        if !(self.first..end).contains(&record) {
            let follows = !self.batch.is_empty() && record == end;
            self.read(record, if follows { self.next_len() } else { 1 });
        }
        let place = record.checked_sub(self.first)?;
        *self.batch.get(usize::try_from(place).ok()?)?
    }

    fn next_len(&self) -> u64 {
        LARGEST_BATCH_RECORDS.min(self.batch.len() as u64 * BATCH_GROWTH)
    }

    fn read(&mut self, first: u64, len: u64) {
        self.first = first;
        self.batch.clear();
        let end = first.saturating_add(len).min(self.dataset.records());
        let batch = &mut self.batch;
        self.dataset
            .for_each_extent(first..end, &mut |_, shard, extent| {
                batch.push(extent.ok().map(|extent| (shard, extent)));
                ControlFlow::Continue(())
            });
    }
}
