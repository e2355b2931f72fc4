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
const MOST_GIVERS: usize = 64;
/// An order that was not added to or followed for this long is forgotten. Checking a model after an epoch,
/// and storing it, takes less.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// One that was not for this long is forgotten where another one needs its place or its memory: from one
/// that is followed something is read every few seconds.
const KEPT_IN_NEED: Duration = Duration::from_secs(10);

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
        left.sort_by_key(|order| Reverse(order.last_used()));
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

    /// Makes place for one more order of a user. Whoever has most gives way: to somebody who has fewer, or
    /// where it does not use them all.
    fn make_place(&mut self, user: u32, now: Instant) -> Result<(), Refused> {
        if self.given.len() < MOST_GIVERS {
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

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: u64 = 100_000;
    const ANN: u32 = 1000;
    const BOB: u32 = 1001;

    fn handed_over() -> HandedOver {
        HandedOver::new(RECORDS, 1 << 20)
    }

    fn part(giver: u64, start: u64, begins: bool, numbers: &[u64]) -> Part {
        Part {
            giver,
            start,
            begins,
            numbers: numbers.to_vec(),
        }
    }

    fn begin(table: &HandedOver, user: u32, giver: u64, now: Instant) -> Result<(), Refused> {
        table.give(user, &part(giver, 0, true, &[giver % RECORDS]), now)
    }

    fn records(order: &dyn Order) -> Vec<u64> {
        (0..order.len())
            .filter_map(|at| order.record_at(at))
            .collect()
    }

    #[test]
    fn an_order_grows_part_by_part_and_begins_anew() {
        let (table, now) = (handed_over(), Instant::now());
        table
            .give(ANN, &part(7, 0, true, &[5, 6]), now)
            .expect("taken");
        table
            .give(ANN, &part(7, 2, false, &[5]), now)
            .expect("taken");
        let orders = table.orders_left();
        assert_eq!(records(&orders[0].1), [5, 6, 5]);
        assert_eq!(orders[0].1.search(5), Some(0));
        assert_eq!(orders[0].1.position_within(5, 1..3), Some(2));
        for (start, refused) in [(2, Refused::Misplaced), (4, Refused::Misplaced)] {
            assert_eq!(
                table.give(ANN, &part(7, start, false, &[1]), now),
                Err(refused)
            );
        }
        let wrong = table.give(ANN, &part(7, 3, false, &[1, RECORDS]), now);
        assert_eq!(wrong, Err(Refused::NoRecord));
        assert_eq!(records(&orders[0].1), [5, 6, 5], "nothing of it");
        let wrong = table.give(ANN, &part(7, 0, true, &[RECORDS]), now);
        assert_eq!(wrong, Err(Refused::NoRecord));
        assert_eq!(records(&orders[0].1), [5, 6, 5], "nor forgotten");
        table
            .give(ANN, &part(7, 0, true, &[9]), now)
            .expect("taken");
        assert!(records(&orders[0].1).is_empty(), "it has ended");
        assert_eq!(records(&table.orders_left()[0].1), [9]);
        let unknown = table.give(BOB, &part(7, 1, false, &[1]), now);
        assert_eq!(
            unknown,
            Err(Refused::Unknown),
            "numbers are each user's own"
        );
    }

    #[test]
    fn an_order_that_is_cleared_passed_or_not_used_takes_no_memory_whoever_holds_it() {
        let (table, now) = (handed_over(), Instant::now());
        let give = |user, giver| {
            begin(&table, user, giver, now).expect("taken");
            table.orders_left()
        };
        let mut held = give(ANN, 1);
        table.clear(BOB, 1);
        assert!(table.memory_used() > 0, "another user's");
        table.clear(ANN, 1);
        assert_eq!(table.memory_used(), 0);
        held.extend(give(ANN, 2));
        held.extend(give(BOB, 2));
        table.clear_all(Some(ANN));
        assert_eq!(table.orders_left().len(), 1);
        table.clear_all(None);
        assert_eq!((table.orders_left().len(), table.memory_used()), (0, 0));
        held.extend(give(ANN, 3));
        table.orders_left()[0].1.passed(1);
        assert_eq!((table.orders_left().len(), table.memory_used()), (0, 0));
        table
            .give(ANN, &part(3, 1, false, &[2]), now)
            .expect("continued");
        assert_eq!(records(&table.orders_left()[0].1), [2]);
        assert_eq!(table.forget_unused(now + KEPT / 2), Some(now + KEPT));
        table.orders_left()[0].1.was_followed(now + KEPT / 2);
        assert_eq!(table.forget_unused(now + KEPT), Some(now + KEPT / 2 + KEPT));
        assert_eq!(table.forget_unused(now + KEPT / 2 + KEPT), None);
        assert_eq!(table.memory_used(), 0);
        assert!(held.iter().all(|order| records(&order.1).is_empty()));
        let late = table.give(ANN, &part(3, 2, false, &[2]), now);
        assert_eq!(late, Err(Refused::Unknown));
    }

    #[test]
    fn changes_are_counted_when_an_order_comes_or_goes() {
        let (table, now) = (handed_over(), Instant::now());
        let mut last = table.changes();
        let mut changes = || {
            let has_changed = table.changes() != last;
            last = table.changes();
            has_changed
        };
        begin(&table, ANN, 1, now).expect("taken");
        assert!(changes());
        table
            .give(ANN, &part(1, 1, false, &[2]), now)
            .expect("taken");
        assert!(!changes(), "only longer");
        table.orders_left()[0].1.passed(2);
        table
            .give(ANN, &part(1, 2, false, &[3]), now)
            .expect("taken");
        assert!(changes(), "there is something again");
        table.clear(ANN, 2);
        assert!(!changes(), "there was none");
        table.clear(ANN, 1);
        assert!(changes());
    }

    #[test]
    fn where_memory_is_full_orders_that_are_used_stay() {
        let (table, now) = (handed_over(), Instant::now());
        let fill = |giver, now| {
            let numbers = vec![3; 2000];
            let mut taken = 0;
            loop {
                let part = part(giver, taken, taken == 0, &numbers);
                match table.give(ANN, &part, now) {
                    Ok(()) => taken += 2000,
                    Err(refused) => return (taken, refused),
                }
            }
        };
        let (taken, refused) = fill(1, now);
        assert_eq!(
            (taken, refused),
            (262_000, Refused::Full),
            "4 bytes each of 1 MiB"
        );
        assert_eq!(fill(2, now).0, 0);
        let orders = table.orders_left();
        assert_eq!(
            orders.len(),
            1,
            "what is refused from the beginning is not there"
        );
        orders[0].1.was_followed(now + KEPT_IN_NEED);
        let later = now + KEPT_IN_NEED * 2 - Duration::from_millis(1);
        assert_eq!(fill(2, later).0, 0);
        let bob = begin(&table, BOB, 2, now + KEPT_IN_NEED * 2);
        assert_eq!(bob, Err(Refused::Full), "another user's stays");
        assert_eq!(fill(2, now + KEPT_IN_NEED * 2), (262_000, Refused::Full));
        assert_eq!(orders[0].1.record_at(0), None);
        assert_eq!(table.memory_used(), table.memory());
        table.clear_all(None);
        assert_eq!(table.memory_used(), 0);
    }

    #[test]
    fn where_places_are_full_whoever_has_most_gives_way() {
        let (table, now) = (HandedOver::new(RECORDS, 8 << 20), Instant::now());
        for giver in 1..=MOST_GIVERS as u64 {
            begin(&table, ANN, giver, now).expect("taken");
        }
        assert_eq!(begin(&table, ANN, 1000, now), Err(Refused::TooMany));
        begin(&table, ANN, 1, now).expect("in its own place");
        for giver in 1..=MOST_GIVERS as u64 / 2 {
            begin(&table, BOB, giver, now).expect("of those that Ann has");
        }
        assert_eq!(begin(&table, BOB, 1000, now), Err(Refused::TooMany));
        assert_eq!(begin(&table, ANN, 1000, now), Err(Refused::TooMany));
        let later = now + KEPT_IN_NEED;
        table
            .orders_left()
            .iter()
            .skip(1)
            .for_each(|order| order.1.was_followed(later));
        begin(&table, BOB, 1000, later).expect("in the place of the one that nobody uses");
        assert_eq!(begin(&table, BOB, 1001, later), Err(Refused::TooMany));
        begin(&table, 0, 1, later).expect("of those that another has");
        assert_eq!(table.orders_left().len(), MOST_GIVERS);
    }
}
