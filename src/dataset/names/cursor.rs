//! A place in the order of names, and the next one.
//!
//! What a cursor gives never decreases and lies within the range that its shard's first and last
//! names span, whatever the shard says: a name elsewhere is a lie, and is passed over.

use super::{Layout, NameOrder, SCAN_NAMES, ShardNames, part_at};
use crate::dataset::RecordId;
use crate::shard::{ShardError, SortedNames};

/// One name.
#[derive(Debug)]
pub struct NameAt {
    /// Its position in the order.
    pub position: u64,
    /// Whose name it is.
    pub record: RecordId,
    /// Its bytes, up to one more than a valid name can have.
    pub key: Vec<u8>,
}

/// Walks over names in their order, and sees one further than it stands.
#[derive(Debug)]
pub struct Cursor<'a> {
    order: &'a NameOrder,
    /// The position that is read next.
    next: u64,
    /// Names of the shard that `next` is in, as long as they last.
    run: Option<(usize, SortedNames<'a>)>,
    /// Smaller names are passed over before the first one is given.
    floor: Vec<u8>,
    current: Option<NameAt>,
    next_name: Option<NameAt>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(
        order: &'a NameOrder,
        position: u64,
        floor: &[u8],
    ) -> Result<Cursor<'a>, ShardError> {
        let mut cursor = Cursor {
            order,
            next: position,
            run: None,
            floor: floor.to_vec(),
            current: None,
            next_name: None,
        };
        cursor.next_name = cursor.read(Vec::new())?;
        cursor.advance()?;
        Ok(cursor)
    }

    /// Where it stands; `None` behind the last name.
    pub fn current(&self) -> Option<&NameAt> {
        self.current.as_ref()
    }

    /// The name after that.
    pub fn peek(&self) -> Option<&NameAt> {
        self.next_name.as_ref()
    }

    /// Moves to the next name.
    pub fn advance(&mut self) -> Result<(), ShardError> {
        let left = std::mem::replace(&mut self.current, self.next_name.take());
        // The one that was left has a buffer to use again.
        let buffer = left.map(|name| name.key).unwrap_or_default();
        self.next_name = self.read(buffer)?;
        Ok(())
    }

    /// The next name, whose bytes are put into `key`.
    fn read(&mut self, mut key: Vec<u8>) -> Result<Option<NameAt>, ShardError> {
        if let Layout::Disjoint(parts) = &self.order.layout {
            return self.read_disjoint(parts, key);
        }
        // Merging has sorted them, without those that were lies.
        let position = self.next;
        let Some(record) = self.order.record_at(position)? else {
            return Ok(None);
        };
        self.next += 1;
        self.order.key_at(position, &mut key)?;
        Ok(Some(NameAt {
            position,
            record,
            key,
        }))
    }

    /// After some lies in a row the rest of the shard is searched, and after some more it is left:
    /// a few names and searches for each shard, however many lies it has.
    fn read_disjoint(
        &mut self,
        parts: &[ShardNames],
        mut key: Vec<u8>,
    ) -> Result<Option<NameAt>, ShardError> {
        let (mut lies, mut searched) = (0, None);
        while let Some(part) = part_at(parts, self.next).filter(|_| self.next < self.order.len) {
            let position = self.next;
            self.next += 1;
            let record = self.read_in(part, position, &mut key)?;
            let floor = self.current.as_ref().map(|name| &name.key);
            let is_in_place = part.holds(&key) && key >= *floor.unwrap_or(&self.floor);
            if let Some(record) = record.filter(|_| is_in_place) {
                return Ok(Some(NameAt {
                    position,
                    record,
                    key,
                }));
            }
            lies += 1;
            if lies < SCAN_NAMES {
                continue;
            }
            lies = 0;
            let floor = floor.unwrap_or(&self.floor).clone();
            self.next = match searched.replace(part.shard) {
                Some(shard) if shard == part.shard => part.end(),
                _ => self.order.search(part, self.next..part.end(), &floor)?,
            };
            self.run = None;
        }
        Ok(None)
    }

    /// Reads the name at `position` of a part; `None` where its order has a number that is no record's.
    fn read_in(
        &mut self,
        part: &ShardNames,
        position: u64,
        key: &mut Vec<u8>,
    ) -> Result<Option<RecordId>, ShardError> {
        let dataset = &self.order.dataset;
        let names = match &mut self.run {
            Some((shard, names)) if *shard == part.shard => names,
            run => {
                let names = dataset.shards()[part.shard].sorted_names(part.local(position));
                &mut run.insert((part.shard, names)).1
            }
        };
        key.clear();
        let Some((local, name)) = names.next_name()? else {
            return Ok(None);
        };
        key.extend_from_slice(name);
        Ok(local.and_then(|local| dataset.record_in(part.shard, local)))
    }
}
