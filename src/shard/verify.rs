//! The full check of shards: structure, every offset, every checksum, every name.

use crate::format::Damage;
use crate::format::offsets::Extent;
use crate::format::section::SectionKind;
use crate::shard::allowance::Allowance;
use crate::shard::{LocalIndex, Scan, Shard, ShardError};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// What was checked, over all shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyOutcome {
    /// Shards looked at.
    pub shards: u64,
    /// Records whose offsets were checked.
    pub records: u64,
    /// Bytes of the payloads.
    pub bytes: u64,
    /// Records whose content was compared with its checksum.
    pub checksums: u64,
    /// Sections that were passed over, because their kind is not known. A known one whose magic
    /// is damaged is among them: the format cannot tell.
    pub unknown_sections: u64,
    /// Faults in the data.
    pub damaged: u64,
    /// Shards that could not be read to the end.
    pub unreadable: u64,
}

/// Checks the shards at `paths`, continues after a fault, and reports each. `progress` is told of
/// payload bytes that are done.
pub fn verify(
    paths: &[PathBuf],
    fault: &mut dyn FnMut(ShardError),
    progress: &mut dyn FnMut(u64),
) -> VerifyOutcome {
    let mut outcome = VerifyOutcome::default();
    for path in paths {
        outcome.shards += 1;
        let checked = Shard::open(path).and_then(|shard| {
            let mut check = Check {
                shard: &shard,
                allowance: Allowance::of(&shard),
                outcome: &mut outcome,
                fault,
                progress,
                scan: shard.scan(),
            };
            check.records()?;
            SectionKind::ALL
                .into_iter()
                .try_for_each(|kind| check.section(kind))
        });
        if let Err(error) = checked {
            if error.is_damage() {
                outcome.damaged += 1;
            } else {
                outcome.unreadable += 1;
            }
            fault(error);
        }
    }
    outcome
}

/// The check of one shard. A fault is counted and passed on; an error ends the check.
struct Check<'a> {
    shard: &'a Shard,
    /// What the current pass may read.
    allowance: Allowance,
    outcome: &'a mut VerifyOutcome,
    fault: &'a mut dyn FnMut(ShardError),
    progress: &'a mut dyn FnMut(u64),
    scan: Scan<'a>,
}

