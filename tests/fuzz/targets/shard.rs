//! Shards with names, checksums and orders, and the tree over several of them, compared with a
//! model by brute force.
//!
//! Of honest shards the tree is exactly the model's. Whatever lies, a record's bytes are those that
//! the index gives it, every file of `files/` is a record of that very name, and the work is bounded.

use super::build::{Built, shard};
use super::choices::Choices;
use super::index::Index;
use super::model::{Model, honest_are_there, model};
use super::scratch;
use roxfs::dataset::Dataset;
use roxfs::dataset::names::clashes;
use roxfs::dataset::summary::Summary;
use roxfs::format::name::Name;
use roxfs::shard::Shard;
use roxfs::tree::{FileKind, Mounter, Node, Tree, TreeError};
use std::ops::ControlFlow;
use std::sync::Arc;

pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let directory = scratch();
    let may_lie = !choices.one_in(3);
    let mut built = Vec::new();
    let mut shards = Vec::new();
    for number in 0..1 + choices.below(3) {
        let one = shard(&mut choices, may_lie, true);
        let path = directory.path().join(format!("{number}.rox"));
        one.write(&path);
        match Shard::open(&path) {
            Ok(shard) => {
                shards.push(shard);
                built.push(one);
            }
            Err(error) => assert!(!one.is_honest && error.is_damage(), "{error}"),
        }
    }
    let step = 1 + choices.below(5);
    verify(&directory, &built);
    let Ok(dataset) = Dataset::new(shards) else {
        return;
    };
    let dataset = Arc::new(dataset);
    let tree = Tree::new(
        Arc::clone(&dataset),
        Mounter { uid: 1, gid: 1 },
        Box::new(|| {}),
    );
    records(&tree, &built);
    raw(&tree, &built);
    info(&dataset);
    names(&tree, &built, step, &mut choices);
}

fn verify(directory: &tempfile::TempDir, built: &[Built]) {
    let paths: Vec<_> = (0..3)
        .map(|number| directory.path().join(format!("{number}.rox")))
        .filter(|path| Shard::open(path).is_ok())
        .collect();
    let mut told = 0;
    let outcome = roxfs::shard::verify::verify(&paths, &mut |_| told += 1, &mut |_| {});
    assert_eq!(told, outcome.damaged);
    assert_eq!(outcome.unreadable, 0);
    let bytes: usize = built.iter().map(|shard| shard.bytes.len()).sum();
    assert!(told <= bytes as u64, "more faults than bytes");
    let breaks_rules = |name: &Vec<u8>| !name.is_empty() && Name::new(name).is_err();
    let has_bad_name = |shard: &Built| shard.names.iter().flatten().any(breaks_rules);
    if built
        .iter()
        .all(|shard| shard.is_honest && !has_bad_name(shard))
    {
        assert_eq!(outcome.damaged, 0);
    }
    let unreadable = |shard: &Built| Index::read(&shard.bytes).extents.contains(&None);
    if built.iter().any(unreadable) {
        assert!(outcome.damaged > 0);
    }
}

/// Each record is what the index says, by number and by shard, in one piece and in parts.
fn records(tree: &Tree, built: &[Built]) {
    let mut number = 0;
    for (place, shard) in (0..).zip(built) {
        let index = Index::read(&shard.bytes);
        for local in 0..index.extents.len() {
            let node = Node::Record(number);
            let expected = index.content(local);
            let read = tree.read(node, 0, 1 << 20);
            assert_eq!(read.as_deref().ok(), expected, "record {number}");
            let size = tree.attr(node).ok().map(|attr| attr.size as usize);
            assert_eq!(size, expected.map(<[u8]>::len));
            if let Some(content) = expected {
                let part = tree.read(node, 1, 2).unwrap();
                assert_eq!(&*part, &content[content.len().min(1)..content.len().min(3)]);
                let name = format!("{number}.bin");
                assert_eq!(
                    tree.lookup(Node::Records, name.as_bytes()).unwrap().node,
                    node
                );
                let name = format!("{local:09}.bin");
                let found = tree.lookup(Node::Shard(place), name.as_bytes()).unwrap();
                assert_eq!(found.node, node);
            }
            number += 1;
        }
    }
    assert!(tree.attr(Node::Record(number)).is_err());
    let listed = list(tree, Node::Records, 7, number as usize + 2);
    let nodes = (0..number).map(Node::Record);
    assert!(listed.iter().map(|(_, node)| *node).eq(nodes));
}

/// The payloads and the end offsets of all shards as one.
fn raw(tree: &Tree, built: &[Built]) {
    let indexes: Vec<Index> = built
        .iter()
        .map(|shard| Index::read(&shard.bytes))
        .collect();
    let payload: Vec<u8> = indexes
        .iter()
        .flat_map(|index| index.payload.clone())
        .collect();
    assert_eq!(*tree.read(Node::RawData, 0, 1 << 20).unwrap(), *payload);
    let _ = tree.read(Node::RawIndex, 3, 1 << 20);
    if built.iter().all(|shard| shard.is_honest) {
        let lens = built.iter().flat_map(|shard| &shard.records).map(Vec::len);
        let ends = lens.scan(0, |end, len| {
            *end += len as u64;
            Some(end.to_le_bytes())
        });
        let expected: Vec<u8> = ends.flatten().collect();
        assert_eq!(*tree.read(Node::RawIndex, 0, 1 << 20).unwrap(), *expected);
    }
}

