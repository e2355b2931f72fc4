//! The kernel's cache of a mount and the disk below its shards, as the worker uses them.

use super::budget::{FROM_DISK, LARGEST_STORED, LEAD_BYTES, STORE_PATIENCE};
use super::located::LocatedAhead;
use super::passing::Passing;
use super::run::{LongFile, Run, Way};
use super::worker::{Store, Stored};
use crate::dataset::resident::{RAW_BLOCK_LEN, Share};
use crate::format::OFFSET_LEN;
use crate::format::offsets::Extent;
use crate::kernel_cache::answering::Answering;
use crate::kernel_cache::stale::Stale;
use crate::kernel_cache::{KernelCache, is_gone};
use crate::order::Order;
use crate::resident::{self, Leaving, Residents};
use crate::shard::{Epoch, LocalIndex, PAGE, Shard};
use crate::tree::{Node, Tree};
use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A mount, from the thread that stores.
#[derive(Debug)]
pub struct MountStore {
    tree: Arc<Tree>,
    cache: KernelCache,
    stale: Stale,
    answering: Arc<Answering>,
    is_listing: Arc<AtomicBool>,
    /// How long records may still wait until no request waits to be read.
    patience: Duration,
    /// How many pages this thread has had to wait for from disk.
    faults: i64,
    /// What was stored last, and has yet to turn out right.
    unconfirmed: Option<Unconfirmed>,
    /// What has been stored by this task and is not to stay in its shard's pages.
    copied: Vec<(usize, Extent)>,
    passing: Passing,
    located: LocatedAhead<Located>,
}

/// A record, and where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Located {
    record: u64,
    /// The number of its shard, its number there, and its place in that shard's payload.
    shard: usize,
    local: LocalIndex,
    extent: Extent,
}

/// A record that the kernel has a copy of, which is right if its shard's file is what it was then.
#[derive(Debug, Clone, Copy)]
struct Unconfirmed {
    record: u64,
    shard: usize,
    epoch: Epoch,
}

impl MountStore {
    /// Of the mount of `tree`. `stale` lets go of what was stored and turned out to be wrong,
    /// `answering` tells how long answers take, `is_listing` whether names are being listed ahead.
    pub fn new(
        tree: Arc<Tree>,
        cache: KernelCache,
        stale: Stale,
        answering: Arc<Answering>,
        is_listing: Arc<AtomicBool>,
        residents: Residents,
    ) -> MountStore {
        MountStore {
            tree,
            cache,
            stale,
            answering,
            is_listing,
            patience: STORE_PATIENCE,
            faults: 0,
            unconfirmed: None,
            copied: Vec::new(),
            passing: Passing::new(residents),
            located: LocatedAhead::default(),
        }
    }

    fn shard(&self, number: usize) -> &Shard {
        &self.tree.dataset().shards()[number]
    }

    /// Whether a run wants a record: not one that the kernel should have, and for all only those that are
    /// to stay.
    fn is_wanted(&self, run: &Run, record: u64) -> bool {
        let set = self.tree.dataset().resident();
        !set.has_record(record) && (!run.is_of_all || set.record(record).in_mount)
    }

    /// Notes what becomes of a record that has been stored.
    fn stays_or_goes(&mut self, position: u64, record: &Located) {
        let set = self.tree.dataset().resident();
        let stays = set.record(record.record);
        if !stays.in_shard {
            self.copied.push((record.shard, record.extent));
        }
        if stays.in_mount {
            set.records().set(record.record);
        } else {
            let leaving = Leaving {
                in_mount: Some((Node::Record(record.record), 0..0)),
                in_shard: None,
            };
            self.passing.push(position, leaving);
        }
    }

    /// Looks whether what was stored before was right, which is so if nothing has changed in its shard
    /// until another record's bytes were given; lets go of it if not.
    fn confirm(&mut self, shard: usize, epoch: Option<Epoch>) {
        if let Some(before) = self.unconfirmed.take()
            && (before.shard, Some(before.epoch)) != (shard, epoch)
        {
            self.confirm_now(before);
        }
    }

    fn confirm_now(&self, stored: Unconfirmed) {
        if !self.shard(stored.shard).is_still(stored.epoch) {
            self.stale.let_go(Node::Record(stored.record));
        }
    }

    /// Brings a record whose bytes are at hand into memory, so that storing it does not wait for the disk
    /// (where its shard cannot be mapped, they have been read), and waits until no request waits to be
    /// read; returns whether it is so.
    fn may_store(&mut self, record: &Located) -> io::Result<bool> {
        if !self.answering.are_slow() {
            return Ok(true);
        }
        self.shard(record.shard).populate(record.extent);
        self.cache.wait_until_unasked(&mut self.patience)
    }

