//! What the tree knows for reading ahead: which record comes next, and which bytes those are.

use super::Tree;
use super::ino::Node;
use crate::ahead::readahead::{Order, Positions};
use crate::format::index::Extent;
use crate::shard::mmap::PAGE;
use std::ops::Range;

/// How many bytes of records are stored ahead of one reader, about, and how many records.
const BYTES_AHEAD: u64 = 8 << 20;
const MOST_RECORDS_AHEAD: u64 = 512;
const FEWEST_RECORDS_AHEAD: u64 = 2;
/// Of long records, reads of fewer bytes are not looked at.
const LEAST_OF_LONG: u64 = 128 << 10;
/// Reads of fewer bytes leave the shard's pages alone: others lie in the same pages, and a small
/// read from disk takes as long as a large one.
const LEAST_DROPPED: u64 = 16 << 10;
/// Where one copy is to stay, reads of this many bytes do not bring the shard's pages into memory at
/// all. Smaller ones do: the kernel's copy of such a record, in pages of its own, may be many times as
/// large. Larger ones do: for their readers the disk is asked ahead, which brings pages in anyway.
const READ_ONCE: Range<u64> = PAGE..256 << 10;

/// The directories that have all records below them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// `records/`
    Records,
    /// `shards/`
    Shards,
    /// `files/`
    Files,
}

impl Collection {
    /// All of them.
    pub const ALL: [Collection; 3] = [Collection::Records, Collection::Shards, Collection::Files];

    fn path(self) -> &'static str {
        match self {
            Collection::Records => "records",
            Collection::Shards => "shards",
            Collection::Files => "files",
        }
    }
}

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
        (BYTES_AHEAD / self.mean_record_len().max(1))
            .clamp(FEWEST_RECORDS_AHEAD, MOST_RECORDS_AHEAD)
    }
}

impl Tree {
    /// The collection that a directory belongs to.
    pub fn collection(&self, directory: Node) -> Option<Collection> {
        match self.inner(directory) {
            Node::Records => Some(Collection::Records),
            Node::Shards | Node::Shard(_) => Some(Collection::Shards),
            Node::Files | Node::Directory { .. } => Some(Collection::Files),
            _ => None,
        }
    }

    /// Where a collection is in the mount, or all that the mount shows of it.
    pub fn collection_path(&self, collection: Collection) -> &'static str {
        match self.collection(self.root) {
            Some(root) if root == collection => ".",
            _ => collection.path(),
        }
    }

    /// How many bytes a record has on average.
    pub fn mean_record_len(&self) -> u64 {
        self.dataset.payload_len() / self.dataset.records().max(1)
    }

    /// Requests records from disk, given by shard and place; of those that lie together, not more
    /// than twice what is stored ahead.
    pub fn will_need(&self, extents: &[(u64, usize, Extent)]) {
        self.for_each_run(extents, |shard, extent| {
            // A hint; the read itself will fail if there is a reason.
            let _ = self.dataset.shards()[shard].will_need(extent.part(0, 2 * BYTES_AHEAD));
        });
    }

    /// What a read of a long file is of `raw/data`, and where the file ends there; `None` for what
    /// is read in one piece.
    pub fn long_read(&self, node: Node, offset: u64, len: u64) -> Option<(Range<u64>, u64)> {
        let file = match node {
            Node::RawData => 0..self.dataset.payload_len(),
            Node::Record(number) if len >= LEAST_OF_LONG => {
                let (shard, extent) = self.record_extent(number).ok()?;
                let base = self.dataset.first_byte(shard)?;
                base + extent.start()..base + extent.end()
            }
            _ => return None,
        };
        let start = file.start + offset;
        (file.end - file.start > len).then_some((start..start + len, file.end))
    }

    /// Requests bytes of `raw/data` from disk.
    pub fn will_need_raw_data(&self, bytes: Range<u64>) {
        let (mut at, end) = (bytes.start, bytes.end);
        while let Some((shard, base)) = self.dataset.shard_of_byte(at).filter(|_| at < end) {
            let part = shard.payload().part(at - base, end - at);
            // As above.
            let _ = shard.will_need(part);
            at += part.len().max(1);
        }
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

    /// Whether a read is to leave nothing of the shard in memory.
    pub fn is_read_once(&self, len: u64) -> bool {
        self.one_copy && READ_ONCE.contains(&len)
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
