//! Which names a run has used, where no file system tells: in an archive, or when files are
//! replaced anyway.

use crate::format::name::Name;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// The names used so far. Kept as hashes of 64 bits, keyed at random: 8 bytes for each name and
/// directory; that two names meet by chance is less likely than a fault of the disk.
#[derive(Debug, Default)]
pub struct Taken {
    hasher: RandomState,
    files: HashSet<u64>,
    directories: HashSet<u64>,
}

/// Why a name cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    /// An earlier record has it.
    #[error("which another record has")]
    Twice,
    /// Earlier records are below it.
    #[error("which is a directory of other records")]
    IsDirectory,
    /// A directory of it is an earlier record.
    #[error("but \"{0}\" is another record")]
    BelowFile(String),
}

impl Taken {
    /// Takes `name`, and the directories it needs.
    pub fn claim(&mut self, name: &Name) -> Result<(), Clash> {
        let bytes = name.as_bytes();
        let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let directories: Vec<&[u8]> = slashes.map(|(at, _)| &bytes[..at]).collect();
        for directory in &directories {
            if self.files.contains(&self.hasher.hash_one(directory)) {
                // A part of a valid name is one.
                let shown = Name::new(directory).map_or_else(|_| String::new(), |n| n.to_string());
                return Err(Clash::BelowFile(shown));
            }
        }
        let hash = self.hasher.hash_one(bytes);
        if self.directories.contains(&hash) {
            return Err(Clash::IsDirectory);
        }
        if !self.files.insert(hash) {
            return Err(Clash::Twice);
        }
        for directory in directories {
            self.directories.insert(self.hasher.hash_one(directory));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_files_in_one_directory_clash() {
        let mut taken = Taken::default();
        let mut claim = |name: &str| taken.claim(&Name::new(name.as_bytes()).expect("valid"));
        assert_eq!(claim("a/b/c"), Ok(()));
        assert_eq!(claim("a/b/d"), Ok(()));
        assert_eq!(claim("a/b/c"), Err(Clash::Twice));
        assert_eq!(claim("a/b"), Err(Clash::IsDirectory));
        assert_eq!(claim("a"), Err(Clash::IsDirectory));
        assert_eq!(claim("a/b/c/d"), Err(Clash::BelowFile("a/b/c".to_owned())));
        assert_eq!(claim("b"), Ok(()));
    }
}
