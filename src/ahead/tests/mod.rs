//! Readers and the worker over a kernel and a disk that are made up: what was stored is a hit, all
//! else is a request.

use super::budget::{LEAD_AFTER_OVERTAKING, UNKNOWN_IN_A_ROW};
use super::fake::{Fake, RECORD_LEN, RECORDS, Reversed, Shuffled};
use super::run::{Effort, Marker, Run, Task, Way};
use super::worker::Worker;
use super::{Due, NextOrder, Readers};
use crate::dataset::resident::{ResidentSet, ResidentShares, Share};
use crate::order::{ByNumber, Order, Shuffle};
use crate::tree::OrderId;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

mod chosen;

/// How long a read takes, of which the worker's time is nothing.
const TOOK: Duration = Duration::from_secs(1);

/// A mount whose worker does at once what is due.
struct Bench {
    readers: Readers,
    worker: Worker<Fake>,
    now: Instant,
    requests: u64,
    /// Nothing more can be done.
    is_busy: bool,
}

impl Bench {
    fn new(fake: Fake, orders: Vec<Arc<dyn Order>>) -> Bench {
        let all = ResidentSet::new(RECORDS, RECORDS * RECORD_LEN);
        Bench::of(fake, orders, Arc::new(all))
    }

    /// Of which only these are to stay in memory.
    fn of(fake: Fake, orders: Vec<Arc<dyn Order>>, resident: Arc<ResidentSet>) -> Bench {
        let ids = [OrderId::ByNumber, OrderId::ByName];
        let ids = ids.into_iter().chain((0..).map(OrderId::View));
        let orders = ids.zip(orders).collect();
        Bench {
            readers: Readers::new(orders, Some(RECORDS), RECORD_LEN, resident),
            worker: Worker::new(fake),
            now: Instant::now(),
            requests: 0,
            is_busy: false,
        }
    }

    /// Records are read by number or in the opposite order.
    fn with(fake: Fake) -> Bench {
        Bench::new(fake, vec![Arc::new(ByNumber(RECORDS)), Arc::new(Reversed)])
    }

    fn fake(&mut self) -> &mut Fake {
        &mut self.worker.store
    }

    /// Reads records as programs do: returns how many of them the kernel had to ask for.
    fn read(&mut self, records: impl IntoIterator<Item = u64>) -> u64 {
        self.read_before(records, &|_| None)
    }

    /// The same, where `next` tells which order comes next.
    fn read_before(&mut self, records: impl IntoIterator<Item = u64>, next: NextOrder<'_>) -> u64 {
        let before = self.requests;
        for record in records {
            self.now += Duration::from_micros(100);
            if self.fake().cached.contains(&record) {
                continue;
            }
            self.requests += 1;
            self.fake().cached.insert(record);
            self.fake().in_memory.insert(record);
            let due = self.readers.observe(record, self.now, TOOK, next);
            self.prepare(due);
        }
        self.requests - before
    }

    fn prepare(&mut self, due: Option<Due>) {
        let Some((order, task)) = due else { return };
        if self.is_busy {
            let in_order = &mut self.readers.in_order;
            in_order.was_dropped(order.expect("in an order"), task.from);
        } else {
            // The mount may be gone: its readers see.
            let _ = self.worker.prepare(&task);
        }
    }

    fn windows(&self) -> (u64, u64) {
        self.readers.in_order.counts()
    }
}

fn random() -> impl Iterator<Item = u64> + Clone {
    let shuffle = Shuffle::new(1, RECORDS);
    (0..RECORDS).map(move |n| shuffle.at(n))
}

#[test]
fn a_reader_in_order_asks_for_few_records() {
    let mut bench = Bench::with(Fake::default());
    let requests = bench.read(0..RECORDS);
    assert!(requests < 60, "{requests}");
    let (windows, used) = bench.windows();
    assert!(windows - used <= 1, "{windows} {used}");
}

#[test]
fn what_a_reader_in_order_wants_is_requested_once_and_before_it_is_stored() {
    let mut bench = Bench::with(Fake::default());
    bench.fake().in_memory.clear();
    bench.read(0..RECORDS);
    let requested = std::mem::take(&mut bench.fake().requested);
    assert!(requested.is_sorted_by_key(|range| range.start));
    let ends = requested.iter().skip(1).map(|range| range.start);
    let starts = requested.iter().map(|range| range.end);
    assert!(
        starts.zip(ends).all(|(end, start)| end == start),
        "{requested:?}"
    );
    assert!(requested.last().is_some_and(|range| range.end >= RECORDS));
}

