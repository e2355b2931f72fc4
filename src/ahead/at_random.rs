//! Readers that follow no order: once they have read a part of all files, all are worth preparing.

use super::budget::{
    FEWEST_AT_RANDOM, MARKED_EVERY, MOST_FROM_DISK, PART_FOR_DISK, PART_FOR_MEMORY, PAUSE,
    from_disk_at_once, records_per_read,
};
use super::run::{Effort, Marker, Run, Task};
use crate::order::Order;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Counts files that are asked for at random.
#[derive(Debug)]
pub struct RandomReads {
    files: u64,
    /// More than this many are needed.
    needed: u64,
    seen: u64,
    last: Option<Instant>,
}

impl RandomReads {
    /// None yet, in a dataset of this many files.
    pub fn new(files: u64) -> RandomReads {
        RandomReads {
            files,
            needed: (files / PART_FOR_MEMORY).max(FEWEST_AT_RANDOM),
            seen: 0,
            last: None,
        }
    }

    /// Counts one, and says whether so many make it worth reading others from disk; `None` where they do
    /// not even make it worth storing what is in memory.
    pub fn count(&mut self, now: Instant) -> Option<bool> {
        if self.last.is_some_and(|last| now - last > PAUSE) {
            self.seen = 0;
        }
        self.last = Some(now);
        self.seen += 1;
        (self.seen > self.needed).then_some(self.seen > self.files / PART_FOR_DISK)
    }

    /// All have been prepared. Should that not have lasted, twice as many have to be asked for
    /// before they are again.
    pub fn start_over(&mut self) {
        self.seen = 0;
        self.needed = self.needed.saturating_mul(2);
    }
}

/// Has all records stored, in the order of their numbers, a few for each one that is read at random.
#[derive(Debug)]
pub struct AtRandom {
    order: Arc<dyn Order>,
    mean_len: u64,
    reads: RandomReads,
    /// How many records were asked for, about: each marked one stands for many. And how many others.
    asked: u64,
    missed: u64,
    /// How long their readers waited for these, in nanoseconds.
    waited: u64,
    run: Arc<Run>,
}

impl AtRandom {
    /// Of the records of `order`, which have this mean length in bytes.
    pub fn new(order: Arc<dyn Order>, mean_len: u64) -> AtRandom {
        AtRandom {
            reads: RandomReads::new(order.len()),
            run: Run::of_all(Arc::clone(&order)),
            asked: 0,
            missed: 0,
            waited: 0,
            order,
            mean_len,
        }
    }

    /// Takes note of a record that was read at random, which took so long, and says what is due.
    pub fn observe(&mut self, record: u64, now: Instant, took: Duration) -> Option<Task> {
        if self.run.has_ended() {
            self.reads.start_over();
            (self.asked, self.missed, self.waited) = (0, 0, 0);
            self.run = Run::of_all(Arc::clone(&self.order));
        }
        let stands_for = self.reads_of(record);
        self.asked += stands_for;
        if stands_for == 1 {
            self.missed += 1;
            self.waited += u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        }
        let may_read = self.reads.count(now)?;
        let batch = records_per_read(self.mean_len);
        let (effort, most) = if !self.run.is_cold.load(Ordering::Relaxed) {
            (Effort::StoreFromMemory, batch)
        } else {
            let brought = self.missed + self.run.brought.get();
            let most = (MOST_FROM_DISK * self.asked).saturating_sub(brought);
            let is_soon =
                most < from_disk_at_once(self.mean_len) || self.run.spent.get() > self.waited;
            if !may_read || is_soon || self.run.is_busy.swap(true, Ordering::Relaxed) {
                return None;
            }
            (Effort::RequestAndStore, most)
        };
        Some(Task {
            run: Arc::clone(&self.run),
            from: 0,
            until: self.order.len(),
            most_requested: u64::MAX,
            most,
            lead: most.min(batch),
            marker: Marker::Every(MARKED_EVERY),
            effort,
        })
    }

    /// How many reads one that was seen stands for.
    fn reads_of(&self, record: u64) -> u64 {
        let position = self.order.position_of(record).unwrap_or(u64::MAX);
        let is_stored = position < self.run.stored.get();
        if is_stored && Marker::Every(MARKED_EVERY).is_at(position) {
            MARKED_EVERY
        } else {
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_to_be_asked_for_without_a_pause() {
        let begin = Instant::now();
        let at = |milliseconds: u64| begin + Duration::from_millis(milliseconds);
        let mut reads = RandomReads::new(256 * 100);
        let mut efforts = (0..10_000).map(|n| reads.count(at(n)));
        assert_eq!(efforts.position(|effort| effort == Some(false)), Some(100));
        assert_eq!(efforts.position(|effort| effort == Some(true)), Some(1499));
        assert!(efforts.all(|effort| effort == Some(true)));
        reads.start_over();
        let mut again = (10_000..11_000).map(|n| reads.count(at(n)));
        assert_eq!(again.position(|effort| effort.is_some()), Some(200));
        let mut reads = RandomReads::new(256 * 100);
        let mut rarely = (0..1000).map(|n| reads.count(at(n * 1001)));
        assert!(rarely.all(|effort| effort.is_none()));
    }
}
