//! What was read and is not to stay, until it can be let go of.
//!
//! Not at once: a reader that has been answered has yet to copy its bytes out of the kernel's cache, perhaps
//! piece by piece while it decodes them, and would have to ask again; and a short record shares its page
//! of the shard with others that are read next. So what was read last waits, as much as there is room for.

use crate::format::offsets::Extent;
use crate::sys::lock;
use crate::tree::Node;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it waits at least. A reader that is woken copies within microseconds; one that waits for a
/// processor longer than this asks again.
const AFTER: Duration = Duration::from_millis(5);
/// And at most, however much room there is.
const AT_MOST: Duration = Duration::from_secs(2);
/// What is due waits this much longer, so that several leave together: handing each to a process by itself
/// costs more than letting go of it.
const TOGETHER: Duration = Duration::from_millis(2);
/// More things than these do not wait: the kernel lets go of the others when it needs their memory.
const MOST_WAITING: usize = 1 << 14;
/// The most that are let go of at once.
const BATCH: usize = 256;
/// How long the thread sleeps, and how long when nothing has been read for some time.
const REST: Duration = Duration::from_millis(250);
const LONGEST_REST: Duration = Duration::from_secs(16);

/// These bytes of a file in the kernel's cache of the mount; all of it where the range is empty.
pub type Part = (Node, Range<u64>);

/// What is to be let go of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// In the kernel's cache of the mount.
    pub in_mount: Option<Part>,
    /// The pages with this part of the payload of the shard with this number.
    pub in_shard: Option<(usize, Extent)>,
}

/// Those that wait.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    pushed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of their reads, each with its bytes.
    read: VecDeque<(Instant, u64, Leaving)>,
    /// The bytes of all of them, and how many may wait.
    bytes: u64,
    most_bytes: u64,
    /// What its reader has passed.
    passed: VecDeque<(Instant, Leaving)>,
    /// Pages that could not be taken without the attributes.
    in_use: Vec<Part>,
    /// Whether the thread sleeps until it is woken.
    rests: bool,
    has_ended: bool,
    /// How long it rests next.
    rest: Duration,
}

impl Queue {
    /// Adds one that was read just now, of this many bytes.
    pub fn push(&self, leaving: Leaving, len: u64) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        if state.read.len() < MOST_WAITING {
            state.read.push_back((now, len, leaving));
            state.bytes += len;
        }
        if state.bytes > state.most_bytes {
            self.wake(&mut state);
        }
    }

    /// Adds one that its reader is done with.
    pub fn push_passed(&self, leaving: Leaving) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        if state.passed.len() < MOST_WAITING {
            state.passed.push_back((now, leaving));
        }
        self.wake(&mut state);
    }

    /// So many bytes may wait from now on.
    pub fn set_most_bytes(&self, bytes: u64) {
        lock(&self.state).most_bytes = bytes;
    }

    /// Adds one that was in use when it was to leave. It is taken when the thread next looks.
    pub fn push_in_use(&self, part: Part) {
        let mut state = lock(&self.state);
        if state.in_use.len() < MOST_WAITING {
            state.in_use.push(part);
        }
        self.wake(&mut state);
    }

    /// Takes those that were in use.
    pub fn take_in_use(&self) -> Vec<Part> {
        std::mem::take(&mut lock(&self.state).in_use)
    }

    /// Has the thread look around, if it rests.
    pub fn stir(&self) {
        self.wake(&mut lock(&self.state));
    }

    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.rests) {
            self.pushed.notify_one();
        }
    }

    /// Nothing is to be let go of any more.
    pub fn end(&self) {
        let mut state = lock(&self.state);
        state.has_ended = true;
        state.read.clear();
        state.passed.clear();
        self.pushed.notify_one();
    }

    /// Waits until something can be let go of, and takes that; nothing after some time without any.
    /// `None` at the end.
    pub fn next(&self) -> Option<Vec<Leaving>> {
        let mut state = lock(&self.state);
        let due = state.take_due();
        if state.has_ended || !due.is_empty() {
            return (!state.has_ended).then_some(due);
        }
        let rest = if state.read.is_empty() && state.passed.is_empty() {
            let rest = state.rest.max(REST);
            state.rest = (rest * 2).min(LONGEST_REST);
            rest
        } else {
            state.rest = REST;
            state.until_due()
        };
        state = self.sleep(state, rest);
        (!state.has_ended).then(|| state.take_due())
    }

    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        rest: Duration,
    ) -> MutexGuard<'a, State> {
        state.rests = rest > AFTER;
        let slept = self.pushed.wait_timeout(state, rest);
        let (mut state, _) = slept.unwrap_or_else(PoisonError::into_inner);
        state.rests = false;
        state
    }
}