    /// Calls `each` with where in `raw/data` these bytes of a long file are and the part of a shard (by its
    /// number) there, but for those that the kernel should have.
    fn for_each_extent(
        &self,
        file: &LongFile,
        bytes: Range<u64>,
        mut each: impl FnMut(u64, usize, Extent),
    ) {
        let mut at = file.place.start.saturating_add(bytes.start);
        let end = file
            .place
            .end
            .min(file.place.start.saturating_add(bytes.end));
        let dataset = self.tree.dataset();
        while let Some((shard, base)) = dataset.shard_of_byte(at).filter(|_| at < end) {
            let block_end = (at / RAW_BLOCK_LEN + 1) * RAW_BLOCK_LEN;
            let payload = self.shard(shard).payload();
            let extent = payload.part(at - base, end.min(block_end) - at);
            if file.node != Node::RawData || !dataset.resident().has_block(at) {
                each(at, shard, extent);
            }
            at += extent.len().max(1);
        }
    }

    /// Records at these positions. Index entries of records that follow each other in number are read together.
    fn locate_now(
        &self,
        run: &Run,
        order: &dyn Order,
        positions: Range<u64>,
    ) -> Vec<(u64, Located)> {
        let dataset = self.tree.dataset();
        let mut located = Vec::new();
        let mut positions = positions.peekable();
        while let Some(position) = positions.next() {
            let Some(first) = order.record_at(position) else {
                continue;
            };
            let mut end = first + 1;
            while positions
                .next_if(|&next| order.record_at(next) == Some(end))
                .is_some()
            {
                end += 1;
            }
            dataset.for_each_extent(first..end, &mut |id, shard, extent| {
                let record = id.get();
                if !self.is_wanted(run, record) {
                    return ControlFlow::Continue(());
                }
                if let (Ok(extent), Some((_, local))) = (extent, dataset.locate(id)) {
                    let place = Located {
                        record,
                        shard,
                        local,
                        extent,
                    };
                    located.push((position + (record - first), place));
                }
                ControlFlow::Continue(())
            });
        }
        located
    }

    /// Asks the disk for the index entries of records at these positions, all at once: one after the other each
    /// would be waited for.
    fn request_index(&self, order: &dyn Order, positions: Range<u64>) {
        let dataset = self.tree.dataset();
        let records = positions.filter_map(|position| order.record_at(position));
        let places = records.filter_map(|record| dataset.locate(dataset.record(record)?));
        // Those that follow each other are in one page for the most part.
        let mut last = None;
        for (shard, local) in places {
            let place = (shard, local.get() / (PAGE / OFFSET_LEN));
            if last.replace(place) != Some(place) {
                self.shard(shard)
                    .will_need_index(local.get()..local.get() + 1);
            }
        }
    }

    /// Whether this thread has waited for the disk since this was asked last.
    fn has_waited(&mut self) -> bool {
        let usage = getrusage(UsageWho::RUSAGE_THREAD);
        let faults = usage.map_or(0, |usage| usage.major_page_faults());
        std::mem::replace(&mut self.faults, faults) < faults
    }
}

impl Store for MountStore {
    type Record = Located;

    fn locate(
        &mut self,
        run: &Arc<Run>,
        order: &dyn Order,
        positions: Range<u64>,
    ) -> Vec<(u64, Located)> {
        let (known, taken) = self.located.take(run, &positions);
        let mut located = self.locate_now(run, order, positions.start..known.start);
        located.extend(taken);
        located.extend(self.locate_now(run, order, known.end..positions.end));
        // What was wanted when it was requested may have been read since.
        located.retain(|(_, record)| self.is_wanted(run, record.record));
        located
    }

    fn request(&mut self, run: &Arc<Run>, positions: Range<u64>) {
        let set = Arc::clone(self.tree.dataset().resident());
        let mut leave = Vec::new();
        match &run.way {
            Way::Records(order) => {
                if self.answering.mean() > FROM_DISK {
                    self.request_index(&**order, positions.clone());
                }
                let records = self.locate_now(run, &**order, positions.clone());
                let extents = records
                    .iter()
                    .map(|(_, record)| (record.shard, record.extent));
                for_each_joined(extents, |shard, extent| {
                    self.shard(shard).will_need(extent.part(0, 2 * LEAD_BYTES));
                });
                let leaving = records
                    .iter()
                    .filter(|one| !set.record(one.1.record).in_shard);
                leave.extend(leaving.map(|(at, one)| (*at, one.shard, one.extent)));
                if !run.is_of_all {
                    self.located.keep(run, positions, records);
                }
            }
            Way::LongFile(file) => self.for_each_extent(file, positions, |at, shard, extent| {
                self.shard(shard).will_need(extent);
                let stays = match file.node {
                    Node::Record(record) => set.record(record),
                    _ => set.byte(at),
                };
                if !stays.in_shard {
                    leave.push((at - file.place.start, shard, extent));
                }
            }),
        }
        // Of all records, those that are requested are stored next.
        if !run.is_of_all {
            self.passing.begin(run);
            for (position, shard, extent) in leave {
                self.passing.push_requested(position, shard, extent);
            }
        }
    }

