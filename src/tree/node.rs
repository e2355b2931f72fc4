//! Nodes and inode numbers, one to one: there is no inode table, so `forget` has nothing to do,
//! the numbers are the same on every mount, and file handles stay valid.
//!
//! | number | node |
//! |---|---|
//! | 1 | the root |
//! | 2 to 15 | files and directories at fixed places ([`fixed::FIXED`]); the rest is kept free for more |
//! | 16 + i | record i |
//! | top byte 1, then the shard's number | a directory in `shards/` |
//! | top byte 2, then 11 bits of depth and 45 of position | a directory below `files/`: where in the order of names its own begin, and how deep it lies |
//! | top byte 3, then a number that no other view ever has | a directory in `views/` |
//!
//! Other values of the top byte are kept free for directories to come. The node that is the
//! mount's root has number 1, whichever it is: [`super::Tree`] sees to that.

use super::attr::FileKind;
use super::fixed;
use crate::dataset::names::MAX_POSITIONS;

/// A file or directory of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// The mount's root.
    Root,
    /// `records/`
    Records,
    /// Record by its number; not checked to exist.
    Record(u64),
    /// `raw/`
    Raw,
    /// `raw/data`
    RawData,
    /// `raw/index`
    RawIndex,
    /// `shards/`
    Shards,
    /// A directory in `shards/`, by the shard's number; not checked to exist.
    Shard(u64),
    /// `.roxfs/`
    Meta,
    /// `.roxfs/info.json`
    Info,
    /// `views/`
    Views,
    /// A directory in `views/`, by its number in the table of those that were used; not checked to exist.
    View(u64),
    /// `files/`
    Files,
    /// A directory below `files/`; not checked to exist.
    NamedDirectory {
        /// The position of its first name in the order of names.
        position: u64,
        /// 1 for a directory in `files/`, 2 for one in that, and so on.
        depth: u64,
    },
}

/// The number of no node.
const NO_INODE: u64 = 0;
const ROOT: u64 = 1;
/// Record 0. The numbers below are for the root and for nodes at fixed places.
pub(super) const FIRST_RECORD: u64 = 16;
const TAG_SHIFT: u32 = 56;
const TAG_SHARD: u64 = 1;
const TAG_NAMED_DIRECTORY: u64 = 2;
const TAG_VIEW: u64 = 3;
/// Numbers of views have room for this many.
pub(super) const MAX_VIEW_IDS: u64 = 1 << TAG_SHIFT;
/// A name of at most 4095 bytes has at most 2047 directories in it.
const MAX_DEPTH: u64 = (1 << 11) - 1;

impl Node {
    /// The node of an inode number; `None` where no node has that number.
    pub fn from_ino(ino: u64) -> Option<Node> {
        let low = ino & ((1 << TAG_SHIFT) - 1);
        match (ino >> TAG_SHIFT, low) {
            (0, ROOT) => Some(Node::Root),
            (0, ..FIRST_RECORD) => fixed::node_of(low),
            (0, FIRST_RECORD..) => Some(Node::Record(low - FIRST_RECORD)),
            (TAG_SHARD, _) => Some(Node::Shard(low)),
            (TAG_VIEW, _) => Some(Node::View(low)),
            (TAG_NAMED_DIRECTORY, _) if low / MAX_POSITIONS > 0 => Some(Node::NamedDirectory {
                position: low % MAX_POSITIONS,
                depth: low / MAX_POSITIONS,
            }),
            _ => None,
        }
    }

    /// Whether it is a file or a directory.
    pub fn kind(self) -> FileKind {
        match self {
            Node::Record(_) | Node::RawData | Node::RawIndex | Node::Info => FileKind::File,
            Node::Root
            | Node::Records
            | Node::Raw
            | Node::Shards
            | Node::Shard(_)
            | Node::Meta
            | Node::Views
            | Node::View(_)
            | Node::Files
            | Node::NamedDirectory { .. } => FileKind::Directory,
        }
    }

    /// The node's inode number. Records and shards of a dataset stay below the tag.
    pub fn ino(self) -> u64 {
        match self {
            Node::Root => ROOT,
            Node::Records
            | Node::Raw
            | Node::RawData
            | Node::RawIndex
            | Node::Shards
            | Node::Meta
            | Node::Info
            | Node::Views
            | Node::Files => fixed::entry_of(self).map_or(NO_INODE, |entry| entry.ino),
            Node::Record(number) => FIRST_RECORD + number,
            Node::Shard(number) => TAG_SHARD << TAG_SHIFT | number,
            Node::View(id) => TAG_VIEW << TAG_SHIFT | id,
            Node::NamedDirectory { position, depth } => {
                let low = depth.min(MAX_DEPTH) * MAX_POSITIONS + position % MAX_POSITIONS;
                TAG_NAMED_DIRECTORY << TAG_SHIFT | low
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::MAX_RECORDS;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_with_a_node_is_that_nodes_number(ino: u64) {
            if let Some(node) = Node::from_ino(ino) {
                prop_assert_eq!(node.ino(), ino);
            }
        }

        #[test]
        fn every_record_shard_and_view_has_a_number_of_its_own(number in 0..MAX_RECORDS) {
            for node in [Node::Record(number), Node::Shard(number), Node::View(number)] {
                prop_assert_eq!(Node::from_ino(node.ino()), Some(node));
            }
        }
    }

    proptest! {
        #[test]
        fn every_directory_has_a_number_of_its_own(
            position in 0..MAX_POSITIONS,
            depth in 1..=MAX_DEPTH,
        ) {
            let node = Node::NamedDirectory { position, depth };
            prop_assert_eq!(Node::from_ino(node.ino()), Some(node));
        }
    }

    #[test]
    fn small_numbers_are_the_fixed_nodes() {
        let nodes: Vec<Option<Node>> = (0..17).map(Node::from_ino).collect();
        // The root and record 0 beside them.
        assert_eq!(nodes.iter().flatten().count(), fixed::FIXED.len() + 2);
        assert_eq!(nodes[0], None);
        assert_eq!(nodes[16], Some(Node::Record(0)));
    }
}
