//! Slices as Python writes them: `START:STOP[:STEP]`, each part negative or left out.

use super::SelectionError;
use super::progression::Progression;
use std::fmt;
use std::num::IntErrorKind;
use std::str::FromStr;

/// A slice with Python's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slice {
    /// First position, or the end the step comes from.
    pub start: Option<i64>,
    /// Where to stop, itself not included.
    pub stop: Option<i64>,
    /// Distance from one position to the next; not 0.
    pub step: i64,
}

impl FromStr for Slice {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Slice, SelectionError> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let (start, stop, step) = match parts[..] {
            [start, stop] => (start, stop, ""),
            [start, stop, step] => (start, stop, step),
            [_] => return Err(SelectionError::NotANumber(text.to_owned())),
            _ => return Err(SelectionError::TooManyParts(parts.len())),
        };
        let optional = |part: &str| match part {
            "" => Ok(None),
            part => parse_index(part, text).map(Some),
        };
        match optional(step)?.unwrap_or(1) {
            0 => Err(SelectionError::ZeroStep),
            step => Ok(Slice {
                start: optional(start)?,
                stop: optional(stop)?,
                step,
            }),
        }
    }
}

/// The number that a part of a selection is.
pub(super) fn parse_index(part: &str, selection: &str) -> Result<i64, SelectionError> {
    match part.trim().parse() {
        Ok(number) => Ok(number),
        // As in Python, a bound beyond everything is a bound.
        Err(error) => match error.kind() {
            IntErrorKind::PosOverflow => Ok(i64::MAX),
            IntErrorKind::NegOverflow => Ok(i64::MIN),
            _ => Err(SelectionError::NotANumber(selection.to_owned())),
        },
    }
}

/// Without a step of 1.
impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: Option<i64>| part.map_or_else(String::new, |part| part.to_string());
        write!(f, "{}:{}", part(self.start), part(self.stop))?;
        if self.step != 1 {
            write!(f, ":{}", self.step)?;
        }
        Ok(())
    }
}

impl Slice {
    /// Whether it leaves out so many at the beginning, and nothing else.
    pub(super) fn is_rest(self) -> bool {
        self.start.is_some_and(|start| start >= 0) && self.stop.is_none() && self.step == 1
    }

    /// The positions it takes of `len` records: Python's `slice.indices` (Objects/sliceobject.c
    /// describes the same rules).
    pub fn positions(self, len: u64) -> Progression {
        let len = i128::from(len);
        let (low, high) = if self.step < 0 {
            (-1, len - 1)
        } else {
            (0, len)
        };
        let bound = |bound: Option<i64>, default: i128| match bound.map(i128::from) {
            None => default,
            Some(bound) if bound < 0 => (bound + len).max(low),
            Some(bound) => bound.min(high),
        };
        let (first, distance) = if self.step < 0 {
            let first = bound(self.start, high);
            (first, first - bound(self.stop, low))
        } else {
            let first = bound(self.start, low);
            (first, bound(self.stop, high) - first)
        };
        // Either is negative only where no position is taken; else both are at most the length.
        let position = |number: i128| u64::try_from(number).unwrap_or(0);
        Progression::within(position(first), self.step, position(distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slice_is_written_in_one_way() {
        for (written, shown) in [
            (":", ":"),
            ("::", ":"),
            ("::1", ":"),
            (" 00 : +5 ", "0:5"),
            ("-0:-5:-01", "0:-5:-1"),
            ("::2", "::2"),
            (":99999999999999999999", ":9223372036854775807"),
        ] {
            let slice: Slice = written.parse().expect(written);
            assert_eq!(slice.to_string(), shown, "{written}");
            assert_eq!(shown.parse(), Ok(slice), "{written}");
        }
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
            let slice = Slice { start, stop, step };
            let found: Vec<u64> = slice.positions(len).iter().collect();
            prop_assert_eq!(found, expected);
        }
    }
}
