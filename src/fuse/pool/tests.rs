//! The pool with jobs that end when they are told to.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

const LONG: Duration = Duration::from_secs(20);

/// What jobs report: the errno they are refused with, or none.
type Ends = Sender<Option<i32>>;

/// Waits until its gate is dropped.
struct Gated {
    gate: Arc<Mutex<Receiver<()>>>,
    running: Arc<AtomicUsize>,
    ends: Ends,
}

impl Job for Gated {
    fn answer(self) {
        self.running.fetch_add(1, Ordering::SeqCst);
        // Many wait at once: only one has the receiver.
        while lock(&self.gate).try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            thread::sleep(Duration::from_millis(1));
        }
        let _ = self.ends.send(None);
    }

    fn refuse(self, errno: Errno) {
        let _ = self.ends.send(Some(errno.code()));
    }

    fn pid(&self) -> u32 {
        0
    }
}

struct Gate {
    gate: Sender<()>,
    closed: Arc<Mutex<Receiver<()>>>,
    running: Arc<AtomicUsize>,
    ends: (Ends, Receiver<Option<i32>>),
}

impl Gate {
    fn new() -> Gate {
        let (gate, closed) = channel();
        Gate {
            gate,
            closed: Arc::new(Mutex::new(closed)),
            running: Arc::default(),
            ends: channel(),
        }
    }

    fn job(&self) -> Gated {
        Gated {
            gate: Arc::clone(&self.closed),
            running: Arc::clone(&self.running),
            ends: self.ends.0.clone(),
        }
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Opens the gate, and returns how each of these many jobs ended.
    fn open(self, jobs: usize) -> Vec<Option<i32>> {
        drop(self.gate);
        let end = |_| self.ends.1.recv_timeout(LONG).expect("it ends");
        (0..jobs).map(end).collect()
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn push<J: Job>(pool: &Pool<J>, job: J) {
    assert!(pool.push(job).is_ok());
}

#[test]
fn as_many_jobs_are_answered_at_once_as_the_limit_allows_and_the_rest_after_them() {
    for (limit, jobs) in [(1, 5), (8, 5), (8, 30)] {
        let (pool, gate) = (Pool::new(limit), Gate::new());
        (0..jobs).for_each(|_| push(&pool, gate.job()));
        let most = limit.min(jobs);
        wait_until("all threads are busy", || gate.running() == most);
        assert_eq!(pool.0.lock().threads, most);
        assert_eq!(pool.0.lock().waiting.len(), jobs - most);
        assert_eq!(gate.open(jobs), vec![None; jobs]);
    }
}

#[test]
fn threads_are_used_again_and_end_when_they_have_nothing_to_do() {
    let pool = Pool::with_idle_time(8, Duration::from_millis(300));
    let gate = Gate::new();
    (0..8).for_each(|_| push(&pool, gate.job()));
    gate.open(8);
    wait_until("all are idle", || pool.0.lock().idle.len() == 8);
    let gate = Gate::new();
    push(&pool, gate.job());
    assert_eq!(pool.0.lock().idle.len(), 7);
    gate.open(1);
    wait_until("all have ended", || pool.0.lock().threads == 0);
    assert!(pool.0.lock().idle.is_empty());
    let gate = Gate::new();
    push(&pool, gate.job());
    assert_eq!(gate.open(1), [None]);
}

#[test]
fn what_waits_is_refused_at_the_end_and_what_comes_later_too() {
    let (pool, gate) = (Pool::new(2), Gate::new());
    (0..5).for_each(|_| push(&pool, gate.job()));
    wait_until("all threads are busy", || gate.running() == 2);
    pool.end();
    push(&pool, gate.job());
    let ends = gate.open(6);
    let refused = Some(Errno::EIO.code());
    assert_eq!(ends.iter().filter(|end| **end == refused).count(), 4);
    wait_until("the threads end", || pool.0.lock().threads == 0);
}

#[test]
fn the_caller_answers_where_there_is_no_thread_or_too_much_waits() {
    let gate = Gate::new();
    assert!(Pool::new(0).push(gate.job()).is_err());
    let pool = Pool::new(1);
    push(&pool, gate.job());
    wait_until("the thread is busy", || gate.running() == 1);
    (0..MOST_WAITING).for_each(|_| push(&pool, gate.job()));
    assert!(pool.push(gate.job()).is_err());
    gate.open(1 + MOST_WAITING);
}

/// Ends when it is dropped, as a reply does.
struct Panics(Ends);

impl Drop for Panics {
    fn drop(&mut self) {
        let _ = self.0.send(Some(0));
    }
}

impl Job for Panics {
    fn answer(self) {
        panic!("a test of panics");
    }

    fn refuse(self, _: Errno) {}

    fn pid(&self) -> u32 {
        0
    }
}

#[test]
fn a_panic_costs_no_thread_and_no_other_job() {
    let pool = Pool::new(1);
    let (ends, ended) = channel();
    (0..3).for_each(|_| push(&pool, Panics(ends.clone())));
    for _ in 0..3 {
        assert_eq!(ended.recv_timeout(LONG), Ok(Some(0)));
    }
    wait_until("the thread is idle", || pool.0.lock().idle.len() == 1);
}
