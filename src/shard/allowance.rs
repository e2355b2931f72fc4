//! How much of a shard one pass over many of its records may read, so that the work and the output
//! are in proportion to the file, whatever its offsets say.
//!
//! Records are cut out of the payload by end offsets that never decrease, so all together they have
//! the payload's bytes and no more. Offsets that go back and forth give any number of records the
//! same bytes, each of which is well-formed by itself. A pass lets records have the payload's bytes
//! twice: one offset that is wrong makes one record too long, by less than the payload, and all
//! honest ones beside it can still be read. So that several wrong offsets here and there do not use
//! that up, a large record is refused at once where its neighbours show that its offset is the
//! wrong one. The same bound holds for names. A single record asked for by its number is not bound
//! by it.

use crate::format::Damage;
use crate::format::name::{MAX_LEN, Name};
use crate::format::offsets::Extent;
use crate::shard::{LocalIndex, Scan, Shard, ShardError};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a pass may read each byte, on average.
const READS_OF_A_BYTE: u64 = 2;
/// This many bytes may be read of any shard.
const LEAST_ALLOWED_LEN: u64 = 64 << 10;
/// A record is large where an allowance has no room for this many of its length.
const LARGE_RECORDS_PER_ALLOWANCE: u64 = 128;

/// What one pass over a shard may still read; threads may share it.
#[derive(Debug)]
pub struct Allowance {
    payload: AtomicU64,
    names: AtomicU64,
    /// From how many bytes on a record is compared with its neighbours.
    large: u64,
}

impl Allowance {
    /// For one pass over `shard`.
    pub fn of(shard: &Shard) -> Allowance {
        let names = shard.sections().names.map_or(0, |names| names.ends.limit());
        let allowed = |len: u64| len.saturating_mul(READS_OF_A_BYTE).max(LEAST_ALLOWED_LEN);
        Allowance {
            payload: AtomicU64::new(allowed(shard.payload_len())),
            names: AtomicU64::new(allowed(names)),
            large: allowed(shard.payload_len()) / LARGE_RECORDS_PER_ALLOWANCE,
        }
    }

    /// Allows to read a record that lies at `extent`, or says that too many share its bytes, or
    /// that its neighbours contradict it.
    pub fn take_record(
        &self,
        shard: &Shard,
        record: LocalIndex,
        extent: Extent,
    ) -> Result<(), ShardError> {
        if extent.len() > self.large {
            check_neighbours(shard, record, extent)?;
        }
        if take(&self.payload, extent.len()) {
            Ok(())
        } else {
            Err(shard.damaged(shared(format!("record {}", record.get()), extent)))
        }
    }

    /// The same for its name. One that is longer than any name is not read.
    pub fn take_name(&self, record: LocalIndex, extent: Extent) -> Result<(), Damage> {
        if extent.len() > MAX_LEN as u64 || take(&self.names, extent.len()) {
            Ok(())
        } else {
            Err(shared(format!("record {}: name", record.get()), extent))
        }
    }

    /// The same for a name of `len` bytes that has been read.
    pub fn take_read_name(
        &self,
        shard: &Shard,
        record: LocalIndex,
        len: u64,
    ) -> Result<(), ShardError> {
        if take(&self.names, len) {
            Ok(())
        } else {
            let what = format!("record {}: name", record.get());
            let found = format!("{len} bytes again");
            Err(shard.damaged(Damage::new(what, found, "bytes that few others have")))
        }
    }

    /// A record's name as [`Shard::valid_name`] gives it, if it may be read.
    pub fn valid_name(
        &self,
        shard: &Shard,
        record: LocalIndex,
    ) -> Result<Option<Name>, ShardError> {
        let Some(extent) = shard.name_extent(record)? else {
            return Ok(None);
        };
        let allowed = self.take_name(record, extent);
        allowed.map_err(|damage| shard.damaged(damage))?;
        shard.valid_name_at(record, extent)
    }

    /// The bytes of a record's name as [`Scan::raw_name_at`] gives them, if they may be read.
    pub fn raw_name<'s>(
        &self,
        scan: &'s mut Scan<'_>,
        record: LocalIndex,
    ) -> Result<Option<&'s [u8]>, ShardError> {
        let Some(extent) = scan.name_extent(record)? else {
            return Ok(None);
        };
        let allowed = self.take_name(record, extent);
        allowed.map_err(|damage| scan.shard().damaged(damage))?;
        scan.raw_name_at(extent)
    }
}

fn take(left: &AtomicU64, bytes: u64) -> bool {
    let less = |left: u64| left.checked_sub(bytes);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
}

fn shared(what: String, extent: Extent) -> Damage {
    let found = format!("bytes {} to {} again", extent.start(), extent.end());
    Damage::new(what, found, "bytes that few others have")
}

/// Refuses a record of whose two offsets one is wrong by the word of its neighbours: these would be
/// in order without it, and it is beyond not only the nearest of them. What may as well be the
/// neighbour's fault is none.
fn check_neighbours(shard: &Shard, record: LocalIndex, extent: Extent) -> Result<(), ShardError> {
    let number = record.get();
    let first = number.saturating_sub(2);
    let end = shard.records().min(number.saturating_add(3));
    let mut around = Vec::new();
    shard.for_each_extent(first..end, &mut |_, extent| {
        around.push(extent.ok());
        ControlFlow::Continue(())
    })?;
    // `None` is no record, which says nothing, and `Some(None)` a decrease.
    let at = |wanted: Option<u64>| {
        let place = usize::try_from(wanted?.checked_sub(first)?).ok()?;
        around.get(place).copied()
    };
    let wrong = |which: &str, found: u64, expected: String| {
        let what = format!("record {number}: {which} offset");
        Err(shard.damaged(Damage::new(what, found, expected)))
    };
    let after = (at(number.checked_add(1)), at(number.checked_add(2)));
    if let (Some(None), Some(Some(second))) = after
        && extent.start() <= second.start()
        && extent.end() > second.end()
    {
        let expected = format!("at most {} (where the next one ends)", second.start());
        return wrong("end", extent.end(), expected);
    }
    let before = (at(number.checked_sub(1)), at(number.checked_sub(2)));
    if let (Some(None), Some(Some(second))) = before
        && second.end() <= extent.end()
        && extent.start() < second.start()
    {
        let expected = format!(
            "{} or more (where record {} ends)",
            second.end(),
            number - 2
        );
        return wrong("start", extent.start(), expected);
    }
    Ok(())
}
