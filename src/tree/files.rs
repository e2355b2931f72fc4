//! The tree of names: a directory is the range of names that begin with its path, its first name's
//! position and its depth say which. Nothing of it is kept in memory.
//!
//! Whatever the names are, a call takes a bounded number of steps, unless the tree is to wait: the
//! order of names is found out by [`NamedTree::prepare`], which takes as long as there are names, and
//! a listing that meets too many names in a row that it cannot show leaves the rest to another call.
//!
//! Left out are names that break the rules, all but the first of equal names, and a file's name
//! that others need as a directory. A directory exists where a name needs it, valid or not.

use super::ino::Node;
use super::{Preparation, TreeError};
use crate::dataset::Dataset;
use crate::dataset::names::{Cursor, NameOrder};
use crate::format::name::{MAX_LEN, Name};
use crate::sys::lock;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// How many names are looked at to count the directories among the entries of a directory: it takes
/// about 15 ms.
const COUNTED: u64 = 1 << 16;
/// How many names in a row that are not shown end a listing.
const NOT_SHOWN: u64 = 1 << 12;
/// A search costs as much as reading this many names.
const COST_OF_SEARCH: u64 = 16;
/// After this many equal names the next other one is searched for.
const EQUAL: u32 = 8;

/// Called once, when the first name is met that is left out.
pub type OnLeftOut = Box<dyn Fn() + Send + Sync>;

/// A directory of the tree of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directory {
    /// `files/` itself.
    Top,
    /// By the position of the first name in it, and how many directories below the top it is.
    Below {
        /// Position in the order of names.
        position: u64,
        /// 1 for a directory in `files/`.
        depth: u64,
    },
}

/// The names of a dataset as a tree.
pub struct NamedTree {
    dataset: Arc<Dataset>,
    order: OnceLock<NameOrder>,
    preparing: Mutex<()>,
    /// Whether calls wait for what takes long.
    waits: bool,
    on_left_out: OnLeftOut,
    has_left_out: AtomicBool,
}

impl fmt::Debug for NamedTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedTree").finish_non_exhaustive()
    }
}

/// One entry of a directory of names.
pub struct Child<'a> {
    /// Its file name.
    pub name: &'a [u8],
    /// From where to continue after it, counted from the directory's first name.
    pub next: u64,
    /// A record, or a directory.
    pub node: Node,
}

/// Why a walk over a directory has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// There are no more entries.
    End,
    /// The caller has enough.
    Full,
    /// It has cost too much; it continues at this place.
    TooLong(u64),
}

/// What a walk over a directory may cost, in names that are read.
#[derive(Debug, Clone, Copy)]
enum Budget {
    /// All of it.
    InAll(u64),
    /// Names in a row that are not shown, and the way to the next entry.
    BetweenEntries(u64),
}

impl NamedTree {
    /// Of the names of `dataset`.
    pub fn new(dataset: Arc<Dataset>, on_left_out: OnLeftOut) -> NamedTree {
        NamedTree {
            dataset,
            order: OnceLock::new(),
            preparing: Mutex::default(),
            waits: true,
            on_left_out,
            has_left_out: AtomicBool::new(false),
        }
    }

    /// The same, but calls fail with [`TreeError::NotPrepared`] and [`TreeError::Unfinished`] where
    /// they would have to wait.
    pub fn without_waiting(mut self) -> NamedTree {
        self.waits = false;
        self
    }

    /// Whether any shard has names.
    pub fn is_present(&self) -> bool {
        self.dataset.has_names()
    }

    /// The order of names, if it has been needed.
    pub fn known_order(&self) -> Option<&NameOrder> {
        self.order.get()
    }

    fn order(&self) -> Result<&NameOrder, TreeError> {
        match self.order.get() {
            Some(order) => Ok(order),
            None if self.waits => self.prepare(),
            None => Err(TreeError::NotPrepared(Preparation::Names)),
        }
    }

    /// Fails where the order of names has yet to be prepared.
    pub fn check_prepared(&self) -> Result<(), TreeError> {
        self.order().map(drop)
    }

    /// Finds out the order of names, once.
    pub fn prepare(&self) -> Result<&NameOrder, TreeError> {
        let _preparing = lock(&self.preparing);
        if let Some(order) = self.order.get() {
            return Ok(order);
        }
        let order = NameOrder::new(Arc::clone(&self.dataset))?;
        Ok(self.order.get_or_init(|| order))
    }