#[test]
fn a_reader_by_name_is_recognized() {
    let mut bench = Bench::with(Fake::default());
    let requests = bench.read((0..RECORDS).rev());
    assert!(requests < 200, "{requests}");
}

#[test]
fn a_reader_of_an_order_that_is_arithmetic_is_recognized_at_once() {
    let shuffle = Shuffle::new(7, RECORDS);
    let orders: Vec<Arc<dyn Order>> =
        vec![Arc::new(ByNumber(RECORDS)), Arc::new(Shuffled(shuffle))];
    let mut bench = Bench::new(Fake::default(), orders);
    let requests = bench.read((0..RECORDS).map(|position| shuffle.at(position)));
    assert!(requests < 60, "{requests}");
}

#[test]
fn several_readers_are_followed_at_once() {
    let mut bench = Bench::with(Fake::default());
    let each = |n: u64| [n, n + 2000, n + 4000, n + 6000];
    let requests = bench.read((0..2000).flat_map(each));
    assert!(requests < 250, "{requests}");
}

#[test]
fn nothing_is_stored_in_an_order_for_a_random_reader() {
    let mut bench = Bench::with(Fake::default());
    bench.read(random());
    assert_eq!(bench.windows(), (0, 0));
}

#[test]
fn readers_that_stop_after_a_few_records_have_little_stored_for_nobody() {
    let mut bench = Bench::with(Fake::default());
    bench.readers.at_random = None;
    let shuffle = Shuffle::new(1, RECORDS / 4);
    let runs = (0..RECORDS / 4).flat_map(|n| {
        let first = shuffle.at(n) * 4;
        first..first + 4
    });
    bench.read(runs);
    let (windows, _) = bench.windows();
    assert!(windows < 60, "{windows}");
}

#[test]
fn the_end_is_not_passed() {
    let mut bench = Bench::with(Fake::default());
    bench.read(RECORDS - 5..RECORDS);
    assert!(bench.fake().stored.iter().all(|&record| record < RECORDS));
    let due = bench
        .readers
        .observe(RECORDS - 1, bench.now, TOOK, &|_| None);
    assert!(due.is_none(), "{due:?}");
}

#[test]
fn all_that_fits_is_stored_for_a_random_reader_from_memory() {
    let mut bench = Bench::with(Fake::default());
    let requests = bench.read(random());
    // A 256th, as many as it takes to store all others, 64 for each, and those that are marked.
    assert!(
        requests < RECORDS / 256 + 64 + RECORDS / 64 + RECORDS / 32 + 100,
        "{requests}"
    );
    assert!(
        bench.fake().requested.is_empty(),
        "nothing had to be read from disk"
    );
}

/// A set of half of the records, all of which the kernel has.
fn half() -> (Arc<ResidentSet>, HashSet<u64>) {
    let set = ResidentSet::new(RECORDS, RECORDS * RECORD_LEN);
    let half = Share::that_fits(1, 2);
    set.set_shares(&ResidentShares {
        in_mount: half,
        in_shards: half..half,
    });
    let stay: HashSet<u64> = (0..RECORDS).filter(|&n| set.record(n).in_mount).collect();
    for &record in &stay {
        set.records().set(record);
    }
    (Arc::new(set), stay)
}

#[test]
fn a_reader_in_order_is_followed_through_what_does_not_stay() {
    let shuffle = Shuffle::new(7, RECORDS);
    let (resident, stay) = half();
    let orders: Vec<Arc<dyn Order>> = vec![
        Arc::new(ByNumber(RECORDS)),
        Arc::new(Reversed),
        Arc::new(Shuffled(shuffle)),
    ];
    let ways: [Vec<u64>; 3] = [
        (0..RECORDS).collect(),
        (0..RECORDS).rev().collect(),
        (0..RECORDS).map(|position| shuffle.at(position)).collect(),
    ];
    let fake = Fake {
        cached: stay.clone(),
        ..Fake::default()
    };
    let mut bench = Bench::of(fake, orders, resident);
    for way in ways {
        // What was read has been let go of.
        bench.fake().cached = stay.clone();
        bench.fake().stored.clear();
        let requests = bench.read(way);
        assert!(requests < 300, "{requests}");
        let stored = &bench.fake().stored;
        assert!(stored.iter().all(|record| !stay.contains(record)));
        assert!(stored.len() as u64 > RECORDS / 2 - 400, "{}", stored.len());
    }
}

