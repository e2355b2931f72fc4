//! What the tree is: which names there are, what they stand for, and which bytes they have.
//!
//! Answers in its own types, so that everything here is tested without a mount. Errors carry what
//! the adapter needs for an errno; nothing is logged here. The tree knows nothing of the mount: a file
//! about it has its content handed in.
//!
//! A file here for each kind of directory: `numbered`, `views`, `named`, `raw`, `meta`; entries at fixed
//! places are a table (`fixed`).

mod access;
mod attr;
mod collection;
mod entry;
mod error;
mod extents;
mod fixed;
mod flat_name;
mod meta;
mod named;
mod node;
mod numbered;
mod orders;
mod path;
mod raw;
mod read;
mod snapshot;
mod views;

use crate::dataset::names::NameOrder;
use crate::dataset::numbered::EXTENSION;
use crate::dataset::{Dataset, RecordId};
use crate::format::name::MAX_COMPONENT_LEN;
use crate::format::offsets::Extent;
use crate::order::handed::HandedOver;
use entry::{DOTS, Each, skipped};
use fixed::FixedEntry;
use meta::MetaFile;
use named::{NamedTree, Place};
use snapshot::Snapshot;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;
use views::Views;

pub use access::{Access, Mounter};
pub use attr::{Attr, FileKind};
pub use collection::Collection;
pub use entry::Entry;
pub use error::{Preparation, TreeError};
pub use meta::MakeContent;
pub use named::OnLeftOut;
pub use node::Node;
pub use orders::OrderId;
pub use raw::INDEX_ENTRY;
pub use read::Read;

/// The tree over a dataset.
#[derive(Debug)]
pub struct Tree {
    dataset: Arc<Dataset>,
    /// The node with inode number 1.
    root: Node,
    extension: String,
    waits: bool,
    files: NamedTree,
    views: Views,
    handed_over: HandedOver,
    snapshot: Snapshot,
    /// `.roxfs/info.json`, if it is handed in.
    info: Option<MetaFile>,
}

impl Tree {
    /// The tree of `dataset`; directories belong to `mounter`. `on_left_out` is called once, if a
    /// name is met that `files/` has to leave out.
    pub fn new(dataset: Arc<Dataset>, mounter: Mounter, on_left_out: OnLeftOut) -> Tree {
        Tree {
            root: Node::Root,
            extension: EXTENSION.to_owned(),
            waits: true,
            files: NamedTree::new(Arc::clone(&dataset), on_left_out),
            views: Views::new(dataset.records(), SystemTime::now()),
            handed_over: HandedOver::new(dataset.records(), 0),
            snapshot: Snapshot::new(dataset.shards(), mounter),
            dataset,
            info: None,
        }
    }

    /// The same with another extension of record files.
    pub fn with_extension(mut self, extension: &str) -> Tree {
        self.extension = extension.to_owned();
        self
    }

    /// The same with `.roxfs/info.json`, whose content is made when it is first asked for.
    pub fn with_info(mut self, make: MakeContent) -> Tree {
        self.info = Some(MetaFile::new(make));
        self
    }

    /// The same with this many bytes of memory for orders that programs hand over.
    pub fn with_order_memory(mut self, bytes: u64) -> Tree {
        self.handed_over = HandedOver::new(self.dataset.records(), bytes);
        self
    }

    /// The same, but calls fail with [`TreeError::NotPrepared`], [`TreeError::Unfinished`] and
    /// [`TreeError::TooLong`] where they would take longer than a request may.
    pub fn without_waiting(mut self) -> Tree {
        self.waits = false;
        self.files = self.files.without_waiting();
        self
    }

    /// Does what takes long, once: later calls find it done.
    pub fn prepare(&self, what: Preparation) -> Result<(), TreeError> {
        match what {
            Preparation::Names => self.files.prepare().map(drop),
            Preparation::Info => {
                if let Some(info) = &self.info {
                    info.content();
                }
                Ok(())
            }
        }
    }

    /// Whether that has been done.
    pub fn is_prepared(&self, what: Preparation) -> bool {
        match what {
            Preparation::Names => self.files.known_order().is_some(),
            Preparation::Info => {
                let info = self.info.as_ref();
                info.is_none_or(|info| info.made().is_some())
            }
        }
    }

