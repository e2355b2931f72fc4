//! The distribution of record sizes, in constant memory: sizes are walked several times instead
//! of being kept.

use serde::Serialize;

/// How many parts a range of sizes is cut into in one walk.
const PARTS: usize = 4096;

/// Sizes in bytes of all records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// Number of records.
    pub count: u64,
    /// Sum.
    pub total: u64,
    /// Smallest.
    pub min: u64,
    /// Half of the records are at most this large.
    pub median: u64,
    /// 99 of 100 records are at most this large.
    pub p99: u64,
    /// Largest.
    pub max: u64,
    /// Classes from the smallest record's to the largest's.
    pub histogram: Vec<Class>,
}

/// A class of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Class {
    /// Smallest size that belongs to it.
    pub from: u64,
    /// Largest size that belongs to it.
    pub to: u64,
    /// How many records do.
    pub count: u64,
}

/// The most classes of a histogram.
const MOST_CLASSES: usize = 12;

impl Distribution {
    /// Of the sizes that `walk` gives, the same ones each time it is called; `None` if there are
    /// none.
    pub fn new(walk: impl Fn(&mut dyn FnMut(u64))) -> Option<Distribution> {
        let (mut count, mut total, mut min, mut max) = (0u64, 0u64, u64::MAX, 0);
        let mut by_bits = [0u64; 65];
        walk(&mut |size| {
            count += 1;
            total = total.saturating_add(size);
            min = min.min(size);
            max = max.max(size);
            by_bits[bits(size)] += 1;
        });
        if count == 0 {
            return None;
        }
        let quantile = |percent: u64| {
            let rank = (u128::from(count) * u128::from(percent)).div_ceil(100) as u64;
            nth(&walk, rank.max(1) - 1, min, max)
        };
        Some(Distribution {
            count,
            total,
            min,
            median: quantile(50),
            p99: quantile(99),
            max,
            histogram: classes(&by_bits, min, max),
        })
    }
}

/// Number of bits that a size needs: the sizes of one class differ by less than a factor of 2.
fn bits(size: u64) -> usize {
    (u64::BITS - size.leading_zeros()) as usize
}

/// Powers of 2, or of 4, 8, ... where those would be too many.
fn classes(by_bits: &[u64; 65], min: u64, max: u64) -> Vec<Class> {
    let range = bits(min)..bits(max) + 1;
    let step = range.len().div_ceil(MOST_CLASSES);
    let class = |first: usize| {
        let last = (first + step).min(range.end) - 1;
        Class {
            from: if first == 0 { 0 } else { 1 << (first - 1) },
            to: u64::MAX.checked_shr(64 - last as u32).unwrap_or(0),
            count: by_bits[first..=last].iter().sum(),
        }
    };
    range.clone().step_by(step).map(class).collect()
}

/// The size with `rank` smaller ones before it: the range it lies in is narrowed until it is one.
fn nth(walk: &impl Fn(&mut dyn FnMut(u64)), mut rank: u64, mut low: u64, mut high: u64) -> u64 {
    while low < high {
        let width = (high - low) / PARTS as u64 + 1;
        let mut parts = [0u64; PARTS];
        walk(&mut |size| {
            if (low..=high).contains(&size) {
                parts[((size - low) / width) as usize] += 1;
            }
        });
        let mut part = 0;
        while part + 1 < PARTS && rank >= parts[part] {
            rank -= parts[part];
            part += 1;
        }
        low += part as u64 * width;
        high = high.min(low + (width - 1));
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(sizes: &[u64]) -> Option<Distribution> {
        Distribution::new(|each| sizes.iter().for_each(|&size| each(size)))
    }

    #[test]
    fn an_empty_dataset_has_no_sizes() {
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn classes_cover_all_sizes_without_overlap() {
        let found = of(&[0, 1, 2, 3, 4, 1000, u64::MAX / 8]).expect("sizes");
        assert!(found.histogram.len() <= MOST_CLASSES);
        assert_eq!(
            found.histogram.iter().map(|class| class.count).sum::<u64>(),
            7
        );
        for pair in found.histogram.windows(2) {
            assert_eq!(pair[0].to + 1, pair[1].from);
        }
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_sorted_sizes(
            mut sizes in proptest::collection::vec(
                prop_oneof![0u64..10, 0u64..1_000_000, any::<u64>()], 1..200),
        ) {
            let found = of(&sizes).expect("sizes");
            sizes.sort_unstable();
            let at = |percent: usize| sizes[(sizes.len() * percent).div_ceil(100).max(1) - 1];
            prop_assert_eq!(found.median, at(50));
            prop_assert_eq!(found.p99, at(99));
            prop_assert_eq!((found.min, found.max), (sizes[0], sizes[sizes.len() - 1]));
        }
    }
}