#[test]
fn with_room_for_a_part_little_is_stored_ahead_at_once() {
    let (resident, stay) = half();
    resident.set_most_ahead(20 * RECORD_LEN);
    let fake = Fake {
        cached: stay,
        ..Fake::default()
    };
    let mut bench = Bench::of(fake, vec![Arc::new(ByNumber(RECORDS))], resident);
    for until in (0..RECORDS).step_by(10) {
        let before = bench.fake().stored.len();
        bench.read(until..until + 10);
        // A window, and the part of it that stays, which the marker may have to pass.
        let stored = bench.fake().stored.len() - before;
        assert!(stored <= 40, "{stored}");
    }
}

#[test]
fn what_does_not_stay_is_not_stored_for_random_readers() {
    let (resident, stay) = half();
    let fake = Fake {
        cached: stay.clone(),
        ..Fake::default()
    };
    let mut bench = Bench::of(fake, vec![Arc::new(ByNumber(RECORDS))], resident);
    let requests = bench.read(random());
    // Some follow each other by chance.
    let stored = bench.fake().stored.len() as u64;
    assert!(stored < 64, "{stored}");
    assert!(
        requests + stored >= RECORDS - stay.len() as u64,
        "{requests}"
    );
}

/// How many records in all had to be read from disk by the time that this part of all was read: the marked
/// ones tell about how many were.
fn from_disk_of(part: f64, readers: impl Iterator<Item = u64>) -> f64 {
    let mut bench = Bench::with(Fake::default());
    bench.fake().in_memory.clear();
    bench.read(readers.take((RECORDS as f64 * part) as usize));
    bench.fake().in_memory.len() as f64 / RECORDS as f64
}

#[test]
fn a_random_reader_has_at_most_three_times_what_it_reads_read_from_disk() {
    assert!(from_disk_of(0.06, random()) < 0.07, "nobody knows yet");
    for part in [0.1, 0.2, 0.3] {
        let brought = from_disk_of(part, random());
        assert!(brought < 3.0 * part + 0.05, "{part}: {brought}");
    }
    // All of it in time.
    assert!(from_disk_of(0.42, random()) > 0.99);
}

#[test]
fn a_random_reader_of_one_half_only_has_no_more_read_from_disk() {
    let half = random().filter(|&record| record >= RECORDS / 2);
    for part in [0.1, 0.2, 0.3] {
        let brought = from_disk_of(part, half.clone());
        assert!(brought < 3.0 * part + 0.05, "{part}: {brought}");
    }
}

#[test]
fn a_random_reader_of_all_finds_most_of_them_in_memory() {
    let mut bench = Bench::with(Fake::default());
    bench.fake().in_memory.clear();
    let requests = bench.read(random());
    assert!(requests < RECORDS / 4, "{requests}");
}

#[test]
fn nothing_is_stored_for_a_random_reader_where_it_does_not_fit() {
    let mut bench = Bench::with(Fake::default());
    bench.fake().room = Some(RECORDS / 2);
    let requests = bench.read(random());
    assert_eq!(requests, RECORDS);
    assert!(bench.fake().stored.is_empty());
}

#[test]
fn what_did_not_last_is_stored_again_only_after_twice_as_many_reads() {
    let mut bench = Bench::with(Fake::default());
    let first = bench.read(random());
    bench.fake().cached.clear();
    let again = bench.read(random());
    assert!(again > first + 30, "{first} {again}");
}

/// A task that stores the first `until` records for a reader.
fn task(until: u64) -> Task {
    Task {
        run: Run::of_reader(Way::Records(Arc::new(ByNumber(RECORDS)))),
        from: 0,
        until,
        most_requested: u64::MAX,
        most: u64::MAX,
        lead: 0,
        marker: Marker::At(u64::MAX),
        effort: Effort::RequestAndStore,
    }
}

#[test]
fn storing_continues_some_way_before_a_reader_that_overtakes() {
    let task = task(100);
    let mut worker = Worker::new(Fake {
        meanwhile: Some((10, Arc::clone(&task.run), 50)),
        ..Fake::default()
    });
    worker.prepare(&task).expect("stored");
    let expected: Vec<u64> = (0..10).chain(50 + LEAD_AFTER_OVERTAKING..100).collect();
    assert_eq!(worker.store.stored, expected);
}

