//! What was stored ahead of readers and is not to stay: let go of once its reader has passed it.

use super::run::Run;
use crate::resident::{Leaving, Residents};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Of each run that is still followed, what was stored for it.
#[derive(Debug)]
pub struct Passing {
    residents: Residents,
    runs: Vec<(Weak<Run>, Stored)>,
}

/// With its positions.
type Stored = VecDeque<(u64, Leaving)>;

impl Passing {
    /// Nothing yet.
    pub fn new(residents: Residents) -> Passing {
        Passing {
            residents,
            runs: Vec::new(),
        }
    }

    /// Lets go of what readers have passed, and of all that was stored for readers that are not followed
    /// any more; what is pushed from now on is of this run.
    pub fn begin(&mut self, run: &Arc<Run>) {
        for (run, stored) in &mut self.runs {
            let passed = run.upgrade().map_or(u64::MAX, |run| run.reached.get());
            let count = stored.partition_point(|(position, _)| *position < passed);
            for (_, leaving) in stored.drain(..count) {
                self.residents.let_go(leaving);
            }
        }
        self.runs.retain(|(run, _)| run.strong_count() > 0);
        let mut runs = self.runs.iter();
        match runs.position(|(one, _)| one.as_ptr() == Arc::as_ptr(run)) {
            // The last one.
            Some(place) => {
                let last = self.runs.len() - 1;
                self.runs.swap(place, last);
            }
            None => self.runs.push((Arc::downgrade(run), VecDeque::new())),
        }
    }

    /// This was stored at a position, after those before.
    pub fn push(&mut self, position: u64, leaving: Leaving) {
        if let Some((_, stored)) = self.runs.last_mut() {
            stored.push_back((position, leaving));
        }
    }

    /// Nobody has to pass this.
    pub fn let_go(&self, leaving: Leaving) {
        self.residents.let_go(leaving);
    }
}
