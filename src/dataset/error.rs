//! Why shard arguments are not a dataset.

use crate::format::Damage;
use crate::shard::{Location, ShardError};
use std::io;

/// Why shard arguments are not a dataset.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// One of its shards.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A directory or its listing could not be read.
    #[error("{location}: {reason}")]
    Io {
        /// The directory or file.
        location: Location,
        /// What the system said.
        reason: io::Error,
    },
    /// Nothing by that name, and no shards made from it.
    #[error("{location}: no such file{}", hint.as_deref().unwrap_or_default())]
    Missing {
        /// The argument.
        location: Location,
        /// What else was looked for.
        hint: Option<String>,
    },
    /// A pattern without a match.
    #[error("{location}: no file matches this pattern")]
    NoMatch {
        /// The argument.
        location: Location,
    },
    /// A pattern that cannot be read as one.
    #[error("{location}: not a valid pattern: {reason}")]
    BadPattern {
        /// The argument.
        location: Location,
        /// Why.
        reason: &'static str,
    },
    /// A directory without shards.
    #[error("{location}: the directory has no .rox files")]
    EmptyDirectory {
        /// The argument.
        location: Location,
    },
    /// The same file twice.
    #[error("{location}: it is given twice{}", also_as(also.as_ref()))]
    Twice {
        /// The second name.
        location: Location,
        /// The first name, if it is another one.
        also: Option<Location>,
    },
    /// Sums that no offset can express.
    #[error("{location}: {damage}")]
    TooLarge {
        /// The shard at which the sum overflowed.
        location: Location,
        /// Which sum.
        damage: Damage,
    },
}

fn also_as(first: Option<&Location>) -> String {
    first.map_or_else(String::new, |first| format!(", also as {first}"))
}

impl DatasetError {
    /// Whether the data is at fault, and not the system or the arguments.
    pub fn is_damage(&self) -> bool {
        match self {
            DatasetError::Shard(error) => error.is_damage(),
            DatasetError::TooLarge { .. } => true,
            _ => false,
        }
    }
}