    /// The path of a directory with a slash behind it, empty for the top.
    fn prefix(&self, directory: Directory) -> Result<Vec<u8>, TreeError> {
        let Directory::Below { position, depth } = directory else {
            return Ok(Vec::new());
        };
        let mut key = Vec::new();
        self.order()?.key_at(position, &mut key)?;
        let slashes = key.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let depth = usize::try_from(depth).map_err(|_| TreeError::NotFound)?;
        let last = depth
            .checked_sub(1)
            .and_then(|nth| slashes.clone().nth(nth));
        let (slash, _) = last.ok_or(TreeError::NotFound)?;
        match Name::new(&key[..slash]) {
            Ok(_) => {
                key.truncate(slash + 1);
                Ok(key)
            }
            Err(_) => Err(TreeError::NotFound),
        }
    }

    /// What `name` in a directory stands for.
    pub fn child(&self, directory: Directory, name: &[u8]) -> Result<Option<Node>, TreeError> {
        let prefix = self.prefix(directory)?;
        let path = [&prefix[..], name].concat();
        if Name::new(&path).is_err() || name.contains(&b'/') {
            return Ok(None);
        }
        let order = self.order()?;
        let cursor = order.seek(&path, first(directory))?;
        let file = cursor.current().filter(|found| found.key == path);
        let file = file.map(|found| found.record.get());
        let below = order.first_below(&cursor, &path)?;
        Ok(match below.position {
            Some(position) => Some(Node::Directory {
                position,
                depth: depth(directory) + 1,
            }),
            None => file.map(Node::Record),
        })
    }

    /// The directory that a directory is in.
    pub fn parent(&self, directory: Directory) -> Result<Directory, TreeError> {
        match directory {
            Directory::Top | Directory::Below { depth: ..=1, .. } => Ok(Directory::Top),
            Directory::Below { position, depth } => {
                let above = Directory::Below {
                    position,
                    depth: depth - 1,
                };
                let prefix = self.prefix(above)?;
                let order = self.order()?.seek(&prefix, 0)?;
                let position = order.current().map_or(position, |name| name.position);
                Ok(Directory::Below {
                    position,
                    depth: depth - 1,
                })
            }
        }
    }

    /// How many directories are in a directory; `None` if it has too many entries to count. Fails
    /// where there is no such directory.
    pub fn subdirectories(&self, directory: Directory) -> Result<Option<u32>, TreeError> {
        self.prefix(directory)?;
        let mut directories = 0;
        let stop = self.walk(directory, 0, Budget::InAll(COUNTED), &mut |child| {
            directories += u32::from(matches!(child.node, Node::Directory { .. }));
            Ok(true)
        })?;
        Ok((stop == Stop::End).then_some(directories))
    }