    fn begin(&mut self, run: &Arc<Run>) {
        self.patience = STORE_PATIENCE;
        self.has_waited();
        self.passing.begin(run);
    }

    fn store(&mut self, position: u64, record: &Located) -> io::Result<Stored> {
        let &Located {
            shard,
            local,
            extent,
            ..
        } = record;
        if extent.is_empty() || extent.len() > LARGEST_STORED {
            return Ok(Stored::Passed);
        }
        let tree = Arc::clone(&self.tree);
        // What a shard that has changed since would give must not get into the cache.
        let bytes = tree.dataset().shards()[shard].read_requested(local, extent);
        let Ok(Some(bytes)) = bytes else {
            return Ok(Stored::Passed);
        };
        self.confirm(shard, bytes.epoch());
        if self.may_store(record)? {
            let stored = self
                .cache
                .store(Node::Record(record.record).ino(), 0, &bytes);
            if let Err(error) = stored {
                return not_stored(error);
            }
            self.stays_or_goes(position, record);
            self.unconfirmed = bytes.epoch().map(|epoch| Unconfirmed {
                record: record.record,
                shard,
                epoch,
            });
        }
        Ok(Stored::Yes {
            from_disk: self.has_waited(),
        })
    }

    /// In memory before it is stored, as of a record.
    fn store_part(&mut self, file: &LongFile, part: Range<u64>) -> io::Result<Stored> {
        if file.node == Node::RawData && self.tree.dataset().resident().has_block(part.start) {
            return Ok(Stored::Yes { from_disk: false });
        }
        self.for_each_extent(file, part.clone(), |_, shard, extent| {
            self.shard(shard).populate(extent);
        });
        let len = u32::try_from(part.end - part.start).unwrap_or(u32::MAX);
        // What a shard that has changed since would give must not get into the cache.
        let tree = Arc::clone(&self.tree);
        let Ok(read) = tree.read(file.node, part.start, len) else {
            return Ok(Stored::Passed);
        };
        if self.answering.are_slow() && !self.cache.wait_until_unasked(&mut self.patience)? {
            return Ok(Stored::Passed);
        }
        let stored = self.cache.store(file.node.ino(), part.start, &read);
        if !read.done() {
            self.stale.let_go(file.node);
        }
        match stored {
            Ok(()) => {
                if let Some(leaving) = resident::what_leaves(self.tree.dataset().resident(), &read)
                {
                    self.passing.push(part.end - 1, leaving);
                }
                Ok(Stored::Yes {
                    from_disk: self.has_waited(),
                })
            }
            Err(error) => not_stored(error),
        }
    }

    fn finish(&mut self) {
        if let Some(stored) = self.unconfirmed.take() {
            self.confirm_now(stored);
        }
        let copied = std::mem::take(&mut self.copied);
        for_each_joined(copied.into_iter(), |shard, extent| {
            self.passing.let_go(Leaving {
                in_mount: None,
                in_shard: Some((shard, extent)),
            });
        });
    }

    fn has_room_for_any(&mut self) -> bool {
        let dataset = self.tree.dataset();
        dataset.mean_record_len() <= LARGEST_STORED
            && dataset.resident().shares().in_mount > Share::NONE
    }

    fn has_room_to_spare(&self) -> bool {
        self.tree.dataset().resident().most_ahead() == u64::MAX
    }

    fn are_names_coming(&self) -> bool {
        self.is_listing.load(Ordering::Relaxed)
    }
}

/// What a store that failed means. Fails when the mount is gone.
fn not_stored(error: io::Error) -> io::Result<Stored> {
    match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
        Errno::ENOENT => Ok(Stored::Unknown),
        Errno::EINVAL => Err(error),
        _ if is_gone(&error) => Err(error),
        _ => Ok(Stored::Refused),
    }
}

/// Calls `each` with extents, those that follow each other in a shard as one.
fn for_each_joined(
    extents: impl Iterator<Item = (usize, Extent)>,
    mut each: impl FnMut(usize, Extent),
) {
    let mut joined: Option<(usize, Extent)> = None;
    for (shard, extent) in extents {
        joined = Some(match joined {
            Some((same, before)) if same == shard && before.end() == extent.start() => {
                (shard, before.join(extent))
            }
            before => {
                if let Some((shard, extent)) = before {
                    each(shard, extent);
                }
                (shard, extent)
            }
        });
    }
    if let Some((shard, extent)) = joined {
        each(shard, extent);
    }
}
