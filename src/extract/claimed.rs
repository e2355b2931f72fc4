//! Which names a run has used, where no file system can tell: in an archive, or when existing files
//! are replaced.

use crate::format::name::Name;
use crate::text::escaped;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The names used so far. Kept as hashes of 64 bits, keyed at random: 8 bytes for each name and
/// directory; that two names meet by chance is less likely than a fault of the disk.
#[derive(Debug, Default)]
pub struct ClaimedNames {
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
    /// An earlier record's differs from it in the case of letters alone, and that does not count.
    #[error("which this file system takes for \"{0}\", the name of another record")]
    Case(String),
}

impl ClaimedNames {
    /// Takes `name`, and the directories it needs.
    pub fn claim(&mut self, name: &Name) -> Result<(), Clash> {
        let (directories, hash) = self.hashes(name.as_bytes());
        for &(len, directory) in &directories {
            if self.files.contains(&directory) {
                let shown = escaped(&name.as_bytes()[..len]).to_string();
                return Err(Clash::BelowFile(shown));
            }
        }
        if self.directories.contains(&hash) {
            return Err(Clash::IsDirectory);
        }
        if !self.files.insert(hash) {
            return Err(Clash::Twice);
        }
        let hashes = directories.iter().map(|&(_, hash)| hash);
        self.directories.extend(hashes);
        Ok(())
    }

    /// The lengths and hashes of the directories of a path, and the hash of all of it: each byte is
    /// hashed once, however deep it is.
    fn hashes(&self, path: &[u8]) -> (Vec<(usize, u64)>, u64) {
        let mut hasher = self.hasher.build_hasher();
        let mut directories = Vec::new();
        let mut done = 0;
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            hasher.write(&path[done..at]);
            directories.push((at, hasher.clone().finish()));
            done = at;
        }
        hasher.write(&path[done..]);
        (directories, hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_files_in_one_directory_clash() {
        let mut claimed = ClaimedNames::default();
        let mut claim = |name: &str| claimed.claim(&Name::new(name.as_bytes()).expect("valid"));
        assert_eq!(claim("a/b/c"), Ok(()));
        assert_eq!(claim("a/b/d"), Ok(()));
        assert_eq!(claim("a/b/c"), Err(Clash::Twice));
        assert_eq!(claim("a/b"), Err(Clash::IsDirectory));
        assert_eq!(claim("a"), Err(Clash::IsDirectory));
        assert_eq!(claim("a/b/c/d"), Err(Clash::BelowFile("a/b/c".to_owned())));
        assert_eq!(claim("b"), Ok(()));
    }
}
