//! Orders of views, against lists that are cut as the operations say.

use super::{records_of, spec};
use proptest::prelude::*;
use roxfs::order::{Order, Shuffle, View};
use std::collections::BTreeSet;

/// 0, 1, 2, primes, powers of two, and neighbours of powers of two and of squares.
const SIZES: [u64; 24] = [
    0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 63, 64, 65, 255, 256, 257, 288, 289, 290, 997, 1024,
];

/// An operation, as text and as what it does to a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Slice(Option<i64>, Option<i64>, i64),
    Split(u32, u32),
    Shuffle(u64),
}

impl Operation {
    fn text(self) -> String {
        let part = |part: Option<i64>| part.map_or_else(String::new, |part| part.to_string());
        match self {
            Operation::Slice(start, stop, 1) => format!("slice={}:{}", part(start), part(stop)),
            Operation::Slice(start, stop, step) => {
                format!("slice={}:{}:{step}", part(start), part(stop))
            }
            Operation::Split(part, parts) => format!("split={part}of{parts}"),
            Operation::Shuffle(seed) => format!("shuffle={seed}"),
        }
    }

    fn cut(self, list: Vec<u64>) -> Vec<u64> {
        match self {
            Operation::Slice(start, stop, step) => sliced(&list, start, stop, step),
            Operation::Split(part, parts) => {
                let taken = list.into_iter().skip(part as usize);
                taken.step_by(parts as usize).collect()
            }
            Operation::Shuffle(seed) => {
                let shuffle = Shuffle::new(seed, list.len() as u64);
                let positions = 0..list.len() as u64;
                positions.map(|at| list[shuffle.at(at) as usize]).collect()
            }
        }
    }
}

/// Each number that a step from the start comes to, on the near side of the stop.
fn sliced(list: &[u64], start: Option<i64>, stop: Option<i64>, step: i64) -> Vec<u64> {
    let len = list.len() as i128;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let bound = |bound: Option<i64>, default: i128| match bound.map(i128::from) {
        None => default,
        Some(bound) => (if bound < 0 { bound + len } else { bound }).clamp(low, high),
    };
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    let (mut at, stop) = (bound(start, first), bound(stop, last));
    let mut taken = Vec::new();
    while if step > 0 { at < stop } else { at > stop } {
        taken.push(list[at as usize]);
        at += i128::from(step);
    }
    taken
}

fn bound() -> impl Strategy<Value = Option<i64>> {
    let near = prop_oneof![-1100i64..1100, -20i64..20];
    let any = prop_oneof![9 => near, 1 => any::<i64>()];
    proptest::option::of(any)
}

fn operation() -> impl Strategy<Value = Operation> {
    let step = prop_oneof![4 => -5i64..=5, 1 => any::<i64>()];
    let step = step.prop_filter("not 0", |step| *step != 0);
    let slice = (bound(), bound(), step);
    let parts = prop_oneof![9 => 1u32..20, 1 => 1u32..];
    let split = parts.prop_flat_map(|parts| (0..parts, Just(parts)));
    prop_oneof![
        slice.prop_map(|(start, stop, step)| Operation::Slice(start, stop, step)),
        split.prop_map(|(part, parts)| Operation::Split(part, parts)),
        any::<u64>().prop_map(Operation::Shuffle),
    ]
}

pub(super) fn operations(most: usize) -> impl Strategy<Value = Vec<Operation>> {
    proptest::collection::vec(operation(), 1..=most)
}

pub(super) fn text(operations: &[Operation]) -> String {
    let words = operations.iter().map(|operation| operation.text());
    words.collect::<Vec<_>>().join(",")
}

