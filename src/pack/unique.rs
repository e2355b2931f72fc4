//! Each name once in a dataset. While names come in byte order nothing is kept but the last one;
//! otherwise 16 bytes for each, a hash and a number. That two different names among ten million
//! have one hash, and one of them is refused without need, has a chance of one in 300,000.

use super::PackError;
use super::origins::Origins;
use super::source::{Locate, Origin};
use crate::format::name::Name;
use crate::shard::Shard;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Added to the number of a name's first record: the last record of that name was refused.
const REFUSED: u64 = 1 << 63;
/// In place of a number: the last record of that name was empty and left out.
const DROPPED_EMPTY: u64 = u64::MAX;
/// In place of a number: the only record of that name has failed. It counts as refused too.
const FAILED: u64 = u64::MAX - 1;

/// What became of the last record of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierName {
    /// It has this number.
    Number(u64),
    /// It was refused, because another one has the name.
    Refused,
    Failed,
    /// It was empty and left out.
    DroppedEmpty,
}

/// The names that are taken.
pub struct UniqueNames {
    /// The shards that are there; the first `older` of them have records from before this run.
    existing: Arc<Vec<Shard>>,
    older: usize,
    /// The largest of their names, or its beginning if it is longer than a name can be.
    largest: Option<Vec<u8>>,
    /// How the source's own names come.
    order: ArrivalOrder,
    hasher: RandomState,
    /// Hashes of names and the records' numbers: of the existing shards once they are needed,
    /// and of the source where its names come in any order.
    numbers: NumbersByHash,
    has_existing: bool,
    /// Whether a name that is taken is refused; else the later record has it.
    refuse: bool,
    /// Where the run's records have come from.
    origins: Origins,
}

enum ArrivalOrder {
    /// In byte order: the last one.
    Sorted(Option<Name>),
    Any,
}

impl UniqueNames {
    /// Beside those of the records before number `first` in the `existing` shards; `sorted` says
    /// that the source's names come in byte order; unless they are to be `refuse`d, a name may be
    /// taken again.
    pub fn new(
        existing: Arc<Vec<Shard>>,
        first: u64,
        sorted: bool,
        refuse: bool,
    ) -> Result<UniqueNames, PackError> {
        let mut before = 0;
        let is_older = |shard: &&Shard| {
            let begins = before;
            before += shard.records();
            begins < first
        };
        let older = existing.iter().take_while(is_older).count();
        let mut largest = None;
        for shard in &existing[..older] {
            largest = largest.max(largest_name(shard)?);
        }
        let mut names = UniqueNames {
            existing,
            older,
            largest,
            order: if sorted {
                ArrivalOrder::Sorted(None)
            } else {
                ArrivalOrder::Any
            },
            hasher: RandomState::new(),
            numbers: NumbersByHash::default(),
            has_existing: false,
            refuse,
            origins: Origins::default(),
        };
        if !sorted && refuse {
            names.load_existing()?;
        }
        Ok(names)
    }

    /// Takes a name for record `number`, or refuses it.
    pub fn take(
        &mut self,
        name: &Name,
        number: u64,
        origin: &Origin,
        locate: &Locate,
    ) -> Result<(), PackError> {
        let hash = self.hasher.hash_one(name);
        if let Some(first) = self.taken(name, hash, number)?
            && self.refuse
        {
            // A hard link to the refused record must not get the first one's content.
            self.numbers.insert(hash, first | REFUSED);
            let number = Some(first & !REFUSED).filter(|_| first != FAILED);
            return Err(PackError::DuplicateName {
                origin: origin.clone(),
                name: name.clone(),
                first: self.describe(number, name, origin, locate),
                number,
                has_failed: number.is_none(),
            });
        }
        match &mut self.order {
            ArrivalOrder::Any => {
                self.numbers.insert(hash, number);
            }
            ArrivalOrder::Sorted(last) => *last = Some(name.clone()),
        }
        if self.refuse {
            self.origins.add(number, origin);
        }
        Ok(())
    }

    /// Remembers that the record that has just taken its name has failed: nobody else gets the name,
    /// and hard links to it have no content.
    pub fn fail(&mut self, name: &Name) {
        if matches!(self.order, ArrivalOrder::Any) {
            self.numbers.insert(self.hasher.hash_one(name), FAILED);
        }
    }

