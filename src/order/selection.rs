//! Choices of records as Python writes them: an index, a slice, several of these with each record
//! once.

use super::Order;
use super::progression::Progression;
use super::slice::{Slice, parse_index};
use std::str::FromStr;

/// A choice of records as Python writes it: an index `42`, `-1`, or a slice `START:STOP[:STEP]`
/// with any part left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// One record; negative counts from the end.
    Index(i64),
    /// Those at equal distances.
    Slice(Slice),
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
        if text.contains(':') {
            text.parse().map(Selection::Slice)
        } else {
            parse_index(text, text).map(Selection::Index)
        }
    }
}

impl Selection {
    /// The positions it takes of `len` records, in its order.
    pub fn positions(self, len: u64) -> Result<Progression, OutOfRange> {
        match self {
            Selection::Index(index) => {
                let position = if index < 0 {
                    len.checked_sub(index.unsigned_abs())
                } else {
                    Some(index.unsigned_abs())
                };
                match position.filter(|&position| position < len) {
                    Some(position) => Ok(Progression::from(position..position + 1)),
                    None => Err(OutOfRange {
                        index,
                        records: len,
                    }),
                }
            }
            Selection::Slice(slice) => Ok(slice.positions(len)),
        }
    }
}

/// The positions of several selections, one after the other, each position once.
#[derive(Debug, Clone)]
pub struct Union {
    selected: Vec<Progression>,
    /// Which of them is being taken from, and how many positions were taken of it.
    current: usize,
    taken: u64,
}

impl Union {
    /// The positions that `selections` take of `len` records; all where there is no selection.
    pub fn new(selections: &[Selection], len: u64) -> Result<Union, OutOfRange> {
        let selected = match selections {
            [] => vec![Progression::from(0..len)],
            some => some
                .iter()
                .map(|selection| selection.positions(len))
                .collect::<Result<_, _>>()?,
        };
        Ok(Union {
            selected,
            current: 0,
            taken: 0,
        })
    }

    /// How many positions there are, at most.
    pub fn at_most(&self) -> u64 {
        self.selected
            .iter()
            .fold(0, |sum, positions| sum.saturating_add(positions.len()))
    }
}

impl Iterator for Union {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            match self.selected.get(self.current)?.record_at(self.taken) {
                None => (self.current, self.taken) = (self.current + 1, 0),
                Some(position) => {
                    self.taken += 1;
                    let mut before = self.selected[..self.current].iter();
                    if before.all(|other| other.position_of(position).is_none()) {
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

    fn select(text: &str, len: u64) -> Vec<u64> {
        let selection: Selection = text.parse().expect("valid");
        selection.positions(len).expect("in range").iter().collect()
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
}
