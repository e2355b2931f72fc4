//! `views/` in a tree without a mount.

use super::*;
use crate::support::parts::{Parts, Section};
use roxfs::dataset::Dataset;
use roxfs::shard::Shard;
use roxfs::tree::{FileKind, Mounter, Node, Tree, TreeError};
use std::ops::ControlFlow;
use std::sync::Arc;
use tempfile::TempDir;

/// One that breaks the rules, none, one that comes twice, one that is long, and common ones.
const NAMES: [&str; 7] = [
    "cat/1.jpg",
    "a__b/_c%",
    "",
    "../x",
    "cat/2.jpg",
    "cat/1.jpg",
    LONG,
];
const LONG: &str = concat!(
    "dog/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
    "/01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901",
    "/01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678.jpg"
);

/// A tree over records 0, 1, ... of these names; each record has the bytes of its number.
fn tree(names: &[&str]) -> (TempDir, Tree) {
    let directory = temp_dir();
    let path = directory.path().join("d.rox");
    let contents: Vec<String> = (0..names.len()).map(|number| number.to_string()).collect();
    let mut parts = Parts::plain(&contents);
    let keys: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    if names.iter().any(|name| !name.is_empty()) {
        let mut order: Vec<u32> = (0..names.len() as u32).collect();
        order.sort_by_key(|&number| keys[number as usize]);
        parts.sections = vec![Section::names(&keys), Section::order(&order)];
    }
    std::fs::write(&path, parts.bytes()).expect("shard");
    let shards = vec![Shard::open(&path).expect("valid")];
    let dataset = Arc::new(Dataset::new(shards).expect("a dataset"));
    let mounter = Mounter { uid: 1, gid: 2 };
    (directory, Tree::new(dataset, mounter, Box::new(|| {})))
}

fn view(tree: &Tree, spec: &str) -> Node {
    let found = tree.lookup(Node::Views, spec.as_bytes());
    let found = found.unwrap_or_else(|error| panic!("{spec}: {error}"));
    assert_eq!(found.kind, FileKind::Directory);
    assert_eq!(Node::from_ino(found.node.ino()), Some(found.node));
    found.node
}

/// Names, cookies and nodes behind a cookie.
fn list(tree: &Tree, directory: Node, cookie: u64) -> Vec<(String, u64, Node)> {
    let mut entries = Vec::new();
    let listed = tree.list(directory, cookie, &mut |entry| {
        let name = String::from_utf8(entry.name.to_vec()).expect("UTF-8");
        assert_eq!(
            entry.attr,
            tree.attr(entry.attr.node).expect("there"),
            "{name}"
        );
        entries.push((name, entry.cookie, entry.attr.node));
        ControlFlow::Continue(())
    });
    listed.expect("listed");
    entries
}

fn names(tree: &Tree, directory: Node) -> Vec<String> {
    let entries = list(tree, directory, 2).into_iter();
    entries.map(|(name, ..)| name).collect()
}

#[test]
fn a_view_has_the_records_of_its_order_under_their_positions() {
    let (_directory, tree) = tree(&[""; 40]);
    for text in [
        "shuffle=7",
        "shuffle=7,split=1of3,slice=2:",
        "slice=::-1",
        "slice=5:5",
        "names",
    ] {
        let directory = view(&tree, text);
        let entries = list(&tree, directory, 0);
        assert_eq!((&*entries[0].0, entries[0].2), (".", directory), "{text}");
        assert_eq!(
            (&*entries[1].0, entries[1].2),
            ("..", Node::Views),
            "{text}"
        );
        let records = records_of(&spec(text).of(40));
        assert_eq!(entries.len(), 2 + records.len(), "{text}");
        for (position, (&record, (name, _, node))) in records.iter().zip(&entries[2..]).enumerate()
        {
            assert_eq!(*name, format!("{position:06}.bin"), "{text}");
            assert_eq!(*node, Node::Record(record), "the inode of records/");
            for padded in [format!("{position}.bin"), format!("{position:09}.bin")] {
                let found = tree.lookup(directory, padded.as_bytes()).expect(text);
                assert_eq!(found.node, Node::Record(record), "{text} {padded}");
            }
        }
        for name in [
            &format!("{:06}.bin", records.len()),
            "18446744073709551615.bin",
            "x",
            "0.jpg",
        ] {
            let found = tree.lookup(directory, name.as_bytes());
            assert!(matches!(found, Err(TreeError::NotFound)), "{text} {name}");
        }
        for (place, (_, cookie, _)) in entries.iter().enumerate() {
            assert_eq!(
                list(&tree, directory, *cookie),
                entries[place + 1..],
                "{text}"
            );
        }
        assert!(list(&tree, directory, u64::MAX).is_empty());
    }
}

