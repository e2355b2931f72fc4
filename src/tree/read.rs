//! Reading: which bytes a range of a file is.

use super::node::Node;
use super::{Tree, TreeError};
use crate::format::offsets::Extent;
use crate::shard::{PayloadBytes, Permit};
use std::borrow::Cow;
use std::ops::{Deref, Range};

/// How many bytes a request may have read that nobody asked for: what is compared with checksums is
/// compared with all of its record. 4 MiB take about a millisecond, from disk some ten.
const MOST_NOT_ASKED: u64 = 4 << 20;

/// What was read: bytes, and which part of which file they are.
#[derive(Debug)]
pub struct Read<'a> {
    /// Of which file.
    pub node: Node,
    /// From where on in it.
    pub offset: u64,
    /// Where the file lies in `raw/data`, if it does.
    file: Option<Range<u64>>,
    /// The number of the shard that has all of it, and where in its payload.
    in_shard: Option<(usize, Extent)>,
    bytes: Bytes<'a>,
}

/// The bytes of a read, and where they are.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// As in [`Read`].
    pub file: Option<Range<u64>>,
    pub in_shard: Option<(usize, Extent)>,
    pub bytes: Bytes<'a>,
}

impl<'a> Found<'a> {
    /// Of no payload.
    pub fn made(bytes: impl Into<Cow<'a, [u8]>>) -> Found<'a> {
        Found {
            file: None,
            in_shard: None,
            bytes: Bytes::Made(bytes.into()),
        }
    }
}

#[derive(Debug)]
pub(super) enum Bytes<'a> {
    /// Of one shard, for the kernel alone to look at.
    Payload(PayloadBytes<'a>),
    /// Of several, or of no payload.
    Made(Cow<'a, [u8]>),
}

impl Deref for Read<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Payload(bytes) => bytes,
            Bytes::Made(bytes) => bytes,
        }
    }
}

impl Read<'_> {
    /// Where the file lies in `raw/data`; `None` for what is no payload.
    pub fn in_raw_data(&self) -> Option<Range<u64>> {
        self.file.clone()
    }

    /// Which bytes of the file these are.
    pub fn range(&self) -> Range<u64> {
        // A read past the end may begin anywhere.
        self.offset..self.offset.saturating_add(self.len() as u64)
    }

    /// The number of the shard that has all of these bytes, and where in its payload.
    pub fn in_shard(&self) -> Option<(usize, Extent)> {
        self.in_shard
    }

    /// Whether all of the file has been read at once.
    pub fn is_whole(&self) -> bool {
        let len = self.file.as_ref().map(|file| file.end - file.start);
        len.is_none_or(|len| len <= self.len() as u64)
    }

    /// Whether the end of the file has been read.
    pub fn ends_file(&self) -> bool {
        let len = self.file.as_ref().map(|file| file.end - file.start);
        len.is_none_or(|len| len <= self.range().end)
    }

    /// To be called when the kernel has its copy of the bytes; returns whether that was right. If not,
    /// their shard has changed meanwhile, and the kernel must not keep it.
    pub fn done(&self) -> bool {
        match &self.bytes {
            Bytes::Made(_) => true,
            Bytes::Payload(bytes) => bytes.is_still_right(),
        }
    }
}

impl Tree {
    /// Up to `len` bytes of a file from `offset` on; fewer only at its end.
    pub fn read(&self, node: Node, offset: u64, len: u32) -> Result<Read<'_>, TreeError> {
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
    ) -> Result<Read<'_>, TreeError> {
        let found = match node {
            Node::Record(number) => self.read_record(number, offset, len, permit)?,
            Node::RawData => self.read_raw_data(offset, len, permit)?,
            Node::RawIndex => Found::made(self.read_raw_index(offset, len)?),
            Node::Info => {
                let info = self.info()?;
                let start = usize::try_from(offset)
                    .unwrap_or(usize::MAX)
                    .min(info.len());
                let end = start.saturating_add(len as usize).min(info.len());
                Found::made(&info[start..end])
            }
            Node::Root
            | Node::Records
            | Node::Raw
            | Node::Shards
            | Node::Shard(_)
            | Node::Meta
            | Node::Views
            | Node::View(_)
            | Node::Files
            | Node::NamedDirectory { .. } => return Err(TreeError::IsADirectory),
        };
        Ok(Read {
            node,
            offset,
            file: found.file,
            in_shard: found.in_shard,
            bytes: found.bytes,
        })
    }

    /// Whether a read may have to wait for storage, as far as can be told. Not where the shard is
    /// compared with its checksums: that takes memory for each read, and is not for many threads.
    pub fn may_wait_for_storage(&self, node: Node, offset: u64, len: u32) -> bool {
        let (shard, is_in_memory) = match node {
            Node::Record(number) => {
                let record = self.record(number).ok();
                let place = record.and_then(|record| self.dataset.locate(record));
                // Without one there is nothing to read.
                let Some((shard, local)) = place else {
                    return false;
                };
                let shard = &self.dataset.shards()[shard];
                (
                    shard,
                    shard.is_record_in_memory(local, offset, u64::from(len)),
                )
            }
            Node::RawData => {
                let Some((shard, base)) = self.dataset.shard_of_byte(offset) else {
                    return false;
                };
                let shard = &self.dataset.shards()[shard];
                let part = shard.payload().part(offset - base, u64::from(len));
                (shard, shard.is_part_in_memory(part))
            }
            _ => return true,
        };
        is_in_memory != Some(true) && !shard.is_compared()
    }

    /// Asks the disk for what the first read of a record will need.
    pub fn request(&self, number: u64) {
        let record = self.dataset.record(number);
        if let Some((shard, local)) = record.and_then(|record| self.dataset.locate(record)) {
            // The read will fail if there is a reason.
            let _ = self.dataset.shards()[shard].request_first(local);
        }
    }

    fn read_record(
        &self,
        number: u64,
        offset: u64,
        len: u32,
        permit: &mut Permit<'_>,
    ) -> Result<Found<'_>, TreeError> {
        let (number_of_shard, local) = self
            .dataset
            .locate(self.record(number)?)
            .ok_or(TreeError::NotFound)?;
        let base = self.dataset.first_byte(number_of_shard);
        let base = base.ok_or(TreeError::NotFound)?;
        let shard = &self.dataset.shards()[number_of_shard];
        let (stays, len) = (
            self.dataset.resident().record(number).in_shard,
            u64::from(len),
        );
        let (extent, bytes) = shard.read_record(local, offset, len, stays, permit)?;
        Ok(Found {
            file: Some(base + extent.start()..base + extent.end()),
            in_shard: Some((number_of_shard, extent.part(offset, len))),
            bytes: Bytes::Payload(bytes.ok_or(TreeError::TooLong)?),
        })
    }
}
