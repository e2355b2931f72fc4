//! Why a shard cannot be opened or read.

use super::Location;
use crate::format::{Damage, byte_count};
use crate::sys::files::limit_hint;
use std::io;
use std::sync::Arc;

/// Why a shard cannot be opened or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ShardError {
    /// The system refused.
    #[error("{location}: {reason}{}", limit_hint(reason))]
    Io {
        /// The shard.
        location: Location,
        /// What the system said.
        reason: Arc<io::Error>,
    },
    /// It is not a regular file.
    #[error("{location}: it is {found}, expected a regular file")]
    NotRegular {
        /// The shard.
        location: Location,
        /// What it is instead.
        found: &'static str,
    },
    /// The bytes are not a shard's.
    #[error("{location}: {damage}")]
    Damaged {
        /// The shard.
        location: Location,
        /// Where and how.
        damage: Damage,
    },
    /// The file has another size than when it was opened.
    #[error("{location}: file size is {}, expected {expected} as when it was opened", byte_count(*found))]
    Resized {
        /// The shard.
        location: Location,
        /// Its size in bytes now.
        found: u64,
        /// Its size in bytes when it was opened.
        expected: u64,
    },
    /// The file was written to since it was opened, or may have been.
    #[error("{location}: it has changed since it was opened: {reason}")]
    Changed {
        /// The shard.
        location: Location,
        /// What tells.
        reason: String,
    },
}

impl ShardError {
    /// The shard.
    pub fn location(&self) -> &Location {
        match self {
            ShardError::Io { location, .. }
            | ShardError::NotRegular { location, .. }
            | ShardError::Damaged { location, .. }
            | ShardError::Resized { location, .. }
            | ShardError::Changed { location, .. } => location,
        }
    }

    /// Whether the shard's bytes are at fault, and not the system or the path.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            ShardError::Damaged { .. } | ShardError::Resized { .. } | ShardError::Changed { .. }
        )
    }
}
