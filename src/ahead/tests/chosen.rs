//! Readers of an order that somebody has chosen, a view: several at once, by lookups and by reads.

use super::*;
use crate::ahead::budget::{LEAD_RECORDS, MOST_TRUST, TRUSTED_PART};
use crate::order::handed::{HandedOver, Part};

const SEED: u64 = 7;
const VIEW: OrderId = OrderId::View(0);
const NEXT: OrderId = OrderId::View(1);

/// A mount whose records are read in a view, after which comes another one.
struct Viewers {
    bench: Bench,
    order: Arc<dyn Order>,
    /// Names that the kernel has not been told of are looked up.
    looks_up: bool,
}

fn shuffled(seed: u64) -> Arc<dyn Order> {
    Arc::new(Shuffled(Shuffle::new(seed, RECORDS)))
}

impl Viewers {
    fn new(looks_up: bool) -> Viewers {
        let mut bench = Bench::with(Fake::default());
        let orders = vec![
            (OrderId::ByNumber, Arc::new(ByNumber(RECORDS)) as _),
            (VIEW, shuffled(SEED)),
        ];
        bench.readers.in_order.set_orders(orders);
        bench.readers.at_random = None;
        bench.fake().in_memory.clear();
        Viewers {
            bench,
            order: shuffled(SEED),
            looks_up,
        }
    }

    /// Reads the records at these positions; returns how many of them were asked for.
    fn read(&mut self, positions: impl IntoIterator<Item = u64>) -> u64 {
        let mut requests = 0;
        let next = |ends| (ends == VIEW).then(|| (NEXT, shuffled(SEED + 1)));
        for position in positions {
            let record = self.order.record_at(position).expect("a record");
            if self.looks_up {
                let (_, due) = self.bench.readers.observe_lookup(VIEW, record, &next);
                self.bench.prepare(due);
            }
            requests += self.bench.read_before([record], &next);
        }
        requests
    }

    /// How many records were stored or read from disk more than once.
    fn done_twice(&mut self) -> usize {
        let stored = &self.bench.fake().stored;
        stored.len() - stored.iter().collect::<HashSet<_>>().len()
    }
}

/// Positions in the order in which so many workers come to them, each of which reads a batch in turn.
fn in_batches(workers: u64, len: u64) -> impl Iterator<Item = u64> {
    let rounds = (0..RECORDS).step_by((workers * len) as usize);
    rounds.flat_map(move |round| {
        let places = (0..len).flat_map(move |n| (0..workers).map(move |worker| worker * len + n));
        places
            .map(move |place| round + place)
            .filter(|&position| position < RECORDS)
    })
}

#[test]
fn one_reader_asks_for_few_records() {
    for looks_up in [true, false] {
        let requests = Viewers::new(looks_up).read(0..RECORDS);
        assert!(requests < 60, "{looks_up}: {requests}");
    }
}

#[test]
fn workers_that_take_turns_have_everything_prepared_once() {
    for (workers, len) in [(2, 8), (4, 64), (4, 256), (3, 700), (8, 1000)] {
        for looks_up in [true, false] {
            let mut viewers = Viewers::new(looks_up);
            let requests = viewers.read(in_batches(workers, len));
            let batches = RECORDS / len;
            let most = 100 + 3 * batches.min(40 * workers);
            let twice = viewers.done_twice();
            println!("{workers} of {len}, {looks_up}: {requests} asked for, {twice} twice");
            assert!(requests < most, "{requests} {most}");
            assert_eq!(twice, 0);
        }
    }
}

#[test]
fn a_worker_that_pauses_holds_nobody_up_and_finds_its_own_later() {
    let mut viewers = Viewers::new(true);
    // Every fourth batch is left out.
    let is_first = |position: &u64| position / 64 % 4 != 3;
    let requests = viewers.read((0..RECORDS / 2).filter(is_first));
    assert!(requests < 200, "{requests}");
    let requests = viewers.read((0..RECORDS / 2).filter(|position| !is_first(position)));
    assert!(requests < 200, "{requests}");
}

#[test]
fn readers_at_random_of_its_names_have_little_prepared() {
    let mut viewers = Viewers::new(true);
    let random = Shuffle::new(99, RECORDS);
    viewers.read((0..RECORDS).map(|n| random.at(n)));
    let stored = viewers.bench.fake().stored.len();
    assert!(stored < 200, "{stored}");
    // Also after it was read in its order.
    let mut viewers = Viewers::new(true);
    viewers.read(0..RECORDS / 2);
    viewers.bench.fake().stored.clear();
    let half = random_half();
    viewers.read(half);
    let stored = viewers.bench.fake().stored.len() as u64;
    let most = LEAD_RECORDS.end() * (2 + u64::from(MOST_TRUST) / TRUSTED_PART);
    assert!(stored < most, "{stored}");
}

/// The second half of all positions, at random.
fn random_half() -> impl Iterator<Item = u64> {
    let random = Shuffle::new(3, RECORDS / 2);
    (0..RECORDS / 2).map(move |n| RECORDS / 2 + random.at(n))
}

