//! Threads that wait for storage, so that those that read requests from the kernel need not.
//!
//! One is started when all are busy, up to a limit, and ends when it has had nothing to do for some
//! seconds: not at once, since starting and ending threads for each burst costs more than the burst.
//! The one that has been idle for the shortest time is taken first, so that those that are too many get
//! nothing. Where no thread can be started, those that are there answer in turn; where there are
//! none, the caller does.

#[cfg(test)]
mod tests;

use super::deferred::{MOST_WAITING, Starts};
use super::interrupt::{CHECK_INTERVAL, is_interrupted};
use crate::sys::lock;
use fuser::Errno;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A thread that has had nothing to do for this long ends.
const IDLE: Duration = Duration::from_secs(5);
/// After a thread could not be started, none is tried for this long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Something to answer.
pub trait Job: Send + 'static {
    /// Answers, which may wait for storage. A panic in it must not leave the request unanswered.
    fn answer(self);
    /// Answers with an error.
    fn refuse(self, errno: Errno);
    /// The thread that asks.
    fn pid(&self) -> u32;
}

/// The threads, and what they have to answer.
#[derive(Debug)]
pub struct Pool<J>(Arc<PoolShared<J>>);

impl<J> Clone for Pool<J> {
    fn clone(&self) -> Self {
        Pool(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct PoolShared<J> {
    limit: usize,
    idle_for: Duration,
    starts: Starts,
    state: Mutex<PoolState<J>>,
}

#[derive(Debug)]
struct PoolState<J> {
    /// Each with the time since when it waits.
    waiting: VecDeque<(J, Instant)>,
    threads: usize,
    /// Those that sleep. For each job that was pushed while there was one, one has been woken.
    idle: Vec<Thread>,
    /// When a thread could not be started.
    failed: Option<Instant>,
    /// Whether a thread looks for askers that have been interrupted.
    is_watched: bool,
    has_ended: bool,
}

impl<J: Job> Pool<J> {
    /// With up to this many threads; none yet.
    pub fn new(limit: usize) -> Pool<J> {
        Pool::with_idle_time(limit, IDLE)
    }

    fn with_idle_time(limit: usize, idle_for: Duration) -> Pool<J> {
        Pool(Arc::new(PoolShared {
            limit,
            idle_for,
            starts: Starts::default(),
            state: Mutex::new(PoolState {
                waiting: VecDeque::new(),
                threads: 0,
                idle: Vec::new(),
                failed: None,
                is_watched: false,
                has_ended: false,
            }),
        }))
    }

    /// Has a thread of the pool answer. Gives the job back where there is none, and where so many wait
    /// that the kernel had better keep those that come.
    pub fn push(&self, job: J) -> Result<(), J> {
        let mut state = self.0.lock();
        if state.has_ended {
            job.refuse(Errno::EIO);
            return Ok(());
        }
        if state.waiting.len() >= MOST_WAITING {
            return Err(job);
        }
        let idle = state.idle.pop();
        if idle.is_none() && !self.0.start_another(&mut state) {
            if state.threads == 0 {
                return Err(job);
            }
            self.0.watch(&mut state);
        }
        state.waiting.push_back((job, Instant::now()));
        drop(state);
        if let Some(thread) = idle {
            thread.unpark();
        }
        Ok(())
    }

    /// Refuses what waits, and all that would: the mount has ended.
    pub fn end(&self) {
        let mut state = self.0.lock();
        state.has_ended = true;
        let waiting = std::mem::take(&mut state.waiting);
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        for (job, _) in waiting {
            job.refuse(Errno::EIO);
        }
        idle.iter().for_each(Thread::unpark);
    }
}

impl<J: Job> PoolShared<J> {
    fn lock(&self) -> MutexGuard<'_, PoolState<J>> {
        lock(&self.state)
    }

    fn may_start(state: &PoolState<J>) -> bool {
        state
            .failed
            .is_none_or(|failed| failed.elapsed() > RETRY_AFTER)
    }

    /// Whether there is one thread more.
    fn start_another(self: &Arc<Self>, state: &mut PoolState<J>) -> bool {
        if state.threads >= self.limit || !Self::may_start(state) {
            return false;
        }
        let shared = Arc::clone(self);
        let is_started = self.starts.start_small("pool", move || shared.run());
        state.threads += usize::from(is_started);
        state.failed = (!is_started).then(Instant::now);
        is_started
    }

    /// Answers until there has been nothing to do for some time.
    fn run(&self) {
        while let Some(job) = self.next() {
            // A request whose answer panics is answered with EIO: its reply is dropped. The thread
            // counts, so it stays.
            let _ = catch_unwind(AssertUnwindSafe(|| job.answer()));
        }
    }

    /// Sleeps until there is something to do; `None` when this thread is to end, and counts no more.
    fn next(&self) -> Option<J> {
        let mut since = Instant::now();
        let mut state = self.lock();
        loop {
            if let Some((job, _)) = state.waiting.pop_front() {
                return Some(job);
            }
            let me = thread::current();
            let place = state.idle.iter().position(|other| other.id() == me.id());
            if state.has_ended || (place.is_some() && since.elapsed() >= self.idle_for) {
                place.map(|place| state.idle.remove(place));
                state.threads -= 1;
                return None;
            }
            if place.is_none() {
                since = Instant::now();
                state.idle.push(me);
            }
            drop(state);
            thread::park_timeout(self.idle_for.saturating_sub(since.elapsed()));
            state = self.lock();
        }
    }

    /// Has a thread look for askers that are interrupted while their requests wait. Where there is
    /// none, they wait for their turn.
    fn watch(self: &Arc<Self>, state: &mut PoolState<J>) {
        if state.is_watched || !Self::may_start(state) {
            return;
        }
        let shared = Arc::clone(self);
        state.is_watched = self
            .starts
            .start_small("pool-watch", move || while shared.refuse_interrupted() {});
    }

    /// Waits a moment, and refuses the jobs of programs that are to end. Returns whether others wait.
    fn refuse_interrupted(&self) -> bool {
        thread::sleep(CHECK_INTERVAL);
        let asking: Vec<u32> = {
            let state = self.lock();
            let long = |since: &Instant| since.elapsed() >= CHECK_INTERVAL;
            let jobs = state.waiting.iter().filter(|(_, since)| long(since));
            jobs.map(|(job, _)| job.pid()).collect()
        };
        let interrupted = |pid: &u32| is_interrupted(*pid) == Some(true);
        let interrupted: Vec<u32> = asking.into_iter().filter(interrupted).collect();
        let mut state = self.lock();
        let waiting = std::mem::take(&mut state.waiting);
        let (refused, left): (VecDeque<_>, VecDeque<_>) = waiting
            .into_iter()
            .partition(|(job, _)| interrupted.contains(&job.pid()));
        state.is_watched = !left.is_empty();
        state.waiting = left;
        let is_watched = state.is_watched;
        drop(state);
        for (job, _) in refused {
            job.refuse(Errno::EINTR);
        }
        is_watched
    }
}
