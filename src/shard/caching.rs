//! Bytes of the payload for the kernel, and which pages of the shard's file stay in memory beside the
//! kernel's copies of what is in them.
//!
//! Where they are not to stay, records of [`UNCACHED`] bytes are read past the page cache. Pages of
//! other reads are let go of some time after the kernel has its copy
//! ([`Shard::let_go`]): not at once, because others may lie in the same page that are read next.

use super::mmap::PAGE;
use super::unchanged::Epoch;
use super::{LocalIndex, Permit, Shard, ShardError};
use crate::format::offsets::Extent;
use std::borrow::Cow;
use std::ops::{Deref, Range};

/// Records with more bytes are not read uncached, and not stored ahead of readers whole but in parts.
pub const LARGE_RECORD: u64 = 256 << 10;
/// Sizes of reads, in bytes, that leave nothing of the shard in memory where one copy is to stay. For
/// larger ones the disk is asked ahead, which brings pages in anyway. With it the third random epoch
/// over 20,000 records of 10 KB in 1.5 times their memory took 0.14 s instead of 1.65 s.
const UNCACHED: Range<u64> = PAGE..LARGE_RECORD;
/// The most bytes of one record that its first read requests from disk.
const LARGEST_WHOLE: u64 = 1 << 20;

/// Bytes of a shard's payload. They may be mapped, and are only for the kernel to copy.
#[derive(Debug)]
pub struct PayloadBytes<'a> {
    bytes: Cow<'a, [u8]>,
    shard: &'a Shard,
    /// What the file was before; `None` where the bytes themselves have been compared with checksums.
    epoch: Option<Epoch>,
}

impl Deref for PayloadBytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PayloadBytes<'_> {
    /// What the file was before these bytes were read; where nothing has changed since, the kernel's
    /// copy is right. `None` for bytes that are right in any case.
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// Whether what the kernel has copied was right: to be asked afterwards. If not, the shard's file
    /// has changed meanwhile, and the kernel must not keep its copy.
    pub fn is_still_right(&self) -> bool {
        self.epoch.is_none_or(|epoch| self.shard.is_still(epoch))
    }
}

impl Shard {
    /// Where a record lies, and up to `len` bytes of it from `offset` on. `None` instead of the bytes
    /// where they have to be compared with a checksum and that takes more than is permitted. `stays`
    /// tells whether they are to stay in memory here.
    pub fn read_record(
        &self,
        record: LocalIndex,
        offset: u64,
        len: u64,
        stays: bool,
        permit: &mut Permit<'_>,
    ) -> Result<(Extent, Option<PayloadBytes<'_>>), ShardError> {
        // From before its place is read.
        let epoch = self.epoch();
        let extent = self.extent(record)?;
        let part = extent.part(offset, len);
        if self.is_compared() {
            return Ok((extent, self.compared(Some(record), part, permit)?));
        }
        // Of a longer one the kernel asks for parts, which are requested ahead.
        let is_short = extent.len() < LARGE_RECORD && UNCACHED.contains(&part.len());
        let uncached = !stays && is_short;
        let bytes = match uncached.then(|| self.read_uncached(part)).flatten() {
            Some(bytes) => Cow::Owned(bytes),
            None => {
                self.will_need(first_request(extent, part));
                self.content(part)?
            }
        };
        let bytes = PayloadBytes {
            bytes,
            shard: self,
            epoch: Some(epoch),
        };
        Ok((extent, Some(bytes)))
    }

    /// Asks the disk for what the first read of a record will need.
    pub fn request_first(&self, record: LocalIndex) -> Result<(), ShardError> {
        let extent = self.extent(record)?;
        self.will_need(first_request(extent, extent.part(0, 0)));
        Ok(())
    }

    /// A part of the payload, whatever records it is of. `None` as above.
    pub fn read_part(
        &self,
        part: Extent,
        permit: &mut Permit<'_>,
    ) -> Result<Option<PayloadBytes<'_>>, ShardError> {
        let epoch = self.epoch();
        self.check_unchanged()?;
        if self.is_compared() {
            return self.compared(None, part, permit);
        }
        self.will_need(part);
        self.part(part, epoch).map(Some)
    }

    /// All of a record that is not large, whose place was read some time ago and whose bytes have been
    /// requested. `None` as above.
    pub fn read_requested(
        &self,
        record: LocalIndex,
        extent: Extent,
    ) -> Result<Option<PayloadBytes<'_>>, ShardError> {
        let epoch = self.epoch();
        self.check_unchanged()?;
        if self.is_compared() {
            // Of a long record no more than this much is compared for it.
            let permit = &mut |bytes| bytes <= LARGE_RECORD;
            return Ok(self.read_record(record, 0, extent.len(), true, permit)?.1);
        }
        self.part(extent, epoch).map(Some)
    }

    fn part(&self, part: Extent, epoch: Epoch) -> Result<PayloadBytes<'_>, ShardError> {
        Ok(PayloadBytes {
            bytes: self.content(part)?,
            shard: self,
            epoch: Some(epoch),
        })
    }

    fn compared(
        &self,
        first: Option<LocalIndex>,
        part: Extent,
        permit: &mut Permit<'_>,
    ) -> Result<Option<PayloadBytes<'_>>, ShardError> {
        let bytes = self.read_compared(first, part, permit)?;
        Ok(bytes.map(|bytes| PayloadBytes {
            bytes: Cow::Owned(bytes),
            shard: self,
            epoch: None,
        }))
    }

    /// Lets go of the pages that have any of these bytes, and of no others. The kernel keeps those that
    /// other programs use.
    pub fn let_go(&self, part: Extent) {
        let start = part.start() / PAGE * PAGE;
        let end = part.end().next_multiple_of(PAGE);
        self.page_out(self.payload().part(start, end - start));
    }

    /// Lets go of all that the kernel has in memory of the payload, as far as nobody uses it.
    pub fn let_go_all(&self) {
        self.page_out(self.payload());
    }
}

/// What to request from disk for a read of `part` of `record`: the whole record (up to 1 MiB) at
/// its beginning, because a program that opens a record reads it; later exactly what is read, since the
/// readers of a long record are followed (`ahead`).
fn first_request(record: Extent, part: Extent) -> Extent {
    if part.start() == record.start() {
        record.part(0, part.len().max(LARGEST_WHOLE))
    } else {
        part
    }
}
