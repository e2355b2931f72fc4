//! `.roxfs/info.json`, whose content is handed in.

use super::*;
use roxfs::tree::Preparation;
use std::sync::atomic::{AtomicU32, Ordering};

const CONTENT: &[u8] = b"{\"told\": \"by whoever mounts\"}\n";

/// A tree with content that is counted when it is made.
fn counted() -> (Written, Tree, Arc<AtomicU32>) {
    let written = Written::new(&sample());
    let made = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&made);
    let tree = written.tree().with_info(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        CONTENT.to_vec()
    }));
    (written, tree, made)
}

#[test]
fn it_is_made_once_and_not_before_somebody_asks_for_it() {
    let (_written, tree, made) = counted();
    let listed = list(&tree, Node::Meta, 2, usize::MAX);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].name, "info.json");
    assert!(!listed[0].attr_is_complete);
    assert_eq!(
        made.load(Ordering::Relaxed),
        0,
        "a listing needs no content"
    );
    let attr = at(&tree, ".roxfs/info.json").expect("there");
    assert_eq!(attr.size, CONTENT.len() as u64);
    for (offset, len, expected) in [
        (0, u32::MAX, CONTENT),
        (0, 4, &CONTENT[..4]),
        (5, 3, &CONTENT[5..8]),
        (CONTENT.len() as u64 - 1, 9, b"\n"),
        (CONTENT.len() as u64, 1, b""),
        (u64::MAX, u32::MAX, b""),
    ] {
        let read = tree.read(Node::Info, offset, len).expect("readable");
        assert_eq!(*read, *expected, "{offset} {len}");
    }
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[test]
fn a_tree_that_does_not_wait_asks_to_have_it_prepared() {
    let (_written, tree, made) = counted();
    let tree = tree.without_waiting();
    let waits = |answer: Result<(), TreeError>| {
        matches!(answer, Err(TreeError::NotPrepared(Preparation::Info)))
    };
    assert!(waits(tree.attr(Node::Info).map(drop)));
    assert!(waits(tree.lookup(Node::Meta, b"info.json").map(drop)));
    assert!(waits(tree.read(Node::Info, 0, 1).map(drop)));
    assert_eq!(names(&tree, Node::Meta), ["info.json"]);
    assert!(!tree.is_prepared(Preparation::Info));
    assert_eq!(made.load(Ordering::Relaxed), 0);
    tree.prepare(Preparation::Info).expect("prepared");
    tree.prepare(Preparation::Info).expect("prepared again");
    assert!(tree.is_prepared(Preparation::Info));
    assert_eq!(
        tree.attr(Node::Info).expect("there").size,
        CONTENT.len() as u64
    );
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[test]
fn a_tree_that_is_handed_none_has_none() {
    let tree = Written::new(&sample()).tree().without_waiting();
    assert!(names(&tree, Node::Meta).is_empty());
    assert!(is_missing(&tree, ".roxfs/info.json"));
    assert!(matches!(tree.attr(Node::Info), Err(TreeError::NotFound)));
    assert!(tree.is_prepared(Preparation::Info), "nothing is waited for");
}
