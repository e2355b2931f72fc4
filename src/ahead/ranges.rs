//! Positions of an order as few ranges.

use std::ops::Range;

/// So many are told apart. Readers that take turns with parts of an order leave one each between
/// them, which close as they go on.
const MOST: usize = 64;

/// Some of all positions.
#[derive(Debug, Default)]
pub struct Ranges {
    /// In order, with positions between each two.
    ranges: Vec<Range<u64>>,
}

impl Ranges {
    /// Where there are too many, those of the first range are left out.
    pub fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.ranges.partition_point(|one| one.end < range.start);
        let end = self.ranges.partition_point(|one| one.start <= range.end);
        let joined = self.ranges[first..end].iter().fold(range, |joined, one| {
            joined.start.min(one.start)..joined.end.max(one.end)
        });
        self.ranges.splice(first..end, [joined]);
        if self.ranges.len() > MOST {
            self.ranges.remove(0);
        }
    }

    /// Leaves out a position and those that follow it without a gap.
    pub fn cut(&mut self, position: u64) {
        if let Some(place) = self.place_of(position) {
            self.ranges[place].end = position;
            if self.ranges[place].is_empty() {
                self.ranges.remove(place);
            }
        }
    }

    /// The first position from this one on that is none of them.
    pub fn free_from(&self, position: u64) -> u64 {
        let place = self.place_of(position);
        place.map_or(position, |place| self.ranges[place].end)
    }

    /// Where the next of them is behind this position, which is none of them.
    pub fn next_from(&self, position: u64) -> u64 {
        let next = self.ranges.partition_point(|one| one.start <= position);
        self.ranges.get(next).map_or(u64::MAX, |next| next.start)
    }

    fn place_of(&self, position: u64) -> Option<usize> {
        let place = self.ranges.partition_point(|one| one.end <= position);
        let range = self.ranges.get(place)?;
        range.contains(&position).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn they_are_what_was_added_and_not_cut(
            steps in prop::collection::vec((any::<bool>(), 0..200_u64, 0..20_u64), 0..60)
        ) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (adds, position, len) in steps {
                if adds {
                    ranges.add(position..position + len);
                    set.extend(position..position + len);
                } else {
                    ranges.cut(position);
                    let mut at = position;
                    while set.remove(&at) {
                        at += 1;
                    }
                }
                for at in 0..250 {
                    let free = (at..).find(|free| !set.contains(free));
                    prop_assert_eq!(Some(ranges.free_from(at)), free);
                    if free == Some(at) {
                        let next = set.range(at..).next().copied();
                        prop_assert_eq!(ranges.next_from(at), next.unwrap_or(u64::MAX));
                    }
                }
            }
        }
    }

    #[test]
    fn of_too_many_the_first_are_left_out() {
        let mut ranges = Ranges::default();
        (0..1000).for_each(|n| ranges.add(10 * n..10 * n + 5));
        assert_eq!(ranges.ranges.len(), MOST);
        assert_eq!(ranges.free_from(9990), 9995);
        assert_eq!(ranges.free_from(0), 0);
    }
}
