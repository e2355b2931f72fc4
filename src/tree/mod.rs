//! What the tree is: which names there are, what they stand for, and which bytes they have.
//!
//! Answers in its own types, so that everything here is tested without a mount. Errors carry what
//! the adapter needs for an errno; nothing is logged here.

pub mod attr;
mod files;
pub mod ino;
mod list;
mod orders;
mod read;

use crate::dataset::names::NameOrder;
use crate::dataset::numbered::{self, EXTENSION, NumberedNames};
use crate::dataset::summary::Summary;
use crate::dataset::{Dataset, RecordId};
use crate::format::name::MAX_COMPONENT_LEN;
use crate::format::offsets::Extent;
use crate::shard::ShardError;
use crate::text;
use attr::{Access, Attr, Kind, Mounter};
use files::{Directory, NamedTree};
use ino::Node;
use std::sync::{Arc, OnceLock};

pub use files::OnLeftOut;
pub use list::Entry;
pub use orders::Collection;
pub use read::{INDEX_ENTRY, Read};

/// What takes as long as there are names, and so longer than a request may: [`Tree::prepare`] does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preparation {
    /// Finding out the order of names, for `files/`.
    Names,
    /// Counting names that are left out, for `.roxfs/info.json`.
    Info,
}

/// Why the tree has no answer.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// No such name or inode.
    #[error("no such file or directory")]
    NotFound,
    /// A directory was needed.
    #[error("not a directory")]
    NotADirectory,
    /// More bytes than a name may have: the kernel passes longer ones on.
    #[error("file name too long")]
    NameTooLong,
    /// A file was needed.
    #[error("is a directory")]
    IsADirectory,
    /// The answer has to be prepared. Only from a tree [without waiting](Tree::without_waiting).
    #[error("still being prepared")]
    NotPrepared(Preparation),
    /// Nothing has been found that is shown up to this cookie, where the listing continues. Only from
    /// a tree [without waiting](Tree::without_waiting).
    #[error("too many names that are not shown")]
    Unfinished {
        /// Where to continue.
        next: u64,
    },
    /// More has to be read than a request may take: [`Tree::read_within`] does it. Only from a tree
    /// [without waiting](Tree::without_waiting).
    #[error("too much to be compared with checksums")]
    TooLong,
    /// The shard could not be read.
    #[error(transparent)]
    Shard(#[from] ShardError),
}

/// The tree over a dataset.
#[derive(Debug)]
pub struct Tree {
    dataset: Arc<Dataset>,
    /// What stands at inode number 1.
    root: Node,
    extension: String,
    waits: bool,
    files: NamedTree,
    /// Permissions, owner and time for each shard's records.
    shard_access: Vec<Access>,
    /// The same for what spans shards.
    raw_access: Access,
    directory_access: Access,
    /// Name of each shard's directory, in shard order.
    shard_names: Vec<Vec<u8>>,
    /// Shard numbers in byte order of their names.
    shards_by_name: Vec<usize>,
    /// Made when it is asked for first: it counts the names that are left out.
    info: OnceLock<Vec<u8>>,
}

impl Tree {
    /// The tree of `dataset`; directories belong to `mounter`. `on_left_out` is called once, if a
    /// name is met that `files/` has to leave out.
    pub fn new(dataset: Arc<Dataset>, mounter: Mounter, on_left_out: OnLeftOut) -> Tree {
        let shard_access: Vec<Access> = dataset
            .shards()
            .iter()
            .map(|shard| Access::of_shard(shard.stat()))
            .collect();
        let shard_names = numbered::shard_names(dataset.shards());
        let mut shards_by_name: Vec<usize> = (0..shard_names.len()).collect();
        shards_by_name.sort_by(|&a, &b| shard_names[a].cmp(&shard_names[b]));
        Tree {
            root: Node::Root,
            extension: EXTENSION.to_owned(),
            waits: true,
            files: NamedTree::new(Arc::clone(&dataset), on_left_out),
            raw_access: Access::intersection(&shard_access, mounter),
            directory_access: Access::of_directory(&shard_access, mounter),
            dataset,
            shard_access,
            shard_names,
            shards_by_name,
            info: OnceLock::new(),
        }
    }

