//! Logs requests that a shard could not answer: one line for each shard and cause, and another one each
//! time that there are ten times as many. A reader that tries again and again must not fill the log.
//! Names in `views/` that are none are logged alike: the first ones each with its reason.

use crate::order::SpecError;
use crate::shard::{Location, ShardError};
use crate::sys::lock;
use std::collections::HashMap;
use std::sync::Mutex;

/// The next line comes with this many times as many failures.
const FACTOR: u64 = 10;

/// This many names in `views/` that are none have a line each.
const SHOWN_VIEWS: usize = 20;

/// Failures so far.
#[derive(Debug, Default)]
pub struct Failures {
    /// There are no more than shards and causes.
    shards: Mutex<HashMap<Location, HashMap<Cause, u64>>>,
    views: Mutex<WrongViews>,
}

/// Names in `views/` that are none.
#[derive(Debug, Default)]
struct WrongViews {
    shown: Vec<SpecError>,
    more: u64,
}

/// What different messages have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cause {
    /// By the system's number of the error.
    Io(Option<i32>),
    NotRegular,
    Damaged,
    Changed,
}

impl Cause {
    fn of(error: &ShardError) -> Cause {
        match error {
            ShardError::Io { reason, .. } => Cause::Io(reason.raw_os_error()),
            ShardError::NotRegular { .. } => Cause::NotRegular,
            ShardError::Damaged { .. } => Cause::Damaged,
            ShardError::Resized { .. } | ShardError::Changed { .. } => Cause::Changed,
        }
    }
}

impl Failures {
    /// Counts a failure, and logs it if it is worth a line.
    pub fn log(&self, error: &ShardError) {
        match self.count(error) {
            Some(1) => log::warn!("{error}"),
            Some(count) => log::warn!("{error} ({count} requests have failed like this)"),
            None => {}
        }
    }

    /// Logs why a name in `views/` is none, if it is worth a line.
    pub fn log_view(&self, error: &SpecError) {
        match lock(&self.views).count(error) {
            Some(0) => log::warn!("views/: {error}"),
            Some(more) => log::warn!("views/: {error} ({more} more names were none)"),
            None => {}
        }
    }

    /// How many there are of a kind now, if that is worth a line.
    fn count(&self, error: &ShardError) -> Option<u64> {
        let mut shards = lock(&self.shards);
        if !shards.contains_key(error.location()) {
            shards.insert(error.location().clone(), HashMap::new());
        }
        let count = shards
            .get_mut(error.location())?
            .entry(Cause::of(error))
            .or_default();
        *count = count.saturating_add(1);
        is_worth_a_line(*count).then_some(*count)
    }
}

impl WrongViews {
    /// How many were not shown, if this one is worth a line.
    fn count(&mut self, error: &SpecError) -> Option<u64> {
        if self.shown.contains(error) {
            return None;
        }
        if self.shown.len() < SHOWN_VIEWS {
            self.shown.push(error.clone());
            return Some(0);
        }
        self.more = self.more.saturating_add(1);
        is_worth_a_line(self.more).then_some(self.more)
    }
}

/// Whether the failure that makes this many of a kind is to be logged.
pub fn is_worth_a_line(count: u64) -> bool {
    let before = count.saturating_sub(1).checked_ilog(FACTOR).unwrap_or(0);
    count == 1 || count.checked_ilog(FACTOR).unwrap_or(0) > before
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn lines_become_rarer_for_each_shard_and_cause() {
        let failures = Failures::default();
        let error = |path: &str, found| ShardError::Resized {
            location: Path::new(path).into(),
            found,
            expected: 7,
        };
        let counts: Vec<u64> = (0..100_000)
            .filter_map(|found| failures.count(&error("a", found)))
            .collect();
        assert_eq!(counts, [1, 10, 100, 1000, 10_000, 100_000]);
        assert_eq!(failures.count(&error("b", 1)), Some(1));
        let io = ShardError::Io {
            location: Path::new("a").into(),
            reason: std::io::Error::from_raw_os_error(5).into(),
        };
        assert_eq!(failures.count(&io), Some(1));
        assert_eq!(failures.count(&io), None);
    }

    #[test]
    fn each_wrong_view_has_a_line_until_there_are_many() {
        let mut views = WrongViews::default();
        let error = |number: u64| SpecError::Seed(number.to_string());
        assert_eq!(views.count(&error(0)), Some(0));
        assert_eq!(views.count(&error(0)), None, "once");
        let lines: Vec<u64> = (1..2000).filter_map(|n| views.count(&error(n))).collect();
        assert_eq!(lines[..19], [0; 19]);
        assert_eq!(lines[19..], [1, 10, 100, 1000]);
        assert_eq!(views.shown.len(), SHOWN_VIEWS);
    }
}