impl Check<'_> {
    fn damage(&mut self, damage: Damage) {
        self.outcome.damaged += 1;
        (self.fault)(self.shard.damaged(damage));
    }

    /// Counts and reports damage; the check continues, unless the whole file is at fault.
    fn or_damage(&mut self, checked: Result<(), ShardError>) -> Result<(), ShardError> {
        match checked {
            Err(fault @ ShardError::Damaged { .. }) => {
                self.outcome.damaged += 1;
                (self.fault)(fault);
                Ok(())
            }
            other => other,
        }
    }

    fn records(&mut self) -> Result<(), ShardError> {
        let shard = self.shard;
        self.outcome.bytes = self.outcome.bytes.saturating_add(shard.payload_len());
        self.outcome.unknown_sections += shard.sections().unknown as u64;
        let mut result = Ok(());
        shard.for_each_extent(0..shard.records(), &mut |record, extent| {
            self.outcome.records += 1;
            match extent {
                Ok(extent) => result = self.content(record, extent),
                Err(damage) => self.damage(damage),
            }
            if result.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        result
    }

    /// What there is to check of a section, or of a shard that lacks it.
    fn section(&mut self, kind: SectionKind) -> Result<(), ShardError> {
        match kind {
            // Compared with the content.
            SectionKind::Crc32c => Ok(()),
            SectionKind::Names => self.names(),
            SectionKind::Order => {
                // It reads the names once more.
                self.allowance = Allowance::of(self.shard);
                self.order()
            }
        }
    }

    fn content(&mut self, record: LocalIndex, extent: Extent) -> Result<(), ShardError> {
        let allowed = self.allowance.take_record(self.shard, record, extent);
        let mut is_allowed = true;
        self.or_damage(allowed.inspect_err(|_| is_allowed = false))?;
        if !is_allowed {
            return Ok(());
        }
        if self.shard.sections().crc32c.is_some() {
            let found = self.checksum(extent)?;
            self.outcome.checksums += 1;
            let checked = self.scan.check_crc32c(record, found);
            self.or_damage(checked)?;
        }
        (self.progress)(extent.len());
        Ok(())
    }

    fn checksum(&mut self, extent: Extent) -> Result<u32, ShardError> {
        let mut crc = 0;
        let mut done = 0;
        while done < extent.len() {
            let bytes = self.scan.payload(extent.part(done, u64::MAX))?;
            crc = crc32c::crc32c_append(crc, bytes);
            done += bytes.len() as u64;
        }
        Ok(crc)
    }

    /// Every name's offsets, and the rules for names.
    fn names(&mut self) -> Result<(), ShardError> {
        let shard = self.shard;
        let mut result = Ok(());
        shard.for_each_name_extent(&mut |record, extent| {
            match extent {
                Ok(extent) => result = self.name(record, extent),
                Err(damage) => self.damage(damage),
            }
            if result.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        result
    }

    fn name(&mut self, record: LocalIndex, extent: Extent) -> Result<(), ShardError> {
        if let Err(damage) = self.allowance.take_name(record, extent) {
            self.damage(damage);
            return Ok(());
        }
        if extent.is_empty() {
            Ok(())
        } else {
            let checked = self.scan.valid_name_at(record, extent);
            self.or_damage(checked.map(drop))
        }
    }

    /// Whether the order is a permutation that sorts the names, equal ones by number. Without one
    /// the names have to be sorted as they stand: so all readers take them.
    fn order(&mut self) -> Result<(), ShardError> {
        let shard = self.shard;
        if !shard.has_names() {
            return Ok(());
        }
        let entries = shard.sections().order.map_or(0, |table| table.count);
        let mut seen = SeenNumbers::new(entries).map_err(|error| shard.io(error))?;
        let mut before: Option<(Vec<u8>, u64)> = None;
        for position in 0..shard.records() {
            let Some(record) = self.record_at(position, &mut seen)? else {
                continue;
            };
            let Some(name) = self.sorted_name(record)? else {
                continue;
            };
            let next = (name, record.get());
            if let Some(before) = before.as_ref().filter(|before| **before > next) {
                self.decrease(position, before, &next);
            }
            before = Some(next);
        }
        Ok(())
    }

    /// The record at a position of the order; `None` where there is none or it was there before, which
    /// is reported.
    fn record_at(
        &mut self,
        position: u64,
        seen: &mut SeenNumbers,
    ) -> Result<Option<LocalIndex>, ShardError> {
        let shard = self.shard;
        let number = self.scan.number_in_name_order(position)?;
        let what = || format!("order entry {position}");
        let Some(record) = shard.local(number) else {
            let expected = format!("at most {}", shard.records() - 1);
            self.damage(Damage::new(what(), number, expected));
            return Ok(None);
        };
        if seen.insert(number) {
            let found = format!("{number} again");
            self.damage(Damage::new(what(), found, "each record once"));
            return Ok(None);
        }
        Ok(Some(record))
    }

    /// Reports that a name, or the number of one of two equal names, is smaller than the one before it.
    fn decrease(&mut self, position: u64, before: &(Vec<u8>, u64), next: &(Vec<u8>, u64)) {
        let what = format!("name at position {position} in byte order");
        let (found, expected) = if before.0 == next.0 {
            ("equal to the one before it", "equal names by number")
        } else {
            (
                "smaller than the one before it",
                "names that never decrease",
            )
        };
        let found = format!("that of record {}, {found}", next.1);
        self.damage(Damage::new(what, found, expected));
    }

    /// A name as the order compares it; `None` where it is damaged, which has been reported.
    fn sorted_name(&mut self, record: LocalIndex) -> Result<Option<Vec<u8>>, ShardError> {
        let extent = match self.scan.name_extent(record) {
            Ok(Some(extent)) if self.allowance.take_name(record, extent).is_ok() => extent,
            Err(error) if !error.is_damage() => return Err(error),
            Ok(_) | Err(_) => return Ok(None),
        };
        let name = self.scan.raw_name_at(extent)?;
        Ok(name.map(<[u8]>::to_vec))
    }
}

/// Numbers that have been met, a bit for each: of no numbers, none is ever met.
struct SeenNumbers(Vec<u64>);

impl SeenNumbers {
    /// Of numbers below `count`, which a hostile shard may claim to be more than fit into memory.
    fn new(count: u64) -> io::Result<SeenNumbers> {
        let out_of_memory = || io::Error::from(io::ErrorKind::OutOfMemory);
        let words = usize::try_from(count.div_ceil(64)).map_err(|_| out_of_memory())?;
        let mut bits = Vec::new();
        bits.try_reserve_exact(words).map_err(|_| out_of_memory())?;
        bits.resize(words, 0);
        Ok(SeenNumbers(bits))
    }

    /// Adds a number; whether it was there already.
    fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        let Some(word) = self.0.get_mut(word) else {
            return false;
        };
        let there = *word & bit != 0;
        *word |= bit;
        there
    }
}