#[test]
fn the_beginning_of_the_next_one_is_there_before_it_is_read() {
    for looks_up in [true, false] {
        let mut viewers = Viewers::new(looks_up);
        viewers.read(0..RECORDS - 2 * LEAD_RECORDS.end());
        viewers.bench.fake().cached.clear();
        viewers.bench.fake().stored.clear();
        viewers.read(RECORDS - 2 * LEAD_RECORDS.end()..RECORDS);
        let next = shuffled(SEED + 1);
        let first = (0..200).filter_map(|position| next.record_at(position));
        let cached = &viewers.bench.fake().cached;
        let missing = first.filter(|record| !cached.contains(record));
        assert_eq!(missing.count(), 0, "{looks_up}");
        let stored = &viewers.bench.fake().stored;
        // The rest of the one and the beginning of the other, and no more.
        assert!(
            stored.len() as u64 <= 3 * LEAD_RECORDS.end(),
            "{}",
            stored.len()
        );
    }
}

#[test]
fn a_second_pass_over_what_was_let_go_of_is_followed_like_the_first() {
    for looks_up in [true, false] {
        let mut viewers = Viewers::new(looks_up);
        viewers.read(0..RECORDS);
        viewers.bench.fake().cached.clear();
        let requests = viewers.read(0..RECORDS);
        assert!(requests < 200, "{looks_up}: {requests}");
    }
}

/// Readers of a list that is handed over, of which so many positions have been.
struct Handed {
    table: HandedOver,
    viewers: Viewers,
    given: u64,
}

impl Handed {
    fn new() -> Handed {
        let mut viewers = Viewers::new(false);
        viewers.bench.readers.in_order.set_orders(Vec::new());
        Handed {
            table: HandedOver::new(RECORDS, 1 << 20),
            viewers,
            given: 0,
        }
    }

    /// Hands so many more over.
    fn give(&mut self, count: u64) {
        let positions = self.given..self.given + count;
        let numbers = positions.filter_map(|position| self.viewers.order.record_at(position));
        let part = Part {
            giver: 1,
            start: self.given,
            begins: self.given == 0,
            numbers: numbers.collect(),
        };
        self.given += count;
        let given = self.table.give(0, &part, Instant::now());
        assert_eq!(given, Ok(()));
        let in_order = &mut self.viewers.bench.readers.in_order;
        let orders = self.table.orders_left().into_iter();
        in_order.set_orders(
            orders
                .map(|(number, order)| (OrderId::Handed(number), order))
                .collect(),
        );
        for (order, task) in in_order.have_more() {
            self.viewers.bench.prepare(Some((Some(order), task)));
        }
    }
}

#[test]
fn of_a_list_that_was_handed_over_nothing_but_markers_is_asked_for() {
    for (workers, len) in [(1, 1), (4, 64), (4, 256), (3, 700)] {
        let mut handed = Handed::new();
        handed.give(RECORDS);
        let requests = handed.viewers.read(in_batches(workers, len));
        println!("{workers} of {len}: {requests} asked for");
        assert!(requests < 100, "{requests}");
        assert_eq!(handed.viewers.done_twice(), 0);
    }
}

#[test]
fn a_list_is_followed_as_it_grows() {
    for part in [10, 64, 512, 1000] {
        let mut handed = Handed::new();
        let mut requests = 0;
        for from in (0..RECORDS - part).step_by(part as usize) {
            // The part that is read, and the next one.
            handed.give(if from == 0 { 2 * part } else { part });
            requests += handed.viewers.read(from..from + part);
        }
        println!("parts of {part}: {requests} asked for");
        // One for each, of which a marker tells.
        assert!(requests <= RECORDS / part + 100, "{requests}");
        assert_eq!(handed.viewers.done_twice(), 0);
    }
}

#[test]
fn of_a_list_that_nobody_reads_little_is_prepared_and_nothing_of_one_that_is_taken_back() {
    let mut handed = Handed::new();
    handed.give(RECORDS);
    let stored = handed.viewers.bench.fake().stored.len() as u64;
    assert!((1..=*LEAD_RECORDS.end()).contains(&stored), "{stored}");
    handed.table.clear_all(None);
    handed.viewers.bench.fake().stored.clear();
    handed.viewers.read((0..RECORDS).rev().take(1000));
    assert!(handed.viewers.bench.fake().stored.is_empty());
}

#[test]
fn a_window_that_there_was_no_time_for_is_prepared_later() {
    let mut handed = Handed::new();
    // The worker has too much to do.
    handed.viewers.bench.is_busy = true;
    handed.give(RECORDS);
    assert!(handed.viewers.bench.fake().stored.is_empty());
    handed.viewers.bench.is_busy = false;
    let requests = handed.viewers.read(0..RECORDS / 2);
    assert!(requests < 100, "{requests}");
    handed.viewers.bench.is_busy = true;
    handed.viewers.read(RECORDS / 2..RECORDS / 2 + 1200);
    handed.viewers.bench.is_busy = false;
    // The last one that was dropped is read to its marker.
    let requests = handed.viewers.read(RECORDS / 2 + 1200..RECORDS);
    assert!(requests < LEAD_RECORDS.end() + 100, "{requests}");
}
