//! Bounds the bytes that are in memory between the source and the writer.

use super::lock;
use std::sync::{Condvar, Mutex, PoisonError};

/// How many bytes may be in memory.
const IN_MEMORY_BYTES: u64 = 16 << 20;

/// The bytes that are in memory.
#[derive(Debug, Default)]
pub struct MemoryBudget {
    used: Mutex<u64>,
    freed: Condvar,
}

impl MemoryBudget {
    /// Waits until there is room. What is larger than all room gets it alone.
    pub fn take(&self, bytes: u64) {
        let mut used = lock(&self.used);
        while *used > 0 && *used + bytes > IN_MEMORY_BYTES {
            used = self
                .freed
                .wait(used)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
    }

    /// Lets others have this many bytes.
    pub fn give_back(&self, bytes: u64) {
        *lock(&self.used) -= bytes;
        self.freed.notify_one();
    }
}
