//! What the tree of names is by brute force.

use super::build::Built;
use roxfs::format::name::Name;
use roxfs::tree::{Node, Tree};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What stands at each path: a record's number, or `None` for a directory.
pub type Model = BTreeMap<Vec<u8>, Option<u64>>;

/// The directories that a name needs, valid or not: every valid path before a slash.
fn directories_of(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = (0..name.len()).filter(|&at| name[at] == b'/');
    let paths = slashes.map(|at| &name[..at]);
    paths.filter(|path| Name::new(path).is_ok())
}

/// The tree of honest shards.
pub fn model(built: &[Built]) -> Model {
    let mut tree = Model::new();
    let mut first: HashMap<&[u8], u64> = HashMap::new();
    let mut directories: BTreeSet<&[u8]> = BTreeSet::new();
    let mut number = 0;
    for shard in built {
        for local in 0..shard.records.len() {
            let name = shard.names.as_ref().map_or(&[][..], |names| &names[local]);
            if name.len() <= 4096 {
                directories.extend(directories_of(name));
            } else {
                directories.extend(directories_of(&name[..4096]));
            }
            if Name::new(name).is_ok() {
                first.entry(name).or_insert(number);
            }
            number += 1;
        }
    }
    for (name, number) in first {
        if !directories.contains(name) {
            tree.insert(name.to_vec(), Some(number));
        }
    }
    tree.extend(directories.iter().map(|path| (path.to_vec(), None)));
    tree
}

/// Names of honest shards are there, with their own records, unless another name clashes with them.
pub fn honest_are_there(tree: &Tree, built: &[Built], found: &Model) {
    let dataset = tree.dataset();
    let mut all: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut directories: BTreeSet<Vec<u8>> = BTreeSet::new();
    for shard in dataset.shards() {
        for local in (0..shard.records()).filter_map(|local| shard.local(local)) {
            if let Ok(Some(name)) = shard.raw_name(local) {
                directories.extend(directories_of(&name).map(<[u8]>::to_vec));
                *all.entry(name).or_default() += 1;
            }
        }
    }
    let mut number = 0;
    for (shard, opened) in built.iter().zip(dataset.shards()) {
        let names = shard.names.iter().flatten().filter(|_| shard.is_honest);
        for (local, name) in (number..).zip(names) {
            let clashes = all.get(name) != Some(&1) || directories.contains(name);
            if Name::new(name).is_err() || clashes {
                continue;
            }
            let shown = name.escape_ascii();
            assert_eq!(
                found.get(name),
                Some(&Some(local)),
                "{shown} in the listing"
            );
            let mut node = Node::Files;
            for component in name.split(|&byte| byte == b'/') {
                node = tree.lookup(node, component).unwrap().node;
            }
            assert_eq!(node, Node::Record(local), "{shown} looked up");
        }
        number += opened.records();
    }
}
