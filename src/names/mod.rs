//! The names of a dataset in byte order, over all of its shards.
//!
//! No name is kept in memory. While the shards' ranges of names do not overlap, one shard's names
//! come after the other's; where they do, the order is merged once into a number for each record.
//! Names here are keys: bytes as they stand in the shards, valid or not. A shard that lies about
//! its order can hide its own names, and no other's.

mod census;
mod cursor;
mod fences;
mod merge;

pub use census::{LeftOut, Reason, census};
pub use cursor::{Cursor, NameAt};

use crate::dataset::{Dataset, RecordId};
use crate::shard::{Shard, ShardError};
use fences::Fences;
use merge::Merge;
use std::sync::Arc;

/// Inode numbers of directories have room for so many positions.
pub const MAX_POSITIONS: u64 = 1 << 45;

/// Where reading a few names in one piece is cheaper than halving further.
const SCAN: u64 = 24;

/// The named records of a dataset in byte order of their names, equal names by number.
#[derive(Debug)]
pub struct NameOrder {
    dataset: Arc<Dataset>,
    layout: Layout,
    len: u64,
    fences: Fences,
}

#[derive(Debug)]
enum Layout {
    /// One shard's names after the other's.
    Apart(Vec<Piece>),
    /// Records by position, as 32-bit numbers while these suffice.
    Merged(Vec<u32>),
    MergedWide(Vec<u64>),
}

/// The names of one shard.
#[derive(Debug)]
struct Piece {
    shard: usize,
    /// Position of its first name in the dataset.
    first: u64,
    /// Records without a name, which are the first in the shard's own order.
    unnamed: u64,
    len: u64,
    /// Its first and last names.
    range: (Vec<u8>, Vec<u8>),
}

impl NameOrder {
    /// Finds out how the shards' names lie to each other, and merges them if they overlap. Reads
    /// two names of each shard, or all.
    pub fn new(dataset: Arc<Dataset>) -> Result<NameOrder, ShardError> {
        let mut pieces = Vec::new();
        for (number, shard) in dataset.shards().iter().enumerate() {
            pieces.extend(Piece::of(number, shard)?);
        }
        let len: u64 = pieces.iter().map(|piece| piece.len).sum();
        let layout = match lay_apart(&mut pieces) {
            true => Layout::Apart(pieces),
            false => merged(&dataset)?,
        };
        let len = match &layout {
            Layout::Apart(_) => len,
            Layout::Merged(records) => records.len() as u64,
            Layout::MergedWide(records) => records.len() as u64,
        };
        Ok(NameOrder {
            dataset,
            layout,
            len: len.min(MAX_POSITIONS),
            fences: Fences::new(len),
        })
    }

    /// Number of positions.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The names from the first one on that is at `from` or later and not smaller than `key`.
    pub fn seek(&self, key: &[u8], from: u64) -> Result<Cursor<'_>, ShardError> {
        let from = from.min(self.len);
        let (low, high, piece) = match &self.layout {
            Layout::Apart(pieces) => {
                let piece = pieces.partition_point(|piece| piece.range.1[..] < *key);
                let piece = pieces.get(piece);
                let range = piece.map(|piece| (piece.first, piece.first + piece.len));
                let (first, end) = range.unwrap_or((self.len, self.len));
                (first.min(self.len), end.min(self.len), piece)
            }
            Layout::Merged(_) | Layout::MergedWide(_) => (0, self.len, None),
        };
        let shard = piece.map(|piece| &self.dataset.shards()[piece.shard]);
        // Of one shard the size is checked once, at the end.
        let mut read = |position: u64, name: &mut Vec<u8>| match shard {
            Some(_) => self.read_key(position, name).map(drop),
            None => self.key_at(position, name),
        };
        let (low, high) = (low.max(from), high.max(from));
        let (mut low, mut high) = self.fences.narrow(low, high, key, &mut read)?;
        let mut name = Vec::new();
        let most = match shard.is_some_and(Shard::is_in_name_order) {
            true => SCAN,
            false => 0,
        };
        while high - low > most {
            let middle = low + (high - low) / 2;
            read(middle, &mut name)?;
            match name[..] < *key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let mut cursor = self.cursor(low)?;
        while cursor
            .current()
            .is_some_and(|name| name.position < high && name.key[..] < *key)
        {
            cursor.advance()?;
        }
        shard.map_or(Ok(()), Shard::check_size)?;
        Ok(cursor)
    }

    /// The position of a record's own name; `None` where it has none.
    pub fn position_of(&self, record: RecordId) -> Result<Option<u64>, ShardError> {
        let mut key = Vec::new();
        let Some((shard, local)) = self.dataset.locate(record) else {
            return Ok(None);
        };
        self.dataset.shards()[shard].name_key(local, &mut key)?;
        if key.is_empty() {
            return Ok(None);
        }
        let cursor = self.seek(&key, 0)?;
        let found = cursor.current().filter(|name| name.record == Some(record));
        Ok(found.map(|name| name.position))
    }

    /// Whether the records are in the same order by name and by number, all of them named.
    pub fn is_by_number(&self) -> bool {
        let Layout::Apart(pieces) = &self.layout else {
            return false;
        };
        let shards = self.dataset.shards();
        let in_order = pieces
            .iter()
            .all(|piece| piece.unnamed == 0 && shards[piece.shard].is_in_name_order());
        in_order
            && pieces.is_sorted_by_key(|piece| piece.shard)
            && self.len == self.dataset.records()
    }

