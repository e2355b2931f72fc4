//! A place in the order of names, and the one after it.
//!
//! What a cursor gives never decreases and lies within the range that its shard's first and last
//! names span, whatever the shard says: a name elsewhere is a lie, and is passed over.

use super::{Layout, NameOrder, Piece, SCAN, piece_of};
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
    ahead: Option<NameAt>,
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
            ahead: None,
        };
        cursor.ahead = cursor.read(Vec::new())?;
        cursor.advance()?;
        Ok(cursor)
    }

    /// Where it stands; `None` behind the last name.
    pub fn current(&self) -> Option<&NameAt> {
        self.current.as_ref()
    }

    /// The name after that.
    pub fn ahead(&self) -> Option<&NameAt> {
        self.ahead.as_ref()
    }

    /// Goes one further.
    pub fn advance(&mut self) -> Result<(), ShardError> {
        let left = std::mem::replace(&mut self.current, self.ahead.take());
        // The one that was left has a buffer to use again.
        let buffer = left.map(|name| name.key).unwrap_or_default();
        self.ahead = self.read(buffer)?;
        Ok(())
    }

    /// The next name, whose bytes are put into `key`.
    fn read(&mut self, mut key: Vec<u8>) -> Result<Option<NameAt>, ShardError> {
        if let Layout::Apart(pieces) = &self.order.layout {
            return self.read_apart(pieces, key);
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
    fn read_apart(
        &mut self,
        pieces: &[Piece],
        mut key: Vec<u8>,
    ) -> Result<Option<NameAt>, ShardError> {
        let (mut lies, mut searched) = (0, None);
        while let Some(piece) = piece_of(pieces, self.next).filter(|_| self.next < self.order.len) {
            let position = self.next;
            self.next += 1;
            let record = self.read_in(piece, position, &mut key)?;
            let floor = self.current.as_ref().map(|name| &name.key);
            let is_in_place = piece.holds(&key) && key >= *floor.unwrap_or(&self.floor);
            if let Some(record) = record.filter(|_| is_in_place) {
                return Ok(Some(NameAt {
                    position,
                    record,
                    key,
                }));
            }
            lies += 1;
            if lies < SCAN {
                continue;
            }
            lies = 0;
            let floor = floor.unwrap_or(&self.floor).clone();
            self.next = match searched.replace(piece.shard) {
                Some(shard) if shard == piece.shard => piece.end(),
                _ => self.order.search(piece, self.next..piece.end(), &floor)?,
            };
            self.run = None;
        }
        Ok(None)
    }

    /// Reads the name at `position` of a piece; `None` where its order says what is no record.
    fn read_in(
        &mut self,
        piece: &Piece,
        position: u64,
        key: &mut Vec<u8>,
    ) -> Result<Option<RecordId>, ShardError> {
        let dataset = &self.order.dataset;
        let names = match &mut self.run {
            Some((shard, names)) if *shard == piece.shard => names,
            run => {
                let names = dataset.shards()[piece.shard].sorted_names(piece.local(position));
                &mut run.insert((piece.shard, names)).1
            }
        };
        key.clear();
        let Some((local, name)) = names.next_name()? else {
            return Ok(None);
        };
        key.extend_from_slice(name);
        Ok(local.and_then(|local| dataset.record_in(piece.shard, local)))
    }
}
