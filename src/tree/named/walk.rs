//! A walk over the names in one directory, entry by entry. It reads the name of each file, and of each
//! directory the first one: the names below that are skipped.

use super::{NamedTree, Place};
use crate::dataset::names::{Cursor, NameOrder};
use crate::format::name::{MAX_LEN, Name};
use crate::tree::TreeError;
use crate::tree::node::Node;
use std::ops::ControlFlow;

/// A search costs as much as reading this many names.
const SEARCH_COST_NAMES: u64 = 16;
/// After this many equal names the next other one is searched for.
const EQUAL_NAMES_READ: u32 = 8;

/// One entry of a directory of names.
pub(super) struct Child<'a> {
    /// Its file name.
    pub name: &'a [u8],
    /// From where to continue after it, counted from the directory's first name.
    pub next: u64,
    /// A record, or a directory.
    pub node: Node,
}

/// Why a walk has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// There are no more entries.
    End,
    /// The caller has enough.
    Full,
    /// It has cost too much; it continues at this place.
    TooLong(u64),
}

/// The most that a walk may cost, in names that are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Budget {
    /// All of it.
    InAll(u64),
    /// Names in a row that are not shown, and the way to the next entry.
    BetweenEntries(u64),
}

pub(super) struct Walk<'a> {
    tree: &'a NamedTree,
    order: &'a NameOrder,
    place: Place,
    /// The directory's path with a slash behind it, empty for the top.
    prefix: Vec<u8>,
    cursor: Cursor<'a>,
    /// The path of the largest entry so far, as it sorts. Only larger ones are new.
    last: Vec<u8>,
    /// How many names have equalled the one before, in a row.
    equal_names: u32,
    /// From where the walk continues, counted from the directory's first name.
    next: u64,
    /// What it has cost, in all or since the last entry.
    cost: u64,
}

/// The entry that the name at the cursor belongs to.
struct FoundEntry {
    /// The entry's path, as it sorts: with a slash behind it if it is a directory.
    path: Vec<u8>,
    prefix_len: usize,
    node: Node,
    /// Whether it is larger than all entries before.
    is_new: bool,
    /// From where to continue after this name.
    next: u64,
}

impl FoundEntry {
    fn is_directory(&self) -> bool {
        self.path[self.prefix_len..].ends_with(b"/")
    }

    /// Without the slash.
    fn plain_path(&self) -> &[u8] {
        &self.path[..self.path.len() - usize::from(self.is_directory())]
    }

    /// Empty for a component without a name.
    fn name(&self) -> &[u8] {
        &self.plain_path()[self.prefix_len..]
    }
}