    /// The names from `position` on.
    pub fn cursor(&self, position: u64) -> Result<Cursor<'_>, ShardError> {
        Cursor::new(self, position)
    }

    /// Writes the name at `position` over what `key` held: nothing if there is none.
    pub fn key_at(&self, position: u64, key: &mut Vec<u8>) -> Result<(), ShardError> {
        match self.read_key(position, key)? {
            Some(shard) => shard.check_size(),
            None => Ok(()),
        }
    }

    /// The same without a check of the shard's size, which is returned.
    fn read_key(&self, position: u64, key: &mut Vec<u8>) -> Result<Option<&Shard>, ShardError> {
        key.clear();
        let record = self.record_at(position)?;
        let Some((shard, local)) = record.and_then(|record| self.dataset.locate(record)) else {
            return Ok(None);
        };
        let shard = &self.dataset.shards()[shard];
        shard.name_key(local, key)?;
        Ok(Some(shard))
    }

    /// The record at `position`; `None` past the end, and where a shard's order is damaged.
    pub fn record_at(&self, position: u64) -> Result<Option<RecordId>, ShardError> {
        let place = usize::try_from(position).unwrap_or(usize::MAX);
        match &self.layout {
            Layout::Merged(records) => Ok(records
                .get(place)
                .and_then(|&record| self.dataset.record(u64::from(record)))),
            Layout::MergedWide(records) => Ok(records
                .get(place)
                .and_then(|&record| self.dataset.record(record))),
            Layout::Apart(pieces) => {
                let Some(piece) = piece_of(pieces, position) else {
                    return Ok(None);
                };
                let local = position - piece.first + piece.unnamed;
                let local = self.dataset.shards()[piece.shard].record_in_name_order(local)?;
                Ok(local.and_then(|local| self.dataset.record_in(piece.shard, local)))
            }
        }
    }
}

fn piece_of(pieces: &[Piece], position: u64) -> Option<&Piece> {
    let after = pieces.partition_point(|piece| piece.first <= position);
    let piece = pieces.get(after.checked_sub(1)?)?;
    (position - piece.first < piece.len).then_some(piece)
}

impl Piece {
    /// `None` where no record has a name.
    fn of(number: usize, shard: &Shard) -> Result<Option<Piece>, ShardError> {
        let records = match shard.has_names() {
            true => shard.records(),
            false => 0,
        };
        let key = |position: u64| {
            let mut key = Vec::new();
            if let Some(record) = shard.record_in_name_order(position)? {
                shard.name_key(record, &mut key)?;
                shard.check_size()?;
            }
            Ok::<Vec<u8>, ShardError>(key)
        };
        let Some(last) = records.checked_sub(1) else {
            return Ok(None);
        };
        let (mut unnamed, mut named) = (0, last);
        let mut first = key(0)?;
        // The empty names, of records that have none, are the smallest.
        while first.is_empty() && unnamed < named {
            let middle = unnamed + (named - unnamed) / 2;
            match key(middle)?.is_empty() {
                true => unnamed = middle + 1,
                false => named = middle,
            }
            if unnamed == named {
                first = key(unnamed)?;
            }
        }
        if first.is_empty() {
            return Ok(None);
        }
        Ok(Some(Piece {
            shard: number,
            first: 0,
            unnamed,
            len: records - unnamed,
            range: (first, key(last)?),
        }))
    }
}

/// Sorts shards by their names and says whether one's come after the other's; of equal names that
/// of the earlier shard has to come first.
fn lay_apart(pieces: &mut [Piece]) -> bool {
    pieces.sort_by(|a, b| (&a.range, a.shard).cmp(&(&b.range, b.shard)));
    let mut next = 0;
    for piece in pieces.iter_mut() {
        piece.first = next;
        next += piece.len;
    }
    let is_apart = |pair: &[Piece]| {
        let (last, first) = (&pair[0].range.1, &pair[1].range.0);
        last < first || last == first && pair[0].shard < pair[1].shard
    };
    let is_honest = |piece: &Piece| piece.range.0 <= piece.range.1;
    pieces.len() < 2 || pieces.windows(2).all(is_apart) && pieces.iter().all(is_honest)
}

fn merged(dataset: &Dataset) -> Result<Layout, ShardError> {
    let named = dataset.shards().iter().filter(|shard| shard.has_names());
    let most = named.map(Shard::records).sum::<u64>();
    let mut merge = Merge::new(dataset)?;
    if dataset.records() <= u64::from(u32::MAX) {
        let mut records = Vec::new();
        reserve(dataset, &mut records, most)?;
        while let Some((record, _)) = merge.next_name()? {
            // Checked above.
            records.push(record.get() as u32);
        }
        return Ok(Layout::Merged(records));
    }
    let mut records = Vec::new();
    reserve(dataset, &mut records, most)?;
    while let Some((record, _)) = merge.next_name()? {
        records.push(record.get());
    }
    Ok(Layout::MergedWide(records))
}

/// A hostile shard may claim more records than fit into memory.
fn reserve<T>(dataset: &Dataset, records: &mut Vec<T>, most: u64) -> Result<(), ShardError> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let Err(_) = records.try_reserve_exact(most) else {
        return Ok(());
    };
    let largest = dataset.shards().iter().max_by_key(|shard| shard.records());
    match largest {
        Some(shard) => Err(shard.io(std::io::ErrorKind::OutOfMemory.into())),
        None => Ok(()),
    }
}
