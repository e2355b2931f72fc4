//! Shards that lie about the order of their names, beside honest ones: a liar can hide its own names,
//! and do nothing else, whatever is asked first.

use super::*;
use proptest::prelude::*;
use roxfs::format::name::Name;
use roxfs::tree::{FileKind, Mounter, Node, Preparation, Tree, TreeError};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A shard's names, and what its order section says of them.
#[derive(Debug, Clone)]
struct Claim {
    names: Vec<Vec<u8>>,
    /// `None` is the truth.
    order: Option<Vec<u32>>,
}

fn shard(claim: &Claim, first: u32) -> Vec<u8> {
    let Some(order) = &claim.order else {
        return named_shard(&claim.names, first);
    };
    let records: Vec<[u8; 4]> = (first..)
        .take(claim.names.len())
        .map(u32::to_le_bytes)
        .collect();
    let keys: Vec<&[u8]> = claim.names.iter().map(Vec::as_slice).collect();
    let mut parts = Parts::plain(&records);
    parts.sections = vec![Section::names(&keys), Section::order(order)];
    parts.bytes()
}

fn tree_of(claims: &[Claim]) -> (tempfile::TempDir, Tree) {
    let directory = temp_dir();
    let mut first = 0;
    for (number, claim) in claims.iter().enumerate() {
        let path = directory.path().join(format!("d_{number:04}.rox"));
        std::fs::write(path, shard(claim, first)).expect("written");
        first += claim.names.len() as u32;
    }
    let dataset = Arc::new(open(directory.path()));
    let tree = Tree::new(dataset, Mounter { uid: 7, gid: 7 }, Box::new(|| {}));
    let tree = tree.without_waiting();
    tree.prepare(Preparation::Names)
        .expect("the order of names");
    (directory, tree)
}

/// The honest names that nothing but a lie could hide, and their records.
fn certain(claims: &[Claim]) -> Vec<(Vec<u8>, u64)> {
    let all: Vec<&Vec<u8>> = claims.iter().flat_map(|claim| &claim.names).collect();
    let honest = claims
        .iter()
        .flat_map(|claim| claim.names.iter().map(|_| claim.order.is_none()));
    let mut certain = Vec::new();
    for (number, (name, is_honest)) in all.iter().zip(honest).enumerate() {
        let is_first = !all[..number].contains(name);
        let within = [name, &b"/"[..]].concat();
        let is_file = !all.iter().any(|other| other.starts_with(&within));
        if is_honest && is_first && is_file && Name::new(name).is_ok() {
            certain.push((name.to_vec(), number as u64));
        }
    }
    certain
}

fn lookup(tree: &Tree, path: &[u8]) -> Result<Node, TreeError> {
    let mut node = Node::Files;
    for component in path.split(|&byte| byte == b'/') {
        node = tree.lookup(node, component)?.node;
    }
    Ok(node)
}

/// The entries of a directory, `step` at a time, without dots.
fn entries(tree: &Tree, directory: Node, step: usize) -> Vec<(Vec<u8>, Node, FileKind)> {
    let (mut found, mut cookie) = (Vec::new(), 2);
    loop {
        let mut taken = 0;
        let listed = tree.list(directory, cookie, &mut |entry| {
            if taken == step {
                return ControlFlow::Break(());
            }
            taken += 1;
            cookie = entry.cookie;
            found.push((entry.name.to_vec(), entry.attr.node, entry.attr.kind));
            ControlFlow::Continue(())
        });
        match listed {
            Err(TreeError::Unfinished { next }) => cookie = next,
            listed => {
                listed.expect("listed");
                if taken == 0 {
                    return found;
                }
            }
        }
    }
}

/// All files below a directory.
fn files(tree: &Tree, directory: Node, path: &[u8], step: usize, found: &mut Vec<(Vec<u8>, u64)>) {
    let entries = entries(tree, directory, step);
    // A lie can hide from a file of the same shard that its name is a directory's too.
    let names: BTreeSet<(&[u8], bool)> = entries
        .iter()
        .map(|(name, _, kind)| (&name[..], *kind == FileKind::File))
        .collect();
    assert_eq!(names.len(), entries.len(), "an entry is listed twice");
    for (name, node, kind) in &entries {
        let child = [path, name].concat();
        match (node, kind) {
            (Node::Record(number), FileKind::File) => found.push((child, *number)),
            _ => files(tree, *node, &[&child[..], b"/"].concat(), step, found),
        }
    }
}

