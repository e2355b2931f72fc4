//! Which archive or shard each record of a run has come from, for messages: a name that is met
//! twice is to be found in both places.

use super::source::Origin;
use std::path::Path;
use std::sync::Arc;

/// This many changes from one input to another are remembered: enough for any number of archives on
/// a command line, while records of shards in shuffled order change with each.
const MOST_CHANGES: usize = 1 << 17;

/// The origins of a run's records.
#[derive(Debug, Default)]
pub struct Origins {
    /// The number of the first record from each, ascending, and `None` where it is a file.
    first: Vec<(u64, Option<Arc<Path>>)>,
}

impl Origins {
    /// Record `number`, larger than those before, is this one.
    pub fn add(&mut self, number: u64, origin: &Origin) {
        let input = match origin {
            Origin::Entry(input, _) | Origin::Number(input, _) => Some(input),
            Origin::File(_) => None,
        };
        let is_same = |(_, last): &(u64, Option<Arc<Path>>)| last.as_ref() == input;
        if !self.first.last().is_some_and(is_same) && self.first.len() < MOST_CHANGES {
            self.first.push((number, input.cloned()));
        }
    }

    /// The archive or shard that a record has come from, if it was one and is remembered.
    pub fn of(&self, number: u64) -> Option<&Path> {
        let after = self.first.partition_point(|&(first, _)| first <= number);
        let (_, input) = self.first.get(after.checked_sub(1)?)?;
        if after == MOST_CHANGES {
            None
        } else {
            input.as_deref()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_is_found_in_its_input() {
        let mut origins = Origins::default();
        let entry = |archive: &str| Origin::Entry(Path::new(archive).into(), String::new());
        for (number, origin) in [
            (3, entry("a")),
            (4, entry("a")),
            (5, Origin::File("f".into())),
            (7, entry("b")),
        ] {
            origins.add(number, &origin);
        }
        let found: Vec<_> = (2..9).map(|number| origins.of(number)).collect();
        let [a, b] = ["a", "b"].map(|input| Some(Path::new(input)));
        assert_eq!(found, [None, a, a, None, None, b, b]);
    }
}
