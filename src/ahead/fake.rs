//! A kernel and a disk that are made up, for tests of the worker, and orders of made-up records.

use super::run::{LongFile, Run, Way};
use super::worker::{Store, Stored};
use crate::order::{Order, Shuffle};
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::sync::Arc;

pub const RECORDS: u64 = 10_000;
pub const RECORD_LEN: u64 = 10_000;

/// The records in the opposite order, which takes a search to find a position in.
#[derive(Debug)]
pub struct Reversed;

impl Order for Reversed {
    fn len(&self) -> u64 {
        RECORDS
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        (RECORDS - 1).checked_sub(position)
    }

    fn position_of(&self, _: u64) -> Option<u64> {
        None
    }

    fn search(&self, record: u64) -> Option<u64> {
        Some(RECORDS - 1 - record)
    }
}

/// A view: an order whose positions are arithmetic.
#[derive(Debug)]
pub struct Shuffled(pub Shuffle);

impl Order for Shuffled {
    fn len(&self) -> u64 {
        RECORDS
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        (position < RECORDS).then(|| self.0.at(position))
    }

    fn position_of(&self, record: u64) -> Option<u64> {
        (record < RECORDS).then(|| self.0.position_of(record))
    }
}

/// The kernel's cache of a mount, and the disk below its one shard.
pub struct Fake {
    /// Records that the kernel has inodes of.
    pub known: HashSet<u64>,
    pub are_names_coming: bool,
    /// What the kernel's cache has, and what the shard's pages have.
    pub cached: HashSet<u64>,
    pub in_memory: HashSet<u64>,
    /// Positions that were requested from disk, and records that were stored, in turn.
    pub requested: Vec<Range<u64>>,
    pub stored: Vec<u64>,
    /// Parts of long files that were stored.
    pub parts: Vec<Range<u64>>,
    pub room: Option<u64>,
    pub is_gone: bool,
    /// From this record on the shard has been cut.
    pub cut: u64,
    /// What a reader reads while this many records are being stored: the run, and its position then.
    pub meanwhile: Option<(usize, Arc<Run>, u64)>,
}

impl Default for Fake {
    fn default() -> Self {
        Fake {
            known: (0..RECORDS).collect(),
            are_names_coming: false,
            cached: HashSet::new(),
            in_memory: (0..RECORDS).collect(),
            requested: Vec::new(),
            stored: Vec::new(),
            parts: Vec::new(),
            room: None,
            is_gone: false,
            cut: RECORDS,
            meanwhile: None,
        }
    }
}

impl Store for Fake {
    type Record = u64;

    fn locate(
        &mut self,
        _: &Arc<Run>,
        order: &dyn Order,
        positions: Range<u64>,
    ) -> Vec<(u64, u64)> {
        assert!(positions.start <= positions.end);
        let located = |position| {
            let record = order.record_at(position)?;
            (!self.cached.contains(&record)).then_some((position, record))
        };
        positions.filter_map(located).collect()
    }

    fn request(&mut self, run: &Arc<Run>, positions: Range<u64>) {
        if let Way::Records(order) = &run.way {
            let records = positions.clone().filter_map(|p| order.record_at(p));
            self.in_memory.extend(records);
        }
        self.requested.push(positions);
    }

    fn store(&mut self, _: u64, &number: &u64) -> io::Result<Stored> {
        if self.is_gone {
            return Err(io::Error::from_raw_os_error(
                nix::errno::Errno::ENODEV as i32,
            ));
        }
        if number >= self.cut {
            return Ok(Stored::Refused);
        }
        if !self.known.contains(&number) {
            return Ok(Stored::Unknown);
        }
        if self.room == Some(self.cached.len() as u64) {
            self.cached.clear();
        }
        self.cached.insert(number);
        self.stored.push(number);
        if let Some((stored, run, position)) = &self.meanwhile
            && *stored == self.stored.len()
        {
            run.reached.set(position + 1);
        }
        let from_disk = self.in_memory.insert(number);
        Ok(Stored::Yes { from_disk })
    }

    fn store_part(&mut self, _: &LongFile, part: Range<u64>) -> io::Result<Stored> {
        self.parts.push(part);
        Ok(Stored::Yes { from_disk: false })
    }

    fn has_room_for_any(&mut self) -> bool {
        self.room.is_none()
    }

    fn has_room_to_spare(&self) -> bool {
        true
    }

    fn are_names_coming(&self) -> bool {
        self.are_names_coming
    }
}
