//! Orders handed over: a program says which records it will read next, so that they can be prepared.
//! How it does so is specified here:
//!
#![doc = include_str!("../handed.md")]

mod list;
mod protocol;
mod table;
#[cfg(test)]
mod tests;

pub use protocol::{
    CLEAR, CLEAR_LEN, GIVE, GIVE_LEN, HELLO, HELLO_LEN, Hello, MOST_NUMBERS, NotUnderstood, Part,
    Request,
};
pub use table::{HandedOver, Refused};

use super::Order;
use crate::sys::lock;
use list::{Full, List};
use std::ops::Range;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// This many positions are looked at to find a record: 63 µs, of 4 bytes or of 8.
const SEARCHED: u64 = 1 << 18;

/// An order that a program hands over, part by part. What readers have passed is forgotten.
#[derive(Debug)]
struct Handed {
    /// Which one of all, in the order in which they were begun.
    number: u64,
    list: Mutex<List>,
    /// When it was added to or followed last.
    used: Mutex<Instant>,
}

impl Handed {
    fn new(number: u64, list: List, now: Instant) -> Handed {
        Handed {
            number,
            list: Mutex::new(list),
            used: Mutex::new(now),
        }
    }

    /// Adds records at the end, or nothing. Returns whether there is something to read now, and was not.
    fn append(&self, numbers: &[u64], now: Instant) -> Result<bool, Full> {
        *lock(&self.used) = now;
        let mut list = lock(&self.list);
        let had_nothing = list.kept().is_empty();
        list.append(numbers)?;
        Ok(had_nothing && !numbers.is_empty())
    }

    fn last_used(&self) -> Instant {
        *lock(&self.used)
    }

    /// For how long it was neither added to nor followed.
    fn unused(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_used())
    }

    /// The positions that are not forgotten.
    fn kept(&self) -> Range<u64> {
        lock(&self.list).kept()
    }

    /// Forgets all records, also while others hold this.
    fn clear(&self) {
        self.passed(u64::MAX);
    }
}

impl Order for Handed {
    /// One past the last position that was handed over until now.
    fn len(&self) -> u64 {
        self.kept().end
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        lock(&self.list).get(position)
    }

    fn position_of(&self, _: u64) -> Option<u64> {
        None
    }

    /// The first position that is not forgotten, as readers are near the front.
    fn search(&self, record: u64) -> Option<u64> {
        let list = lock(&self.list);
        let front = list.kept().start;
        list.find(record, front..front.saturating_add(SEARCHED))
    }

    fn position_within(&self, record: u64, positions: Range<u64>) -> Option<u64> {
        lock(&self.list).find(record, positions)
    }

    fn passed(&self, position: u64) {
        let forgotten = lock(&self.list).forget_before(position);
        // Nobody waits for the lock meanwhile.
        drop(forgotten);
    }

    fn was_followed(&self, now: Instant) {
        *lock(&self.used) = now;
    }
}
