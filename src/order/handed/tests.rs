//! The table of orders that were handed over, at times that the tests choose.

use super::protocol::Part;
use super::table::{HandedOver, KEPT, KEPT_IN_NEED, MOST_GIVERS, Refused};
use crate::order::Order;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

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

fn orders_left(table: &HandedOver) -> Vec<Arc<dyn Order>> {
    let orders = table.orders_left().into_iter();
    orders.map(|(_, order)| order).collect()
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
    let orders = orders_left(&table);
    assert_eq!(records(&orders[0]), [5, 6, 5]);
    assert_eq!(orders[0].search(5), Some(0));
    assert_eq!(orders[0].position_within(5, 1..3), Some(2));
    for (start, refused) in [(2, Refused::Misplaced), (4, Refused::Misplaced)] {
        assert_eq!(
            table.give(ANN, &part(7, start, false, &[1]), now),
            Err(refused)
        );
    }
    let wrong = table.give(ANN, &part(7, 3, false, &[1, RECORDS]), now);
    assert_eq!(wrong, Err(Refused::NoRecord));
    assert_eq!(records(&orders[0]), [5, 6, 5], "nothing of it");
    let wrong = table.give(ANN, &part(7, 0, true, &[RECORDS]), now);
    assert_eq!(wrong, Err(Refused::NoRecord));
    assert_eq!(records(&orders[0]), [5, 6, 5], "nor forgotten");
    table
        .give(ANN, &part(7, 0, true, &[9]), now)
        .expect("taken");
    assert!(records(&orders[0]).is_empty(), "it has ended");
    assert_eq!(records(&orders_left(&table)[0]), [9]);
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
        orders_left(&table)
    };
    let mut held = give(ANN, 1);
    table.clear(BOB, 1);
    assert!(table.memory_used() > 0, "another user's");
    table.clear(ANN, 1);
    assert_eq!(table.memory_used(), 0);
    held.extend(give(ANN, 2));
    held.extend(give(BOB, 2));
    table.clear_all(Some(ANN));
    assert_eq!(orders_left(&table).len(), 1);
    table.clear_all(None);
    assert_eq!((orders_left(&table).len(), table.memory_used()), (0, 0));
    held.extend(give(ANN, 3));
    orders_left(&table)[0].passed(1);
    assert_eq!((orders_left(&table).len(), table.memory_used()), (0, 0));
    table
        .give(ANN, &part(3, 1, false, &[2]), now)
        .expect("continued");
    assert_eq!(records(&orders_left(&table)[0]), [2]);
    assert_eq!(table.forget_unused(now + KEPT / 2), Some(now + KEPT));
    orders_left(&table)[0].was_followed(now + KEPT / 2);
    assert_eq!(table.forget_unused(now + KEPT), Some(now + KEPT / 2 + KEPT));
    assert_eq!(table.forget_unused(now + KEPT / 2 + KEPT), None);
    assert_eq!(table.memory_used(), 0);
    assert!(held.iter().all(|order| records(order).is_empty()));
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
    orders_left(&table)[0].passed(2);
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
    let orders = orders_left(&table);
    assert_eq!(
        orders.len(),
        1,
        "what is refused from the beginning is not there"
    );
    orders[0].was_followed(now + KEPT_IN_NEED);
    let later = now + KEPT_IN_NEED * 2 - Duration::from_millis(1);
    assert_eq!(fill(2, later).0, 0);
    let bob = begin(&table, BOB, 2, now + KEPT_IN_NEED * 2);
    assert_eq!(bob, Err(Refused::Full), "another user's stays");
    assert_eq!(fill(2, now + KEPT_IN_NEED * 2), (262_000, Refused::Full));
    assert_eq!(orders[0].record_at(0), None);
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
    orders_left(&table)[5].passed(1);
    begin(&table, ANN, 2000, now).expect("in the place of the one that was read");
    assert_eq!(begin(&table, ANN, 1001, now), Err(Refused::TooMany));
    for giver in 1..=MOST_GIVERS as u64 / 2 {
        begin(&table, BOB, giver, now).expect("of those that Ann has");
    }
    assert_eq!(begin(&table, BOB, 1000, now), Err(Refused::TooMany));
    assert_eq!(begin(&table, ANN, 1000, now), Err(Refused::TooMany));
    let later = now + KEPT_IN_NEED;
    orders_left(&table)
        .iter()
        .skip(1)
        .for_each(|order| order.was_followed(later));
    begin(&table, BOB, 1000, later).expect("in the place of the one that nobody uses");
    assert_eq!(begin(&table, BOB, 1001, later), Err(Refused::TooMany));
    begin(&table, 0, 1, later).expect("of those that another has");
    assert_eq!(orders_left(&table).len(), MOST_GIVERS);
}

/// What is done to a table: a part is given, an order cleared, or readers pass in all.
#[derive(Debug, Clone)]
enum Step {
    Give(u32, Part),
    Clear(u32, u64),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let user = 0..2_u32;
    let numbers = prop::collection::vec(0..RECORDS + RECORDS / 100, 0..40);
    let part = (1..4_u64, 0..60_u64, any::<bool>(), numbers).prop_map(
        |(giver, start, begins, numbers)| Part {
            giver,
            start: if begins { 0 } else { start },
            begins,
            numbers,
        },
    );
    let step = prop_oneof![
        8 => (user.clone(), part).prop_map(|(user, part)| Step::Give(user, part)),
        1 => (user, 1..4_u64).prop_map(|(user, giver)| Step::Clear(user, giver)),
        1 => (0..60_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn a_table_is_a_list_for_each_giver(steps in steps()) {
        let (table, now) = (handed_over(), Instant::now());
        let mut model: BTreeMap<(u32, u64), (Vec<u64>, u64)> = BTreeMap::new();
        for step in steps {
            match step {
                // Otherwise hardly any part would continue an order.
                Step::Give(user, mut part) => {
                    let there = model.get(&(user, part.giver));
                    if let Some((list, _)) = there.filter(|_| !part.begins && part.start % 4 != 0) {
                        part.start = list.len() as u64;
                    }
                    let expected = if part.numbers.iter().any(|&number| number >= RECORDS) {
                        Err(Refused::NoRecord)
                    } else if part.begins {
                        model.insert((user, part.giver), (part.numbers.clone(), 0));
                        Ok(())
                    } else {
                        match model.get_mut(&(user, part.giver)) {
                            None => Err(Refused::Unknown),
                            Some((list, _)) if list.len() as u64 != part.start => {
                                Err(Refused::Misplaced)
                            }
                            Some((list, _)) => {
                                list.extend(&part.numbers);
                                Ok(())
                            }
                        }
                    };
                    prop_assert_eq!(table.give(user, &part, now), expected);
                }
                Step::Clear(user, giver) => {
                    table.clear(user, giver);
                    model.remove(&(user, giver));
                }
                Step::Pass(position) => {
                    orders_left(&table).iter().for_each(|order| order.passed(position));
                    for (list, passed) in model.values_mut() {
                        *passed = (*passed).max(position.min(list.len() as u64));
                    }
                }
            }
            let mut found: Vec<_> = orders_left(&table).iter().map(|order| records(&**order)).collect();
            let left = model.values().map(|(list, passed)| list[*passed as usize..].to_vec());
            let mut expected: Vec<_> = left.filter(|list| !list.is_empty()).collect();
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
        table.clear_all(None);
        prop_assert_eq!(table.memory_used(), 0);
    }
}
