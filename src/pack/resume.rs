//! Resuming an interrupted run: the records of its whole shards are compared with the source by name
//! and size, and not read again.

use super::PackError;
use super::source::{Content, Incoming};
use crate::format::name::Name;
use crate::shard::{LocalIndex, Shard};
use std::sync::Arc;

/// The records of an interrupted run, one after the other.
pub struct FinishedRecords {
    shards: Arc<Vec<Shard>>,
    /// Whether they may hold all that there was, without names to tell what is missing.
    is_closed: bool,
    shard: usize,
    record: u64,
}

impl FinishedRecords {
    /// The records of `shards` from number `first` on: the ones before it are older than the run.
    /// With `is_closed` the source must have no more than these.
    pub fn new(shards: Arc<Vec<Shard>>, first: u64, is_closed: bool) -> FinishedRecords {
        FinishedRecords {
            shards,
            is_closed,
            shard: 0,
            record: first,
        }
    }

    /// Whether the source's next record is there already. Fails if another one is in its place; with
    /// `keep_going`, as for a record that the interrupted run has left out.
    pub fn skip(&mut self, record: &Incoming, keep_going: bool) -> Result<bool, PackError> {
        let is_closed = self.is_closed;
        let Some((shard, local)) = self.next() else {
            return match (is_closed, self.shards.last()) {
                (true, Some(last)) => Err(PackError::NothingToResume {
                    path: last.path().to_owned(),
                    origin: record.origin.clone(),
                }),
                _ => Ok(false),
            };
        };
        let size = shard.extent(local)?.len();
        let name = match shard.sections().names {
            Some(_) => shard.name(local)?,
            // A plain shard says nothing about names.
            None => record.name.clone(),
        };
        if size == record.size && name == record.name {
            check_content(shard, local, record)?;
            self.record += 1;
            return Ok(true);
        }
        if keep_going {
            return Err(PackError::LeftOutBefore(record.origin.clone()));
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
            self.record -= self.shards.get(self.shard)?.records();
            self.shard += 1;
        }
        let shard = self.shards.get(self.shard)?;
        Some((shard, shard.local(self.record)?))
    }
}

/// Compares the checksum of content that is in memory anyway, or of a record that has one.
fn check_content(shard: &Shard, local: LocalIndex, record: &Incoming) -> Result<(), PackError> {
    let source = match &record.content {
        Content::Part(_, _, crc) => *crc,
        content => content.in_memory().map(crc32c::crc32c),
    };
    match (shard.crc32c(local)?, source) {
        (Some(found), Some(expected)) if found != expected => {
            let with = |crc| format!("{:#010x} by its checksum", crc);
            Err(changed(shard, local, with(found), with(expected)))
        }
        _ => Ok(()),
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
