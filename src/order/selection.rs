//! Choices of records as Python writes them: an index, a slice, several of these with each record
//! once.

use std::num::IntErrorKind;
use std::str::FromStr;

/// A choice of records as Python writes it: an index `42`, `-1`, or a slice `START:STOP[:STEP]`
/// with any part left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// One record; negative counts from the end.
    Index(i64),
    /// A slice, as in Python.
    Slice {
        /// First position, or the end the step comes from.
        start: Option<i64>,
        /// Where to stop, itself not included.
        stop: Option<i64>,
        /// Distance from one position to the next; not 0.
        step: i64,
    },
}

/// Why a text is not a selection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Not a number.
    #[error("\"{0}\" is not an index or a slice START:STOP[:STEP]")]
    NotANumber(String),
    /// Too many colons.
    #[error("a slice has two or three parts, this has {0}")]
    TooManyParts(usize),
    /// A step of 0.
    #[error("a slice's step cannot be 0")]
    ZeroStep,
}

/// An index that the dataset does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record {index} is out of range: there are {records} records")]
pub struct OutOfRange {
    index: i64,
    records: u64,
}

impl FromStr for Selection {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, SelectionError> {
        let number = |part: &str| match part.parse::<i64>() {
            Ok(number) => Ok(number),
            // As in Python, a bound beyond everything is a bound.
            Err(error) => match error.kind() {
                IntErrorKind::PosOverflow => Ok(i64::MAX),
                IntErrorKind::NegOverflow => Ok(i64::MIN),
                _ => Err(SelectionError::NotANumber(text.to_owned())),
            },
        };
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let optional = |part: &str| match part {
            "" => Ok(None),
            part => number(part).map(Some),
        };
        let (start, stop, step) = match parts[..] {
            [index] => return number(index).map(Selection::Index),
            [start, stop] => (start, stop, ""),
            [start, stop, step] => (start, stop, step),
            _ => return Err(SelectionError::TooManyParts(parts.len())),
        };
        match optional(step)?.unwrap_or(1) {
            0 => Err(SelectionError::ZeroStep),
            step => Ok(Selection::Slice {
                start: optional(start)?,
                stop: optional(stop)?,
                step,
            }),
        }
    }
}

impl Selection {
    /// The positions it takes of `len` records, in its order.
    pub fn positions(self, len: u64) -> Result<SliceIter, OutOfRange> {
        match self {
            Selection::Index(index) => {
                let position = if index < 0 {
                    len.checked_sub(index.unsigned_abs())
                } else {
                    Some(index.unsigned_abs())
                };
                match position.filter(|&position| position < len) {
                    Some(next) => Ok(SliceIter {
                        next: i128::from(next),
                        left: 1,
                        step: 1,
                    }),
                    None => Err(OutOfRange {
                        index,
                        records: len,
                    }),
                }
            }
            Selection::Slice { start, stop, step } => Ok(slice(start, stop, step, len)),
        }
    }
}

/// Python's `slice.indices` (Objects/sliceobject.c describes the same rules).
fn slice(start: Option<i64>, stop: Option<i64>, step: i64, len: u64) -> SliceIter {
    let len = i128::from(len);
    let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let bound = |bound: Option<i64>, default: i128| match bound.map(i128::from) {
        None => default,
        Some(bound) if bound < 0 => (bound + len).max(low),
        Some(bound) => bound.min(high),
    };
    let (first, last) = if step < 0 {
        (bound(start, high), bound(stop, low))
    } else {
        (bound(start, low), bound(stop, high))
    };
    let step = i128::from(step);
    let distance = if step < 0 { first - last } else { last - first };
    let left = if distance <= 0 {
        0
    } else {
        (distance - 1) / step.abs() + 1
    };
    SliceIter {
        next: first,
        left,
        step,
    }
}

/// The positions of a selection, one after the other.
#[derive(Debug, Clone)]
pub struct SliceIter {
    next: i128,
    left: i128,
    step: i128,
}

impl Iterator for SliceIter {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.left == 0 {
            return None;
        }
        let position = u64::try_from(self.next).ok()?;
        self.left -= 1;
        self.next += self.step;
        Some(position)
    }
}

impl SliceIter {
    /// Whether `position` is still to come.
    pub fn contains(&self, position: u64) -> bool {
        let distance = i128::from(position) - self.next;
        distance % self.step == 0 && (0..self.left).contains(&(distance / self.step))
    }

    /// How many are still to come.
    pub fn left(&self) -> u64 {
        // Never more than the records that were selected from.
        u64::try_from(self.left).unwrap_or(u64::MAX)
    }
}

/// The positions of several selections, one after the other, each position once.
#[derive(Debug, Clone)]
pub struct Union {
    whole: Vec<SliceIter>,
    rest: Vec<SliceIter>,
    /// Which of `rest` is being taken from.
    current: usize,
}

