//! The order that a view is: operations one after the other, as a pair of functions.

use super::Order;
use super::progression::Progression;
use super::shuffle::Shuffle;
use super::spec::Operation;

/// The records of a dataset in the order that a specification gives. It takes no memory for them.
#[derive(Debug, Clone)]
pub struct View {
    records: u64,
    len: u64,
    steps: Box<[Applied]>,
}

/// One operation on an order of known length.
#[derive(Debug, Clone, Copy)]
enum Applied {
    Take(Progression),
    Permute(Shuffle),
}

impl View {
    pub(super) fn new(operations: &[Operation], records: u64) -> View {
        let mut len = records;
        let steps = operations.iter().map(|operation| {
            let step = match *operation {
                Operation::Slice(slice) => Applied::Take(slice.positions(len)),
                Operation::Split { part, parts } => {
                    let (first, step) = (u64::from(part), i64::from(parts));
                    Applied::Take(Progression::within(first, step, len.saturating_sub(first)))
                }
                Operation::Shuffle(seed) => Applied::Permute(Shuffle::new(seed, len)),
            };
            len = step.len();
            step
        });
        View {
            steps: steps.collect(),
            records,
            len,
        }
    }
}

/// Those of a step are the positions of the step before, and those of the first one are records.
impl Order for Applied {
    fn len(&self) -> u64 {
        match self {
            Applied::Take(taken) => taken.len(),
            Applied::Permute(shuffle) => shuffle.len(),
        }
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        match self {
            Applied::Take(taken) => taken.record_at(position),
            Applied::Permute(shuffle) => (position < self.len()).then(|| shuffle.at(position)),
        }
    }

    fn position_of(&self, record: u64) -> Option<u64> {
        match self {
            Applied::Take(taken) => taken.position_of(record),
            Applied::Permute(shuffle) => (record < self.len()).then(|| shuffle.position_of(record)),
        }
    }
}

impl Order for View {
    fn len(&self) -> u64 {
        self.len
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        let mut steps = self.steps.iter().rev();
        let record = steps.try_fold(position, |position, step| step.record_at(position))?;
        // Without operations, any position comes as far as here.
        (record < self.records).then_some(record)
    }

    fn position_of(&self, record: u64) -> Option<u64> {
        if record >= self.records {
            return None;
        }
        let mut steps = self.steps.iter();
        steps.try_fold(record, |position, step| step.position_of(position))
    }
}
