//! Positions at equal distances.

use super::Order;
use std::ops::Range;

/// `first`, `first + step` and so on: this many positions, none of them negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progression {
    first: u64,
    /// Not 0.
    step: i64,
    len: u64,
}

impl From<Range<u64>> for Progression {
    fn from(range: Range<u64>) -> Progression {
        Progression {
            first: range.start,
            step: 1,
            len: range.end.saturating_sub(range.start),
        }
    }
}

impl Progression {
    /// From `first` on by `step`, which is not 0, to before the position that would be `distance` or
    /// more away.
    pub(super) fn within(first: u64, step: i64, distance: u64) -> Progression {
        Progression {
            first,
            step,
            len: distance.div_ceil(step.unsigned_abs()),
        }
    }

    /// All of them, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = u64> + use<> {
        let all = *self;
        (0..).map_while(move |position| all.record_at(position))
    }
}

impl Order for Progression {
    fn len(&self) -> u64 {
        self.len
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        // What overflows on the way does not in the end: the sum is a position.
        let distance = position.wrapping_mul(self.step as u64);
        (position < self.len).then(|| self.first.wrapping_add(distance))
    }

    fn position_of(&self, record: u64) -> Option<u64> {
        let distance = if self.step > 0 {
            record.checked_sub(self.first)?
        } else {
            self.first.checked_sub(record)?
        };
        let step = self.step.unsigned_abs();
        let position = distance / step;
        (distance % step == 0 && position < self.len).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_distances_do_not_overflow() {
        let all = Progression::within(0, i64::MAX, u64::MAX);
        assert_eq!(
            all.iter().collect::<Vec<_>>(),
            [0, i64::MAX as u64, u64::MAX - 1]
        );
        let back = Progression::within(u64::MAX, i64::MIN, u64::MAX);
        assert_eq!(back.iter().collect::<Vec<_>>(), [u64::MAX, i64::MAX as u64]);
        for (order, record) in [(all, u64::MAX - 1), (back, i64::MAX as u64)] {
            let position = order.position_of(record).expect("in it");
            assert_eq!(order.record_at(position), Some(record));
            assert_eq!(order.position_of(record - 1), None);
        }
    }
}
