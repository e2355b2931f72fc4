//! The first record of each name, where the order is changed later: in the sources' own order
//! whatever comes first is known as it comes, and the packing leaves out the others.

use super::{Content, Skipped, Source, Take};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// A source without the records whose name has come before. With `drop_empty`, an empty one does not
/// count, which the packing leaves out. Keeps a hash of each name, as
/// [`UniqueNames`](crate::pack::unique::UniqueNames) does.
pub struct First {
    source: Box<dyn Source>,
    drop_empty: bool,
    hasher: RandomState,
    left_out: u64,
}

impl First {
    /// Of `source`, which has no links.
    pub fn new(source: Box<dyn Source>, drop_empty: bool) -> First {
        First {
            source,
            drop_empty,
            hasher: RandomState::new(),
            left_out: 0,
        }
    }
}

impl Source for First {
    fn inner(&self) -> Option<&dyn Source> {
        Some(&*self.source)
    }

    fn run(&mut self, take: &mut Take<'_>) {
        let mut seen = HashSet::new();
        let (hasher, left_out) = (&self.hasher, &mut self.left_out);
        let drop_empty = self.drop_empty;
        self.source.run(&mut |record| {
            if let Ok(record) = &record
                && !matches!(record.content, Content::Directory)
                && let Some(name) = &record.name
            {
                let hash = hasher.hash_one(name);
                let is_new = match drop_empty && record.size == 0 {
                    true => !seen.contains(&hash),
                    false => seen.insert(hash),
                };
                if !is_new {
                    *left_out += 1;
                    return true;
                }
            }
            take(record)
        });
    }

    fn skipped(&self) -> Skipped {
        self.source.skipped().plus(Skipped {
            duplicates: self.left_out,
            ..Skipped::default()
        })
    }
}
