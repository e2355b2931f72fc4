//! What names a shard.

use crate::text::printable;
use std::fmt;
use std::path::{Path, PathBuf};

/// What names a shard in errors and messages: today always the path of a local file. Shown as text
/// it has escapes for what cannot be seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location(PathBuf);

impl Location {
    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Location {
        Location(path.to_owned())
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Location {
        Location(path)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        printable(&self.0).fmt(f)
    }
}
