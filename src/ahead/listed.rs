//! Names of an order that have been listed ahead of its readers.

use super::budget::{LISTING_BEGINS, NAMES_AT_ONCE, PACE_OF};
use super::ranges::Ranges;
use super::recent::Recent;
use crate::tree::OrderId;
use std::time::{Duration, Instant};

/// What has been listed of an order.
#[derive(Debug)]
pub struct Listed {
    pub order: OrderId,
    pub names: Ranges,
    /// How many are listed next.
    pub len: u64,
    /// How many of them were looked up all the same.
    pub missing: u32,
    /// When a name was looked up last, and the time between two, in the mean.
    last: Option<Instant>,
    pace: Option<Duration>,
}

impl Listed {
    /// That of an order, among those that were used last.
    pub fn of(lists: &mut Recent<Listed>, order: OrderId) -> &mut Listed {
        let is_of = |one: &Listed| (one.order == order).then_some(());
        lists.find_or_add(is_of, || Listed {
            order,
            names: Ranges::default(),
            len: *NAMES_AT_ONCE.start(),
            missing: 0,
            last: None,
            pace: None,
        })
    }

    /// How many names will be looked up until a process lists them, as one is looked up now.
    pub fn looked_up_until_listed(&mut self, now: Instant) -> u64 {
        if let Some(last) = self.last.replace(now) {
            let took = now.saturating_duration_since(last).min(LISTING_BEGINS);
            let pace = self.pace.unwrap_or(took);
            self.pace = Some(pace - pace / PACE_OF + took / PACE_OF);
        }
        let pace = self.pace.unwrap_or(LISTING_BEGINS).as_micros().max(1);
        let names = LISTING_BEGINS.as_micros() / pace;
        u64::try_from(names).unwrap_or(1).max(1)
    }
}
