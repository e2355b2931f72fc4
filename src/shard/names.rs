//! The names of a shard's records, one by one.

use super::{LocalIndex, Shard, ShardError};
use crate::format::name::{MAX_LEN, Name, NameError};
use crate::format::offsets::Extent;
use crate::format::{Damage, OFFSET_LEN};
use std::ops::ControlFlow;

/// As many bytes of a name are looked at: one more than a valid name can have, so that longer ones
/// are seen to be too long.
pub(super) const KEY_LEN: u64 = MAX_LEN as u64 + 1;

impl Shard {
    /// Whether it has names, and so an order of them.
    pub fn has_names(&self) -> bool {
        self.sections.names.is_some()
    }

    /// Whether the names are in byte order as the records are.
    pub fn is_in_name_order(&self) -> bool {
        self.sections.order.is_none_or(|table| table.count == 0)
    }

    /// A record's name; `None` where the shard or the record has none, and for a name that breaks
    /// the rules (only `verify` asks which, by [`raw_name`](Self::raw_name)).
    pub fn name(&self, record: LocalIndex) -> Result<Option<Name>, ShardError> {
        Ok(self.raw_name(record)?.and_then(|raw| Name::new(&raw).ok()))
    }

    /// A record's name as [`name`](Self::name), but one that breaks the rules is an error.
    pub fn valid_name(&self, record: LocalIndex) -> Result<Option<Name>, ShardError> {
        match self.name_extent(record)? {
            Some(extent) => self.valid_name_at(record, extent),
            None => Ok(None),
        }
    }

    /// The same for a name whose place is known.
    pub fn valid_name_at(
        &self,
        record: LocalIndex,
        extent: Extent,
    ) -> Result<Option<Name>, ShardError> {
        let raw = self.raw_name_at(extent)?;
        self.valid_name_of(record, extent, raw.as_deref())
    }

    pub(super) fn valid_name_of(
        &self,
        record: LocalIndex,
        extent: Extent,
        raw: Option<&[u8]>,
    ) -> Result<Option<Name>, ShardError> {
        let what = || format!("record {}: name", record.get());
        let Some(raw) = raw else {
            let found = format!("{} bytes long", extent.len());
            return Err(self.damaged(Damage::new(what(), found, "at most 4095 bytes")));
        };
        match Name::new(raw) {
            Ok(name) => Ok(Some(name)),
            Err(NameError::Empty) => Ok(None),
            Err(error) => {
                let found = format!("\"{}\" ({error})", raw.escape_ascii());
                Err(self.damaged(Damage::new(what(), found, "a valid relative path")))
            }
        }
    }

    /// The bytes of a record's name as they stand in the shard; `None` where the shard has no
    /// names, or the bytes are longer than any name.
    pub fn raw_name(&self, record: LocalIndex) -> Result<Option<Vec<u8>>, ShardError> {
        match self.name_extent(record)? {
            Some(extent) => self.raw_name_at(extent),
            None => Ok(None),
        }
    }

    /// Where a record's name lies among the bytes of all names; `None` where the shard has none.
    pub fn name_extent(&self, record: LocalIndex) -> Result<Option<Extent>, ShardError> {
        match &self.sections.names {
            Some(names) => self.entry(&names.ends, record.0).map(Some),
            None => Ok(None),
        }
    }

    /// The bytes of a name by its place, as [`raw_name`](Self::raw_name) gives them.
    pub fn raw_name_at(&self, extent: Extent) -> Result<Option<Vec<u8>>, ShardError> {
        let Some(names) = &self.sections.names else {
            return Ok(None);
        };
        if extent.len() > MAX_LEN as u64 {
            return Ok(None);
        }
        let mut raw = vec![0; extent.len() as usize];
        self.file.read_at(names.at + extent.start(), &mut raw)?;
        Ok(Some(raw))
    }

    /// Calls `each` with the extents of all names, as [`for_each_extent`](Self::for_each_extent)
    /// does for records.
    pub fn for_each_name_extent(
        &self,
        each: &mut dyn FnMut(LocalIndex, Result<Extent, Damage>) -> ControlFlow<()>,
    ) -> Result<(), ShardError> {
        let Some(names) = &self.sections.names else {
            return Ok(());
        };
        self.for_each_entry(&names.ends, 0..self.records(), &mut |entry, extent| {
            each(LocalIndex(entry), extent)
        })
    }

    /// The number of the record whose name is at `position` in byte order. It is as it stands in the
    /// file, and may not be a record's.
    pub fn number_in_name_order(&self, position: u64) -> Result<u64, ShardError> {
        let order = self.sections.order.as_ref();
        let order = order.filter(|table| position < table.count);
        let entry = order.map(|table| self.table_entry(table, position));
        Ok(number_by_entry(position, entry.transpose()?))
    }

    /// The record whose name is at `position` in byte order; `None` where the order section has a
    /// number that is no record's.
    pub fn record_in_name_order(&self, position: u64) -> Result<Option<LocalIndex>, ShardError> {
        let number = self.number_in_name_order(position)?;
        Ok(self.local(number))
    }

    /// Appends the bytes of a record's name to `key`, up to one more than a valid name can have;
    /// none where the shard has no names or the name's place is damaged. The file's size is not
    /// checked: [`check_unchanged`](Self::check_unchanged) is to be called at the end of a search.
    pub fn name_key(&self, record: LocalIndex, key: &mut Vec<u8>) -> Result<(), ShardError> {
        let Some(names) = &self.sections.names else {
            return Ok(());
        };
        let range = names.ends.file_range(record.0..record.0 + 1);
        let mut ends = [0; 2 * OFFSET_LEN as usize];
        let ends = &mut ends[..(range.end - range.start) as usize];
        self.file.read_unchecked(range.start, ends)?;
        let Some(Ok(extent)) = names.ends.extents(record.0, ends).next() else {
            return Ok(());
        };
        self.append_key(extent, key)
    }

    pub(super) fn append_key(&self, extent: Extent, key: &mut Vec<u8>) -> Result<(), ShardError> {
        let at = self.sections.names.map_or(0, |names| names.at);
        let start = key.len();
        key.resize(start + extent.len().min(KEY_LEN) as usize, 0);
        self.file
            .read_unchecked(at + extent.start(), &mut key[start..])
    }
}

/// What an entry of the order section says of a position. Without one, names are in order as the
/// records are.
pub(super) fn number_by_entry(position: u64, entry: Option<u32>) -> u64 {
    entry.map_or(position, u64::from)
}
