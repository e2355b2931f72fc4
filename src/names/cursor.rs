//! A place in the order of names, and the one after it.

use super::{Layout, NameOrder};
use crate::dataset::RecordId;
use crate::shard::{ShardError, SortedNames};

/// One name.
#[derive(Debug, Default)]
pub struct NameAt {
    /// Its position in the order.
    pub position: u64,
    /// Whose name it is; `None` where the shard's order is damaged.
    pub record: Option<RecordId>,
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
    current: Option<NameAt>,
    ahead: Option<NameAt>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(order: &'a NameOrder, position: u64) -> Result<Cursor<'a>, ShardError> {
        let mut cursor = Cursor {
            order,
            next: position,
            run: None,
            current: Some(NameAt::default()),
            ahead: Some(NameAt::default()),
        };
        cursor.advance()?;
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
        std::mem::swap(&mut self.current, &mut self.ahead);
        // The one that was left has a buffer to use again.
        let mut name = self.ahead.take().unwrap_or_default();
        if self.read(&mut name)? {
            self.ahead = Some(name);
        }
        Ok(())
    }

    fn read(&mut self, name: &mut NameAt) -> Result<bool, ShardError> {
        if self.next >= self.order.len {
            return Ok(false);
        }
        name.position = self.next;
        self.next += 1;
        let Layout::Apart(pieces) = &self.order.layout else {
            name.record = self.order.record_at(name.position)?;
            self.order.key_at(name.position, &mut name.key)?;
            return Ok(true);
        };
        name.key.clear();
        name.record = None;
        let Some(piece) = super::piece_of(pieces, name.position) else {
            return Ok(true);
        };
        let names = match &mut self.run {
            Some((shard, names)) if *shard == piece.shard => names,
            run => {
                let local = name.position - piece.first + piece.unnamed;
                let shard = &self.order.dataset.shards()[piece.shard];
                &mut run.insert((piece.shard, shard.sorted_names(local))).1
            }
        };
        if let Some((local, key)) = names.next_name()? {
            name.key.extend_from_slice(key);
            name.record = local.and_then(|local| self.order.dataset.record_in(piece.shard, local));
        }
        Ok(true)
    }
}