impl Union {
    /// The positions that `selections` take of `len` records; all where there is no selection.
    pub fn new(selections: &[Selection], len: u64) -> Result<Union, OutOfRange> {
        let whole = match selections {
            [] => vec![slice(None, None, 1, len)],
            some => some
                .iter()
                .map(|selection| selection.positions(len))
                .collect::<Result<_, _>>()?,
        };
        Ok(Union {
            rest: whole.clone(),
            whole,
            current: 0,
        })
    }

    /// How many positions are still to come, at most.
    pub fn at_most(&self) -> u64 {
        self.rest
            .iter()
            .fold(0, |sum, positions| sum.saturating_add(positions.left()))
    }
}

impl Iterator for Union {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            match self.rest.get_mut(self.current)?.next() {
                None => self.current += 1,
                Some(position) => {
                    let before = &self.whole[..self.current];
                    if !before.iter().any(|other| other.contains(position)) {
                        return Some(position);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn select(text: &str, len: u64) -> Vec<u64> {
        let selection: Selection = text.parse().expect("valid");
        selection.positions(len).expect("in range").collect()
    }

    #[test]
    fn slices_are_pythons() {
        assert_eq!(select("42", 50), [42]);
        assert_eq!(select("-1", 50), [49]);
        assert_eq!(select("1:4", 10), [1, 2, 3]);
        assert_eq!(select(":", 3), [0, 1, 2]);
        assert_eq!(select("::-1", 3), [2, 1, 0]);
        assert_eq!(select("-2:", 5), [3, 4]);
        assert_eq!(select("::4", 10), [0, 4, 8]);
        assert_eq!(select("8:2:-3", 10), [8, 5]);
        assert_eq!(select("5:2", 10), [] as [u64; 0]);
        assert_eq!(select("0:99999999999999999999", 2), [0, 1]);
        assert_eq!(select("::-9223372036854775808", 2), [1]);
    }

    #[test]
    fn a_union_has_each_position_once_in_the_order_of_the_selections() {
        let union = |selections: &[&str]| {
            let selections = selections.iter().map(|text| text.parse().expect("valid"));
            let selections: Vec<Selection> = selections.collect();
            let union = Union::new(&selections, 10).expect("in range");
            union.collect::<Vec<u64>>()
        };
        assert_eq!(union(&[]), (0..10).collect::<Vec<u64>>());
        assert_eq!(union(&["8:2:-3", "3:7", "5", "-1"]), [8, 5, 3, 4, 6, 9]);
        assert_eq!(union(&["::2", "::3", "1"]), [0, 2, 4, 6, 8, 3, 9, 1]);
        assert_eq!(union(&["5:2"]), [] as [u64; 0]);
    }

    #[test]
    fn what_is_not_a_selection_is_refused() {
        for text in ["", "a", "1:b", "1.5", "0x1"] {
            let error = text.parse::<Selection>().expect_err(text);
            assert_eq!(error, SelectionError::NotANumber(text.to_owned()));
        }
        assert_eq!("1:2:0".parse::<Selection>(), Err(SelectionError::ZeroStep));
        assert_eq!(
            "1:2:3:4".parse::<Selection>(),
            Err(SelectionError::TooManyParts(4))
        );
        assert!(Selection::Index(3).positions(3).is_err());
        assert!(Selection::Index(-4).positions(3).is_err());
        assert!(Selection::Index(i64::MIN).positions(3).is_err());
    }

    proptest! {
        /// Against the definition: walk from the start by the step while on the near side of stop.
        #[test]
        fn a_slice_is_the_walk_it_describes(
            start in proptest::option::of(-12i64..12),
            stop in proptest::option::of(-12i64..12),
            step in (-4i64..=4).prop_filter("not 0", |step| *step != 0),
            len in 0u64..10,
        ) {
            let n = len as i64;
            let clamp = |bound: i64, low: i64, high: i64| {
                (if bound < 0 { bound + n } else { bound }).clamp(low, high)
            };
            let mut expected = Vec::new();
            if step > 0 {
                let stop = stop.map_or(n, |stop| clamp(stop, 0, n));
                let mut at = start.map_or(0, |start| clamp(start, 0, n));
                while at < stop { expected.push(at as u64); at += step; }
            } else {
                let stop = stop.map_or(-1, |stop| clamp(stop, -1, n - 1));
                let mut at = start.map_or(n - 1, |start| clamp(start, -1, n - 1));
                while at > stop { expected.push(at as u64); at += step; }
            }
            let slice = Selection::Slice { start, stop, step };
            let found: Vec<u64> = slice.positions(len).expect("slices fit").collect();
            prop_assert_eq!(found, expected);
        }
    }
}
