//! Requests whose answers take longer than an answering thread may be kept: they are put aside here
//! and answered in turn by a thread of their own, a bounded part of the work at a time.
//!
//! One more thread does the preparations that they wait for. Both are started when they are needed;
//! where that is not possible, and where too many requests wait, the answer is EAGAIN.

use super::answers::Handed;
use super::failures::{Failures, is_worth_a_line};
use super::interrupt::{CHECK_INTERVAL, is_interrupted};
use super::long::LongReads;
use super::pool::Pool;
use super::request::Unanswered;
use crate::sys::lock;
use crate::tree::{Preparation, Tree};
use fuser::Errno;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// The most requests that wait: each is a thread of a program that does nothing else meanwhile, or a
/// part of a file that is read ahead.
pub(super) const MOST_WAITING: usize = 1024;
/// A program whose signals cannot be seen waits no longer than this.
const MOST_WAIT_UNSEEN: Duration = Duration::from_secs(30);
/// Bytes of a small stack. Of any stack only what is used takes memory.
const SMALL_STACK: usize = 256 << 10;
/// A preparation that has failed is not tried again for this long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The requests that wait.
#[derive(Debug, Clone)]
pub struct Deferred(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tree: Arc<Tree>,
    failures: Arc<Failures>,
    state: Mutex<State>,
    changed: Condvar,
    long_reads: LongReads,
    pool: Pool<Handed>,
    starts: Starts,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    is_answering: bool,
    preparing: Vec<Preparation>,
    failed: Option<(Preparation, Errno, Instant)>,
    /// How often all that waited have been refused.
    refusals: u64,
    has_ended: bool,
}

#[derive(Debug)]
struct Waiting {
    unanswered: Unanswered,
    /// The thread that asks.
    pid: u32,
    since: Instant,
}

/// The next step of a request.
enum Turn {
    Answer,
    Wait,
    Refuse(Errno),
}

