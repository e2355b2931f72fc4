//! Records that were found out where they lie when they were requested from disk, and are stored next.

use super::run::Run;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Weak};

/// Of each run that is still followed, positions whose records were located.
#[derive(Debug)]
pub struct LocatedAhead<R> {
    runs: Vec<OfRun<R>>,
}

impl<R> Default for LocatedAhead<R> {
    fn default() -> Self {
        LocatedAhead { runs: Vec::new() }
    }
}

#[derive(Debug)]
struct OfRun<R> {
    run: Weak<Run>,
    /// All records there that can be read are among `records`.
    positions: Range<u64>,
    records: VecDeque<(u64, R)>,
}

impl<R> LocatedAhead<R> {
    /// Keeps records, in order: all that there are at these positions.
    pub fn keep(&mut self, run: &Arc<Run>, positions: Range<u64>, records: Vec<(u64, R)>) {
        self.runs.retain(|of| of.run.strong_count() > 0);
        match self.of(run) {
            Some(of) if of.positions.end == positions.start => {
                of.positions.end = positions.end;
                of.records.extend(records);
            }
            Some(of) => {
                of.positions = positions;
                of.records = records.into();
            }
            None => self.runs.push(OfRun {
                run: Arc::downgrade(run),
                positions,
                records: records.into(),
            }),
        }
    }

    /// The first of these positions that are known, as a range, and the records there; what lies before is
    /// forgotten.
    pub fn take(&mut self, run: &Arc<Run>, positions: &Range<u64>) -> (Range<u64>, Vec<(u64, R)>) {
        let Some(of) = self.of(run) else {
            return (positions.end..positions.end, Vec::new());
        };
        let start = of.positions.start.max(positions.start).min(positions.end);
        let end = of.positions.end.min(positions.end).max(start);
        of.positions.start = of.positions.start.max(end);
        let before = of.records.partition_point(|one| one.0 < start);
        of.records.drain(..before);
        let count = of.records.partition_point(|one| one.0 < end);
        (start..end, of.records.drain(..count).collect())
    }

    fn of(&mut self, run: &Arc<Run>) -> Option<&mut OfRun<R>> {
        let mut runs = self.runs.iter_mut();
        runs.find(|of| of.run.as_ptr() == Arc::as_ptr(run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ahead::run::Way;
    use crate::order::ByNumber;

    fn run() -> Arc<Run> {
        Run::of_reader(Way::Records(Arc::new(ByNumber(100))))
    }

    /// Every second one can be read.
    fn records(positions: Range<u64>) -> Vec<(u64, ())> {
        let even = positions.filter(|position| position % 2 == 0);
        even.map(|position| (position, ())).collect()
    }

    #[test]
    fn what_was_kept_is_taken_once_and_the_rest_is_told() {
        let (one, other) = (run(), run());
        let mut located = LocatedAhead::default();
        located.keep(&one, 10..20, records(10..20));
        located.keep(&other, 0..5, records(0..5));
        located.keep(&one, 20..30, records(20..30));
        assert_eq!(located.take(&one, &(5..15)), (10..15, records(10..15)));
        assert_eq!(located.take(&one, &(12..18)), (15..18, records(15..18)));
        // What was passed over is forgotten.
        assert_eq!(located.take(&one, &(25..40)), (25..30, records(25..30)));
        assert_eq!(located.take(&one, &(40..50)).1, []);
        assert_eq!(located.take(&other, &(0..5)), (0..5, records(0..5)));
        located.keep(&one, 60..70, records(60..70));
        assert_eq!(located.take(&one, &(0..10)), (10..10, vec![]));
        assert_eq!(located.take(&one, &(60..62)), (60..62, records(60..62)));
        drop(one);
        located.keep(&other, 5..6, records(5..6));
        assert_eq!(located.runs.len(), 1);
    }
}