fn check(claims: &[Claim], step: usize, lists_first: bool, looked_up: &[prop::sample::Index]) {
    let (_directory, tree) = tree_of(claims);
    let names: Vec<&Vec<u8>> = claims.iter().flat_map(|claim| &claim.names).collect();
    let certain = certain(claims);
    let list = || {
        let mut listed = Vec::new();
        files(&tree, Node::Files, b"", step, &mut listed);
        for (path, number) in &listed {
            assert_eq!(names[*number as usize], path, "a file is its own record's");
        }
        for honest in &certain {
            let shown = honest.0.escape_ascii().to_string();
            assert!(listed.contains(honest), "{shown} is listed");
        }
    };
    let look_up = |name: &[u8]| {
        // A path with dots in it is another one.
        if Name::new(name).is_err() {
            return;
        }
        let shown = name.escape_ascii().to_string();
        let found = lookup(&tree, name);
        if let Ok(Node::Record(number)) = found {
            assert_eq!(names[number as usize], name, "{shown} is its own record's");
        }
        if let Some((_, number)) = certain.iter().find(|(honest, _)| honest == name) {
            assert_eq!(found.expect("found"), Node::Record(*number), "{shown}");
        }
    };
    if lists_first {
        list();
    }
    for index in looked_up {
        look_up(names[index.index(names.len())]);
    }
    list();
    for name in &names {
        look_up(name);
    }
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let components: Vec<&[u8]> = vec![b"a", b"b", b"c", b"d", b"e", b"a-", b"a0", b".", b"x\0"];
    let component = prop_oneof![
        20 => proptest::sample::select(components[..7].to_vec()),
        1 => proptest::sample::select(components),
    ];
    let path = proptest::collection::vec(component, 1..4).prop_map(|parts| parts.join(&b'/'));
    prop_oneof![20 => path, 1 => Just(Vec::new())]
}

