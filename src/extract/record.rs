//! One record on its way out: its name, and its content in pieces, compared with its checksum.

use super::taken::{Clash, Taken};
use super::{Failure, PlaceError};
use crate::dataset::Dataset;
use crate::dataset::numbered::{EXTENSION, NumberedNames};
use crate::format::index::Extent;
use crate::format::name::Name;
use crate::shard::allowance::Allowance;
use crate::shard::{LocalIndex, Shard, ShardError};
use std::io::{self, Read};

/// A record that has a place in its shard and a valid name.
pub struct Record<'a> {
    shard: &'a Shard,
    local: LocalIndex,
    extent: Extent,
    name: Name,
}

impl<'a> Record<'a> {
    /// Looks up record `number`, where there is one, as far as the `allowances` of the shards go.
    /// Without a name of its own it is named as in
    /// the mount's `records/`.
    pub fn find(
        dataset: &'a Dataset,
        number: u64,
        allowances: &[Allowance],
    ) -> Option<Result<Record<'a>, ShardError>> {
        let (shard, local) = dataset.locate(dataset.record(number)?)?;
        let allowance = allowances.get(shard)?;
        let shard = &dataset.shards()[shard];
        let name = match allowance.valid_name(shard, local) {
            Ok(Some(name)) => name,
            Ok(None) => numbered(number, dataset.records())?,
            Err(error) => return Some(Err(error)),
        };
        let found = shard.extent(local).and_then(|extent| {
            allowance.take_record(shard, local, extent)?;
            Ok(Record {
                shard,
                local,
                extent,
                name,
            })
        });
        Some(found)
    }

    /// Its own name, or that made of its number.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Bytes of content.
    pub fn len(&self) -> u64 {
        self.extent.len()
    }

    /// When its shard was last modified: seconds since 1970.
    pub fn mtime(&self) -> i64 {
        self.shard.stat().mtime
    }

    /// Reads the content through `buffer`, passes each piece to `each`, and compares the checksum
    /// at the end, where the shard has checksums.
    pub fn read<E: From<ShardError>>(
        &self,
        buffer: &mut [u8],
        each: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.shard
            .for_each_checked_piece(self.local, self.extent, buffer, each)
    }

    /// The content as a stream, without a check.
    pub fn content(&self) -> Content<'_> {
        Content {
            record: self,
            done: 0,
        }
    }

    /// Takes the name for this record.
    pub fn claim(&self, taken: &mut Taken) -> Result<(), Failure> {
        taken.claim(&self.name).map_err(|clash| self.clash(clash))
    }

    /// The failure that its name is in the way of another's.
    pub fn clash(&self, clash: Clash) -> Failure {
        Failure::Clash {
            record: self.to_string(),
            name: self.name.to_string(),
            clash,
        }
    }

    /// The failure to write this record's file.
    pub fn place(&self, source: PlaceError) -> Failure {
        Failure::Place {
            record: self.to_string(),
            source,
        }
    }
}

/// Which one it is, for a message.
impl std::fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shard = self.shard.location();
        write!(f, "record {} of {shard}", self.local.get())
    }
}

/// The name of record `number`, or that made of it.
pub fn name_of(dataset: &Dataset, number: u64) -> Option<Name> {
    let (shard, local) = dataset.locate(dataset.record(number)?)?;
    match dataset.shards()[shard].valid_name(local).ok()? {
        Some(name) => Some(name),
        None => numbered(number, dataset.records()),
    }
}

fn numbered(number: u64, records: u64) -> Option<Name> {
    let mut name = Vec::new();
    NumberedNames::new(records, EXTENSION).write(number, &mut name);
    // Digits, a dot and letters: always valid.
    Name::new(&name).ok()
}

/// See [`Record::content`].
pub struct Content<'a> {
    record: &'a Record<'a>,
    done: u64,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let part = self.record.extent.part(self.done, buffer.len() as u64);
        let piece = &mut buffer[..part.len() as usize];
        let read = self.record.shard.read_payload(part.start(), piece);
        read.map_err(io::Error::other)?;
        self.done += part.len();
        Ok(piece.len())
    }
}