    /// The order of names, which is prepared now if it has not been.
    pub fn name_order(&self) -> Result<&NameOrder, TreeError> {
        self.files.prepare()
    }

    /// The directory with this path from the mount's root.
    pub fn find_directory(&self, path: &[u8]) -> Result<Node, TreeError> {
        let mut node = Node::Root;
        for name in path.split(|&byte| byte == b'/') {
            if !matches!(name, b"" | b".") {
                node = self.lookup(node, name)?.node;
            }
        }
        match self.attr(node)?.kind {
            FileKind::Directory => Ok(node),
            FileKind::File => Err(TreeError::NotADirectory),
        }
    }

    /// The same with a directory of it as its root, so that the mount has nothing else.
    pub fn with_root(mut self, path: &[u8]) -> Result<Tree, TreeError> {
        let root = self.find_directory(path)?;
        if let Node::View(id) = root {
            self.views.keep(id);
        }
        self.root = root;
        Ok(self)
    }

    /// The dataset below the tree.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// The node that a node of the mount is: its root may be any directory.
    fn behind_root(&self, node: Node) -> Node {
        match node {
            Node::Root => self.root,
            node => node,
        }
    }

    /// The node as the mount shows it: the directory that is its root is the root.
    fn as_root(&self, node: Node) -> Node {
        if node == self.root { Node::Root } else { node }
    }

    /// What `name` in directory `parent` stands for. `.` and `..` are answered too, for any node,
    /// as a server of file handles needs them.
    pub fn lookup(&self, parent: Node, name: &[u8]) -> Result<Attr, TreeError> {
        if name.len() > MAX_COMPONENT_LEN {
            return Err(TreeError::NameTooLong);
        }
        let parent = self.behind_root(parent);
        let node = match name {
            b"." => Some(parent),
            b".." => Some(self.parent(parent)?),
            _ => self.child(parent, name)?,
        };
        self.attr(node.ok_or(TreeError::NotFound)?)
    }

    fn child(&self, parent: Node, name: &[u8]) -> Result<Option<Node>, TreeError> {
        Ok(match parent {
            Node::Root | Node::Raw | Node::Meta => {
                let mut entries = self.fixed_entries(parent);
                let found = entries.find(|entry| entry.name.as_bytes() == name);
                found.map(|entry| entry.node)
            }
            Node::Records => self.all_records().child(name)?,
            Node::Views => self.views.child(name)?,
            Node::View(id) => self.records_of_view(id)?.child(name)?,
            Node::Shards => self.snapshot.shard_by_name(name).map(Node::Shard),
            Node::Shard(shard) => self.records_of_shard(shard)?.child(name)?,
            Node::Files => self.files.child(Place::TOP, name)?,
            Node::NamedDirectory { position, depth } => {
                self.files.child(Place { position, depth }, name)?
            }
            Node::Record(_) | Node::RawData | Node::RawIndex | Node::Info => {
                return Err(TreeError::NotADirectory);
            }
        })
    }

