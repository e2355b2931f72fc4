//! The tree of names, `files/`: a directory is the range of names that begin with its path, so the
//! position of the first one and how deep it lies say which. Nothing of it is kept in memory.
//!
//! Whatever the names are, a call takes a bounded number of steps, unless the tree is to wait: the
//! order of names is found out by [`NamedTree::prepare`], which takes as long as there are names, and
//! a listing that meets too many names in a row that it cannot show leaves the rest to another call.
//!
//! Left out are names that break the rules, all but the first of equal names, and a file's name
//! that others need as a directory. A directory exists where a name needs it, valid or not.

mod walk;

use super::entry::{DOTS, Each, Entry};
use super::extents::Extents;
use super::node::Node;
use super::{Preparation, Tree, TreeError};
use crate::dataset::Dataset;
use crate::dataset::names::NameOrder;
use crate::format::name::Name;
use crate::sys::lock;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use walk::{Budget, Child, Stop, Walk};

/// To count the directories in a directory, no more names than this are read: about 15 ms.
const COUNTED_NAMES: u64 = 1 << 16;
/// This many names in a row that are not shown end a call for a listing.
const HIDDEN_NAMES_IN_A_ROW: u64 = 1 << 12;

/// Called once, when the first name is met that is left out.
pub type OnLeftOut = Box<dyn Fn() + Send + Sync>;

/// A directory of the tree of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The position of the first name in it, in the order of names.
    pub position: u64,
    /// How many directories below `files/` it is.
    pub depth: u64,
}

impl Place {
    /// `files/` itself.
    pub const TOP: Place = Place {
        position: 0,
        depth: 0,
    };

    fn node(self) -> Node {
        let Place { position, depth } = self;
        if self == Place::TOP {
            Node::Files
        } else {
            Node::NamedDirectory { position, depth }
        }
    }

    /// The directory in it whose first name is at `position`.
    fn below(self, position: u64) -> Place {
        Place {
            position,
            depth: self.depth + 1,
        }
    }
}

/// The names of a dataset as a tree.
pub(super) struct NamedTree {
    dataset: Arc<Dataset>,
    order: OnceLock<NameOrder>,
    preparing: Mutex<()>,
    /// Whether calls may take long.
    waits: bool,
    on_left_out: OnLeftOut,
    has_left_out: AtomicBool,
}

impl fmt::Debug for NamedTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedTree").finish_non_exhaustive()
    }
}

impl NamedTree {
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
    fn prefix(&self, place: Place) -> Result<Vec<u8>, TreeError> {
        if place == Place::TOP {
            return Ok(Vec::new());
        }
        let mut key = Vec::new();
        self.order()?.key_at(place.position, &mut key)?;
        let mut slashes = (0..key.len()).filter(|&at| key[at] == b'/');
        let above = place.depth.checked_sub(1);
        let above = above.and_then(|depth| usize::try_from(depth).ok());
        let last = above.and_then(|above| slashes.nth(above));
        let slash = last.ok_or(TreeError::NotFound)?;
        if Name::new(&key[..slash]).is_err() {
            return Err(TreeError::NotFound);
        }
        key.truncate(slash + 1);
        Ok(key)
    }

    /// What `name` in a directory stands for.
    pub fn child(&self, place: Place, name: &[u8]) -> Result<Option<Node>, TreeError> {
        let prefix = self.prefix(place)?;
        let path = [&prefix[..], name].concat();
        if Name::new(&path).is_err() || name.contains(&b'/') {
            return Ok(None);
        }
        let order = self.order()?;
        let cursor = order.seek(&path, place.position)?;
        let file = cursor.current().filter(|found| found.key == path);
        let file = file.map(|found| found.record.get());
        let below = order.first_below(&cursor, &path)?;
        Ok(match below.position {
            Some(position) => Some(place.below(position).node()),
            None => file.map(Node::Record),
        })
    }

    /// The directory that a directory is in; the top is its own.
    pub fn parent(&self, place: Place) -> Result<Node, TreeError> {
        let Place { position, depth } = place;
        if depth <= 1 {
            return Ok(Node::Files);
        }
        let depth = depth - 1;
        let prefix = self.prefix(Place { position, depth })?;
        let found = self.order()?.seek(&prefix, 0)?;
        let position = found.current().map_or(position, |name| name.position);
        Ok(Place { position, depth }.node())
    }

    /// How many directories are in a directory; `None` if it has too many entries to count. Fails
    /// where there is no such directory.
    pub fn subdirectories(&self, place: Place) -> Result<Option<u32>, TreeError> {
        let mut directories = 0;
        let budget = Budget::InAll(COUNTED_NAMES);
        let stop = Walk::new(self, place, 0)?.run(budget, &mut |child| {
            directories += u32::from(matches!(child.node, Node::NamedDirectory { .. }));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((stop == Stop::End).then_some(directories))
    }

    /// Calls `each` with the entries of a directory whose names come `from` positions behind its
    /// first one or later, until it breaks. Ends early after some entries, and fails with
    /// [`TreeError::Unfinished`] before any, where too many names are not shown.
    fn list(
        &self,
        place: Place,
        from: u64,
        each: &mut dyn FnMut(&Child<'_>) -> Result<ControlFlow<()>, TreeError>,
    ) -> Result<(), TreeError> {
        let most = if self.waits {
            u64::MAX
        } else {
            HIDDEN_NAMES_IN_A_ROW
        };
        let mut is_empty = true;
        let budget = Budget::BetweenEntries(most);
        let stop = Walk::new(self, place, from)?.run(budget, &mut |child| {
            is_empty = false;
            each(child)
        })?;
        match stop {
            Stop::TooLong(next) if is_empty => Err(TreeError::Unfinished { next }),
            Stop::TooLong(_) | Stop::End | Stop::Full => Ok(()),
        }
    }

    fn note_left_out(&self) {
        if !self.has_left_out.swap(true, Ordering::Relaxed) {
            (self.on_left_out)();
        }
    }
}

impl Tree {
    /// Lists a directory of names from the name `from` positions behind its first one.
    pub(super) fn list_named(
        &self,
        place: Place,
        from: u64,
        each: Each<'_>,
    ) -> Result<(), TreeError> {
        let mut extents = Extents::new(&self.dataset);
        let listed = self.files.list(place, from, &mut |child| {
            let (attr, attr_is_complete) = match child.node {
                Node::Record(number) => self.listed_record(number, extents.get(number))?,
                directory => self.listed_attr(directory)?,
            };
            Ok(each(&Entry {
                name: child.name,
                cookie: DOTS + child.next,
                attr,
                attr_is_complete,
            }))
        });
        listed.map_err(|error| match error {
            TreeError::Unfinished { next } => TreeError::Unfinished { next: DOTS + next },
            error => error,
        })
    }
}
