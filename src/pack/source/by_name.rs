//! What is known of names, by their hashes.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// A value for each of many names. Kept is a hash of 64 bits of each, keyed at random: that two of ten
/// million names have the same one has a chance of one in 300,000.
#[derive(Debug)]
pub struct ByName<T> {
    hasher: RandomState,
    values: HashMap<u64, T>,
}

impl<T> Default for ByName<T> {
    fn default() -> ByName<T> {
        ByName {
            hasher: RandomState::new(),
            values: HashMap::new(),
        }
    }
}

impl<T> ByName<T> {
    /// The hash of a name, here and nowhere else.
    pub fn hash(&self, name: &[u8]) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Gives a name a value, and returns the one that it had.
    pub fn insert(&mut self, name: &[u8], value: T) -> Option<T> {
        self.values.insert(self.hash(name), value)
    }

    /// The value of a name.
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        // In most archives there is nothing to be known, and no need to hash.
        if self.values.is_empty() {
            return None;
        }
        self.values.get(&self.hash(name))
    }

    /// Takes its value from a name.
    pub fn remove(&mut self, name: &[u8]) {
        if !self.values.is_empty() {
            self.values.remove(&self.hash(name));
        }
    }
}
