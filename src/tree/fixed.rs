//! Files and directories at fixed places: a line each, which lookup, listing, link counts and inode
//! numbers read.

use super::node::Node;

/// A file or directory at a fixed place.
pub(super) struct FixedEntry {
    /// Below [`FIRST_RECORD`](super::node::FIRST_RECORD). It is never given to another node: file handles
    /// outlive mounts.
    pub ino: u64,
    pub directory: Node,
    pub name: &'static str,
    pub node: Node,
}

/// In the order of listings. Which of them a mount has, [`super::Tree`] says.
pub(super) static FIXED: [FixedEntry; 9] = [
    at(2, Node::Root, "records", Node::Records),
    at(3, Node::Root, "raw", Node::Raw),
    at(4, Node::Raw, "data", Node::RawData),
    at(5, Node::Raw, "index", Node::RawIndex),
    at(6, Node::Root, "shards", Node::Shards),
    at(7, Node::Root, ".roxfs", Node::Meta),
    at(8, Node::Meta, "info.json", Node::Info),
    at(9, Node::Root, "files", Node::Files),
    at(10, Node::Root, "views", Node::Views),
];

const fn at(ino: u64, directory: Node, name: &'static str, node: Node) -> FixedEntry {
    FixedEntry {
        ino,
        directory,
        name,
        node,
    }
}

/// The node with a fixed inode number.
pub(super) fn node_of(ino: u64) -> Option<Node> {
    let entry = FIXED.iter().find(|entry| entry.ino == ino);
    entry.map(|entry| entry.node)
}

/// The line of a node.
pub(super) fn entry_of(node: Node) -> Option<&'static FixedEntry> {
    FIXED.iter().find(|entry| entry.node == node)
}

/// The lines of a directory.
pub(super) fn entries_in(directory: Node) -> impl Iterator<Item = &'static FixedEntry> {
    FIXED
        .iter()
        .filter(move |entry| entry.directory == directory)
}

#[cfg(test)]
mod tests {
    use super::super::node::FIRST_RECORD;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_entry_has_a_node_a_path_and_a_free_number_of_its_own() {
        let nodes: HashSet<Node> = FIXED.iter().map(|entry| entry.node).collect();
        let numbers: HashSet<u64> = FIXED.iter().map(|entry| entry.ino).collect();
        let places: HashSet<(Node, &str)> = FIXED
            .iter()
            .map(|entry| (entry.directory, entry.name))
            .collect();
        for count in [nodes.len(), numbers.len(), places.len()] {
            assert_eq!(count, FIXED.len());
        }
        assert!(numbers.iter().all(|ino| (2..FIRST_RECORD).contains(ino)));
        for directory in FIXED.iter().map(|entry| entry.directory) {
            assert!(directory == Node::Root || nodes.contains(&directory));
        }
    }
}
