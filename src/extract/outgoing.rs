//! One record on its way out: its name, and its content in pieces, compared with its checksum.

use super::claimed::{ClaimedNames, Clash};
use super::{ExtractError, PlaceError};
use crate::dataset::numbered::{EXTENSION, NumberedNames};
use crate::dataset::{Dataset, Record};
use crate::format::name::Name;
use crate::format::offsets::Extent;
use crate::shard::ShardError;
use crate::shard::allowance::Allowance;
use std::io::{self, Read};

/// A record that has a place in its shard and a valid name.
pub struct Outgoing<'a> {
    record: Record<'a>,
    extent: Extent,
    name: Name,
}

impl<'a> Outgoing<'a> {
    /// Looks up record `number`, where there is one, as far as the `allowances` of the shards go.
    /// Without a name of its own it is named as in the mount's `records/`.
    pub fn find(
        dataset: &'a Dataset,
        number: u64,
        allowances: &[Allowance],
    ) -> Option<Result<Outgoing<'a>, ShardError>> {
        let record = dataset.get(dataset.record(number)?)?;
        let allowance = allowances.get(record.shard_number())?;
        let name = match allowance.valid_name(record.shard(), record.local()) {
            Ok(Some(name)) => name,
            Ok(None) => numbered(number, dataset.records())?,
            Err(error) => return Some(Err(error)),
        };
        let found = record.extent().and_then(|extent| {
            allowance.take_record(record.shard(), record.local(), extent)?;
            Ok(Outgoing {
                record,
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
        self.record.shard().stat().mtime
    }

    /// Reads the content through `buffer`, passes each piece to `each`, and compares the checksum
    /// at the end, where the shard has checksums.
    pub fn read<E: From<ShardError>>(
        &self,
        buffer: &mut [u8],
        each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.record.for_each_piece(self.extent, buffer, each)
    }

    /// The content as a stream, without a check.
    pub fn content(&self) -> RecordReader<'_> {
        RecordReader {
            outgoing: self,
            done: 0,
        }
    }

    /// Takes the name for this record.
    pub fn claim(&self, claimed: &mut ClaimedNames) -> Result<(), ExtractError> {
        claimed.claim(&self.name).map_err(|clash| self.clash(clash))
    }

    /// The failure that its name is in the way of another's.
    pub fn clash(&self, clash: Clash) -> ExtractError {
        ExtractError::Clash {
            record: self.record.to_string(),
            name: self.name.to_string(),
            clash,
        }
    }

    /// The failure to write this record's file.
    pub fn place(&self, source: PlaceError) -> ExtractError {
        ExtractError::Place {
            record: self.record.to_string(),
            source,
        }
    }
}

/// The name of record `number`, or that made of it.
pub fn name_of(dataset: &Dataset, number: u64) -> Option<Name> {
    let record = dataset.get(dataset.record(number)?)?;
    match record.valid_name().ok()? {
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

/// See [`Outgoing::content`].
pub struct RecordReader<'a> {
    outgoing: &'a Outgoing<'a>,
    done: u64,
}

impl Read for RecordReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let part = self.outgoing.extent.part(self.done, buffer.len() as u64);
        let piece = &mut buffer[..part.len() as usize];
        let shard = self.outgoing.record.shard();
        let read = shard.read_payload(part.start(), piece);
        read.map_err(io::Error::other)?;
        self.done += part.len();
        Ok(piece.len())
    }
}
