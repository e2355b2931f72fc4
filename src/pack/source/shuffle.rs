//! A source in shuffled order.

use super::{Content, Facts, Incoming, Locate, Sink, Skipped, Source};
use crate::order::Shuffle;
use std::ops::ControlFlow;

/// The records of a source in the order of a permutation. All of them are known by name and size
/// before the first one is given out; their contents must not be in a stream.
pub struct Shuffled {
    source: Box<dyn Source>,
    seed: u64,
}

impl Shuffled {
    pub fn new(source: Box<dyn Source>, seed: u64) -> Shuffled {
        Shuffled { source, seed }
    }
}

impl Source for Shuffled {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let mut records: Vec<Option<Incoming>> = Vec::new();
        self.source.run(&mut |record| {
            match record {
                Ok(record) if matches!(record.content, Content::Directory) => {
                    sink(Ok(record))?;
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
                Err(error) => sink(Err(error))?,
            }
            ControlFlow::Continue(())
        })?;
        let shuffle = Shuffle::new(self.seed, records.len() as u64);
        for position in 0..records.len() as u64 {
            let record = records
                .get_mut(shuffle.at(position) as usize)
                .and_then(Option::take);
            record.map_or(ControlFlow::Continue(()), |record| sink(Ok(record)))?;
        }
        ControlFlow::Continue(())
    }

    fn facts(&self) -> Facts {
        Facts {
            is_sorted: false,
            ..self.source.facts()
        }
    }

    fn skipped(&self) -> Skipped {
        self.source.skipped()
    }

    fn locate(&self) -> Locate {
        self.source.locate()
    }
}