    /// Calls `each` with the entries of a directory whose names come `from` positions behind its
    /// first one or later, until it returns `false`. Ends early after some entries, and fails with
    /// [`TreeError::Unfinished`] before any, where too many names are not shown.
    pub fn list(
        &self,
        directory: Directory,
        from: u64,
        each: &mut dyn FnMut(&Child<'_>) -> Result<bool, TreeError>,
    ) -> Result<(), TreeError> {
        let most = Budget::BetweenEntries(if self.waits { u64::MAX } else { NOT_SHOWN });
        let mut is_empty = true;
        let stop = self.walk(directory, from, most, &mut |child| {
            is_empty = false;
            each(child)
        })?;
        match stop {
            Stop::TooLong(next) if is_empty => Err(TreeError::Unfinished { next }),
            Stop::TooLong(_) | Stop::End | Stop::Full => Ok(()),
        }
    }

    /// The same, until it has cost more than `budget`.
    fn walk(
        &self,
        directory: Directory,
        from: u64,
        budget: Budget,
        each: &mut dyn FnMut(&Child<'_>) -> Result<bool, TreeError>,
    ) -> Result<Stop, TreeError> {
        let prefix = self.prefix(directory)?;
        let start = first(directory).saturating_add(from);
        let mut last = self.before(directory, start, &prefix)?;
        let floor = [&prefix[..], &last].concat();
        let mut walk = Walk {
            order: self.order()?,
            cursor: self.order()?.cursor(start, &floor)?,
            cost: 0,
        };
        let (mut equal, mut next) = (0, from);
        while let Some(name) = walk.cursor.current() {
            let position = name.position;
            // Names do not decrease, so those of this directory have come to an end.
            let Some(rest) = name.key.strip_prefix(&prefix[..]) else {
                break;
            };
            let (Budget::InAll(most) | Budget::BetweenEntries(most)) = budget;
            if walk.cost > most {
                return Ok(Stop::TooLong(next));
            }
            next = position + 1 - first(directory);
            let entry = entry_of(rest).to_vec();
            let component = entry.strip_suffix(b"/").unwrap_or(&entry);
            let path = name.key[..prefix.len() + component.len()].to_vec();
            let is_new = entry > last;
            let mut is_shown = is_new && Name::new(&path).is_ok() && path.len() <= MAX_LEN;
            let node = if entry.ends_with(b"/") {
                walk.leave([&path[..], b"/"].concat())?;
                let depth = depth(directory) + 1;
                Node::Directory { position, depth }
            } else {
                let record = name.record.get();
                is_shown = is_shown && !walk.is_directory_too(&path)?;
                equal = if is_new { 0 } else { equal + 1 };
                match equal {
                    EQUAL => walk.leave_equal(path)?,
                    _ => walk.step()?,
                }
                Node::Record(record)
            };
            if is_shown {
                if let Budget::BetweenEntries(_) = budget {
                    walk.cost = 0;
                }
                let name = component;
                if !each(&Child { name, next, node })? {
                    return Ok(Stop::Full);
                }
            } else if is_new || !entry.ends_with(b"/") {
                self.note_left_out();
            }
            if is_new {
                last = entry;
            }
        }
        Ok(Stop::End)
    }

    /// The entry that the name before `position` belongs to, so that it does not come twice.
    fn before(
        &self,
        directory: Directory,
        position: u64,
        prefix: &[u8],
    ) -> Result<Vec<u8>, TreeError> {
        let mut key = Vec::new();
        if position > first(directory) {
            self.order()?.key_at(position - 1, &mut key)?;
        }
        let rest = key.strip_prefix(prefix).unwrap_or_default();
        Ok(entry_of(rest).to_vec())
    }

    fn note_left_out(&self) {
        if !self.has_left_out.swap(true, Ordering::Relaxed) {
            (self.on_left_out)();
        }
    }
}

/// A way over the names of one directory, and what it has cost since the last entry.
struct Walk<'a> {
    order: &'a NameOrder,
    cursor: Cursor<'a>,
    cost: u64,
}

impl Walk<'_> {
    fn step(&mut self) -> Result<(), TreeError> {
        self.cost += 1;
        Ok(self.cursor.advance()?)
    }

    /// Leaves all names that begin with `within`, which ends with a slash.
    fn leave(&mut self, mut within: Vec<u8>) -> Result<(), TreeError> {
        self.step()?;
        let next = self.cursor.current();
        if next.is_some_and(|next| next.key.starts_with(&within)) {
            // The byte after the slash: the first name that does not begin with it.
            within.pop();
            within.push(b'/' + 1);
            self.seek(&within)?;
        }
        Ok(())
    }

    /// Leaves all names that equal `path`.
    fn leave_equal(&mut self, mut path: Vec<u8>) -> Result<(), TreeError> {
        path.push(0);
        self.seek(&path)
    }

    fn seek(&mut self, key: &[u8]) -> Result<(), TreeError> {
        self.cost += COST_OF_SEARCH;
        let here = self.cursor.current().map(|name| name.position);
        self.cursor = self.order.seek(key, here.unwrap_or(self.order.len()))?;
        Ok(())
    }

    /// Whether names lie below `path`, at whose own name the cursor stands.
    fn is_directory_too(&mut self, path: &[u8]) -> Result<bool, TreeError> {
        let found = self.order.first_below(&self.cursor, path)?;
        self.cost += if found.is_searched { COST_OF_SEARCH } else { 0 };
        Ok(found.position.is_some())
    }
}

/// The entry of a directory that a name belongs to, given what follows the directory's path in it:
/// with its slash if it is a directory, as it sorts; empty where a component has no name.
fn entry_of(rest: &[u8]) -> &[u8] {
    match rest.iter().position(|&byte| byte == b'/') {
        Some(slash) => &rest[..=slash],
        None => rest,
    }
}

fn first(directory: Directory) -> u64 {
    match directory {
        Directory::Top => 0,
        Directory::Below { position, .. } => position,
    }
}

fn depth(directory: Directory) -> u64 {
    match directory {
        Directory::Top => 0,
        Directory::Below { depth, .. } => depth,
    }
}
