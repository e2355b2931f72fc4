//! Where a node is in the mount.

use super::Tree;
use super::fixed;
use super::node::Node;

impl Tree {
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
