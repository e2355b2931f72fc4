//! One reader of an order: where it is, and what has been prepared for it.

use super::budget::MOST_PASSED;
use super::ranges::Ranges;
use super::run::{Effort, Marker, Run, Task, Way};
use crate::dataset::resident::ResidentSet;
use crate::order::Order;
use std::ops::Range;
use std::sync::Arc;

/// The first position from this one on whose record the kernel is not known to have, and that record.
pub fn next_missing(order: &dyn Order, resident: &ResidentSet, from: u64) -> Option<(u64, u64)> {
    let mut positions = (from..from.saturating_add(MOST_PASSED))
        .map_while(|position| Some((position, order.record_at(position)?)));
    positions.find(|&(_, record)| !resident.has_record(record))
}

/// A suspected sequential reader.
#[derive(Debug)]
pub struct Reader {
    /// From its first window on.
    pub run: Option<Arc<Run>>,
    /// Where it began.
    first: u64,
    /// The position that was read last, the next one, and the record there.
    pub last: Option<u64>,
    pub next: u64,
    expected: Option<u64>,
    pub hits: u32,
    /// How many of them the kernel did not have.
    pub missed: u32,
    /// What was prepared for it last, and before that: it may still be reading both.
    pub window: Range<u64>,
    pub before: Range<u64>,
    /// The position that was left out of the window, and the record there.
    pub marker: Option<(u64, u64)>,
    /// How many records the next window has.
    pub len: u64,
}

impl Reader {
    /// That has read the record at a position, or is expected to begin, finds this position and record missing
    /// next, and has so many prepared first.
    pub fn new(last: Option<u64>, missing: Option<(u64, u64)>, len: u64) -> Reader {
        let following = last.map_or(0, |last| last + 1);
        let next = missing.map_or(following, |(next, _)| next);
        Reader {
            run: None,
            first: last.unwrap_or(next),
            last,
            next,
            expected: missing.map(|(_, record)| record),
            hits: 0,
            missed: 0,
            window: next..next,
            before: next..next,
            marker: None,
            len,
        }
    }

    /// The position of a record that this reader may read now, and whether the next window is due.
    /// `known` is where the order says that the record is, if that takes no search.
    pub fn place(&self, order: &dyn Order, record: u64, known: Option<u64>) -> Option<(u64, bool)> {
        let is_next = self.expected == Some(record);
        let Some((marker, marked)) = self.marker else {
            let is_near = |&position: &u64| {
                self.last
                    .is_some_and(|last| position == last || position == last + 1)
            };
            let position = if is_next {
                Some(self.next)
            } else {
                known.filter(is_near)
            };
            return position.map(|position| (position, false));
        };
        if record == marked {
            return Some((marker, true));
        }
        // Also what was not stored in time, and what others read that are near.
        let within = match known {
            Some(position) => [&self.window, &self.before]
                .iter()
                .any(|window| window.contains(&position))
                .then_some(position),
            None => order
                .position_within(record, self.window.clone())
                .or_else(|| order.position_within(record, self.before.clone())),
        };
        let position = within.or(is_next.then_some(self.next))?;
        Some((position, position >= marker))
    }

    pub fn move_to(&mut self, order: &dyn Order, position: u64, resident: &ResidentSet) {
        let missing = next_missing(order, resident, position + 1);
        self.last = Some(position);
        self.next = missing.map_or(position + 1, |(next, _)| next);
        self.expected = missing.map(|(_, record)| record);
        self.hits += 1;
        if let Some(run) = &self.run {
            run.reached.set(position + 1);
        }
    }

    /// The next window, if there are records left that nobody has prepared.
    pub fn next_window(
        &mut self,
        order: &Arc<dyn Order>,
        prepared: &mut Ranges,
        resident: &ResidentSet,
        is_shared: bool,
    ) -> Next {
        let from = match self.marker {
            Some(_) => self.window.end.max(self.next),
            None => {
                // What it has read by itself is not prepared for another one.
                prepared.add(self.first..self.next);
                self.next
            }
        };
        let from = prepared.free_from(from);
        if order.record_at(from).is_none() {
            self.before = self.window.clone();
            return Next::End;
        }
        let Some(first) = next_missing(&**order, resident, from) else {
            return Next::Nothing;
        };
        // A list may grow.
        let end = prepared.next_from(from).min(order.len());
        let until = (from + self.len).min(end);
        let middle = from + (until - from) / 2;
        let marker = next_missing(&**order, resident, middle).filter(|marker| marker.0 < end);
        let (marker, record) = marker.unwrap_or(first);
        self.marker = Some((marker, record));
        let until = until.max(marker + 1);
        self.before = std::mem::replace(&mut self.window, from..until);
        prepared.add(from..until);
        let run = self
            .run
            .get_or_insert_with(|| Run::of_reader(Way::Records(Arc::clone(order))));
        if is_shared {
            // Others that read in turn with this one may be so far behind it.
            run.passed.set(self.before.start);
        }
        Next::Window(Task {
            run: Arc::clone(run),
            from,
            until,
            most_requested: end,
            most: u64::MAX,
            lead: self.len,
            marker: Marker::At(marker),
            effort: Effort::RequestAndStore,
        })
    }
}

/// What is to be prepared for a reader next.
#[derive(Debug)]
pub enum Next {
    Window(Task),
    /// The kernel has all that comes soon.
    Nothing,
    /// There is no more.
    End,
}
