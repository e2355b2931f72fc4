//! `raw/`: the records of all shards as one file, and the offsets at which they end.

use super::read::{Bytes, Found};
use super::{Tree, TreeError};
use crate::shard::Permit;
use std::ops::ControlFlow;

/// Bytes of one entry of `raw/index`.
pub const INDEX_ENTRY: u64 = 8;

impl Tree {
    /// Bytes of `raw/data`.
    pub(super) fn raw_data_len(&self) -> u64 {
        self.dataset.payload_len()
    }

    /// Bytes of `raw/index`.
    pub(super) fn raw_index_len(&self) -> u64 {
        self.dataset.records() * INDEX_ENTRY
    }

    /// Within one shard its bytes; across several, a copy of all their parts.
    pub(super) fn read_raw_data(
        &self,
        offset: u64,
        len: u32,
        permit: &mut Permit<'_>,
    ) -> Result<Found<'_>, TreeError> {
        let whole = 0..self.raw_data_len();
        let end = offset.saturating_add(u64::from(len)).min(whole.end);
        if offset >= end {
            return Ok(Found::made(&[][..]));
        }
        let mut at = offset;
        let mut joined = Vec::new();
        while at < end {
            let found = self.dataset.shard_of_byte(at);
            let (number, base) = found.ok_or(TreeError::NotFound)?;
            let shard = &self.dataset.shards()[number];
            let part = shard.payload().part(at - base, end - at);
            if part.len() == end - offset {
                let bytes = shard.read_part(part, permit)?.ok_or(TreeError::TooLong)?;
                return Ok(Found {
                    file: Some(whole),
                    in_shard: Some((number, part)),
                    bytes: Bytes::Payload(bytes),
                });
            }
            let filled = joined.len();
            joined.resize(filled + part.len() as usize, 0);
            if !shard.read_payload_within(part.start(), &mut joined[filled..], permit)? {
                return Err(TreeError::TooLong);
            }
            at += part.len();
        }
        Ok(Found {
            file: Some(whole),
            ..Found::made(joined)
        })
    }

    /// The end offsets of all records in the joined payload, little-endian.
    pub(super) fn read_raw_index(&self, offset: u64, len: u32) -> Result<Vec<u8>, TreeError> {
        let end = offset
            .saturating_add(u64::from(len))
            .min(self.raw_index_len());
        if offset >= end {
            return Ok(Vec::new());
        }
        let first = offset / INDEX_ENTRY;
        let last = end.div_ceil(INDEX_ENTRY);
        let mut bytes = Vec::with_capacity(((last - first) * INDEX_ENTRY) as usize);
        let mut failed = None;
        self.dataset
            .for_each_extent(first..last, &mut |_, shard, extent| {
                match (extent, self.dataset.first_byte(shard)) {
                    (Ok(extent), Some(base)) => bytes.extend((base + extent.end()).to_le_bytes()),
                    (Err(error), _) => failed = Some(error.into()),
                    (Ok(_), None) => failed = Some(TreeError::NotFound),
                }
                if failed.is_none() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
        if let Some(error) = failed {
            return Err(error);
        }
        bytes.truncate((end - first * INDEX_ENTRY) as usize);
        bytes.drain(..(offset - first * INDEX_ENTRY) as usize);
        Ok(bytes)
    }
}
