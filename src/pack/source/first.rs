//! The first record of each name, where the order is changed later. In the order of the sources
//! themselves the plan knows which record came first, and leaves out the others.

use super::by_name::ByName;
use super::{Content, Facts, Locate, Sink, Skipped, Source};
use std::ops::ControlFlow;

/// A source without the records whose name has come before. With `drop_empty`, empty ones do not
/// count: the plan leaves them out.
pub struct First {
    source: Box<dyn Source>,
    drop_empty: bool,
    left_out: u64,
}

impl First {
    /// Of `source`, which has no links.
    pub fn new(source: Box<dyn Source>, drop_empty: bool) -> First {
        First {
            source,
            drop_empty,
            left_out: 0,
        }
    }
}

impl Source for First {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let mut seen = ByName::default();
        let left_out = &mut self.left_out;
        let drop_empty = self.drop_empty;
        self.source.run(&mut |record| {
            if let Ok(record) = &record
                && !matches!(record.content, Content::Directory)
                && let Some(name) = &record.name
            {
                let name = name.as_bytes();
                let is_new = if drop_empty && record.size == 0 {
                    seen.get(name).is_none()
                } else {
                    seen.insert(name, ()).is_none()
                };
                if !is_new {
                    *left_out += 1;
                    return ControlFlow::Continue(());
                }
            }
            sink(record)
        })
    }

    fn facts(&self) -> Facts {
        self.source.facts()
    }

    fn skipped(&self) -> Skipped {
        self.source.skipped().plus(Skipped {
            duplicates: self.left_out,
            ..Skipped::default()
        })
    }

    fn locate(&self) -> Locate {
        self.source.locate()
    }
}
