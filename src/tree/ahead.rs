//! What the tree knows for reading ahead: which record comes next, and which bytes those are.

use super::Tree;
use super::ino::Node;
use crate::format::index::Extent;
use crate::readahead::{Order, Positions};

/// How many bytes of records are stored ahead of one reader, about, and how many records.
const BYTES_AHEAD: u64 = 8 << 20;
const MOST_RECORDS_AHEAD: u64 = 512;
const FEWEST_RECORDS_AHEAD: u64 = 8;
/// Reads of fewer bytes leave the shard's pages alone: others lie in the same pages, and a small
/// read from disk takes as long as a large one.
const LEAST_DROPPED: u64 = 16 << 10;

impl Positions for Tree {
    fn record_at(&self, order: Order, position: u64) -> Option<u64> {
        match order {
            Order::Numbers => self.dataset.record(position).map(|record| record.get()),
            Order::Names => {
                let record = self.files.known_order()?.record_at(position).ok()?;
                record.map(|record| record.get())
            }
        }
    }

    fn name_position(&self, record: u64) -> Option<u64> {
        let order = self.files.known_order()?;
        if order.is_by_number() {
            return None;
        }
        order.position_of(self.dataset.record(record)?).ok()?
    }

    fn most_ahead(&self) -> u64 {
        let mean = self.dataset.payload_len() / self.dataset.records().max(1);
        (BYTES_AHEAD / mean.max(1)).clamp(FEWEST_RECORDS_AHEAD, MOST_RECORDS_AHEAD)
    }
}

impl Tree {
    /// Requests records from disk, given by shard and place; those that lie together at once.
    pub fn will_need(&self, extents: &[(u64, usize, Extent)]) {
        self.for_each_run(extents, |shard, extent| {
            // A hint; the read itself will fail if there is a reason.
            let _ = self.dataset.shards()[shard].will_need(extent);
        });
    }

    /// Drops the shards' pages of records that have been stored in the kernel's cache of the mount,
    /// if that is wanted.
    pub fn drop_behind(&self, extents: &[(u64, usize, Extent)]) {
        if self.one_copy {
            self.for_each_run(extents, |shard, extent| {
                self.dataset.shards()[shard].page_out(extent);
            });
        }
    }

    /// To be called when a read has been answered: the kernel has its copy now.
    pub fn served(&self, node: Node, offset: u64, len: u64) {
        if !self.one_copy || len < LEAST_DROPPED {
            return;
        }
        match node {
            Node::Record(number) => {
                if let Ok((shard, extent)) = self.record_extent(number) {
                    self.dataset.shards()[shard].page_out(extent.part(offset, len));
                }
            }
            Node::RawData => {
                if let Some((shard, base)) = self.dataset.shard_of_byte(offset) {
                    shard.page_out(shard.payload().part(offset - base, len));
                }
            }
            _ => {}
        }
    }

    fn for_each_run(&self, extents: &[(u64, usize, Extent)], mut each: impl FnMut(usize, Extent)) {
        let mut run: Option<(usize, Extent)> = None;
        for &(_, shard, extent) in extents {
            run = Some(match run {
                Some((same, before)) if same == shard && before.end() == extent.start() => {
                    (shard, before.join(extent))
                }
                Some((other, before)) => {
                    each(other, before);
                    (shard, extent)
                }
                None => (shard, extent),
            });
        }
        if let Some((shard, extent)) = run {
            each(shard, extent);
        }
    }
}
