//! Several sources, one after the other.

use super::{Locate, Skipped, Source, Take};

/// Runs each of its sources in turn.
pub struct Chain(pub Vec<Box<dyn Source>>);

impl Source for Chain {
    fn run(&mut self, take: &mut Take<'_>) {
        let mut go_on = true;
        for source in &mut self.0 {
            source.run(&mut |record| {
                let fatal = record
                    .as_ref()
                    .is_err_and(|error| !error.concerns_one_record());
                go_on = take(record) && !fatal;
                go_on
            });
            if !go_on {
                return;
            }
        }
    }

    fn skipped(&self) -> Skipped {
        self.0.iter().fold(Skipped::default(), |sum, source| {
            let skipped = source.skipped();
            Skipped {
                special: sum.special + skipped.special,
                links: sum.links + skipped.links,
            }
        })
    }

    fn is_sorted(&self) -> bool {
        self.0.len() == 1 && self.0.iter().all(|source| source.is_sorted())
    }

    fn has_links(&self) -> bool {
        self.0.iter().any(|source| source.has_links())
    }

    fn is_stream(&self) -> bool {
        self.0.iter().any(|source| source.is_stream())
    }

    fn locate(&self) -> Locate {
        match &self.0[..] {
            [only] => only.locate(),
            _ => Box::new(|_, _| "an earlier record of the sources".to_owned()),
        }
    }
}
