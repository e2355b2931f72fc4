//! The tree without a mount: what it shows is compared with the bytes that the test wrote.

mod attributes;
mod info;
mod listing;
mod numbered;
mod raw;
mod roots;

use crate::support::parts::{Parts, Section};
use crate::support::*;
use roxfs::dataset::Dataset;
use roxfs::shard::Shard;
use roxfs::tree::{Attr, Entry, FileKind, Mounter, Node, Tree, TreeError};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Whoever would mount.
const MOUNTER: Mounter = Mounter { uid: 71, gid: 72 };

/// A shard to be written: its file, and its records with their names, which are in byte order or all
/// empty.
struct Made {
    file: &'static str,
    records: Vec<(&'static str, Vec<u8>)>,
}

impl Made {
    fn plain(file: &'static str, records: &[&[u8]]) -> Made {
        let records = records.iter().map(|record| ("", record.to_vec()));
        Made {
            file,
            records: records.collect(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let contents: Vec<&[u8]> = self.records.iter().map(|(_, bytes)| &bytes[..]).collect();
        let names: Vec<&[u8]> = self
            .records
            .iter()
            .map(|(name, _)| name.as_bytes())
            .collect();
        let mut parts = Parts::plain(&contents);
        if names.iter().any(|name| !name.is_empty()) {
            parts.sections = vec![Section::names(&names), Section::order(&[])];
        }
        parts.bytes()
    }
}

/// Shards on disk.
struct Written {
    _directory: TempDir,
    paths: Vec<PathBuf>,
    dataset: Arc<Dataset>,
}

impl Written {
    fn new(shards: &[Made]) -> Written {
        let directory = temp_dir();
        let files: Vec<_> = shards
            .iter()
            .map(|shard| (shard.file, shard.bytes()))
            .collect();
        write_tree(directory.path(), &files);
        let paths: Vec<PathBuf> = files
            .iter()
            .map(|(file, _)| directory.path().join(file))
            .collect();
        Written {
            dataset: open(&paths),
            _directory: directory,
            paths,
        }
    }

    fn tree(&self) -> Tree {
        Tree::new(Arc::clone(&self.dataset), MOUNTER, Box::new(|| {}))
    }
}

fn open(paths: &[PathBuf]) -> Arc<Dataset> {
    let shards = paths.iter().map(|path| Shard::open(path).expect("valid"));
    Arc::new(Dataset::new(shards.collect()).expect("a dataset"))
}

/// Three shards with names, one of which has no records, and one without names.
fn sample() -> Vec<Made> {
    let record = |name, len| (name, bytes(len as u64, len));
    vec![
        Made {
            file: "a.rox",
            records: vec![
                record("b/c/deep", 5000),
                record("b/one", 0),
                record("b/two", 3),
            ],
        },
        Made::plain("empty.rox", &[]),
        Made::plain("nameless.rox", &[b"first", b"", b"third"]),
        Made {
            file: "z.rox",
            records: vec![
                record("top", 1),
                record("z/five", 5),
                record("z/four", 70_000),
            ],
        },
    ]
}

/// The content of each file that the tree of `shards` has, by its path.
fn model(shards: &[Made]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let (mut payload, mut index) = (Vec::new(), Vec::new());
    let mut number = 0;
    for shard in shards {
        let stem = shard.file.strip_suffix(".rox").expect("a shard's name");
        for (local, (name, content)) in shard.records.iter().enumerate() {
            files.insert(format!("records/{number:06}.bin"), content.clone());
            files.insert(format!("shards/{stem}/{local:06}.bin"), content.clone());
            if !name.is_empty() {
                files.insert(format!("files/{name}"), content.clone());
            }
            payload.extend(content);
            index.extend((payload.len() as u64).to_le_bytes());
            number += 1;
        }
    }
    files.insert("raw/data".to_owned(), payload);
    files.insert("raw/index".to_owned(), index);
    files
}

/// An entry of a directory, kept.
#[derive(Debug, Clone, PartialEq)]
struct Listed {
    name: String,
    cookie: u64,
    attr: Attr,
    attr_is_complete: bool,
}

impl Listed {
    fn new(entry: &Entry<'_>) -> Listed {
        Listed {
            name: String::from_utf8(entry.name.to_vec()).expect("UTF-8"),
            cookie: entry.cookie,
            attr: entry.attr,
            attr_is_complete: entry.attr_is_complete,
        }
    }
}

/// The entries of a directory from a cookie on, `most` at most.
fn list(tree: &Tree, directory: Node, cookie: u64, most: usize) -> Vec<Listed> {
    let mut entries = Vec::new();
    let listed = tree.list(directory, cookie, &mut |entry| {
        entries.push(Listed::new(entry));
        if entries.len() < most {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    listed.expect("listed");
    entries
}

/// The names in a directory, without `.` and `..`.
fn names(tree: &Tree, directory: Node) -> Vec<String> {
    let entries = list(tree, directory, 0, usize::MAX);
    let (dots, rest) = entries.split_at(2);
    assert_eq!((&*dots[0].name, &*dots[1].name), (".", ".."));
    rest.iter().map(|entry| entry.name.clone()).collect()
}

/// What stands at a path.
fn at(tree: &Tree, path: &str) -> Result<Attr, TreeError> {
    let mut attr = tree.attr(Node::Root)?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        attr = tree.lookup(attr.node, name.as_bytes())?;
    }
    Ok(attr)
}

fn node_at(tree: &Tree, path: &str) -> Node {
    let found = at(tree, path);
    found.unwrap_or_else(|error| panic!("{path}: {error}")).node
}

fn is_missing(tree: &Tree, path: &str) -> bool {
    matches!(at(tree, path), Err(TreeError::NotFound))
}

/// The paths of all directories below one and of itself, and of all files.
fn walk(tree: &Tree, path: &str, directories: &mut Vec<String>, files: &mut Vec<String>) {
    directories.push(path.to_owned());
    for entry in &list(tree, node_at(tree, path), 0, usize::MAX)[2..] {
        let below = match path {
            "" => entry.name.clone(),
            path => format!("{path}/{}", entry.name),
        };
        match entry.attr.kind {
            FileKind::Directory => walk(tree, &below, directories, files),
            FileKind::File => files.push(below),
        }
    }
}

#[test]
fn the_tree_has_what_was_written_and_nothing_else() {
    let shards = sample();
    let written = Written::new(&shards);
    let tree = written.tree();
    let expected = model(&shards);
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    walk(&tree, "", &mut directories, &mut files);
    files.sort();
    assert!(files.iter().eq(expected.keys()), "{files:?}");
    for (path, content) in &expected {
        let attr = at(&tree, path).expect("listed");
        assert_eq!(attr.size, content.len() as u64, "{path}");
        let read = tree.read(attr.node, 0, u32::MAX).expect("readable");
        assert!(*read == **content, "{path}");
    }
    directories.sort();
    let all = [
        "",
        ".roxfs",
        "files",
        "files/b",
        "files/b/c",
        "files/z",
        "raw",
        "records",
        "shards",
        "shards/a",
        "shards/empty",
        "shards/nameless",
        "shards/z",
        "views",
    ];
    assert_eq!(directories, all);
}
