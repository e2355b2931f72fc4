//! One record of a dataset: which one it is, in which shard, and where there.

use super::RecordId;
use crate::format::name::Name;
use crate::format::offsets::Extent;
use crate::shard::{LocalIndex, Shard, ShardError};
use std::fmt;

/// A record, with its shard. Only a [`Dataset`](super::Dataset) makes one.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub(super) id: RecordId,
    pub(super) shard_number: usize,
    pub(super) shard: &'a Shard,
    pub(super) local: LocalIndex,
}

impl<'a> Record<'a> {
    /// Its number in the dataset.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// The number of its shard in the dataset.
    pub fn shard_number(&self) -> usize {
        self.shard_number
    }

    /// Its shard.
    pub fn shard(&self) -> &'a Shard {
        self.shard
    }

    /// Its number in the shard.
    pub fn local(&self) -> LocalIndex {
        self.local
    }

    /// Where it lies in the shard's payload.
    pub fn extent(&self) -> Result<Extent, ShardError> {
        self.shard.extent(self.local)
    }

    /// Its name as [`Shard::valid_name`] gives it.
    pub fn valid_name(&self) -> Result<Option<Name>, ShardError> {
        self.shard.valid_name(self.local)
    }

    /// Reads its content, which lies at `extent`, through `buffer`; passes each piece to `each`, and
    /// compares the checksum at the end, where the shard has checksums.
    pub fn for_each_piece<E: From<ShardError>>(
        &self,
        extent: Extent,
        buffer: &mut [u8],
        each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.shard
            .for_each_checked_piece(self.local, extent, buffer, each)
    }
}

/// Which one it is, for a message.
impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shard = self.shard.location();
        write!(f, "record {} of {shard}", self.local.get())
    }
}
