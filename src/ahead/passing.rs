//! Records that were stored ahead of readers and are not to stay: let go of once their reader has passed
//! them.

use super::run::Run;
use crate::resident::{Leaving, Residents};
use crate::tree::Node;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Of each run that is still followed, the positions and records.
#[derive(Debug, Default)]
pub struct Passing {
    runs: Vec<(Weak<Run>, VecDeque<(u64, u64)>)>,
}

impl Passing {
    /// Lets go of what readers have passed, and of all that was stored for readers that are not followed
    /// any more; what is pushed from now on is of this run.
    pub fn begin(&mut self, run: &Arc<Run>, residents: &Residents) {
        for (run, stored) in &mut self.runs {
            let passed = run.upgrade().map_or(u64::MAX, |run| run.reached.get());
            while let Some((_, record)) = stored.pop_front_if(|(position, _)| *position < passed) {
                residents.let_go(Leaving {
                    in_mount: Some((Node::Record(record), 0..0)),
                    in_shard: None,
                });
            }
        }
        self.runs
            .retain(|(run, stored)| run.strong_count() > 0 || !stored.is_empty());
        let is_this = |(one, _): &(Weak<Run>, _)| one.as_ptr() == Arc::as_ptr(run);
        match self.runs.iter().position(is_this) {
            // The last one.
            Some(place) => {
                let last = self.runs.len() - 1;
                self.runs.swap(place, last);
            }
            None => self.runs.push((Arc::downgrade(run), VecDeque::new())),
        }
    }

    /// A record was stored at this position.
    pub fn push(&mut self, position: u64, record: u64) {
        if let Some((_, stored)) = self.runs.last_mut() {
            stored.push_back((position, record));
        }
    }
}
