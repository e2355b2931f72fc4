//! Whether what a read needs is in memory, so that it need not wait for storage.
//!
//! By mincore(2), a page of the index takes 0.7 to 0.9 µs, 10 KB as long, 110 KB up to 2.5 µs; reading
//! the index entry takes 0.4 µs. `RWF_NOWAIT` would tell, too, but only on file systems with
//! `FMODE_NOWAIT`: not on NFS, FUSE and Lustre, which are the slow ones. cachestat(2) counts pages that
//! are only being read.

use super::{LocalIndex, Shard};
use crate::format::OFFSET_LEN;
use crate::format::offsets::Extent;

impl Shard {
    /// Whether `len` bytes of a record from `offset` on, and its entry in the index, are in memory;
    /// `None` where the kernel does not tell, or something else is wrong, which a read will tell.
    pub fn is_record_in_memory(&self, record: LocalIndex, offset: u64, len: u64) -> Option<bool> {
        let entry = self.index.file_range(record.0..record.0 + 1);
        if !self.file.is_in_memory(entry.start, entry.end)? {
            return Some(false);
        }
        let mut bytes = [0; 2 * OFFSET_LEN as usize];
        let bytes = &mut bytes[..(entry.end - entry.start) as usize];
        self.file.local().read_exact_at(bytes, entry.start).ok()?;
        let extent = self.decode_entry(&self.index, record.0, bytes).ok()?;
        self.is_part_in_memory(extent.part(offset, len))
    }

    /// Whether a part of the payload is in memory; `None` where the kernel does not tell.
    pub fn is_part_in_memory(&self, part: Extent) -> Option<bool> {
        self.file.is_in_memory(part.start(), part.end())
    }
}