    /// Whether a name is taken, so that record `number` is left out. Unless it has the same content as
    /// the one before, it is remembered as refused: a hard link to it must not get another one's.
    pub fn leave_out(
        &mut self,
        name: &Name,
        number: u64,
        is_same: bool,
    ) -> Result<bool, PackError> {
        let hash = self.hasher.hash_one(name);
        let taken = self.taken(name, hash, number)?;
        if let Some(first) = taken.filter(|_| !is_same) {
            self.numbers.insert(hash, first | REFUSED);
        }
        Ok(taken.is_some())
    }

    /// The number of the record that has a name already, so that record `number` cannot have it.
    fn taken(&mut self, name: &Name, hash: u64, number: u64) -> Result<Option<u64>, PackError> {
        let taken = match &self.order {
            ArrivalOrder::Any => self.numbers.get(hash),
            ArrivalOrder::Sorted(_) if Some(name.as_bytes()) <= self.largest.as_deref() => {
                self.load_existing()?;
                self.numbers.get(hash)
            }
            ArrivalOrder::Sorted(last) if Some(name) == last.as_ref() => number.checked_sub(1),
            ArrivalOrder::Sorted(_) => None,
        };
        Ok(taken.filter(|&first| ![number, DROPPED_EMPTY].contains(&first)))
    }

    /// What became of the last record of a name, where names come in any order.
    pub fn earlier(&self, name: &Name) -> Option<EarlierName> {
        let number = self.numbers.get(self.hasher.hash_one(name))?;
        Some(match number {
            DROPPED_EMPTY => EarlierName::DroppedEmpty,
            FAILED => EarlierName::Failed,
            number if number & REFUSED != 0 => EarlierName::Refused,
            number => EarlierName::Number(number),
        })
    }

    /// Remembers that an empty record is left out: links to it are empty too.
    pub fn drop_empty(&mut self, name: &Name) {
        if matches!(self.order, ArrivalOrder::Any) {
            let hash = self.hasher.hash_one(name);
            if self.numbers.get(hash).is_none() {
                self.numbers.insert(hash, DROPPED_EMPTY);
            }
        }
    }

    fn load_existing(&mut self) -> Result<(), PackError> {
        if std::mem::replace(&mut self.has_existing, true) {
            return Ok(());
        }
        let mut number = 0;
        for shard in &self.existing[..self.older] {
            let mut scan = shard.scan();
            for local in shard.all() {
                if let Some(name) = scan.name(local)? {
                    self.numbers.insert(self.hasher.hash_one(&name), number);
                }
                number += 1;
            }
        }
        Ok(())
    }

    /// Where a record is or was; `None` for one that has no number.
    fn describe(
        &self,
        number: Option<u64>,
        name: &Name,
        origin: &Origin,
        locate: &Locate,
    ) -> String {
        let mut first = 0;
        for shard in &self.existing[..self.older] {
            match number {
                Some(number) if number < first + shard.records() => {
                    return format!("record {} of {}", number - first, shard.location());
                }
                _ => first += shard.records(),
            }
        }
        let input = number.and_then(|number| self.origins.of(number));
        let found = locate(name, origin, input);
        found.unwrap_or_else(|| "an earlier record of the sources".to_owned())
    }
}

/// A map in parts: one that grows holds its entries twice while it does, and the parts do not all
/// grow at once.
#[derive(Debug, Default)]
pub struct NumbersByHash([HashMap<u64, u64>; PARTS]);

const PARTS: usize = 16;

impl NumbersByHash {
    /// The number of a hash.
    pub fn get(&self, hash: u64) -> Option<u64> {
        self.0[hash as usize % PARTS].get(&hash).copied()
    }

    /// Gives a hash a number, instead of the one that it had.
    pub fn insert(&mut self, hash: u64, number: u64) {
        self.0[hash as usize % PARTS].insert(hash, number);
    }

    /// The hashes with larger numbers than this.
    pub fn more_than(self, number: u64) -> HashMap<u64, u64> {
        let entries = self.0.into_iter().flatten();
        entries.filter(|&(_, found)| found > number).collect()
    }
}

/// The last name in byte order; it bounds the others even where it breaks the rules itself.
fn largest_name(shard: &Shard) -> Result<Option<Vec<u8>>, PackError> {
    let Some(last) = shard.records().checked_sub(1) else {
        return Ok(None);
    };
    let mut largest = Vec::new();
    if let Some(last) = shard.record_in_name_order(last)? {
        shard.name_key(last, &mut largest)?;
        shard.check_unchanged()?;
    }
    Ok(Some(largest))
}
