//! The tree of names: a directory is the range of names that begin with its path, its first name's
//! position and its depth say which. Nothing of it is kept in memory.
//!
//! Left out are names that break the rules, all but the first of equal names, and a file's name
//! that others need as a directory. A directory exists where a name needs it, valid or not.

use super::TreeError;
use super::ino::Node;
use crate::dataset::Dataset;
use crate::format::name::{MAX_LEN, Name};
use crate::names::{Cursor, NameOrder};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How many entries of a directory are looked through to count the directories among them; finding
/// what comes behind a directory costs as much as many files do.
const COUNTED: u32 = 1 << 16;
const COST_OF_DIRECTORY: u32 = 8;

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

/// The names of a dataset as a tree; their order is found out when it is needed first.
pub struct NamedTree {
    dataset: Arc<Dataset>,
    order: OnceLock<NameOrder>,
    building: Mutex<()>,
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
    /// From where to go on after it, counted from the directory's first name.
    pub next: u64,
    /// A record, or a directory.
    pub node: Node,
}

impl NamedTree {
    /// Of the names of `dataset`.
    pub fn new(dataset: Arc<Dataset>, on_left_out: OnLeftOut) -> NamedTree {
        NamedTree {
            dataset,
            order: OnceLock::new(),
            building: Mutex::default(),
            on_left_out,
            has_left_out: AtomicBool::new(false),
        }
    }

    /// Whether any shard has names.
    pub fn is_present(&self) -> bool {
        let shards = self.dataset.shards();
        shards.iter().any(|shard| shard.has_names())
    }

    /// The order of names, if it has been needed.
    pub fn known_order(&self) -> Option<&NameOrder> {
        self.order.get()
    }

    fn order(&self) -> Result<&NameOrder, TreeError> {
        if let Some(order) = self.order.get() {
            return Ok(order);
        }
        let _building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut cursor = self.order()?.seek(&path, first(directory))?;
        let file = cursor.current().filter(|found| found.key == path);
        let file = file
            .and_then(|found| found.record)
            .map(|record| record.get());
        let found = self.first_below(&mut cursor, &path)?;
        Ok(match found {
            Some(position) => Some(Node::Directory {
                position,
                depth: depth(directory) + 1,
            }),
            None => file.map(Node::Record),
        })
    }

    /// The position of the first name in the directory `path`, if there is one. The cursor stands
    /// at the first name that is not smaller than the path.
    fn first_below(&self, cursor: &mut Cursor<'_>, path: &[u8]) -> Result<Option<u64>, TreeError> {
        let within = [path, b"/"].concat();
        // Nearly always the name at the cursor or the next one tells.
        let near = [cursor.current(), cursor.ahead()];
        let near = near.map(|name| name.filter(|name| name.key >= within));
        let at = |name: &crate::names::NameAt| {
            let position = name.position;
            name.key.starts_with(&within).then_some(position)
        };
        if let Some(name) = near.into_iter().flatten().next() {
            return Ok(at(name));
        }
        let Some(ahead) = cursor.ahead() else {
            return Ok(None);
        };
        let found = self.order()?.seek(&within, ahead.position)?;
        Ok(found.current().and_then(at))
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
        let (mut cost, mut directories) = (0, 0);
        self.list(directory, 0, &mut |child| {
            let is_directory = matches!(child.node, Node::Directory { .. });
            directories += u32::from(is_directory);
            cost += if is_directory { COST_OF_DIRECTORY } else { 1 };
            Ok(cost < COUNTED)
        })?;
        Ok((cost < COUNTED).then_some(directories))
    }

    /// Calls `each` with the entries of a directory whose names come `from` positions behind its
    /// first one or later, until it returns `false`.
    pub fn list(
        &self,
        directory: Directory,
        from: u64,
        each: &mut dyn FnMut(&Child<'_>) -> Result<bool, TreeError>,
    ) -> Result<(), TreeError> {
        let order = self.order()?;
        let prefix = self.prefix(directory)?;
        let start = first(directory).saturating_add(from);
        let mut cursor = order.cursor(start)?;
        let mut last = self.before(directory, start, &prefix)?;
        while let Some(name) = cursor.current() {
            let Some(rest) = name.key.strip_prefix(&prefix[..]) else {
                match name.key > prefix {
                    true => break,
                    // Only a shard that lies has a smaller one here.
                    false => cursor.advance()?,
                }
                continue;
            };
            let slash = rest.iter().position(|&byte| byte == b'/');
            // With the slash, as it sorts; empty where a component has no name.
            let entry = slash.map_or(rest, |slash| &rest[..=slash]).to_vec();
            let component = entry.strip_suffix(b"/").unwrap_or(&entry);
            let path = &name.key[..prefix.len() + component.len()];
            let (position, record) = (name.position, name.record);
            let is_new = entry > last;
            let mut is_shown = is_new && Name::new(path).is_ok() && path.len() <= MAX_LEN;
            let node = match slash {
                Some(_) => Some(Node::Directory {
                    position,
                    depth: depth(directory) + 1,
                }),
                None => record.map(|record| Node::Record(record.get())),
            };
            let next = match slash {
                Some(_) => self.behind(&mut cursor, &prefix, &entry)?,
                None => {
                    if is_shown {
                        let path = path.to_vec();
                        is_shown = self.first_below(&mut cursor, &path)?.is_none();
                    }
                    cursor.advance()?;
                    position + 1
                }
            };
            match (is_shown, node) {
                (true, Some(node)) => {
                    let go_on = each(&Child {
                        name: component,
                        next: next - first(directory),
                        node,
                    })?;
                    if !go_on {
                        return Ok(());
                    }
                }
                _ => self.note_left_out(),
            }
            if is_new {
                last = entry;
            }
        }
        Ok(())
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
        let slash = rest.iter().position(|&byte| byte == b'/');
        Ok(slash.map_or(rest, |slash| &rest[..=slash]).to_vec())
    }

    /// Moves the cursor behind all names of the directory entry (which ends with a slash), and
    /// says at which position that is.
    fn behind<'a>(
        &'a self,
        cursor: &mut Cursor<'a>,
        prefix: &[u8],
        entry: &[u8],
    ) -> Result<u64, TreeError> {
        let order = self.order()?;
        let within = [prefix, entry].concat();
        let here = cursor.current().map_or(order.len(), |name| name.position);
        cursor.advance()?;
        let Some(next) = cursor.current() else {
            return Ok(order.len().max(here + 1));
        };
        if next.key.starts_with(&within) {
            // The byte after the slash: the first name that does not begin with the entry.
            let mut behind = within;
            behind.pop();
            behind.push(b'/' + 1);
            *cursor = order.seek(&behind, here + 1)?;
        }
        Ok(cursor
            .current()
            .map_or(order.len(), |name| name.position)
            .max(here + 1))
    }

    fn note_left_out(&self) {
        if !self.has_left_out.swap(true, Ordering::Relaxed) {
            (self.on_left_out)();
        }
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
