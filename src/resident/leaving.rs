//! What was read and is not to stay, until it can be let go of.
//!
//! Not at once: a reader that has been answered has yet to copy its bytes out of the kernel's cache, and
//! would have to ask again; and a short record shares its page of the shard with others that are read
//! next.

use crate::format::offsets::Extent;
use crate::sys::lock;
use crate::tree::Node;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long after the answer. A reader that is woken copies within microseconds; one that waits for a
/// processor longer than this asks again.
const AFTER: Duration = Duration::from_millis(5);
/// More things than these do not wait: the kernel lets go of the others when it needs their memory.
const MOST_WAITING: usize = 1 << 14;
/// The most that are let go of at once.
const BATCH: usize = 256;
/// The longest wait for something to let go of.
const LONGEST_REST: Duration = Duration::from_secs(16);
const REST: Duration = Duration::from_millis(250);

/// What is to be let go of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// These bytes of a file in the kernel's cache of the mount; all of it where the range is empty.
    pub in_mount: Option<(Node, Range<u64>)>,
    /// The pages with this part of the payload of the shard with this number.
    pub in_shard: Option<(usize, Extent)>,
}

/// Those that wait, in the order of their reads.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    pushed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Instant, Leaving)>,
    /// Whether nothing has waited lately, so that the thread sleeps until it is woken.
    rests: bool,
    has_ended: bool,
    /// How long it rests next.
    rest: Duration,
}

impl Queue {
    /// Adds one that was read just now.
    pub fn push(&self, leaving: Leaving) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        if state.waiting.len() < MOST_WAITING {
            state.waiting.push_back((now, leaving));
        }
        self.wake(&mut state);
    }

    /// Has the thread look around, if it rests.
    pub fn stir(&self) {
        self.wake(&mut lock(&self.state));
    }

    fn wake(&self, state: &mut State) {
        state.rest = REST;
        if std::mem::take(&mut state.rests) {
            self.pushed.notify_one();
        }
    }

    /// Nothing is to be let go of any more.
    pub fn end(&self) {
        let mut state = lock(&self.state);
        state.has_ended = true;
        state.waiting.clear();
        self.pushed.notify_one();
    }

    /// Waits until something can be let go of, and takes that; nothing after some time without any.
    /// `None` at the end.
    pub fn next(&self) -> Option<Vec<Leaving>> {
        let mut state = lock(&self.state);
        loop {
            if state.has_ended {
                return None;
            }
            let age = state.waiting.front().map(|(since, _)| since.elapsed());
            let Some(age) = age else { break };
            if age >= AFTER {
                return Some(state.take_due());
            }
            drop(state);
            std::thread::sleep(AFTER - age);
            state = lock(&self.state);
        }
        state.rests = true;
        let rest = state.rest.max(REST);
        state.rest = (rest * 2).min(LONGEST_REST);
        let (mut state, _) = self
            .pushed
            .wait_timeout(state, rest)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.rests = false;
        Some(state.take_due())
    }
}

impl State {
    fn take_due(&mut self) -> Vec<Leaving> {
        let due = self.waiting.iter().take(BATCH);
        let count = due
            .take_while(|(since, _)| since.elapsed() >= AFTER)
            .count();
        self.waiting
            .drain(..count)
            .map(|(_, leaving)| leaving)
            .collect()
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

    #[test]
    fn things_leave_in_turn_and_not_at_once() {
        let queue = Queue::default();
        let begin = Instant::now();
        (0..1000).for_each(|number| queue.push(record(number)));
        let mut left = Vec::new();
        while left.len() < 1000 {
            left.extend(queue.next().expect("not ended"));
        }
        assert!(begin.elapsed() >= AFTER);
        assert!(left.into_iter().eq((0..1000).map(record)));
        assert_eq!(queue.next(), Some(Vec::new()));
        queue.end();
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn no_more_wait_than_are_allowed() {
        let queue = Queue::default();
        (0..2 * MOST_WAITING as u64).for_each(|number| queue.push(record(number)));
        assert_eq!(lock(&queue.state).waiting.len(), MOST_WAITING);
    }
}