proptest! {
    #[test]
    fn a_view_has_what_a_list_has_that_is_cut_alike(operations in operations(4)) {
        let text = text(&operations);
        let spec = spec(&text);
        for size in SIZES {
            let view = spec.of(size);
            let list = (0..size).collect();
            let list = operations.iter().fold(list, |list, operation| operation.cut(list));
            prop_assert_eq!(records_of(&view), list.clone(), "{} of {}", text, size);
            let taken: BTreeSet<u64> = list.iter().copied().collect();
            prop_assert_eq!(taken.len(), list.len(), "each once");
            for record in 0..size + 2 {
                let place = list.iter().position(|&other| other == record);
                prop_assert_eq!(view.position_of(record), place.map(|place| place as u64));
            }
            for past in [view.len(), view.len() + 1, u64::MAX] {
                prop_assert_eq!(view.record_at(past), None);
            }
        }
    }

    /// By arithmetic alone.
    #[test]
    fn a_long_view_is_its_own_inverse_read_backwards(
        operations in operations(8),
        exponent in 20u32..=55,
        off in -1i64..=1,
        at in any::<u64>(),
    ) {
        let records = (1u64 << exponent).strict_add_signed(off);
        let view = spec(&text(&operations)).of(records);
        prop_assert!(view.len() <= records);
        for position in [0, at.checked_rem(view.len()).unwrap_or(0), view.len().saturating_sub(1)] {
            let Some(record) = view.record_at(position) else {
                prop_assert!(view.is_empty());
                continue;
            };
            prop_assert!(record < records);
            prop_assert_eq!(view.position_of(record), Some(position));
        }
        let record = at % records;
        if let Some(position) = view.position_of(record) {
            prop_assert_eq!(view.record_at(position), Some(record));
        }
        prop_assert_eq!(view.record_at(view.len()), None);
        prop_assert_eq!(view.position_of(records), None);
    }

    #[test]
    fn splits_are_disjoint_complete_and_even_to_within_one(
        seed: u64,
        parts in 1u64..40,
        size in 0u64..2000,
    ) {
        let mut all = Vec::new();
        let mut lengths = BTreeSet::new();
        for part in 0..parts {
            let view = spec(&format!("shuffle={seed},split={part}of{parts}")).of(size);
            lengths.insert(view.len());
            all.extend(records_of(&view));
        }
        all.sort();
        prop_assert!(all.into_iter().eq(0..size), "each once");
        let [least, most] = [lengths.first(), lengths.last()].map(|len| *len.expect("a part"));
        prop_assert!(most - least <= 1);
    }

    /// By arithmetic alone: each position of the whole is one of one part.
    #[test]
    fn splits_of_long_views_are_disjoint_complete_and_even_to_within_one(
        before in operations(6),
        parts in 1u32..=300,
        exponent in 20u32..=55,
        off in -1i64..=1,
        at in any::<u64>(),
    ) {
        let records = (1u64 << exponent).strict_add_signed(off);
        let before = text(&before);
        let whole = spec(&before).of(records);
        let of_part = |part| spec(&format!("{before},split={part}of{parts}")).of(records);
        let splits: Vec<View> = (0..parts).map(of_part).collect();
        let lengths = || splits.iter().map(View::len);
        prop_assert_eq!(lengths().sum::<u64>(), whole.len());
        prop_assert!(lengths().max() <= lengths().min().map(|least| least + 1));
        let Some(position) = at.checked_rem(whole.len()) else { return Ok(()) };
        let record = whole.record_at(position).expect("a record");
        for (part, split) in (0..).zip(&splits) {
            let place = (position % u64::from(parts) == part).then_some(position / u64::from(parts));
            prop_assert_eq!(split.position_of(record), place);
        }
    }

    /// Of as many records as `ls | wc -l` counts in a moment; of fewer, two seeds may give one order.
    #[test]
    fn two_seeds_differ(first: u64, second: u64) {
        prop_assume!(first != second);
        let [first, second] = [first, second].map(|seed| spec(&format!("shuffle={seed}")).of(100));
        prop_assert_ne!(records_of(&first), records_of(&second));
    }
}

#[test]
fn an_epoch_is_continued_where_it_was_left() {
    let whole = records_of(&spec("shuffle=7,split=3of8").of(1_000));
    let rest = records_of(&spec("shuffle=7,split=3of8,slice=120:").of(1_000));
    assert_eq!(rest, whole[120..]);
}

#[test]
fn parts_are_equal_where_they_are_split_from_a_slice_that_can_be() {
    let lengths = (0..8).map(|part| {
        spec(&format!("shuffle=7,slice=:96,split={part}of8"))
            .of(99)
            .len()
    });
    assert!(lengths.eq([12; 8]));
}

#[test]
fn nothing_is_taken_of_nothing() {
    for text in ["shuffle=7", "slice=:", "slice=::-1", "split=0of3", "names"] {
        let view = spec(text).of(0);
        assert_eq!(
            (view.len(), view.record_at(0), view.position_of(0)),
            (0, None, None)
        );
    }
}
