//! Who answers a request: the thread that has read it from the kernel, or one of the pool.
//!
//! A thread that answers may wait for storage as long as another one sleeps for requests: nobody waits
//! for it but its own asker. The last one must not, or requests for what is in memory would wait with
//! it. So while storage is slow it gives away what has to wait.
//!
//! While storage is fast it keeps that, too: finding out whether a record is in memory takes up to 2.5 µs, and
//! giving a request away wakes a thread. With everything given away that may wait, eight readers of records
//! in memory were 0.8 times as fast.

use crate::kernel_cache::answering::Answering;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Storage is slow when answers take longer in the mean. Most from memory take a tenth.
const SLOW: Duration = Duration::from_micros(200);
/// No answer counts for more: on a machine with more to do than processors, one now and then waits some
/// milliseconds for one, which is not to make the mean of 16 answers slow by itself. It takes two.
const MOST_COUNTED: Duration = Duration::from_millis(2);

/// The threads that read requests, and how long answers take.
#[derive(Debug)]
pub struct Turns {
    threads: usize,
    busy: AtomicUsize,
    answering: Answering,
}

/// A request that is being answered by the thread that has read it.
#[derive(Debug)]
pub struct Turn<'a> {
    turns: &'a Turns,
    is_last: bool,
}

impl Turns {
    /// For this many threads.
    pub fn new(threads: usize) -> Turns {
        Turns {
            threads,
            busy: AtomicUsize::new(0),
            answering: Answering::default(),
        }
    }

    /// Begins with a request, which lasts until the turn is dropped.
    pub fn begin(&self) -> Turn<'_> {
        let is_last = self.busy.fetch_add(1, Ordering::Relaxed) + 1 >= self.threads;
        Turn {
            turns: self,
            is_last,
        }
    }

    /// Takes note of an answer that took so long, whoever gave it.
    pub fn took(&self, took: Duration) {
        self.answering.observe(took.min(MOST_COUNTED));
    }
}

impl Turn<'_> {
    /// Whether nobody would be left to read requests if this one waited for storage, and it may for
    /// long.
    pub fn may_hold_up(&self) -> bool {
        self.is_last && self.turns.answering.mean() > SLOW
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_thread_may_hold_up_others_and_only_while_answers_take_long() {
        let turns = Turns::new(2);
        let first = turns.begin();
        assert!(!turns.begin().may_hold_up());
        (0..4).for_each(|_| turns.took(Duration::from_millis(3)));
        assert!(!first.may_hold_up());
        let second = turns.begin();
        assert!(second.may_hold_up());
        drop(first);
        drop(second);
        assert!(!turns.begin().may_hold_up());
    }
}