    /// What this tree has at fixed places in a directory.
    fn fixed_entries(&self, directory: Node) -> impl Iterator<Item = &'static FixedEntry> {
        fixed::entries_in(directory).filter(|entry| self.has(entry.node))
    }

    /// Whether this tree has a node at its fixed place.
    fn has(&self, node: Node) -> bool {
        match node {
            Node::Files => self.files.is_present(),
            Node::Info => self.info.is_some(),
            Node::Root
            | Node::Records
            | Node::Record(_)
            | Node::Views
            | Node::View(_)
            | Node::Raw
            | Node::RawData
            | Node::RawIndex
            | Node::Shards
            | Node::Shard(_)
            | Node::Meta
            | Node::NamedDirectory { .. } => true,
        }
    }

    /// Whether what is said of a node may be wrong some time later: `views/` gets more entries, and a view
    /// may be forgotten.
    pub fn may_change(&self, node: Node) -> bool {
        matches!(self.behind_root(node), Node::Views | Node::View(_))
    }

    /// The directory that holds a node; of the several that hold a record, `records/`. The mount's
    /// root is its own.
    fn parent(&self, node: Node) -> Result<Node, TreeError> {
        Ok(match node {
            node if node == self.root => node,
            Node::Root
            | Node::Records
            | Node::Raw
            | Node::RawData
            | Node::RawIndex
            | Node::Shards
            | Node::Meta
            | Node::Info
            | Node::Views
            | Node::Files => fixed::entry_of(node).map_or(Node::Root, |entry| entry.directory),
            Node::Record(_) => Node::Records,
            Node::Shard(_) => Node::Shards,
            Node::View(_) => Node::Views,
            Node::NamedDirectory { position, depth } => {
                self.files.parent(Place { position, depth })?
            }
        })
    }

    /// Calls `each` with the entries of a directory that follow `cookie` (0 is the beginning), until
    /// it breaks.
    pub fn list(
        &self,
        directory: Node,
        cookie: u64,
        each: &mut dyn FnMut(&Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), TreeError> {
        let directory = self.behind_root(directory);
        if let Node::Files | Node::NamedDirectory { .. } = directory {
            // Before anything is given.
            self.files.check_prepared()?;
        }
        if self.list_dots(directory, cookie, each)?.is_break() {
            return Ok(());
        }
        let from = cookie.saturating_sub(DOTS);
        match directory {
            Node::Root | Node::Raw | Node::Meta => {
                let entries = self.fixed_entries(directory);
                let entries = entries.map(|entry| (entry.name.as_bytes(), entry.node));
                self.list_nodes(entries, from, each)?;
            }
            Node::Shards => {
                let shards = (0..).zip(self.snapshot.shards());
                let entries = shards.map(|(number, shard)| (&shard.name[..], Node::Shard(number)));
                self.list_nodes(entries, from, each)?;
            }
            Node::Records => self.all_records().list(from, each)?,
            Node::Shard(shard) => self.records_of_shard(shard)?.list(from, each)?,
            Node::Views => self.list_views(from, each)?,
            Node::View(id) => self.records_of_view(id)?.list(from, each)?,
            Node::Files => self.list_named(Place::TOP, from, each)?,
            Node::NamedDirectory { position, depth } => {
                self.list_named(Place { position, depth }, from, each)?;
            }
            Node::Record(_) | Node::RawData | Node::RawIndex | Node::Info => {
                return Err(TreeError::NotADirectory);
            }
        }
        Ok(())
    }

    /// Lists `.` and `..`.
    fn list_dots(
        &self,
        directory: Node,
        cookie: u64,
        each: Each<'_>,
    ) -> Result<ControlFlow<()>, TreeError> {
        if directory.kind() == FileKind::File {
            return Err(TreeError::NotADirectory);
        }
        for (place, name) in (0..DOTS).zip([".", ".."]).skip(skipped(cookie)) {
            let node = if place == 0 {
                directory
            } else {
                self.parent(directory)?
            };
            if self.give(name.as_bytes(), place, node, each)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Lists nodes that are known, all but the first `from`.
    fn list_nodes<'a>(
        &self,
        entries: impl Iterator<Item = (&'a [u8], Node)>,
        from: u64,
        each: Each<'_>,
    ) -> Result<(), TreeError> {
        for (place, (name, node)) in (DOTS..).zip(entries).skip(skipped(from)) {
            if self.give(name, place, node, each)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn give(
        &self,
        name: &[u8],
        place: u64,
        node: Node,
        each: Each<'_>,
    ) -> Result<ControlFlow<()>, TreeError> {
        let (attr, attr_is_complete) = self.listed_attr(node)?;
        Ok(each(&Entry {
            name,
            cookie: place + 1,
            attr,
            attr_is_complete,
        }))
    }

    fn record(&self, number: u64) -> Result<RecordId, TreeError> {
        self.dataset.record(number).ok_or(TreeError::NotFound)
    }

    /// A record's shard, and where it lies in that shard's payload.
    fn record_extent(&self, number: u64) -> Result<(usize, Extent), TreeError> {
        let record = self.record(number)?;
        let (shard, local) = self.dataset.locate(record).ok_or(TreeError::NotFound)?;
        Ok((shard, self.dataset.shards()[shard].extent(local)?))
    }
}
