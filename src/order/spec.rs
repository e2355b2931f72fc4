//! What a view is called, which is all there is to say about it: operations from left to right.
//!
//! `views.md` beside this file has the grammar. A specification is written in one way: numbers in their
//! shortest form, no step of 1.

use super::view::View;
use super::{SelectionError, Slice};
use std::fmt;
use std::str::FromStr;

/// The longest specification in bytes: a view is a directory, and Linux has no longer names.
const MAX_LEN: usize = 255;
/// The most operations: each takes time whenever a record is looked up.
pub const MAX_OPERATIONS: usize = 8;
/// The last word where entries have names.
const NAMES: &str = "names";

/// The specification of a view. By default that of all records in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Spec {
    operations: Vec<Operation>,
    has_names: bool,
}

/// What is done to the order that the operations before have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    /// Takes the positions of a slice.
    Slice(Slice),
    /// Takes position `part` and every `parts`-th one behind it.
    Split { part: u32, parts: u32 },
    /// Permutes all positions.
    Shuffle(u64),
}

/// Why a text is not the specification of a view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Longer than a directory's name may be.
    #[error("a view's specification has at most 255 bytes, this has {0}")]
    TooLong(usize),
    /// More operations than there may be.
    #[error("a view has at most 8 operations, this has {0}")]
    TooManyOperations(usize),
    /// A part between commas that is no operation.
    #[error(
        "\"{0}\" is no operation of a view: expected slice=START:STOP[:STEP], split=IofN, \
         shuffle=SEED, or names as the last one"
    )]
    NoOperation(String),
    /// A slice that is none.
    #[error("slice={value}: {reason}")]
    Slice {
        /// What stands for the slice.
        value: String,
        /// What is wrong with it.
        reason: SelectionError,
    },
    /// A split that is none.
    #[error(
        "split={0}: expected IofN, such as 0of8: I from 0 to N - 1, N at most {max}",
        max = u32::MAX
    )]
    Split(String),
    /// A seed that is none.
    #[error("shuffle={0}: expected a number from 0 to {max}", max = u64::MAX)]
    Seed(String),
    /// Understood, but not as it is written.
    #[error("a view has one name: write {written} as {canonical}")]
    NotCanonical {
        /// As it was written.
        written: String,
        /// As it has to be written.
        canonical: String,
    },
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Spec, SpecError> {
        if text.len() > MAX_LEN {
            return Err(SpecError::TooLong(text.len()));
        }
        let mut words: Vec<&str> = text.split(',').collect();
        let has_names = words.pop_if(|word| *word == NAMES).is_some();
        if words.len() > MAX_OPERATIONS {
            return Err(SpecError::TooManyOperations(words.len()));
        }
        let operations = words.into_iter().map(str::parse);
        let spec = Spec {
            operations: operations.collect::<Result<_, _>>()?,
            has_names,
        };
        let canonical = spec.to_string();
        if canonical == text {
            Ok(spec)
        } else {
            Err(SpecError::NotCanonical {
                written: text.to_owned(),
                canonical,
            })
        }
    }
}

impl FromStr for Operation {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Operation, SpecError> {
        let unknown = || SpecError::NoOperation(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(unknown)?;
        match name {
            "slice" => match value.parse() {
                Ok(slice) => Ok(Operation::Slice(slice)),
                Err(reason) => Err(SpecError::Slice {
                    value: value.to_owned(),
                    reason,
                }),
            },
            "split" => split(value).ok_or_else(|| SpecError::Split(value.to_owned())),
            "shuffle" => match value.parse() {
                Ok(seed) => Ok(Operation::Shuffle(seed)),
                Err(_) => Err(SpecError::Seed(value.to_owned())),
            },
            _ => Err(unknown()),
        }
    }
}

fn split(value: &str) -> Option<Operation> {
    let (part, parts) = value.split_once("of")?;
    let (part, parts) = (part.parse().ok()?, parts.parse().ok()?);
    (part < parts).then_some(Operation::Split { part, parts })
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, operation) in self.operations.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma}{operation}")?;
        }
        match (self.has_names, self.operations.is_empty()) {
            (true, true) => f.write_str(NAMES),
            (true, false) => write!(f, ",{NAMES}"),
            (false, _) => Ok(()),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Slice(slice) => write!(f, "slice={slice}"),
            Operation::Split { part, parts } => write!(f, "split={part}of{parts}"),
            Operation::Shuffle(seed) => write!(f, "shuffle={seed}"),
        }
    }
}

impl Spec {
    /// Whether entries have the records' names behind their positions.
    pub fn has_names(&self) -> bool {
        self.has_names
    }

    /// The order that it makes of this many records.
    pub fn of(&self, records: u64) -> View {
        View::new(&self.operations, records)
    }

    /// What is likely to be read after it: the same with the next seed, where it has one shuffle; all of
    /// that, where it is the rest of an epoch.
    pub fn next_epoch(&self) -> Option<Spec> {
        let mut next = self.clone();
        let is_rest =
            |last: &mut Operation| matches!(last, Operation::Slice(slice) if slice.is_rest());
        next.operations.pop_if(is_rest);
        let mut seeds = next.operations.iter_mut().filter_map(|one| match one {
            Operation::Shuffle(seed) => Some(seed),
            Operation::Slice(_) | Operation::Split { .. } => None,
        });
        let (Some(seed), None) = (seeds.next(), seeds.next()) else {
            return None;
        };
        *seed = seed.checked_add(1)?;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let parsed = text.parse::<Spec>();
        parsed.expect_err(text).to_string()
    }