impl<'a> Walk<'a> {
    /// Begins with the names `from` positions behind the first one in a directory.
    pub fn new(tree: &'a NamedTree, place: Place, from: u64) -> Result<Walk<'a>, TreeError> {
        let prefix = tree.prefix(place)?;
        let order = tree.order()?;
        let start = place.position.saturating_add(from);
        let last = entry_before(order, place, start, &prefix)?;
        Ok(Walk {
            cursor: order.cursor(start, &last)?,
            tree,
            order,
            place,
            prefix,
            last,
            equal_names: 0,
            next: from,
            cost: 0,
        })
    }

    /// Calls `each` with the entries that are shown, until it breaks or the walk has cost too much.
    pub fn run(
        mut self,
        budget: Budget,
        each: &mut dyn FnMut(&Child<'_>) -> Result<ControlFlow<()>, TreeError>,
    ) -> Result<Stop, TreeError> {
        let (Budget::InAll(most) | Budget::BetweenEntries(most)) = budget;
        while let Some(found) = self.found() {
            if self.cost > most {
                return Ok(Stop::TooLong(self.next));
            }
            self.next = found.next;
            // Before the cursor moves: names below a file's own are near it.
            let is_shown = self.is_shown(&found)?;
            self.leave(&found)?;
            if is_shown {
                if let Budget::BetweenEntries(_) = budget {
                    self.cost = 0;
                }
                let child = Child {
                    name: found.name(),
                    next: self.next,
                    node: found.node,
                };
                if each(&child)?.is_break() {
                    return Ok(Stop::Full);
                }
            } else if found.is_new || !found.is_directory() {
                self.tree.note_left_out();
            }
            if found.is_new {
                self.last = found.path;
            }
        }
        Ok(Stop::End)
    }

    /// The entry at the cursor; `None` behind the directory's last name, as names do not decrease.
    fn found(&self) -> Option<FoundEntry> {
        let name = self.cursor.current()?;
        let rest = name.key.strip_prefix(&self.prefix[..])?;
        let path = [&self.prefix[..], entry_of(rest)].concat();
        let node = if entry_of(rest).ends_with(b"/") {
            self.place.below(name.position).node()
        } else {
            Node::Record(name.record.get())
        };
        Some(FoundEntry {
            is_new: path > self.last,
            prefix_len: self.prefix.len(),
            path,
            node,
            next: name.position + 1 - self.place.position,
        })
    }

    /// Whether an entry is new, valid, and no file where names need a directory.
    fn is_shown(&mut self, found: &FoundEntry) -> Result<bool, TreeError> {
        let path = found.plain_path();
        if !found.is_new || Name::new(path).is_err() || path.len() > MAX_LEN {
            return Ok(false);
        }
        Ok(found.is_directory() || !self.is_directory_too(path)?)
    }

    /// Whether names lie below `path`, at whose own name the cursor stands.
    fn is_directory_too(&mut self, path: &[u8]) -> Result<bool, TreeError> {
        let below = self.order.first_below(&self.cursor, path)?;
        if below.is_searched {
            self.cost += SEARCH_COST_NAMES;
        }
        Ok(below.position.is_some())
    }

    /// Leaves the name at the cursor, and as cheaply as possible those that stand for the same entry.
    fn leave(&mut self, found: &FoundEntry) -> Result<(), TreeError> {
        if found.is_directory() {
            return self.skip_directory(&found.path);
        }
        self.equal_names = if found.is_new {
            0
        } else {
            self.equal_names + 1
        };
        if self.equal_names == EQUAL_NAMES_READ {
            // The smallest name that is larger.
            self.seek(&[&found.path[..], b"\0"].concat())
        } else {
            self.step()
        }
    }

    /// Leaves all names that begin with `within`, which ends with a slash.
    fn skip_directory(&mut self, within: &[u8]) -> Result<(), TreeError> {
        self.step()?;
        let next = self.cursor.current();
        if next.is_some_and(|next| next.key.starts_with(within)) {
            // The byte after the slash: the first name that does not begin with it.
            let path = &within[..within.len() - 1];
            self.seek(&[path, &[b'/' + 1]].concat())?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), TreeError> {
        self.cost += 1;
        Ok(self.cursor.advance()?)
    }

    fn seek(&mut self, key: &[u8]) -> Result<(), TreeError> {
        self.cost += SEARCH_COST_NAMES;
        let here = self.cursor.current().map(|name| name.position);
        self.cursor = self.order.seek(key, here.unwrap_or(self.order.len()))?;
        Ok(())
    }
}

/// The path of the entry that the name before `position` belongs to, so that it does not come twice; the
/// directory's own at its beginning.
fn entry_before(
    order: &NameOrder,
    place: Place,
    position: u64,
    prefix: &[u8],
) -> Result<Vec<u8>, TreeError> {
    let mut key = Vec::new();
    if position > place.position {
        order.key_at(position - 1, &mut key)?;
    }
    let rest = key.strip_prefix(prefix).unwrap_or_default();
    Ok([prefix, entry_of(rest)].concat())
}

/// The entry of a directory that a name belongs to, given what follows the directory's path in it:
/// with its slash if it is a directory, as it sorts; empty where a component has no name.
fn entry_of(rest: &[u8]) -> &[u8] {
    match rest.iter().position(|&byte| byte == b'/') {
        Some(slash) => &rest[..=slash],
        None => rest,
    }
}
