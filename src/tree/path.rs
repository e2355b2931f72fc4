//! Where a node is in the mount.

use super::Tree;
use super::entry::DOTS;
use super::fixed;
use super::node::Node;
use super::orders::OrderId;
use crate::order::Order;
use std::ops::Range;
use std::path::{Path, PathBuf};

impl Tree {
    /// How many entries the directory has that has this order.
    pub fn len_of(&self, order: OrderId) -> Option<u64> {
        match order {
            OrderId::View(id) => Some(self.views.get(id).ok()?.order().len()),
            OrderId::ByNumber | OrderId::ByName | OrderId::Handed(_) => None,
        }
    }

    /// A path from the mount's root to the directory that has this order, and the offsets of the entries at
    /// these positions there, as far as there are any; `None` where the mount's root leaves none, and for
    /// what has no such directory.
    pub fn entries_of(
        &self,
        order: OrderId,
        positions: &Range<u64>,
    ) -> Option<(PathBuf, Range<u64>)> {
        let OrderId::View(id) = order else {
            return None;
        };
        let end = positions.end.min(self.len_of(order)?);
        if positions.start >= end {
            return None;
        }
        let path = match self.root {
            Node::View(root) if root == id => PathBuf::from("."),
            Node::Views => PathBuf::from(self.views.name(id)?),
            Node::Root => {
                let views = fixed::entry_of(Node::Views)?.name;
                Path::new(views).join(self.views.name(id)?)
            }
            _ => return None,
        };
        Some((path, DOTS + positions.start..DOTS + end))
    }

    /// A path from the mount's root to a record or a file at a fixed place, by which nothing has to be
    /// looked up elsewhere; `None` where the mount's root leaves none.
    pub fn path_of(&self, node: Node) -> Option<Vec<u8>> {
        let mut path = Vec::new();
        let directory = match node {
            Node::Record(record) => {
                self.all_records().name(record, &mut path);
                Node::Records
            }
            node => {
                let entry = fixed::entry_of(node)?;
                path.extend(entry.name.as_bytes());
                entry.directory
            }
        };
        if directory == self.root {
            return Some(path);
        }
        if self.root != Node::Root {
            return None;
        }
        let mut directory = fixed::entry_of(directory)?.name.as_bytes().to_vec();
        directory.push(b'/');
        directory.append(&mut path);
        Some(directory)
    }
}
