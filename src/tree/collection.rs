//! The directories that have all records below them: where many names of one are looked up one by one,
//! all of it is worth being listed.

use super::Tree;
use super::fixed;
use super::node::Node;

/// A directory that has all records below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// `records/`
    Records,
    /// `shards/`
    Shards,
    /// `files/`
    Files,
}

impl Collection {
    /// All of them.
    pub const ALL: [Collection; 3] = [Collection::Records, Collection::Shards, Collection::Files];

    fn node(self) -> Node {
        match self {
            Collection::Records => Node::Records,
            Collection::Shards => Node::Shards,
            Collection::Files => Node::Files,
        }
    }
}

impl Tree {
    /// The collection that a directory belongs to.
    pub fn collection(&self, directory: Node) -> Option<Collection> {
        match self.behind_root(directory) {
            Node::Records => Some(Collection::Records),
            Node::Shards | Node::Shard(_) => Some(Collection::Shards),
            Node::Files | Node::NamedDirectory { .. } => Some(Collection::Files),
            Node::Root
            | Node::Views
            | Node::View(_)
            | Node::Record(_)
            | Node::Raw
            | Node::RawData
            | Node::RawIndex
            | Node::Meta
            | Node::Info => None,
        }
    }

    /// Where a collection is in the mount, or all that the mount shows of it.
    pub fn collection_path(&self, collection: Collection) -> &'static str {
        if self.collection(self.root) == Some(collection) {
            return ".";
        }
        fixed::entry_of(collection.node()).map_or(".", |entry| entry.name)
    }
}