impl State {
    /// How long what has been read longest ago has to wait.
    fn after(&self) -> Duration {
        if self.bytes > self.most_bytes {
            AFTER
        } else {
            AT_MOST
        }
    }

    fn until_due(&self) -> Duration {
        let passed = self
            .passed
            .front()
            .map(|one| AFTER.saturating_sub(one.0.elapsed()));
        let read = self
            .read
            .front()
            .map(|one| self.after().saturating_sub(one.0.elapsed()));
        let next = passed.into_iter().chain(read).min();
        next.map_or(REST, |next| (next + TOGETHER).min(REST))
    }

    fn take_due(&mut self) -> Vec<Leaving> {
        let mut due = Vec::new();
        while due.len() < BATCH
            && let Some((since, _)) = self.passed.front()
            && since.elapsed() >= AFTER
        {
            due.extend(self.passed.pop_front().map(|(_, leaving)| leaving));
        }
        while due.len() < BATCH
            && let Some((since, len, _)) = self.read.front()
            && since.elapsed() >= self.after()
        {
            self.bytes = self.bytes.saturating_sub(*len);
            due.extend(self.read.pop_front().map(|(_, _, leaving)| leaving));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> Leaving {
        Leaving {
            in_mount: Some((Node::Record(number), 0..0)),
            in_shard: None,
        }
    }

    fn take(queue: &Queue, count: usize) -> Vec<Leaving> {
        let mut left = Vec::new();
        while left.len() < count {
            left.extend(queue.next().expect("not ended"));
        }
        left
    }

    #[test]
    fn things_leave_in_turn_and_not_at_once() {
        let queue = Queue::default();
        let begin = Instant::now();
        (0..1000).for_each(|number| queue.push(record(number), 1));
        let left = take(&queue, 1000);
        assert!(begin.elapsed() >= AFTER);
        assert!(left.into_iter().eq((0..1000).map(record)));
        assert_eq!(queue.next(), Some(Vec::new()));
        queue.end();
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn what_was_read_last_waits_as_far_as_there_is_room_and_what_was_passed_does_not() {
        let queue = Queue::default();
        queue.set_most_bytes(10);
        let begin = Instant::now();
        (0..15).for_each(|number| queue.push(record(number), 1));
        queue.push_passed(record(99));
        let left = take(&queue, 6);
        assert_eq!(left[0], record(99));
        assert!(left[1..].iter().cloned().eq((0..5).map(record)));
        let left = take(&queue, 10);
        assert!(left.into_iter().eq((5..15).map(record)));
        assert!(begin.elapsed() >= AT_MOST);
    }

    #[test]
    fn no_more_wait_than_are_allowed() {
        let queue = Queue::default();
        (0..2 * MOST_WAITING as u64).for_each(|number| queue.push(record(number), 1));
        (0..2 * MOST_WAITING as u64).for_each(|number| queue.push_passed(record(number)));
        let state = lock(&queue.state);
        assert_eq!([state.read.len(), state.passed.len()], [MOST_WAITING; 2]);
    }
}
