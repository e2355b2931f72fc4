//! Records that are looked up one by one: a program that has read those before reads this one next, so
//! the disk can begin while the program comes back for it.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// As many readers as are told apart.
const PLACES: u64 = 16;
/// What a lookup that was followed by a read counts, one that was not, and what they have to come to.
const READ: i32 = 1;
const NOT_READ: i32 = -4;
const NEEDED: i32 = 8;
const MOST: i32 = 16;

/// The last lookups, and how many of those before were followed by reads.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// One more than the record's number; 0 for none.
    last: [AtomicU64; PLACES as usize],
    score: AtomicI32,
}

impl LookedUp {
    /// Takes note of a lookup; returns whether a read is to be expected.
    pub fn looked_up(&self, record: u64) -> bool {
        let before = self.place(record).swap(record + 1, Ordering::Relaxed);
        if before != 0 && before != record + 1 {
            self.count(NOT_READ);
        }
        self.score.load(Ordering::Relaxed) >= NEEDED
    }

    /// Takes note of a read.
    pub fn was_read(&self, record: u64) {
        let place = self.place(record);
        if place.load(Ordering::Relaxed) == record + 1 {
            place.store(0, Ordering::Relaxed);
            self.count(READ);
        }
    }

    fn place(&self, record: u64) -> &AtomicU64 {
        &self.last[(record % PLACES) as usize]
    }

    /// What another thread counts meanwhile may be lost.
    fn count(&self, by: i32) {
        let score = self.score.load(Ordering::Relaxed) + by;
        self.score.store(score.clamp(0, MOST), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_expected_after_some_and_no_more_after_lookups_alone() {
        let looked_up = LookedUp::default();
        let read = |record| {
            let expected = looked_up.looked_up(record);
            looked_up.was_read(record);
            expected
        };
        assert_eq!((0..1000).position(|n| read(n * 37)), Some(NEEDED as usize));
        assert!((0..100).all(|n| read(n * 37)));
        let alone = (0..1000).filter(|n| looked_up.looked_up(n * 37));
        assert!(alone.count() < 40);
        // Two programs, each of which reads what it looks up.
        let expected = (0..1000).filter(|n| {
            let one = looked_up.looked_up(2 * n);
            let other = looked_up.looked_up(2 * n + 1);
            looked_up.was_read(2 * n);
            looked_up.was_read(2 * n + 1);
            one && other
        });
        assert!(expected.count() > 980);
    }
}
