//! Reading: which bytes a range of a file is.

use super::ino::Node;
use super::{Tree, TreeError};
use crate::readahead;
use std::borrow::Cow;

/// Bytes of one entry of `raw/index`.
const ENTRY: u64 = 8;

impl Tree {
    /// Up to `len` bytes of a file from `offset` on; fewer only at its end. What comes borrowed
    /// from a shard is mapped, and only for the kernel to copy.
    pub fn read(&self, node: Node, offset: u64, len: u32) -> Result<Cow<'_, [u8]>, TreeError> {
        match node {
            Node::Record(number) => self.read_record(number, offset, len),
            Node::RawData => self.read_raw_data(offset, len),
            Node::RawIndex => self.read_raw_index(offset, len).map(Cow::Owned),
            Node::Info => {
                let info = self.info()?;
                let start = usize::try_from(offset)
                    .unwrap_or(usize::MAX)
                    .min(info.len());
                let end = start.saturating_add(len as usize).min(info.len());
                Ok(Cow::Borrowed(&info[start..end]))
            }
            Node::Root
            | Node::Records
            | Node::Raw
            | Node::Shards
            | Node::Shard(_)
            | Node::Meta
            | Node::Files
            | Node::Directory { .. } => Err(TreeError::IsADirectory),
        }
    }

    fn read_record(&self, number: u64, offset: u64, len: u32) -> Result<Cow<'_, [u8]>, TreeError> {
        let (shard, extent) = self.record_extent(number)?;
        let shard = &self.dataset.shards()[shard];
        let part = extent.part(offset, u64::from(len));
        if self.is_read_once(part.len())
            && let Some(bytes) = shard.read_once(part)
        {
            return Ok(Cow::Owned(bytes));
        }
        shard.will_need(readahead::record_window(extent, part))?;
        Ok(Cow::Borrowed(shard.mapped(part)?))
    }

    /// Within one shard the mapped bytes; across several, a copy of all their parts.
    fn read_raw_data(&self, offset: u64, len: u32) -> Result<Cow<'_, [u8]>, TreeError> {
        let end = offset
            .saturating_add(u64::from(len))
            .min(self.dataset.payload_len());
        if offset >= end {
            return Ok(Cow::Borrowed(&[]));
        }
        let mut at = offset;
        let mut joined = Vec::new();
        while at < end {
            let (shard, base) = self.dataset.shard_of_byte(at).ok_or(TreeError::NotFound)?;
            let part = shard.payload().part(at - base, end - at);
            if part.len() == u64::from(len).min(end - offset) {
                shard.check_size()?;
                shard.will_need(part)?;
                return Ok(Cow::Borrowed(shard.mapped(part)?));
            }
            let filled = joined.len();
            joined.resize(filled + part.len() as usize, 0);
            shard.read_payload(part.start(), &mut joined[filled..])?;
            at += part.len();
        }
        Ok(Cow::Owned(joined))
    }

    /// The end offsets of all records in the joined payload, little-endian.
    fn read_raw_index(&self, offset: u64, len: u32) -> Result<Vec<u8>, TreeError> {
        let end = offset
            .saturating_add(u64::from(len))
            .min(self.dataset.records() * ENTRY);
        if offset >= end {
            return Ok(Vec::new());
        }
        let first = offset / ENTRY;
        let last = end.div_ceil(ENTRY);
        let mut bytes = Vec::with_capacity(((last - first) * ENTRY) as usize);
        let mut failed = None;
        self.dataset
            .for_each_extent(first..last, &mut |_, shard, extent| {
                match (extent, self.dataset.first_byte(shard)) {
                    (Ok(extent), Some(base)) => bytes.extend((base + extent.end()).to_le_bytes()),
                    (Err(error), _) => failed = Some(error.into()),
                    (Ok(_), None) => failed = Some(TreeError::NotFound),
                }
                failed.is_none()
            });
        if let Some(error) = failed {
            return Err(error);
        }
        bytes.truncate((end - first * ENTRY) as usize);
        bytes.drain(..(offset - first * ENTRY) as usize);
        Ok(bytes)
    }
}
