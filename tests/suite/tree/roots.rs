//! A directory as the mount's root.

use super::*;

#[test]
fn each_directory_can_be_the_root_and_has_then_what_it_had_before() {
    let written = Written::new(&sample());
    let whole = written.tree();
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    walk(&whole, "", &mut directories, &mut files);
    for path in directories {
        let tree = written.tree().with_root(path.as_bytes()).expect("there");
        let inside = node_at(&whole, &path);
        assert_eq!(names(&tree, Node::Root), names(&whole, inside), "{path}");
        for name in names(&whole, inside) {
            let there = whole.lookup(inside, name.as_bytes()).expect("listed");
            let here = tree.lookup(Node::Root, name.as_bytes()).expect("listed");
            assert_eq!(here, there, "{path}/{name}");
        }
        let root = tree.attr(Node::Root).expect("there");
        let before = whole.attr(inside).expect("there");
        assert_eq!(
            root,
            Attr {
                node: Node::Root,
                ..before
            },
            "{path}"
        );
        // There is no way out, and no second number for it.
        for entry in &list(&tree, Node::Root, 0, 2) {
            assert_eq!(entry.attr.node, Node::Root, "{path}/{}", entry.name);
        }
        for name in [&b"."[..], b".."] {
            let found = tree.lookup(Node::Root, name).expect("there");
            assert_eq!(found, root, "{path}");
        }
        assert_eq!(tree.attr(inside).expect("there").node, Node::Root, "{path}");
    }
}

#[test]
fn the_path_of_a_file_leads_to_it_where_the_root_leaves_one() {
    let written = Written::new(&sample());
    let nodes = [Node::Record(0), Node::RawData, Node::Info];
    for (root, left) in [
        ("", [true; 3]),
        ("records", [true, false, false]),
        ("raw", [false, true, false]),
        ("files", [false; 3]),
        ("shards", [false; 3]),
    ] {
        let tree = written.tree().with_root(root.as_bytes()).expect("there");
        for (node, is_left) in nodes.into_iter().zip(left) {
            let path = tree.path_of(node);
            assert_eq!(path.is_some(), is_left, "{root}: {node:?}");
            let path = path.map(|path| String::from_utf8(path).expect("UTF-8"));
            if let Some(path) = path.filter(|_| node != Node::Info) {
                assert_eq!(node_at(&tree, &path), node, "{root}: {path}");
            }
        }
    }
}

#[test]
fn the_way_from_below_ends_at_the_root() {
    let written = Written::new(&sample());
    let tree = written.tree().with_root(b"files/b").expect("there");
    let below = node_at(&tree, "c");
    assert_eq!(tree.lookup(below, b"..").expect("there").node, Node::Root);
    assert_eq!(list(&tree, below, 0, 2)[1].attr.node, Node::Root);
    assert_eq!(node_at(&tree, "c/../c/deep"), Node::Record(0));
}

#[test]
fn a_root_may_be_written_in_more_than_one_way() {
    let written = Written::new(&sample());
    let whole = written.tree();
    let same = [
        ("", ""),
        (".", ""),
        ("/", ""),
        ("..", ""),
        ("records/..", ""),
        ("records/", "records"),
        ("./records", "records"),
        ("files/b/c/", "files/b/c"),
        ("files//b/./c", "files/b/c"),
        ("files/b/../b/c", "files/b/c"),
        ("files/b/c/../../z", "files/z"),
        ("files/../shards/a", "shards/a"),
        ("../../raw", "raw"),
    ];
    for (written_as, path) in same {
        let tree = written.tree().with_root(written_as.as_bytes());
        let tree = tree.unwrap_or_else(|error| panic!("{written_as}: {error}"));
        let expected = names(&whole, node_at(&whole, path));
        assert_eq!(names(&tree, Node::Root), expected, "{written_as}");
    }
}

#[test]
fn a_root_that_is_no_directory_is_refused() {
    let written = Written::new(&sample());
    let root = |path: &str| written.tree().with_root(path.as_bytes()).err();
    for path in ["records/0.bin", "raw/data", "files/top", "raw/data/x"] {
        assert!(
            matches!(root(path), Some(TreeError::NotADirectory)),
            "{path}"
        );
    }
    for path in [
        "none",
        "record",
        "shards/none",
        "files/b/none",
        "files/none/..",
    ] {
        assert!(matches!(root(path), Some(TreeError::NotFound)), "{path}");
    }
    let nameless = Written::new(&[Made::plain("x.rox", &[b"x"])]);
    let root = nameless.tree().with_root(b"files").err();
    assert!(matches!(root, Some(TreeError::NotFound)));
}
