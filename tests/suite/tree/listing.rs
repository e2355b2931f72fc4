//! Listings: in order, and resumed at any place.

use super::*;

fn directories(tree: &Tree) -> Vec<Node> {
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    walk(tree, "", &mut directories, &mut files);
    directories.iter().map(|path| node_at(tree, path)).collect()
}

#[test]
fn a_listing_resumed_at_any_entry_gives_the_rest() {
    let written = Written::new(&sample());
    let tree = written.tree();
    for directory in directories(&tree) {
        let entries = list(&tree, directory, 0, usize::MAX);
        assert!(entries.is_sorted_by(|a, b| a.cookie < b.cookie));
        for (place, entry) in entries.iter().enumerate() {
            let rest = list(&tree, directory, entry.cookie, usize::MAX);
            assert_eq!(
                rest,
                entries[place + 1..],
                "{directory:?} at {}",
                entry.name
            );
        }
        let last = entries.last().expect("has dots").cookie;
        for past in [last + 1, 1 << 40, u64::MAX] {
            assert!(list(&tree, directory, past, usize::MAX).is_empty());
        }
    }
}

#[test]
fn a_listing_in_pieces_of_any_size_gives_each_entry_once() {
    let written = Written::new(&sample());
    let tree = written.tree();
    for directory in directories(&tree) {
        let whole = list(&tree, directory, 0, usize::MAX);
        for most in 1..=whole.len() {
            let mut joined = list(&tree, directory, 0, most);
            loop {
                let cookie = joined.last().expect("has dots").cookie;
                let piece = list(&tree, directory, cookie, most);
                assert!(piece.len() <= most);
                let Some(last) = piece.last() else { break };
                assert!(last.cookie > cookie, "it gets further");
                joined.extend(piece);
            }
            assert_eq!(joined, whole, "{directory:?} in pieces of {most}");
        }
    }
}

#[test]
fn what_is_listed_is_found_with_the_same_attributes() {
    let written = Written::new(&sample());
    let tree = written.tree();
    for directory in directories(&tree) {
        for entry in list(&tree, directory, 0, usize::MAX) {
            let found = tree.lookup(directory, entry.name.as_bytes());
            let found = found.expect("what is listed is there");
            assert_eq!(found.node, entry.attr.node);
            assert_eq!(found.kind, entry.attr.kind);
            if entry.attr_is_complete {
                assert_eq!(found, entry.attr, "{}", entry.name);
            }
            assert_eq!(Node::from_ino(found.node.ino()), Some(found.node));
        }
    }
}

#[test]
fn a_record_that_cannot_be_read_is_listed_and_says_so_when_it_is_used() {
    let directory = temp_dir();
    let mut parts = Parts::plain(&[b"abc", b"def", b"ghi"]);
    parts.ends[1] = 1;
    parts.sections = vec![Section::names(&[b"x", b"y", b"z"]), Section::order(&[])];
    let path = directory.path().join("damaged.rox");
    std::fs::write(&path, parts.bytes()).expect("shard");
    let tree = Tree::new(open(&[path]), MOUNTER, Box::new(|| {}));
    let complete = |node| -> Vec<bool> {
        let entries = list(&tree, node, 2, usize::MAX);
        entries.iter().map(|entry| entry.attr_is_complete).collect()
    };
    // The end of record 1 is before that of record 0.
    for node in [Node::Records, Node::Shard(0), Node::Files] {
        assert_eq!(complete(node), [true, false, true], "{node:?}");
    }
    let found = tree.lookup(Node::Records, b"000001.bin");
    assert!(matches!(found, Err(TreeError::Shard(error)) if error.is_damage()));
    assert!(tree.read(Node::Record(1), 0, 1).is_err());
    assert_eq!(*tree.read(Node::Record(0), 0, 9).expect("whole"), *b"abc");
}