#[test]
fn the_marker_and_what_has_been_read_are_left_out() {
    let mut task = task(100);
    task.run.reached.set(7);
    task.marker = Marker::At(50);
    let mut worker = Worker::new(Fake::default());
    worker.prepare(&task).expect("stored");
    let expected: Vec<u64> = (7..100).filter(|&record| record != 50).collect();
    assert_eq!(worker.store.stored, expected);
    assert_eq!(task.run.stored.get(), 100);
}

#[test]
fn of_a_window_that_its_reader_has_passed_nothing_is_stored() {
    let task = task(100);
    task.run.reached.set(150);
    let mut worker = Worker::new(Fake::default());
    worker.prepare(&task).expect("nothing to do");
    assert!(worker.store.stored.is_empty() && task.run.stored.get() <= 150);
}

#[test]
fn of_files_that_nobody_has_listed_none_is_stored() {
    let mut worker = Worker::new(Fake {
        known: (0..10).collect(),
        ..Fake::default()
    });
    let task = task(100);
    worker.prepare(&task).expect("stored");
    assert_eq!(worker.store.stored, Vec::from_iter(0..10));
    // They are not tried again.
    assert_eq!(task.run.stored.get(), 100);
}

#[test]
fn single_unknown_files_are_passed_over() {
    let unknown = |record: &u64| !record.is_multiple_of(u64::from(UNKNOWN_IN_A_ROW));
    let known = (0..100).filter(unknown);
    let mut worker = Worker::new(Fake {
        known: known.clone().collect(),
        ..Fake::default()
    });
    worker.prepare(&task(100)).expect("stored");
    assert_eq!(worker.store.stored, Vec::from_iter(known));
}

#[test]
fn names_that_are_being_listed_are_waited_for() {
    let run = Run::of_all(Arc::new(ByNumber(RECORDS)));
    let all = |until| Task {
        run: Arc::clone(&run),
        until,
        ..task(0)
    };
    let mut worker = Worker::new(Fake {
        known: (0..10).collect(),
        are_names_coming: true,
        ..Fake::default()
    });
    worker.prepare(&all(100)).expect("stored");
    assert_eq!(run.stored.get(), 10);
    worker.store.known.extend(10..RECORDS);
    worker.prepare(&all(100)).expect("stored");
    assert_eq!(worker.store.stored, Vec::from_iter(0..100));
}

#[test]
fn a_cut_shard_ends_a_task_and_not_the_worker() {
    let mut worker = Worker::new(Fake {
        cut: 20,
        ..Fake::default()
    });
    worker.prepare(&task(100)).expect("the mount is there");
    assert_eq!(worker.store.stored, Vec::from_iter(0..20));
    worker.store.cached.clear();
    worker.prepare(&task(5)).expect("the mount is there");
    assert_eq!(worker.store.stored.len(), 25);
}

#[test]
fn a_mount_that_is_gone_ends_the_worker() {
    let mut worker = Worker::new(Fake {
        is_gone: true,
        ..Fake::default()
    });
    assert!(worker.prepare(&task(100)).is_err());
}

#[test]
fn tasks_of_a_run_that_has_ended_do_nothing() {
    let task = task(100);
    task.run.end();
    let mut worker = Worker::new(Fake::default());
    worker.prepare(&task).expect("nothing to do");
    assert!(worker.store.stored.is_empty());
    assert!(worker.store.requested.is_empty());
}

#[test]
fn storing_from_memory_stops_where_the_disk_has_to_be_read() {
    let run = Run::of_all(Arc::new(ByNumber(RECORDS)));
    let effort = |effort, until| Task {
        run: Arc::clone(&run),
        until,
        effort,
        ..task(0)
    };
    let mut worker = Worker::new(Fake {
        in_memory: (0..10).collect(),
        ..Fake::default()
    });
    let memory = effort(Effort::StoreFromMemory, 64);
    worker.prepare(&memory).expect("stored");
    assert_eq!(worker.store.stored.len(), 18);
    assert!(run.is_cold.load(Ordering::Relaxed));
    worker.prepare(&memory).expect("nothing to do");
    assert_eq!(worker.store.stored.len(), 18);
    let disk = effort(Effort::RequestAndStore, 64);
    worker.prepare(&disk).expect("stored");
    assert_eq!(worker.store.stored, Vec::from_iter(0..64));
}
