//! Any set of names gives exactly the tree that a model in memory gives, wherever a listing is
//! resumed.

use super::*;
use proptest::prelude::*;
use roxfs::dataset::names::{LeftOut, clashes};
use roxfs::format::name::Name;
use roxfs::tree::{FileKind, Mounter, Node, Tree, TreeError};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

type Names = Vec<Vec<u8>>;

/// What stands at each path: a record's number, or `None` for a directory.
type Model = BTreeMap<Vec<u8>, Option<u64>>;

fn model(shards: &[Names]) -> (Model, LeftOut) {
    let mut left_out = LeftOut::default();
    let mut tree = Model::new();
    let names = || shards.iter().flatten().filter(|name| !name.is_empty());
    let directories: BTreeSet<&[u8]> = names().flat_map(|name| directories_of(name)).collect();
    let mut first: HashMap<&[u8], u64> = HashMap::new();
    for (number, name) in (0..).zip(shards.iter().flatten()) {
        match Name::new(name) {
            _ if name.is_empty() => {}
            Err(_) => left_out.invalid += 1,
            Ok(_) if first.contains_key(&name[..]) => left_out.duplicate += 1,
            Ok(_) => {
                first.insert(name, number);
                if directories.contains(&name[..]) {
                    left_out.file_and_directory += 1
                } else {
                    tree.insert(name.clone(), Some(number));
                }
            }
        }
    }
    tree.extend(directories.iter().map(|path| (path.to_vec(), None)));
    (tree, left_out)
}

/// The directories that a name needs, valid or not: every valid path before a slash.
fn directories_of(name: &[u8]) -> Vec<&[u8]> {
    let slashes = (0..name.len()).filter(|&at| name[at] == b'/');
    let paths = slashes.map(|at| &name[..at]);
    paths.filter(|path| Name::new(path).is_ok()).collect()
}

fn tree_of(shards: &[Names]) -> (tempfile::TempDir, Tree) {
    let directory = temp_dir();
    write_shards(directory.path(), shards);
    let dataset = Arc::new(open(directory.path()));
    let tree = Tree::new(dataset, Mounter { uid: 7, gid: 7 }, Box::new(|| {}));
    (directory, tree)
}

/// The entries of a directory, read `step` at a time.
fn entries(tree: &Tree, directory: Node, step: usize) -> Vec<(Vec<u8>, Node)> {
    let (mut found, mut cookie) = (Vec::new(), 0);
    loop {
        let mut taken = 0;
        tree.list(directory, cookie, &mut |entry| {
            if taken == step {
                return ControlFlow::Break(());
            }
            taken += 1;
            cookie = entry.cookie;
            found.push((entry.name.to_vec(), entry.attr.node));
            ControlFlow::Continue(())
        })
        .expect("listed");
        if taken < step {
            break;
        }
    }
    let dots = found.drain(..2).map(|(name, _)| name);
    assert!(dots.eq([b".".to_vec(), b"..".to_vec()]));
    found
}

/// Reads the whole tree below `directory`, and checks each entry by looking it up.
fn walk(tree: &Tree, directory: Node, path: &[u8], step: usize, found: &mut Model) {
    let children = entries(tree, directory, step);
    let mut sorted: Vec<Vec<u8>> = Vec::new();
    let mut directories = 0;
    for (name, node) in children {
        let attr = tree
            .lookup(directory, &name)
            .expect("what is listed is there");
        assert_eq!(attr.node, node, "{:?}", name.escape_ascii().to_string());
        let child = [path, &name].concat();
        let is_directory = attr.kind == FileKind::Directory;
        sorted.push([&name[..], if is_directory { b"/" } else { b"" }].concat());
        let record = match node {
            Node::Record(number) => Some(number),
            _ => None,
        };
        assert_eq!(record.is_none(), is_directory);
        assert_eq!(found.insert(child.clone(), record), None, "listed twice");
        if is_directory {
            directories += 1;
            // Each time all directories beside it are counted.
            if directories <= 3 {
                let above = tree.lookup(node, b"..").expect("it has a parent");
                assert_eq!(above.node, directory);
            }
            walk(tree, node, &[&child[..], b"/"].concat(), step, found);
        }
    }
    assert!(sorted.is_sorted());
    let nlink = tree.attr(directory).expect("there").nlink;
    assert_eq!(nlink, 2 + directories);
    let missing = tree.lookup(directory, b"no such name");
    assert!(matches!(missing, Err(TreeError::NotFound)));
}

fn check(shards: &[Names], step: usize) {
    let (_directory, tree) = tree_of(shards);
    let (expected, left_out) = model(shards);
    let mut found = Model::new();
    walk(&tree, Node::Files, b"", step, &mut found);
    assert_eq!(found, expected);
    let mut told = 0;
    let counted = clashes(tree.dataset(), &mut |_, _, _| told += 1).expect("readable");
    assert_eq!(counted, left_out);
    assert_eq!(told, left_out.total());
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let long = ["x".repeat(255).into_bytes(), "x".repeat(256).into_bytes()];
    let short = [
        &b"a"[..],
        b"b",
        b"a-",
        b"a.b",
        b"a0",
        b"ab",
        b"a\n",
        b"\xff",
        b"d",
        b"e",
    ];
    let bad = [&b""[..], b".", b"..", b"a\0b"];
    let component = prop_oneof![
        20 => proptest::sample::select(short.to_vec()).prop_map(<[u8]>::to_vec),
        1 => proptest::sample::select(long.to_vec()),
        1 => proptest::sample::select(bad.to_vec()).prop_map(<[u8]>::to_vec),
    ];
    let path = proptest::collection::vec(component, 1..4).prop_map(|parts| parts.join(&b'/'));
    prop_oneof![15 => path, 1 => Just(Vec::new())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_tree_is_the_models(
        mut names in proptest::collection::vec(name(), 1..60),
        cuts in proptest::collection::vec(0usize..60, 0..4),
        in_order: bool,
        step in 1usize..6,
    ) {
        if in_order {
            names.sort();
        }
        let mut shards = Vec::new();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(names.len())).collect();
        cuts.sort();
        for cut in cuts.into_iter().rev() {
            shards.push(names.split_off(cut));
        }
        shards.push(names);
        shards.reverse();
        check(&shards, step);
    }
}

/// Enough names that searches take several steps and listings several batches.
#[test]
fn large_trees_are_the_models_in_order_and_shuffled() {
    let name = |number: u64| {
        let name = match number % 7 {
            0 => format!("{number}"),
            1..4 => format!("{:03}/{number}.jpg", number % 311),
            _ => format!("{:03}/{}/{number}", number % 5, number % 1009),
        };
        name.into_bytes()
    };
    let mut names: Names = (0..20_000).map(name).collect();
    let split = |names: &Names| {
        names
            .chunks(7_000)
            .map(<[Vec<u8>]>::to_vec)
            .collect::<Vec<_>>()
    };
    check(&split(&names), 500);
    names.sort();
    check(&split(&names), 500);
    check(&[names.clone()], 3000);
    names.reverse();
    check(&[names], 500);
}
