//! What was brought into memory ahead of readers and is not to stay: let go of once its reader has
//! passed it, or is not followed any more.

use super::run::Run;
use crate::format::offsets::Extent;
use crate::resident::{Leaving, Residents};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Of each run that is still followed, positions and what was brought there.
#[derive(Debug)]
pub struct Passing {
    residents: Residents,
    runs: Vec<Brought>,
}

#[derive(Debug)]
struct Brought {
    run: Weak<Run>,
    stored: VecDeque<(u64, Leaving)>,
    /// Requested from disk: whoever reads it has it let go of, but nobody may.
    requested: VecDeque<(u64, (usize, Extent))>,
}

impl Brought {
    /// What is to leave now: what the reader has passed, and all for a reader that is not followed.
    fn leaving(&mut self) -> Vec<Leaving> {
        let run = self.run.upgrade();
        let passed = run.as_ref().map_or(u64::MAX, |run| run.passed.get());
        let count = self.stored.partition_point(|one| one.0 < passed);
        let mut leaving: Vec<_> = self.stored.drain(..count).map(|one| one.1).collect();
        let count = self.requested.partition_point(|one| one.0 < passed);
        for (_, extent) in self.requested.drain(..count) {
            if run.is_none() {
                leaving.push(Leaving {
                    in_mount: None,
                    in_shard: Some(extent),
                });
            }
        }
        leaving
    }
}

impl Passing {
    /// Nothing yet.
    pub fn new(residents: Residents) -> Passing {
        Passing {
            residents,
            runs: Vec::new(),
        }
    }

    /// Lets go of what readers have passed, and of all that was brought for readers that are not followed
    /// any more; what is pushed from now on is of this run.
    pub fn begin(&mut self, run: &Arc<Run>) {
        for leaving in self.runs.iter_mut().flat_map(Brought::leaving) {
            self.residents.let_go(leaving);
        }
        self.runs.retain(|brought| brought.run.strong_count() > 0);
        let is_this = |one: &Brought| one.run.as_ptr() == Arc::as_ptr(run);
        match self.runs.iter().position(is_this) {
            // The last one.
            Some(place) => {
                let last = self.runs.len() - 1;
                self.runs.swap(place, last);
            }
            None => self.runs.push(Brought {
                run: Arc::downgrade(run),
                stored: VecDeque::new(),
                requested: VecDeque::new(),
            }),
        }
    }

    /// This was stored at a position, after those before.
    pub fn push(&mut self, position: u64, leaving: Leaving) {
        if let Some(brought) = self.runs.last_mut() {
            brought.stored.push_back((position, leaving));
        }
    }

    /// This part of the payload of a shard was requested from disk for a position, after those before.
    pub fn push_requested(&mut self, position: u64, shard: usize, part: Extent) {
        if let Some(brought) = self.runs.last_mut() {
            brought.requested.push_back((position, (shard, part)));
        }
    }

    /// Nobody has to pass this.
    pub fn let_go(&self, leaving: Leaving) {
        self.residents.let_go(leaving);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ahead::run::Way;
    use crate::format::offsets::{EndOffsets, OffsetsOf};
    use crate::order::ByNumber;
    use crate::tree::Node;

    fn run() -> Arc<Run> {
        Run::of_reader(Way::Records(Arc::new(ByNumber(100))))
    }

    fn record(number: u64) -> Leaving {
        Leaving {
            in_mount: Some((Node::Record(number), 0..0)),
            in_shard: None,
        }
    }

    fn requested(number: u64) -> (u64, (usize, Extent)) {
        let payload = EndOffsets::new(OffsetsOf::Records, 0, 100, 1000).whole();
        (number, (0, payload.part(number * 10, 10)))
    }

    fn brought(run: &Arc<Run>) -> Brought {
        Brought {
            run: Arc::downgrade(run),
            stored: (0..10).map(|number| (number, record(number))).collect(),
            requested: (0..12).map(requested).collect(),
        }
    }

    #[test]
    fn what_a_reader_has_passed_leaves_and_only_once() {
        let run = run();
        let mut brought = brought(&run);
        assert_eq!(brought.leaving(), []);
        run.passed.set(4);
        assert_eq!(brought.leaving(), (0..4).map(record).collect::<Vec<_>>());
        assert_eq!(brought.leaving(), []);
        run.passed.set(u64::MAX);
        assert_eq!(brought.leaving(), (4..10).map(record).collect::<Vec<_>>());
        // Each read of what was requested lets go of it.
        assert!(brought.requested.is_empty());
    }

    #[test]
    fn all_that_was_brought_for_a_reader_that_is_not_followed_leaves() {
        let run = run();
        let mut brought = brought(&run);
        run.passed.set(7);
        brought.leaving();
        drop(run);
        let in_shard = (7..12).map(|number| Leaving {
            in_mount: None,
            in_shard: Some(requested(number).1),
        });
        let expected: Vec<Leaving> = (7..10).map(record).chain(in_shard).collect();
        assert_eq!(brought.leaving(), expected);
        assert_eq!(brought.leaving(), []);
    }
}