    /// The same with another extension of record files.
    pub fn with_extension(mut self, extension: &str) -> Tree {
        self.extension = extension.to_owned();
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
                self.info.get_or_init(|| self.describe());
                Ok(())
            }
        }
    }

    /// The order of names, found out if that has not been done.
    pub fn name_order(&self) -> Result<&NameOrder, TreeError> {
        self.files.prepare()
    }

    /// Whether that has been done.
    pub fn is_prepared(&self, what: Preparation) -> bool {
        match what {
            Preparation::Names => self.files.known_order().is_some(),
            Preparation::Info => self.info.get().is_some(),
        }
    }

    /// The same with a directory of it as its root, which has nothing else in it then.
    pub fn with_root(mut self, path: &[u8]) -> Result<Tree, TreeError> {
        let mut root = Node::Root;
        for name in path.split(|&byte| byte == b'/') {
            if !matches!(name, b"" | b".") {
                root = self.lookup(root, name)?.node;
            }
        }
        match self.attr(root)?.kind {
            Kind::Directory => self.root = root,
            Kind::File => return Err(TreeError::NotADirectory),
        }
        Ok(self)
    }

    /// The dataset below the tree.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// The node that is meant: the mount's root may be any directory.
    fn inner(&self, node: Node) -> Node {
        match node {
            Node::Root => self.root,
            node => node,
        }
    }

    /// The node as it is shown.
    fn outer(&self, node: Node) -> Node {
        match node == self.root {
            true => Node::Root,
            false => node,
        }
    }

    /// What `name` in directory `parent` stands for. `.` and `..` are answered too, for any node,
    /// as a server of file handles needs them.
    pub fn lookup(&self, parent: Node, name: &[u8]) -> Result<Attr, TreeError> {
        if name.len() > MAX_COMPONENT_LEN {
            return Err(TreeError::NameTooLong);
        }
        let parent = self.inner(parent);
        let node = match name {
            b"." => Some(parent),
            b".." => Some(self.parent(parent)?),
            _ => self.child(parent, name)?,
        };
        self.attr(node.ok_or(TreeError::NotFound)?)
    }

    fn child(&self, parent: Node, name: &[u8]) -> Result<Option<Node>, TreeError> {
        Ok(match (parent, name) {
            (Node::Root, b"records") => Some(Node::Records),
            (Node::Root, b"raw") => Some(Node::Raw),
            (Node::Root, b"shards") => Some(Node::Shards),
            (Node::Root, b".roxfs") => Some(Node::Meta),
            (Node::Root, b"files") => self.files.is_present().then_some(Node::Files),
            (Node::Files, _) => self.files.child(Directory::Top, name)?,
            (Node::Directory { position, depth }, _) => self
                .files
                .child(Directory::Below { position, depth }, name)?,
            (Node::Raw, b"data") => Some(Node::RawData),
            (Node::Raw, b"index") => Some(Node::RawIndex),
            (Node::Meta, b"info.json") => Some(Node::Info),
            (Node::Records, _) => self.record_names().parse(name).map(Node::Record),
            (Node::Shards, _) => self.shard_by_name(name),
            (Node::Shard(shard), _) => {
                let local = self.shard_record_names(shard)?.parse(name);
                local.and_then(|local| self.shard_record(shard, local))
            }
            (Node::Root | Node::Raw | Node::Meta, _) => None,
            (Node::Record(_) | Node::RawData | Node::RawIndex | Node::Info, _) => {
                return Err(TreeError::NotADirectory);
            }
        })
    }

    /// The directory that holds a node; of the several that hold a record, `records/`. The mount's
    /// root is its own.
    fn parent(&self, node: Node) -> Result<Node, TreeError> {
        Ok(match node {
            node if node == self.root => node,
            Node::Root | Node::Records | Node::Raw | Node::Shards | Node::Meta | Node::Files => {
                Node::Root
            }
            Node::Record(_) => Node::Records,
            Node::RawData | Node::RawIndex => Node::Raw,
            Node::Shard(_) => Node::Shards,
            Node::Info => Node::Meta,
            Node::Directory { position, depth } => {
                let parent = self.files.parent(Directory::Below { position, depth })?;
                match parent {
                    Directory::Top => Node::Files,
                    Directory::Below { position, depth } => Node::Directory { position, depth },
                }
            }
        })
    }

    /// What `stat` shows of a node.
    pub fn attr(&self, node: Node) -> Result<Attr, TreeError> {
        match self.inner(node) {
            Node::Record(number) => {
                let (shard, extent) = self.record_extent(number)?;
                Ok(self.record_attr(number, shard, extent.len()))
            }
            Node::RawData => Ok(file(node, self.dataset.payload_len(), self.raw_access)),
            Node::RawIndex => Ok(file(node, self.dataset.records() * 8, self.raw_access)),
            Node::Info => {
                let size = self.info()?.len() as u64;
                Ok(self.info_attr(size))
            }
            Node::Root => Ok(self.directory(node, 4 + usize::from(self.files.is_present()))),
            Node::Files => {
                let directories = self.files.subdirectories(Directory::Top)?;
                Ok(self.named_directory(node, directories))
            }
            Node::Directory { position, depth } => {
                let directory = Directory::Below { position, depth };
                let directories = self.files.subdirectories(directory)?;
                Ok(self.named_directory(node, directories))
            }
            Node::Shards => Ok(self.directory(node, self.shard_names.len())),
            Node::Records | Node::Raw | Node::Meta => Ok(self.directory(node, 0)),
            Node::Shard(shard) => {
                let shard = usize::try_from(shard).ok();
                let known = shard.and_then(|shard| self.shard_access.get(shard));
                let mtime = known.ok_or(TreeError::NotFound)?.mtime;
                let mut attr = self.directory(node, 0);
                attr.access.mtime = mtime;
                Ok(attr)
            }
        }
    }

    /// It has paths and sizes of all shards.
    fn info_attr(&self, size: u64) -> Attr {
        file(Node::Info, size, self.raw_access)
    }

    fn record_attr(&self, number: u64, shard: usize, size: u64) -> Attr {
        file(Node::Record(number), size, self.shard_access[shard])
    }

    /// A record whose size is not known.
    fn unreadable_record(&self, number: u64) -> Result<Attr, TreeError> {
        let record = self.record(number)?;
        let (shard, _) = self.dataset.locate(record).ok_or(TreeError::NotFound)?;
        Ok(self.record_attr(number, shard, 0))
    }

    fn directory(&self, node: Node, directories: usize) -> Attr {
        Attr {
            node: self.outer(node),
            kind: Kind::Directory,
            size: 0,
            nlink: u32::try_from(directories)
                .unwrap_or(u32::MAX)
                .saturating_add(2),
            access: self.directory_access,
        }
    }

    /// A directory of names. One link is how file systems say that they have not counted.
    fn named_directory(&self, node: Node, directories: Option<u32>) -> Attr {
        let mut attr = self.directory(node, 0);
        attr.nlink = directories.map_or(1, |directories| directories.saturating_add(2));
        attr
    }

    /// `.roxfs/info.json`
    fn info(&self) -> Result<&[u8], TreeError> {
        match self.info.get() {
            Some(info) => Ok(info),
            None if self.waits => Ok(self.info.get_or_init(|| self.describe())),
            None => Err(TreeError::NotPrepared(Preparation::Info)),
        }
    }

    fn describe(&self) -> Vec<u8> {
        let summary = Summary::new(&self.dataset).with_absolute_paths(&self.dataset);
        let summary = summary.with_names_left_out(&self.dataset);
        // Strings and numbers in vectors always serialize.
        let mut info = text::json(&summary, true).unwrap_or_default().into_bytes();
        info.push(b'\n');
        info
    }

    fn record(&self, number: u64) -> Result<RecordId, TreeError> {
        self.dataset.record(number).ok_or(TreeError::NotFound)
    }

    /// A record's shard, and where it lies in that shard's payload.
    pub fn record_extent(&self, number: u64) -> Result<(usize, Extent), TreeError> {
        let record = self.record(number)?;
        let (shard, local) = self.dataset.locate(record).ok_or(TreeError::NotFound)?;
        Ok((shard, self.dataset.shards()[shard].extent(local)?))
    }

    fn record_names(&self) -> NumberedNames<'_> {
        NumberedNames::new(self.dataset.records(), &self.extension)
    }

    fn shard_record_names(&self, shard: u64) -> Result<NumberedNames<'_>, TreeError> {
        let (first, end) = self.shard_records(shard)?;
        Ok(NumberedNames::new(end - first, &self.extension))
    }

    /// The global numbers of a shard's records: the first, and one past the last.
    fn shard_records(&self, shard: u64) -> Result<(u64, u64), TreeError> {
        let shard = usize::try_from(shard).map_err(|_| TreeError::NotFound)?;
        let first = self.dataset.first_record(shard);
        let end = self.dataset.first_record(shard.saturating_add(1));
        first.zip(end).ok_or(TreeError::NotFound)
    }

    fn shard_record(&self, shard: u64, local: u64) -> Option<Node> {
        let (first, end) = self.shard_records(shard).ok()?;
        (local < end - first).then(|| Node::Record(first + local))
    }

    fn shard_by_name(&self, name: &[u8]) -> Option<Node> {
        let names = &self.shard_names;
        let found = self
            .shards_by_name
            .binary_search_by(|&shard| names[shard][..].cmp(name));
        found
            .ok()
            .map(|at| Node::Shard(self.shards_by_name[at] as u64))
    }
}

fn file(node: Node, size: u64, access: Access) -> Attr {
    Attr {
        node,
        kind: Kind::File,
        size,
        nlink: 1,
        access,
    }
}
