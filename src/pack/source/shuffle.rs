//! A source in shuffled order.

use super::{Content, Record, Source, Take, give};
use crate::order::Shuffle;
use crate::pack::PackError;

/// The records of a source in the order of a permutation. All of them are known by name and size
/// before the first one is given out; their contents must not be in a stream.
pub struct Shuffled {
    source: Box<dyn Source>,
    seed: u64,
}

impl Shuffled {
    /// Of `source`.
    pub fn new(source: Box<dyn Source>, seed: u64) -> Shuffled {
        Shuffled { source, seed }
    }
}

impl Source for Shuffled {
    fn inner(&self) -> Option<&dyn Source> {
        Some(&*self.source)
    }

    fn run(&mut self, take: &mut Take<'_>) {
        let mut records: Vec<Option<Record>> = Vec::new();
        let mut go_on = true;
        self.source.run(&mut |record| {
            match record {
                Ok(record) if matches!(record.content, Content::Directory) => {
                    go_on = take(Ok(record));
                }
                Ok(record) => {
                    debug_assert!(matches!(
                        record.content,
                        Content::File(_)
                            | Content::Part(..)
                            | Content::Bytes(_)
                            | Content::Open(_)
                            | Content::Member(_)
                            | Content::Failed(_)
                    ));
                    records.push(Some(record));
                }
                Err(error) => go_on = give(Err(error), take),
            }
            go_on
        });
        if !go_on {
            return;
        }
        let shuffle = Shuffle::new(self.seed, records.len() as u64);
        for position in 0..records.len() as u64 {
            let record = records
                .get_mut(shuffle.at(position) as usize)
                .and_then(Option::take);
            if record.is_some_and(|record| !take(Ok::<_, PackError>(record))) {
                return;
            }
        }
    }

    fn is_sorted(&self) -> bool {
        false
    }
}
