//! Directories of numbered records: `records/` and `shards/NAME/`.

use super::entry::{DOTS, Each, Entry};
use super::node::Node;
use super::{Tree, TreeError};
use crate::dataset::numbered::NumberedNames;
use std::ops::Range;

/// A directory of consecutive records, each under its number there.
pub(super) struct Numbered<'a> {
    tree: &'a Tree,
    records: Range<u64>,
    names: NumberedNames<'a>,
}

impl Tree {
    /// `records/`
    pub(super) fn all_records(&self) -> Numbered<'_> {
        self.numbered(0..self.dataset.records())
    }

    /// A directory in `shards/`.
    pub(super) fn records_of_shard(&self, shard: u64) -> Result<Numbered<'_>, TreeError> {
        let shard = usize::try_from(shard).map_err(|_| TreeError::NotFound)?;
        let first = self.dataset.first_record(shard);
        let end = self.dataset.first_record(shard.saturating_add(1));
        let (first, end) = first.zip(end).ok_or(TreeError::NotFound)?;
        Ok(self.numbered(first..end))
    }

    fn numbered(&self, records: Range<u64>) -> Numbered<'_> {
        Numbered {
            tree: self,
            names: NumberedNames::new(records.end - records.start, &self.extension),
            records,
        }
    }
}

impl Numbered<'_> {
    /// The record that `name` stands for, with any padding.
    pub fn child(&self, name: &[u8]) -> Option<Node> {
        let record = self.records.start.checked_add(self.names.parse(name)?)?;
        self.records
            .contains(&record)
            .then_some(Node::Record(record))
    }

    /// Lists all records but the first `from`, also those whose size cannot be read.
    pub fn list(&self, from: u64, each: Each<'_>) {
        let first = self.records.start;
        let left = first.saturating_add(from)..self.records.end;
        let mut name = Vec::new();
        let dataset = &self.tree.dataset;
        dataset.for_each_extent(left, &mut |record, shard, extent| {
            let number = record.get() - first;
            self.names.write(number, &mut name);
            let size = extent.as_ref().map_or(0, |extent| extent.len());
            each(&Entry {
                name: &name,
                cookie: DOTS + number + 1,
                attr: self.tree.record_attr(record.get(), shard, size),
                attr_is_complete: extent.is_ok(),
            })
        });
    }
}