fn claim() -> impl Strategy<Value = Claim> {
    let names = proptest::collection::vec(name(), 1..40);
    names.prop_flat_map(|names| {
        let len = names.len();
        let number = 0..=len as u32;
        let sorted = Just(names.clone()).prop_map(|mut names| {
            names.sort();
            names
        });
        // Sorted but for a few, so that the first and the last look honest.
        let swapped = (sorted.clone(), 0..len, 0..len).prop_map(|(mut names, a, b)| {
            names.swap(a, b);
            Claim {
                names,
                order: Some(Vec::new()),
            }
        });
        prop_oneof![
            2 => Just(Claim { names: names.clone(), order: None }),
            2 => sorted.prop_map(|names| Claim { names, order: None }),
            2 => swapped,
            1 => Just(Claim { names: names.clone(), order: Some(Vec::new()) }),
            2 => proptest::collection::vec(number, len)
                .prop_map(move |order| Claim { names: names.clone(), order: Some(order) }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_lie_hides_no_other_shards_names(
        claims in proptest::collection::vec(claim(), 1..5),
        step in 1usize..6,
        lists_first: bool,
        looked_up in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        check(&claims, step, lists_first, &looked_up);
    }

    /// Disjoint ranges, as of shards that were packed in order, are laid one after the other.
    #[test]
    fn a_lie_between_shards_in_order_hides_no_other_shards_names(
        mut names in proptest::collection::btree_set(name(), 6..60),
        liars in proptest::collection::vec((any::<prop::sample::Index>(), name()), 1..6),
        step in 1usize..6,
        lists_first: bool,
        looked_up in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        names.remove(&b""[..]);
        let names: Vec<Vec<u8>> = names.into_iter().collect();
        let mut claims: Vec<Claim> = names
            .chunks(names.len().div_ceil(4).max(1))
            .map(|names| Claim { names: names.to_vec(), order: None })
            .collect();
        // Every second one says within its range what is not so.
        for (index, lie) in liars {
            let shard = index.index(claims.len()) / 2 * 2;
            let names = &mut claims[shard].names;
            if names.len() > 2 {
                let place = 1 + index.index(names.len() - 2);
                names[place] = lie;
                claims[shard].order = Some(Vec::new());
            }
        }
        check(&claims, step, lists_first, &looked_up);
    }
}

fn liar(names: &[&str]) -> Claim {
    let names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    Claim {
        names,
        order: Some(Vec::new()),
    }
}

fn honest(names: &[&str]) -> Claim {
    Claim {
        order: None,
        ..liar(names)
    }
}

#[test]
fn a_name_out_of_a_shards_own_range_is_no_other_shards() {
    for claims in [
        [honest(&["c", "d", "e"]), liar(&["a", "d", "b"])],
        [liar(&["a", "d", "b"]), honest(&["c", "d", "e"])],
        [liar(&["a", "d/x", "b"]), honest(&["c", "d-", "e"])],
        [honest(&["c/1", "c/2"]), liar(&["a", "c/9", "c/0"])],
    ] {
        for step in 1..4 {
            check(&claims, step, true, &[]);
            check(&claims, step, false, &[]);
        }
    }
}

/// A million names that cannot be shown, each another one: every call ends after a few of them.
#[test]
fn names_that_cannot_be_shown_are_passed_a_bounded_number_at_a_time() {
    let mut names: Vec<Vec<u8>> = (0..300_000)
        .map(|number| format!("{number:07}\0").into_bytes())
        .collect();
    names.push(b"~".to_vec());
    let last = names.len() as u64 - 1;
    let (_directory, tree) = tree_of(&[Claim { names, order: None }]);
    let (mut cookie, mut calls) = (2, 0);
    let found = loop {
        calls += 1;
        let mut found = Vec::new();
        match tree.list(Node::Files, cookie, &mut |entry| {
            found.push((entry.name.to_vec(), entry.attr.node));
            ControlFlow::Continue(())
        }) {
            Err(TreeError::Unfinished { next }) => {
                assert!(next > cookie, "it gets further");
                cookie = next;
            }
            listed => {
                listed.expect("listed");
                break found;
            }
        }
    };
    assert_eq!(found, [(b"~".to_vec(), Node::Record(last))]);
    assert!((30..3000).contains(&calls), "{calls} calls");
    // Too many to count.
    assert_eq!(tree.attr(Node::Files).expect("there").nlink, 1);
}

/// Counting directories ends too, however far apart the names that can be shown are.
#[test]
fn directories_are_not_counted_among_names_that_cannot_be_shown() {
    let name = |number: u32| match number % 3000 {
        0 => format!("{number:07}"),
        _ => format!("{number:07}\0"),
    };
    let names = (0..150_000).map(|number| name(number).into_bytes());
    let (_directory, tree) = tree_of(&[Claim {
        names: names.collect(),
        order: None,
    }]);
    assert_eq!(tree.attr(Node::Files).expect("there").nlink, 1);
    assert_eq!(entries(&tree, Node::Files, 7).len(), 50);
}

/// Equal names, and an order that says one record over and over, are searched past.
#[test]
fn names_that_are_said_over_and_over_take_one_call() {
    let many = 300_000;
    let again = Claim {
        names: vec![b"m".to_vec(); many],
        order: Some(vec![0; many]),
    };
    let equal = Claim {
        names: vec![b"m".to_vec(); many],
        order: None,
    };
    for claim in [again, equal] {
        let (_directory, tree) = tree_of(&[claim, honest(&["n"])]);
        let names: Vec<Vec<u8>> = entries(&tree, Node::Files, usize::MAX)
            .into_iter()
            .map(|(name, ..)| name)
            .collect();
        assert_eq!(names, [b"m", b"n"]);
        let mut found = 0;
        let listed = tree.list(Node::Files, 0, &mut |_| {
            found += 1;
            ControlFlow::Continue(())
        });
        listed.expect("listed in one call");
        assert_eq!(found, 4);
        assert_eq!(tree.attr(Node::Files).expect("there").nlink, 2);
    }
}
