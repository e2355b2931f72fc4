//! Going on after an interruption: what whole shards hold is compared by name and size with the
//! source, and not read again.

use super::PackError;
use super::source::Record;
use crate::format::name::Name;
use crate::shard::{LocalIndex, Shard};
use std::path::PathBuf;

/// The records of the shards that are there, one after the other.
pub struct Written {
    shards: Vec<Shard>,
    shard: usize,
    record: u64,
}

impl Written {
    /// Over the shards at `paths`.
    pub fn open(paths: &[PathBuf]) -> Result<Written, PackError> {
        let shards: Result<Vec<Shard>, _> = paths.iter().map(|path| Shard::open(path)).collect();
        Ok(Written {
            shards: shards?,
            shard: 0,
            record: 0,
        })
    }

    /// Whether the source's next record is there already. Fails if another one is in its place.
    pub fn skip(&mut self, record: &Record) -> Result<bool, PackError> {
        let Some((shard, local)) = self.next() else {
            return Ok(false);
        };
        let size = shard.extent(local)?.len();
        let name = match shard.sections().names {
            Some(_) => shard.name(local)?,
            // A plain shard says nothing about names.
            None => record.name.clone(),
        };
        if size == record.size && name == record.name {
            self.record += 1;
            return Ok(true);
        }
        let expected = describe(record.name.as_ref(), record.size);
        Err(changed(
            shard,
            local,
            describe(name.as_ref(), size),
            expected,
        ))
    }

    /// Fails if the source has ended before the shards have.
    pub fn check_done(&mut self) -> Result<(), PackError> {
        let Some((shard, local)) = self.next() else {
            return Ok(());
        };
        let found = describe(shard.name(local)?.as_ref(), shard.extent(local)?.len());
        Err(changed(shard, local, found, "no more records".to_owned()))
    }

    fn next(&mut self) -> Option<(&Shard, LocalIndex)> {
        while self.record >= self.shards.get(self.shard)?.records() {
            self.shard += 1;
            self.record = 0;
        }
        let shard = self.shards.get(self.shard)?;
        Some((shard, shard.local(self.record)?))
    }
}

fn changed(shard: &Shard, record: LocalIndex, found: String, expected: String) -> PackError {
    PackError::SourceChanged {
        path: shard.path().to_owned(),
        record: record.get(),
        found,
        expected,
    }
}

fn describe(name: Option<&Name>, size: u64) -> String {
    match name {
        Some(name) => format!("\"{name}\" of {size} bytes"),
        None => format!("{size} bytes"),
    }
}
