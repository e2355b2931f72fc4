//! What lies below a path in the order of names, and which names are files in the tree of names.

use super::{Cursor, NameAt, NameOrder};
use crate::dataset::RecordId;
use crate::format::name::Name;
use crate::shard::ShardError;

/// The first name in a directory.
#[derive(Debug, Clone, Copy)]
pub struct Below {
    /// Its position, if there is one.
    pub position: Option<u64>,
    /// Whether it had to be searched for.
    pub is_searched: bool,
}

impl NameOrder {
    /// Looks for the first name in the directory `path`. The cursor stands at the first name that is
    /// not smaller than the path.
    pub fn first_below(&self, cursor: &Cursor<'_>, path: &[u8]) -> Result<Below, ShardError> {
        let within = [path, b"/"].concat();
        let at = |name: &NameAt| name.key.starts_with(&within).then_some(name.position);
        let found = |position, is_searched| Below {
            position,
            is_searched,
        };
        // Nearly always the name at the cursor or the next one tells.
        let near = [cursor.current(), cursor.peek()];
        let mut near = near.into_iter().flatten();
        if let Some(name) = near.find(|name| name.key >= within) {
            return Ok(found(at(name), false));
        }
        let Some(next) = cursor.peek() else {
            return Ok(found(None, false));
        };
        let searched = self.seek(&within, next.position)?;
        Ok(found(searched.current().and_then(at), true))
    }

    /// The path of a record in the tree of names, if it is a file there.
    pub fn path_of(&self, record: RecordId) -> Result<Option<Name>, ShardError> {
        let cursor = self.cursor_at(record)?;
        let Some((cursor, own)) = cursor.as_ref().and_then(|at| Some((at, at.current()?))) else {
            return Ok(None);
        };
        let Ok(path) = Name::new(&own.key) else {
            return Ok(None);
        };
        let below = self.first_below(cursor, path.as_bytes())?;
        Ok(below.position.is_none().then_some(path))
    }

    /// Calls `each` with the records that are files in the tree of names, and their paths, in byte
    /// order, until it fails. Takes time in proportion to the number of names, however deep they are.
    pub fn for_each_file<E: From<ShardError>>(
        &self,
        mut each: impl FnMut(RecordId, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut cursor = self.cursor(0, b"")?;
        let mut before = Vec::new();
        while let Some(name) = cursor.current() {
            let is_first = name.key != before;
            if is_first
                && Name::new(&name.key).is_ok()
                && self.first_below(&cursor, &name.key)?.position.is_none()
            {
                each(name.record, &name.key)?;
            }
            if is_first {
                before.clone_from(&name.key);
            }
            cursor.advance()?;
        }
        Ok(())
    }
}
