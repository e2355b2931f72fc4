//! Orders over records: arithmetic, and lists that programs hand over ([`handed`]); no I/O. Specifications of
//! views are specified here:
//!
#![doc = include_str!("views.md")]

pub mod handed;
mod progression;
mod selection;
mod shuffle;
mod slice;
mod spec;
mod view;

pub use progression::Progression;
pub use selection::{OutOfRange, Selection, SelectionError, Union};
pub use shuffle::Shuffle;
pub use slice::Slice;
pub use spec::{MAX_OPERATIONS, Spec, SpecError};
pub use view::View;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// A sequence of records: which record is at a position, and at which position a record is. Positions
/// and records count from 0.
pub trait Order: fmt::Debug + Send + Sync {
    /// How many positions there are.
    fn len(&self) -> u64;

    /// The record at a position; `None` past the end, and where it cannot be found out.
    fn record_at(&self, position: u64) -> Option<u64>;

    /// The position of a record, by arithmetic; `None` where it takes a search.
    fn position_of(&self, record: u64) -> Option<u64>;

    /// The position of a record, where finding it may take as long as some reads. `None` also where
    /// following this order is of no use.
    fn search(&self, record: u64) -> Option<u64> {
        self.position_of(record)
    }

    /// The position of a record among these, which are as few as are prepared at once: also where each
    /// has to be looked at.
    fn position_within(&self, record: u64, positions: Range<u64>) -> Option<u64> {
        self.position_of(record)
            .filter(|position| positions.contains(position))
    }

    /// Readers are done with what lies before this position, so that it can be forgotten where it takes
    /// memory.
    fn passed(&self, _position: u64) {}

    /// A reader follows this order now.
    fn was_followed(&self, _now: Instant) {}

    /// Whether there are no positions.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<O: Order + ?Sized> Order for Arc<O> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        (**self).record_at(position)
    }

    fn position_of(&self, record: u64) -> Option<u64> {
        (**self).position_of(record)
    }

    fn search(&self, record: u64) -> Option<u64> {
        (**self).search(record)
    }

    fn position_within(&self, record: u64, positions: Range<u64>) -> Option<u64> {
        (**self).position_within(record, positions)
    }

    fn passed(&self, position: u64) {
        (**self).passed(position);
    }

    fn was_followed(&self, now: Instant) {
        (**self).was_followed(now);
    }
}

/// This many records in the order of their numbers.
#[derive(Debug, Clone, Copy)]
pub struct ByNumber(pub u64);

impl Order for ByNumber {
    fn len(&self) -> u64 {
        self.0
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        (position < self.0).then_some(position)
    }

    fn position_of(&self, record: u64) -> Option<u64> {
        self.record_at(record)
    }
}