#[test]
fn entries_with_names_are_found_as_they_are_listed_and_by_position_alone() {
    let (_directory, tree) = tree(&NAMES);
    let directory = view(&tree, "names");
    let listed = names(&tree, directory);
    let expected = [
        "000000__cat__1.jpg",
        "000001__a%5F%5Fb__%5Fc%25",
        "000002.bin",
        "000003.bin",
        "000004__cat__2.jpg",
        "000005__cat__1.jpg",
    ];
    assert_eq!(listed[..6], expected);
    assert_eq!(listed[6].len(), 255);
    assert!(listed[6].starts_with("000006__dog__012") && listed[6].ends_with("678.jpg"));
    assert!(listed[6].contains("%~"));
    for (record, name) in (0..).zip(&listed) {
        let rest = name
            .strip_prefix(&format!("{record:06}"))
            .expect("its position");
        for name in [
            name.clone(),
            format!("{record}{rest}"),
            format!("{record:06}.bin"),
        ] {
            let found = tree.lookup(directory, name.as_bytes()).expect("found");
            assert_eq!(found.node, Node::Record(record), "{name}");
        }
    }
    for name in [
        "000001__cat__1.jpg",
        "000000__cat__1.jp",
        "000000__cat__1.jpg.bin",
        "000000__cat/1.jpg",
        "000000_cat__1.jpg",
        "000003__..__x",
        "000002__",
        "000007__cat__1.jpg",
        "__cat__1.jpg",
        "99999999999999999999__cat__1.jpg",
        "+00000__cat__1.jpg",
    ] {
        let found = tree.lookup(directory, name.as_bytes());
        assert!(matches!(found, Err(TreeError::NotFound)), "{name}");
    }
    assert_eq!(
        names(&tree, view(&tree, "slice=::-4,names")),
        [&listed[6].replace("000006", "000000"), "000001.bin"]
    );
    let plain = view(&tree, "slice=:");
    assert_eq!(names(&tree, plain)[0], "000000.bin");
    assert!(tree.lookup(plain, b"000000__cat__1.jpg").is_err());
}

#[test]
fn a_name_that_is_no_view_says_why_and_hidden_files_are_just_not_there() {
    let (_directory, tree) = tree(&[""; 4]);
    for (name, reason) in [
        (
            &b"mix=7"[..],
            "no such view: \"mix=7\" is no operation of a view: ",
        ),
        (b"split=8of8", "no such view: split=8of8: expected IofN"),
        (
            b"split=00of8",
            "no such view: a view has one name: write split=00of8 as split=0of8",
        ),
        (
            b"\xff=1",
            "no such view: \"\\xff=1\" is no operation of a view: ",
        ),
    ] {
        match tree.lookup(Node::Views, name) {
            Err(error @ TreeError::NoSuchView(_)) => {
                assert!(error.to_string().starts_with(reason), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    for hidden in [&b".git"[..], b".hidden", b".Trash-0"] {
        let found = tree.lookup(Node::Views, hidden);
        assert!(matches!(found, Err(TreeError::NotFound)));
    }
    let long = tree.lookup(Node::Views, "slice=:,".repeat(40).as_bytes());
    assert!(matches!(long, Err(TreeError::NameTooLong)));
    assert!(
        names(&tree, Node::Views).is_empty(),
        "none of them was used"
    );
}

#[test]
fn the_views_that_were_used_are_listed_and_no_number_stands_for_another() {
    let (_directory, tree) = tree(&[""; 4]);
    let before = tree.attr(Node::Views).expect("there").mtime;
    let specs = ["shuffle=7", "names", "slice=:2,split=1of2"];
    let nodes = specs.map(|spec| view(&tree, spec));
    assert_eq!(
        nodes,
        specs.map(|spec| view(&tree, spec)),
        "the same when looked up again"
    );
    let entries = list(&tree, Node::Views, 0);
    let listed: Vec<(&str, Node)> = entries[2..]
        .iter()
        .map(|(name, _, node)| (&**name, *node))
        .collect();
    assert_eq!(listed, specs.into_iter().zip(nodes).collect::<Vec<_>>());
    for (place, (_, cookie, _)) in entries.iter().enumerate() {
        assert_eq!(list(&tree, Node::Views, *cookie), entries[place + 1..]);
    }
    assert!(
        tree.attr(Node::Views).expect("there").mtime > before,
        "the listing has changed"
    );
    let Node::View(last) = nodes[2] else {
        panic!("no view")
    };
    for stale in [Node::View(last + 1), Node::View(0)] {
        assert!(matches!(tree.attr(stale), Err(TreeError::Stale)));
        assert!(matches!(
            tree.lookup(stale, b"0.bin"),
            Err(TreeError::Stale)
        ));
        assert!(matches!(
            tree.list(stale, 2, &mut |_| panic!("an entry")),
            Err(TreeError::Stale)
        ));
    }
}

#[test]
fn a_million_views_take_no_more_room_than_some() {
    let (_directory, tree) = tree(&[""; 4]);
    let first = view(&tree, "shuffle=0");
    for seed in 0..1_000_000 {
        tree.lookup(Node::Views, format!("shuffle={seed}").as_bytes())
            .expect("a view");
    }
    assert_eq!(names(&tree, Node::Views).len(), 1024);
    assert!(matches!(tree.attr(first), Err(TreeError::Stale)));
    assert_eq!(tree.added_orders(), 1_000_000);
}

#[test]
fn a_view_can_be_the_root_and_stays_there() {
    let (_directory, tree) = tree(&[""; 4]);
    let tree = tree.with_root(b"views/slice=::-1").expect("there");
    let expected: Vec<String> = (0..4)
        .map(|position| format!("{position:06}.bin"))
        .collect();
    for seed in 0..3_000 {
        tree.lookup(Node::Views, format!("shuffle={seed}").as_bytes())
            .expect("a view");
    }
    assert_eq!(names(&tree, Node::Root), expected);
    assert_eq!(
        tree.lookup(Node::Root, b"0.bin").expect("there").node,
        Node::Record(3)
    );
    assert_eq!(
        tree.lookup(Node::Root, b"..").expect("there").node,
        Node::Root
    );
    let error = tree.with_root(b"../views/slice=").map(drop);
    assert!(error.is_err());
}

#[test]
fn reading_ahead_is_given_the_orders_of_views() {
    let (_directory, tree) = tree(&[""; 4]);
    let tree = Arc::new(tree);
    assert_eq!((tree.orders(8).len(), tree.added_orders()), (2, 0));
    view(&tree, "slice=::-1");
    assert_eq!((tree.orders(8).len(), tree.added_orders()), (3, 1));
    assert_eq!(records_of(&*tree.orders(8)[2].1), [3, 2, 1, 0]);
}