impl Deferred {
    /// None yet. What waits for storage does so in `pool`.
    pub fn new(tree: Arc<Tree>, failures: Arc<Failures>, pool: Pool<Handed>) -> Deferred {
        Deferred(Arc::new(Shared {
            pool,
            long_reads: LongReads::new(Arc::clone(&tree), Arc::clone(&failures)),
            starts: Starts::default(),
            tree,
            failures,
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Reads that take long.
    pub fn long_reads(&self) -> &LongReads {
        &self.0.long_reads
    }

    /// Requests that wait for storage.
    pub fn pool(&self) -> &Pool<Handed> {
        &self.0.pool
    }

    /// Puts a request of thread `pid` aside.
    pub fn push(&self, unanswered: Unanswered, pid: u32) {
        let mut state = self.0.lock();
        if state.has_ended {
            return unanswered.request.refuse(Errno::EIO);
        }
        if state.waiting.len() >= MOST_WAITING {
            return unanswered.request.refuse(Errno::EAGAIN);
        }
        state.waiting.push(Waiting {
            unanswered,
            pid,
            since: Instant::now(),
        });
        if !state.is_answering {
            let shared = Arc::clone(&self.0);
            state.is_answering = self.0.starts.start("deferred", move || shared.answer_all());
            if !state.is_answering {
                state.refuse_all(Errno::EAGAIN);
            }
        }
        self.0.changed.notify_all();
    }

    /// Refuses the requests that wait now: they keep the mount in use, and it is to be unmounted.
    pub fn refuse_waiting(&self) {
        let mut state = self.0.lock();
        state.refusals += 1;
        state.refuse_all(Errno::EIO);
        self.0.changed.notify_all();
    }

    /// Refuses the requests that wait and all that would: preparing names for them would keep a mount
    /// alive that ends with its last user.
    pub fn refuse_from_now(&self) {
        self.0.lock().has_ended = true;
        self.refuse_waiting();
    }

    /// Refuses all requests, also reads: the mount has ended.
    pub fn end(&self) {
        self.0.long_reads.end();
        self.0.pool.end();
        self.refuse_from_now();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Answers until nothing waits.
    fn answer_all(self: &Arc<Self>) {
        let _guard = OnPanic(|| {
            let mut state = self.lock();
            state.is_answering = false;
            state.refuse_all(Errno::EIO);
        });
        loop {
            let (waiting, refusals) = {
                let mut state = self.lock();
                if state.waiting.is_empty() {
                    state.is_answering = false;
                    return;
                }
                (std::mem::take(&mut state.waiting), state.refusals)
            };
            let before = waiting.len();
            let (mut left, has_moved) = self.answer_each(waiting);
            let mut state = self.lock();
            if state.refusals != refusals {
                left.drain(..)
                    .for_each(|waiting| waiting.refuse(Errno::EIO));
            }
            // Behind the requests that have come meanwhile.
            state.waiting.extend(left);
            if !has_moved && state.waiting.len() == before {
                drop(self.changed.wait_timeout(state, CHECK_INTERVAL));
            }
        }
    }

    /// Gives each request a turn. Returns the requests that are left, and whether any made progress.
    fn answer_each(self: &Arc<Self>, waiting: Vec<Waiting>) -> (Vec<Waiting>, bool) {
        let (mut left, mut has_moved) = (Vec::new(), false);
        for mut waiting in waiting {
            match self.turn(&waiting) {
                Turn::Wait => left.push(waiting),
                Turn::Refuse(errno) => waiting.refuse(errno),
                Turn::Answer => {
                    has_moved = true;
                    let request = waiting.unanswered.request;
                    if let Err(unanswered) = request.answer(&self.tree, &self.failures, &|_| {}) {
                        waiting.unanswered = unanswered;
                        left.push(waiting);
                    }
                }
            }
        }
        (left, has_moved)
    }

    fn turn(self: &Arc<Self>, waiting: &Waiting) -> Turn {
        match is_interrupted(waiting.pid) {
            Some(true) => return Turn::Refuse(Errno::EINTR),
            None if waiting.since.elapsed() > MOST_WAIT_UNSEEN => {
                return Turn::Refuse(Errno::EAGAIN);
            }
            Some(false) | None => {}
        }
        let Some(what) = waiting.unanswered.waits_for else {
            return Turn::Answer;
        };
        if self.tree.is_prepared(what) {
            return Turn::Answer;
        }
        let mut state = self.lock();
        if let Some((failed, errno, since)) = state.failed
            && failed == what
            && since.elapsed() < RETRY_AFTER
        {
            return Turn::Refuse(errno);
        }
        if !state.preparing.contains(&what) {
            let shared = Arc::clone(self);
            if !self.starts.start("prepare", move || shared.prepare(what)) {
                return Turn::Refuse(Errno::EAGAIN);
            }
            state.preparing.push(what);
        }
        Turn::Wait
    }

    fn prepare(self: &Arc<Self>, what: Preparation) {
        let _guard = OnPanic(|| {
            let mut state = self.lock();
            state.preparing.retain(|other| *other != what);
            state.failed = Some((what, Errno::EIO, Instant::now()));
        });
        let begin = Instant::now();
        let prepared = self.tree.prepare(what);
        log::debug!("{what:?} prepared in {:?}", begin.elapsed());
        let failed = prepared
            .err()
            .map(|error| super::log_and_errno(&error, &self.failures));
        let mut state = self.lock();
        state.preparing.retain(|other| *other != what);
        state.failed = failed.map(|errno| (what, errno, Instant::now()));
        self.changed.notify_all();
    }
}

impl State {
    fn refuse_all(&mut self, errno: Errno) {
        self.waiting
            .drain(..)
            .for_each(|waiting| waiting.refuse(errno));
    }
}

impl Waiting {
    fn refuse(self, errno: Errno) {
        self.unanswered.request.refuse(errno);
    }
}

/// Starts threads that end by themselves, and logs how often that was not possible.
#[derive(Debug, Default)]
pub(super) struct Starts {
    failed: AtomicU64,
}

impl Starts {
    /// Whether it was possible.
    pub(super) fn start(&self, name: &str, run: impl FnOnce() + Send + 'static) -> bool {
        self.spawn(thread::Builder::new().name(name.to_owned()), run)
    }

    /// The same with a small stack, as there may be many.
    pub(super) fn start_small(&self, name: &str, run: impl FnOnce() + Send + 'static) -> bool {
        let thread = thread::Builder::new().name(name.to_owned());
        self.spawn(thread.stack_size(SMALL_STACK), run)
    }

    fn spawn(&self, thread: thread::Builder, run: impl FnOnce() + Send + 'static) -> bool {
        let Err(error) = thread.spawn(run) else {
            return true;
        };
        let times = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
        if is_worth_a_line(times) {
            log::warn!("no thread can be started for what takes long: {error} ({times} times)");
        }
        false
    }
}

/// Lets no request wait for a thread that has panicked.
pub(super) struct OnPanic<F: Fn()>(pub(super) F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}