    #[test]
    fn the_next_epoch_has_the_next_seed_and_is_whole() {
        let next = |text: &str| {
            let spec: Spec = text.parse().expect("understood");
            spec.next_epoch().map(|next| next.to_string())
        };
        for (now, then) in [
            ("shuffle=7", "shuffle=8"),
            ("shuffle=7,split=3of8,names", "shuffle=8,split=3of8,names"),
            ("shuffle=7,slice=120000:", "shuffle=8"),
            ("shuffle=7,split=3of8,slice=100:", "shuffle=8,split=3of8"),
            ("slice=100:,shuffle=7", "slice=100:,shuffle=8"),
            ("shuffle=7,slice=:100", "shuffle=8,slice=:100"),
            ("shuffle=7,slice=-100:", "shuffle=8,slice=-100:"),
            ("shuffle=7,slice=100::2", "shuffle=8,slice=100::2"),
        ] {
            assert_eq!(next(now).as_deref(), Some(then), "{now}");
        }
        for none in [
            "slice=100:",
            "split=3of8",
            "shuffle=1,shuffle=2",
            "shuffle=18446744073709551615",
        ] {
            assert_eq!(next(none), None, "{none}");
        }
    }

    #[test]
    fn a_specification_is_written_as_it_is_read() {
        for text in [
            "shuffle=7",
            "shuffle=18446744073709551615",
            "split=0of1",
            "split=4294967294of4294967295",
            "slice=:",
            "slice=0:10",
            "slice=-9223372036854775808:9223372036854775807:-2",
            "shuffle=7,split=3of8,slice=120000:",
            "names",
            "shuffle=7,names",
            "slice=:,slice=:,slice=:,slice=:,slice=:,slice=:,slice=:,slice=:,names",
        ] {
            let spec: Spec = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(spec.to_string(), text);
            assert_eq!(spec.has_names(), text.ends_with("names"));
        }
    }

    #[test]
    fn what_is_written_in_another_way_is_told_how_to_write_it() {
        for (text, canonical) in [
            ("split=00of8", "split=0of8"),
            ("split=+1of8", "split=1of8"),
            ("shuffle=007", "shuffle=7"),
            ("slice=::", "slice=:"),
            ("slice=1:5:1", "slice=1:5"),
            ("slice=-0:", "slice=0:"),
            ("slice= 1: 2,names", "slice=1:2,names"),
            ("slice=:9223372036854775808", "slice=:9223372036854775807"),
        ] {
            let expected = format!("a view has one name: write {text} as {canonical}");
            assert_eq!(error(text), expected);
        }
    }

    #[test]
    fn what_is_no_specification_says_why() {
        let operations = "expected slice=START:STOP[:STEP], split=IofN, shuffle=SEED, or names as the \
                          last one";
        for text in ["", "mix=7", "7", "names=", "Shuffle=7", " shuffle=7"] {
            let expected = format!("\"{text}\" is no operation of a view: {operations}");
            assert_eq!(error(text), expected);
        }
        for (text, part) in [
            ("shuffle=7,", ""),
            (",shuffle=7", ""),
            ("names,shuffle=7", "names"),
            ("names,names", "names"),
        ] {
            let expected = format!("\"{part}\" is no operation of a view: {operations}");
            assert_eq!(error(text), expected, "{text}");
        }
        for (text, reason) in [
            (
                "slice=5",
                "\"5\" is not an index or a slice START:STOP[:STEP]",
            ),
            (
                "slice=a:",
                "\"a:\" is not an index or a slice START:STOP[:STEP]",
            ),
            ("slice=1:2:0", "a slice's step cannot be 0"),
            (
                "slice=1:2:3:4",
                "a slice has two or three parts, this has 4",
            ),
        ] {
            let (operation, _) = text.split_once(',').unwrap_or((text, ""));
            assert_eq!(error(text), format!("{operation}: {reason}"));
        }
        for value in [
            "8of8",
            "0of0",
            "1",
            "of",
            "-1of8",
            "0of4294967296",
            "0 of 8",
        ] {
            assert_eq!(
                error(&format!("split={value}")),
                format!(
                    "split={value}: expected IofN, such as 0of8: I from 0 to N - 1, N at most 4294967295"
                )
            );
        }
        for value in ["", "-1", "x", "18446744073709551616", "7 "] {
            assert_eq!(
                error(&format!("shuffle={value}")),
                format!("shuffle={value}: expected a number from 0 to 18446744073709551615")
            );
        }
        let nine = ["slice=:"; 9].join(",");
        assert_eq!(error(&nine), "a view has at most 8 operations, this has 9");
        let long = format!("shuffle={}", "0".repeat(248));
        let expected = "a view's specification has at most 255 bytes, this has 256";
        assert_eq!(error(&long), expected);
    }
}
