//! Reading: which bytes a range of a file is.

use super::ino::Node;
use super::{Tree, TreeError};
use crate::ahead::readahead;
use crate::format::index::Extent;
use crate::shard::{Epoch, Permit, Shard};
use std::borrow::Cow;
use std::ops::Deref;

/// Bytes of one entry of `raw/index`.
pub const INDEX_ENTRY: u64 = 8;
/// How many bytes a request may have read that nobody asked for: what is compared with checksums is
/// compared with all of its record. 4 MiB take about a millisecond, from disk some ten.
const MOST_NOT_ASKED: u64 = 4 << 20;

/// Bytes of a file. Those of a shard may be mapped, and are only for the kernel to copy.
#[derive(Debug)]
pub struct Bytes<'a> {
    bytes: Cow<'a, [u8]>,
    /// The shard whose file they are read from while the kernel copies them, and what it was before.
    source: Option<(&'a Shard, Epoch)>,
}

impl Bytes<'_> {
    /// Whether what the kernel has copied was right: to be asked afterwards. If not, the shard's file
    /// has changed meanwhile, and the kernel must not keep its copy.
    pub fn are_still_right(&self) -> bool {
        self.source
            .is_none_or(|(shard, epoch)| shard.is_still(epoch))
    }

    /// Whether these, which were given later, show that earlier ones were right: no change was found
    /// in between in the shard of both.
    pub fn confirm(&self, earlier: &Bytes) -> bool {
        match (&self.source, &earlier.source) {
            (Some((shard, epoch)), Some((same, before))) => {
                std::ptr::eq(*shard, *same) && epoch == before
            }
            _ => false,
        }
    }
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Vec<u8>> for Bytes<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes {
            bytes: Cow::Owned(bytes),
            source: None,
        }
    }
}

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Bytes {
            bytes: Cow::Borrowed(bytes),
            source: None,
        }
    }
}

impl Tree {
    /// Up to `len` bytes of a file from `offset` on; fewer only at its end.
    pub fn read(&self, node: Node, offset: u64, len: u32) -> Result<Bytes<'_>, TreeError> {
        let mut left = if self.waits { u64::MAX } else { MOST_NOT_ASKED };
        self.read_within(node, offset, len, &mut |bytes| {
            let rest = left.checked_sub(bytes);
            left = rest.unwrap_or(left);
            rest.is_some()
        })
    }

    /// The same with as much comparing as is permitted; [`TreeError::TooLong`] where more is needed.
    pub fn read_within(
        &self,
        node: Node,
        offset: u64,
        len: u32,
        permit: &mut Permit<'_>,
    ) -> Result<Bytes<'_>, TreeError> {
        match node {
            Node::Record(number) => self.read_record(number, offset, len, permit),
            Node::RawData => self.read_raw_data(offset, len, permit),
            Node::RawIndex => self.read_raw_index(offset, len).map(Bytes::from),
            Node::Info => {
                let info = self.info()?;
                let start = usize::try_from(offset)
                    .unwrap_or(usize::MAX)
                    .min(info.len());
                let end = start.saturating_add(len as usize).min(info.len());
                Ok(info[start..end].into())
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

    fn read_record(
        &self,
        number: u64,
        offset: u64,
        len: u32,
        permit: &mut Permit<'_>,
    ) -> Result<Bytes<'_>, TreeError> {
        let (shard, local) = self
            .dataset
            .locate(self.record(number)?)
            .ok_or(TreeError::NotFound)?;
        let shard = &self.dataset.shards()[shard];
        // From before its place is read.
        let epoch = shard.epoch();
        let extent = shard.extent(local)?;
        let part = extent.part(offset, u64::from(len));
        if shard.is_compared() {
            return compared(shard.read_compared(Some(local), part, permit)?);
        }
        let source = Some((shard, epoch));
        if self.is_read_once(part.len())
            && let Some(bytes) = shard.read_once(part)
        {
            let bytes = Cow::Owned(bytes);
            return Ok(Bytes { bytes, source });
        }
        shard.will_need(readahead::record_window(extent, part))?;
        let bytes = Cow::Borrowed(shard.mapped(part)?);
        Ok(Bytes { bytes, source })
    }

    /// The bytes of a whole record, whose place was read some time ago.
    pub fn record_bytes(
        &self,
        number: u64,
        shard: usize,
        extent: Extent,
    ) -> Result<Bytes<'_>, TreeError> {
        let shard = &self.dataset.shards()[shard];
        let epoch = shard.epoch();
        shard.check_unchanged()?;
        if shard.is_compared() {
            let len = u32::try_from(extent.len()).unwrap_or(u32::MAX);
            return self.read(Node::Record(number), 0, len);
        }
        Ok(Bytes {
            bytes: Cow::Borrowed(shard.mapped(extent)?),
            source: Some((shard, epoch)),
        })
    }

    /// Within one shard the mapped bytes; across several, a copy of all their parts.
    fn read_raw_data(
        &self,
        offset: u64,
        len: u32,
        permit: &mut Permit<'_>,
    ) -> Result<Bytes<'_>, TreeError> {
        let end = offset
            .saturating_add(u64::from(len))
            .min(self.dataset.payload_len());
        if offset >= end {
            return Ok([][..].into());
        }
        let mut at = offset;
        let mut joined = Vec::new();
        while at < end {
            let (shard, base) = self.dataset.shard_of_byte(at).ok_or(TreeError::NotFound)?;
            let part = shard.payload().part(at - base, end - at);
            if part.len() == u64::from(len).min(end - offset) {
                let epoch = shard.epoch();
                shard.check_unchanged()?;
                if shard.is_compared() {
                    return compared(shard.read_compared(None, part, permit)?);
                }
                shard.will_need(part)?;
                return Ok(Bytes {
                    bytes: Cow::Borrowed(shard.mapped(part)?),
                    source: Some((shard, epoch)),
                });
            }
            let filled = joined.len();
            joined.resize(filled + part.len() as usize, 0);
            if !shard.read_payload_within(part.start(), &mut joined[filled..], permit)? {
                return Err(TreeError::TooLong);
            }
            at += part.len();
        }
        Ok(joined.into())
    }

    /// The end offsets of all records in the joined payload, little-endian.
    fn read_raw_index(&self, offset: u64, len: u32) -> Result<Vec<u8>, TreeError> {
        let end = offset
            .saturating_add(u64::from(len))
            .min(self.dataset.records() * INDEX_ENTRY);
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
                failed.is_none()
            });
        if let Some(error) = failed {
            return Err(error);
        }
        bytes.truncate((end - first * INDEX_ENTRY) as usize);
        bytes.drain(..(offset - first * INDEX_ENTRY) as usize);
        Ok(bytes)
    }
}

fn compared<'a>(bytes: Option<Vec<u8>>) -> Result<Bytes<'a>, TreeError> {
    bytes.map(Bytes::from).ok_or(TreeError::TooLong)
}
