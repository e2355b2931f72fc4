//! All orders that were handed over, and by whom.

use super::list::{List, Memory};
use super::protocol::Part;
use super::{Handed, Order};
use crate::sys::lock;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How many orders there may be: programs that read at the same time, with a worker or two for each of 32
/// devices.
pub(super) const MOST_GIVERS: usize = 64;
/// An order that was not added to or followed for this long is forgotten. Checking a model after an epoch,
/// and storing it, takes less.
pub(super) const KEPT: Duration = Duration::from_secs(10 * 60);
/// One that was not for this long is forgotten where another one needs its place or its memory: from one
/// that is followed something is read every few seconds.
pub(super) const KEPT_IN_NEED: Duration = Duration::from_secs(10);

/// Why a part is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It does not begin where the order ends.
    Misplaced,
    /// It has a number that no record has.
    NoRecord,
    /// Nothing was handed over by this giver, or it is forgotten.
    Unknown,
    /// There is no memory for it.
    Full,
    /// There are too many orders.
    TooMany,
}

/// Who hands over: a user, by a number that it has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Giver {
    user: u32,
    number: u64,
}

/// The orders that were handed over.
#[derive(Debug)]
pub struct HandedOver {
    /// How many records there are.
    records: u64,
    memory: Arc<Memory>,
    orders: Mutex<HashMap<Giver, Arc<Handed>>>,
    changes: AtomicU64,
    /// How many were begun.
    begun: AtomicU64,
}

impl HandedOver {
    /// Of this many records, none yet; all together may take this many bytes of memory.
    pub fn new(records: u64, memory: u64) -> HandedOver {
        HandedOver {
            records,
            memory: Memory::new(memory),
            orders: Mutex::default(),
            changes: AtomicU64::new(0),
            begun: AtomicU64::new(0),
        }
    }

    /// How many bytes of memory they may take.
    pub fn memory(&self) -> u64 {
        self.memory.limit()
    }

    /// How many they take.
    pub fn memory_used(&self) -> u64 {
        self.memory.used()
    }

    /// Takes a part that a user hands over now, all of it or nothing.
    pub fn give(&self, user: u32, part: &Part, now: Instant) -> Result<(), Refused> {
        if part.numbers.iter().any(|&number| number >= self.records) {
            return Err(Refused::NoRecord);
        }
        let giver = Giver {
            user,
            number: part.giver,
        };
        let mut orders = self.orders();
        orders.forget_where(|_, order| order.unused(now) >= KEPT);
        let order = if part.begins {
            orders.forget(giver);
            orders.make_place(user, now)?;
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            let list = List::new(self.records, &self.memory);
            Arc::new(Handed::new(number, list, now))
        } else {
            Arc::clone(orders.given.get(&giver).ok_or(Refused::Unknown)?)
        };
        if order.len() != part.start {
            return Err(Refused::Misplaced);
        }
        let is_more = orders.append(user, &order, &part.numbers, now)?;
        if is_more || part.begins {
            orders.given.insert(giver, order);
            orders.has_changed = true;
        }
        Ok(())
    }

    /// Forgets what a user has handed over by this number.
    pub fn clear(&self, user: u32, number: u64) {
        self.orders().forget(Giver { user, number });
    }

    /// Forgets all that a user has handed over; all that anybody has, where there is no user.
    pub fn clear_all(&self, user: Option<u32>) {
        let is_theirs = |giver: Giver| user.is_none_or(|user| user == giver.user);
        self.orders().forget_where(|giver, _| is_theirs(giver));
    }

    /// Forgets what nobody has used for long. Returns when to call this again; `None` where there is
    /// nothing left.
    pub fn forget_unused(&self, now: Instant) -> Option<Instant> {
        let mut orders = self.orders();
        orders.forget_where(|_, order| order.unused(now) >= KEPT);
        let oldest = orders.given.values().map(|order| order.last_used()).min();
        oldest.map(|oldest| oldest + KEPT)
    }

    /// Those that have something left to read, each with its number, the one that was used last first.
    pub fn orders_left(&self) -> Vec<(u64, Arc<dyn Order>)> {
        let orders = self.orders();
        let mut left: Vec<_> = orders.given.values().cloned().collect();
        left.retain(|order| !order.kept().is_empty());
        // Read once each, as it changes meanwhile.
        left.sort_by_cached_key(|order| Reverse(order.last_used()));
        let left = left.into_iter();
        left.map(|order| (order.number, order as _)).collect()
    }

    /// Whether none are kept. No lock is taken.
    pub fn are_none(&self) -> bool {
        self.memory_used() == 0
    }

    /// How often one was added, or taken away. No lock is taken.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    fn orders(&self) -> Orders<'_> {
        Orders {
            given: lock(&self.orders),
            changes: &self.changes,
            has_changed: false,
        }
    }
}

/// The orders, while they are changed.
struct Orders<'a> {
    given: MutexGuard<'a, HashMap<Giver, Arc<Handed>>>,
    changes: &'a AtomicU64,
    has_changed: bool,
}

impl Orders<'_> {
    fn forget(&mut self, giver: Giver) {
        self.forget_where(|other, _| other == giver);
    }

    /// Who still holds one of them finds nothing in it.
    fn forget_where(&mut self, is_meant: impl Fn(Giver, &Handed) -> bool) {
        let before = self.given.len();
        self.given.retain(|&giver, order| {
            let is_meant = is_meant(giver, order);
            if is_meant {
                order.clear();
            }
            !is_meant
        });
        self.has_changed |= self.given.len() != before;
    }

    /// Makes place for one more order of a user. First goes one that has nothing left; then whoever has
    /// most gives way: to somebody who has fewer, or where it does not use them all.
    fn make_place(&mut self, user: u32, now: Instant) -> Result<(), Refused> {
        if self.given.len() < MOST_GIVERS {
            return Ok(());
        }
        let mut read = self
            .given
            .iter()
            .filter(|(_, order)| order.kept().is_empty());
        if let Some((&giver, _)) = read.next() {
            self.forget(giver);
            return Ok(());
        }
        let mut counts = HashMap::new();
        for giver in self.given.keys() {
            *counts.entry(giver.user).or_insert(0) += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        let own = counts.get(&user).copied().unwrap_or(0);
        let of_most = self
            .given
            .iter()
            .filter(|(giver, _)| counts[&giver.user] == most);
        let oldest = of_most.min_by_key(|(_, order)| order.last_used());
        let (&giver, order) = oldest.ok_or(Refused::TooMany)?;
        if own + 1 < most || order.unused(now) >= KEPT_IN_NEED {
            self.forget(giver);
            Ok(())
        } else {
            Err(Refused::TooMany)
        }
    }

    /// Adds to an order of a user, in the memory of the user's other orders that nobody uses where there is
    /// no other. Returns whether there is something to read again.
    fn append(
        &mut self,
        user: u32,
        order: &Handed,
        numbers: &[u64],
        now: Instant,
    ) -> Result<bool, Refused> {
        if let Ok(is_more) = order.append(numbers, now) {
            return Ok(is_more);
        }
        // The order itself is in use now.
        self.forget_where(|giver, other| giver.user == user && other.unused(now) >= KEPT_IN_NEED);
        order.append(numbers, now).map_err(|_| Refused::Full)
    }
}

impl Drop for Orders<'_> {
    fn drop(&mut self) {
        if self.has_changed {
            self.changes.fetch_add(1, Ordering::Release);
        }
    }
}
