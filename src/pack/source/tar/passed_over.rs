//! Which entries have been passed over, so that hard links to them are too.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// What an entry that is no file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A symbolic link.
    Link,
    /// A directory.
    Directory,
    /// A device or FIFO.
    Special,
    /// An archive whose entries are read instead of it.
    Archive,
    /// A file that cannot be read.
    Lost,
}

/// The names of entries that were passed over, as hashes.
#[derive(Debug, Default)]
pub struct PassedOver {
    hasher: RandomState,
    kinds: HashMap<u64, What>,
}

impl PassedOver {
    /// An entry of this name is passed over.
    pub fn add(&mut self, name: Vec<u8>, what: What) {
        self.kinds.insert(self.hasher.hash_one(name), what);
    }

    /// A file of this name has come.
    pub fn remove(&mut self, name: &[u8]) {
        if !self.kinds.is_empty() {
            self.kinds.remove(&self.hasher.hash_one(name));
        }
    }

    /// What was passed over under this name.
    pub fn get(&self, name: &[u8]) -> Option<What> {
        match self.kinds.is_empty() {
            true => None,
            false => self.kinds.get(&self.hasher.hash_one(name)).copied(),
        }
    }
}
