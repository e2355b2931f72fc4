//! Readers that follow no order: once they have read a part of all files, all are worth preparing.

use super::budget::{
    FEWEST_AT_RANDOM, PART_FOR_DISK, PART_FOR_MEMORY, PAUSE, lead_records, records_per_read,
};
use super::run::{Effort, Run, Task};
use crate::order::Order;
use std::sync::Arc;
use std::time::Instant;

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

    /// Counts one, and says what all of them make worth doing for each further file.
    pub fn count(&mut self, now: Instant) -> Option<Effort> {
        if self.last.is_some_and(|last| now - last > PAUSE) {
            self.seen = 0;
        }
        self.last = Some(now);
        self.seen += 1;
        if self.seen <= self.needed {
            None
        } else if self.seen <= self.files / PART_FOR_DISK {
            Some(Effort::StoreFromMemory)
        } else {
            Some(Effort::RequestAndStore)
        }
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
    run: Arc<Run>,
}

impl AtRandom {
    /// Of the records of `order`, which have this mean length in bytes.
    pub fn new(order: Arc<dyn Order>, mean_len: u64) -> AtRandom {
        AtRandom {
            reads: RandomReads::new(order.len()),
            run: Run::of_all(Arc::clone(&order)),
            order,
            mean_len,
        }
    }

    /// Takes note of a record that was read at random, and says what is due.
    pub fn observe(&mut self, now: Instant) -> Option<Task> {
        if self.run.has_ended() {
            self.reads.start_over();
            self.run = Run::of_all(Arc::clone(&self.order));
        }
        let effort = self.reads.count(now)?;
        Some(Task {
            run: Arc::clone(&self.run),
            until: self.order.len(),
            most: records_per_read(self.mean_len),
            lead: lead_records(self.mean_len),
            marker: None,
            effort,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_part_has_to_be_asked_for_without_a_pause() {
        let begin = Instant::now();
        let at = |milliseconds: u64| begin + Duration::from_millis(milliseconds);
        let mut reads = RandomReads::new(256 * 100);
        let mut efforts = (0..10_000).map(|n| reads.count(at(n)));
        let memory = Some(Effort::StoreFromMemory);
        assert_eq!(efforts.position(|effort| effort == memory), Some(100));
        assert_eq!(efforts.position(|effort| effort != memory), Some(3099));
        assert!(efforts.all(|effort| effort == Some(Effort::RequestAndStore)));
        reads.start_over();
        let mut again = (10_000..11_000).map(|n| reads.count(at(n)));
        assert_eq!(again.position(|effort| effort.is_some()), Some(200));
        let mut reads = RandomReads::new(256 * 100);
        let mut rarely = (0..1000).map(|n| reads.count(at(n * 1001)));
        assert!(rarely.all(|effort| effort.is_none()));
    }
}
