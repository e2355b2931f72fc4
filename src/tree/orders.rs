//! What the tree has for reading ahead: the orders in which its records may be read, and the
//! directories that have all records below them.

use super::Tree;
use super::ino::Node;
use crate::order::{ByNumber, Order};
use std::sync::Arc;

/// The directories that have all records below them.
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

    fn path(self) -> &'static str {
        match self {
            Collection::Records => "records",
            Collection::Shards => "shards",
            Collection::Files => "files",
        }
    }
}

impl Tree {
    /// The orders in which readers of its directories read records.
    pub fn orders(self: &Arc<Tree>) -> Vec<Arc<dyn Order>> {
        vec![
            Arc::new(ByNumber(self.dataset.records())),
            Arc::new(ByName(Arc::clone(self))),
        ]
    }

    /// The collection that a directory belongs to.
    pub fn collection(&self, directory: Node) -> Option<Collection> {
        match self.inner(directory) {
            Node::Records => Some(Collection::Records),
            Node::Shards | Node::Shard(_) => Some(Collection::Shards),
            Node::Files | Node::Directory { .. } => Some(Collection::Files),
            _ => None,
        }
    }

    /// Where a collection is in the mount, or all that the mount shows of it.
    pub fn collection_path(&self, collection: Collection) -> &'static str {
        match self.collection(self.root) {
            Some(root) if root == collection => ".",
            _ => collection.path(),
        }
    }
}

/// The order of names, as in `files/`: empty until somebody has needed it there.
#[derive(Debug)]
struct ByName(Arc<Tree>);

impl Order for ByName {
    fn len(&self) -> u64 {
        self.0.files.known_order().map_or(0, |order| order.len())
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        let record = self.0.files.known_order()?.record_at(position).ok()?;
        record.map(|record| record.get())
    }

    fn position_of(&self, _: u64) -> Option<u64> {
        None
    }

    /// Halves the names. None where it is the order of numbers as well.
    fn search(&self, record: u64) -> Option<u64> {
        let order = self.0.files.known_order()?;
        if order.is_by_number() {
            return None;
        }
        order.position_of(self.0.dataset.record(record)?).ok()?
    }
}