/// What `.roxfs/info.json` is made of.
fn info(dataset: &Dataset) {
    let summary = Summary::new(dataset).with_names_left_out(dataset);
    let info = serde_json::to_value(&summary).unwrap();
    assert_eq!(info["records"], dataset.records());
}

/// The entries of a directory, `step` at a time; no more than `most`.
fn list(tree: &Tree, directory: Node, step: usize, most: usize) -> Vec<(Vec<u8>, Node)> {
    let (mut found, mut cookie) = (Vec::new(), 0);
    loop {
        let mut taken = 0;
        let listed = tree.list(directory, cookie, &mut |entry| {
            if taken == step {
                return ControlFlow::Break(());
            }
            taken += 1;
            assert!(entry.cookie > cookie, "a cookie that does not grow");
            cookie = entry.cookie;
            found.push((entry.name.to_vec(), entry.attr.node));
            ControlFlow::Continue(())
        });
        listed.unwrap();
        assert!(found.len() <= most + 2, "more entries than names");
        if taken < step {
            break;
        }
    }
    let dots: Vec<_> = found.drain(..2).map(|(name, _)| name).collect();
    assert_eq!(dots, [&b"."[..], b".."]);
    found
}

fn names(tree: &Tree, built: &[Built], step: usize, choices: &mut Choices) {
    let files = tree.lookup(Node::Root, b"files");
    let all_honest = built.iter().all(|shard| shard.is_honest);
    let has_names = |shard: &Built| shard.names.is_some();
    let Ok(files) = files else {
        assert!(!all_honest || !built.iter().any(has_names));
        return;
    };
    assert_eq!(files.node, Node::Files);
    // Names of lying shards may be longer than what the honest ones had.
    let bytes: usize = built.iter().map(|shard| shard.bytes.len()).sum();
    let mut found = Model::new();
    let mut walk = Walk {
        tree,
        step,
        most: bytes + 4096 * 100,
        exact: all_honest,
        found: &mut found,
    };
    walk.directory(Node::Files, b"");
    let dataset = tree.dataset();
    for (path, record) in &found {
        let Some(number) = *record else { continue };
        let id = dataset.record(number).unwrap();
        let (shard, local) = dataset.locate(id).unwrap();
        let raw = dataset.shards()[shard].raw_name(local).unwrap();
        assert_eq!(raw.as_ref(), Some(path), "a file of another name");
    }
    let mut told = 0;
    let left_out = clashes(dataset, &mut |_, _, _| told += 1).unwrap();
    assert_eq!(left_out.total() - left_out.out_of_order, told);
    if all_honest {
        assert_eq!(found, model(built));
        assert_eq!(left_out.out_of_order, 0);
    } else {
        honest_are_there(tree, built, &found);
    }
    // What is not there is not found, whatever is asked.
    let asked = super::build::name(choices, false);
    let component = asked.split(|&byte| byte == b'/').next().unwrap_or_default();
    let looked_up = tree.lookup(Node::Files, component);
    if all_honest && !matches!(component, b"." | b"..") {
        assert_eq!(looked_up.is_ok(), found.contains_key(component));
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    step: usize,
    most: usize,
    exact: bool,
    found: &'a mut Model,
}

impl Walk<'_> {
    fn directory(&mut self, directory: Node, path: &[u8]) {
        let children = list(self.tree, directory, self.step, self.most);
        let mut directories = 0;
        for (name, node) in children {
            let child = [path, &name].concat();
            let attr = match self.tree.lookup(directory, &name) {
                Ok(attr) => attr,
                // What a liar gives in the wrong place may be listed and not found.
                Err(TreeError::NotFound | TreeError::NameTooLong) if !self.exact => continue,
                Err(TreeError::Shard(error)) if error.is_damage() => continue,
                Err(error) => panic!("{}: {error}", child.escape_ascii()),
            };
            if self.exact {
                assert_eq!(attr.node, node, "{}", child.escape_ascii());
            }
            let record = match node {
                Node::Record(number) => Some(number),
                _ => None,
            };
            let again = self.found.insert(child.clone(), record).is_some();
            assert!(
                !again || !self.exact,
                "{}: listed twice",
                child.escape_ascii()
            );
            if attr.kind == FileKind::Directory && record.is_none() && !again {
                directories += 1;
                self.directory(node, &[&child[..], b"/"].concat());
            }
            assert!(self.found.len() <= self.most, "more entries than names");
        }
        let nlink = self.tree.attr(directory).unwrap().nlink;
        if self.exact {
            assert_eq!(nlink, 2 + directories);
        }
    }
}
