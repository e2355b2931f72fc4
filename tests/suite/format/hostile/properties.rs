//! Whatever the bytes: nothing panics, nothing is read outside a file, no record reaches outside
//! its payload, and every read gives exactly the bytes that the sizes promise.

use super::generate::{Probe, damage, liar, probe, seal, shard};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use roxfs::dataset::Dataset;
use roxfs::dataset::summary::Summary;
use roxfs::shard::verify::{VerifyOutcome, verify};
use roxfs::shard::{Shard, ShardError};
use roxfs::tree::{Attr, FileKind, Mounter, Node, Tree, TreeError};
use std::ops::ControlFlow;
use std::sync::Arc;

type Checked = Result<(), TestCaseError>;

/// The same cases in every run.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0x726f_7866),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Checks everything about these files, the dataset that the whole ones are, and its tree.
fn examine(files: &[Vec<u8>], probes: &[Probe]) -> Checked {
    let directory = temp_dir();
    let mut paths = Vec::new();
    let mut opened = Vec::new();
    let mut payloads: Vec<u8> = Vec::new();
    for (number, bytes) in files.iter().enumerate() {
        let path = directory.path().join(format!("{number}.rox"));
        std::fs::write(&path, bytes).expect("file");
        match Shard::open(&path) {
            Ok(shard) => {
                examine_shard(&shard, bytes)?;
                payloads.extend(&bytes[..shard.payload_len() as usize]);
                opened.push(shard);
            }
            Err(error) => is_damage(&error)?,
        }
        paths.push(path);
    }
    let refused = files.len() - opened.len();
    examine_verify(&paths, &opened, refused as u64)?;
    let dataset = Dataset::new(opened).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let dataset = Arc::new(dataset);
    let described = Arc::clone(&dataset);
    let tree = Tree::new(dataset, Mounter { uid: 7, gid: 7 }, Box::new(|| {})).with_info(Box::new(
        move || {
            let summary = Summary::new(&described).with_names_left_out(&described);
            serde_json::to_vec(&summary).expect("JSON")
        },
    ));
    examine_directory(&tree, Node::Root)?;
    prop_assert_eq!(whole(&tree, Node::RawData)?, payloads);
    probes
        .iter()
        .try_for_each(|probe| examine_probe(&tree, probe))
}

/// The files do not change, so whatever goes wrong is in their bytes. Any other error says that
/// something outside of the file was read.
fn is_damage(error: &ShardError) -> Checked {
    prop_assert!(matches!(error, ShardError::Damaged { .. }), "{error}");
    Ok(())
}

fn examine_shard(shard: &Shard, bytes: &[u8]) -> Checked {
    prop_assert_eq!(shard.file_len(), bytes.len() as u64);
    let mut walked = Vec::new();
    let walk = shard.for_each_extent(0..shard.records(), &mut |_, extent| {
        walked.push(extent.ok());
        ControlFlow::Continue(())
    });
    prop_assert!(walk.is_ok());
    for (number, walked) in (0..).zip(&walked) {
        let record = shard.local(number).expect("a record");
        match shard.extent(record) {
            Ok(extent) => {
                prop_assert_eq!(*walked, Some(extent));
                prop_assert!(extent.start() <= extent.end() && extent.end() <= shard.payload_len());
                let mut content = vec![0; extent.len() as usize];
                prop_assert!(shard.read_payload(extent.start(), &mut content).is_ok());
                prop_assert_eq!(
                    &content,
                    &bytes[extent.start() as usize..extent.end() as usize]
                );
            }
            Err(error) => {
                prop_assert_eq!(*walked, None);
                is_damage(&error)?;
            }
        }
        let results = [
            shard.name(record).map(drop),
            shard.raw_name(record).map(drop),
            shard.crc32c(record).map(drop),
        ];
        results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .try_for_each(is_damage)?;
    }
    prop_assert_eq!(walked.len() as u64, shard.records());
    prop_assert!(shard.local(shard.records()).is_none());
    for position in 0..shard.records() + 2 {
        prop_assert!(shard.number_in_name_order(position).is_ok());
    }
    Ok(())
}

fn run_verify(paths: &[PathBuf]) -> (VerifyOutcome, Vec<ShardError>) {
    let mut faults = Vec::new();
    let outcome = verify(paths, &mut |fault| faults.push(fault), &mut |_| {});
    (outcome, faults)
}

fn examine_verify(paths: &[PathBuf], opened: &[Shard], refused: u64) -> Checked {
    let (outcome, faults) = run_verify(paths);
    faults.iter().try_for_each(is_damage)?;
    prop_assert_eq!(
        (outcome.damaged, outcome.unreadable),
        (faults.len() as u64, 0)
    );
    prop_assert_eq!(outcome.shards, paths.len() as u64);
    prop_assert_eq!(
        outcome.records,
        opened.iter().map(Shard::records).sum::<u64>()
    );
    prop_assert!(outcome.damaged >= refused);
    if outcome.damaged == 0 {
        for shard in opened {
            let mut end = 0;
            let walk = shard.for_each_extent(0..shard.records(), &mut |_, extent| {
                let follows = extent.is_ok_and(|extent| {
                    std::mem::replace(&mut end, extent.end()) == extent.start()
                });
                assert!(follows, "verify finds no fault");
                ControlFlow::Continue(())
            });
            prop_assert!(walk.is_ok());
            prop_assert_eq!(end, shard.payload_len());
        }
    }
    Ok(())
}

/// An entry of a directory, kept.
#[derive(Debug, Clone, PartialEq)]
struct Listed {
    name: Vec<u8>,
    cookie: u64,
    attr: Attr,
    attr_is_complete: bool,
}

fn list(tree: &Tree, directory: Node, cookie: u64) -> Result<Vec<Listed>, TreeError> {
    let mut entries = Vec::new();
    tree.list(directory, cookie, &mut |entry| {
        entries.push(Listed {
            name: entry.name.to_vec(),
            cookie: entry.cookie,
            attr: entry.attr,
            attr_is_complete: entry.attr_is_complete,
        });
        ControlFlow::Continue(())
    })?;
    Ok(entries)
}

fn no_error<T>(result: Result<T, TreeError>) -> Result<T, TestCaseError> {
    result.map_err(|error| TestCaseError::fail(error.to_string()))
}

/// Every entry can be resumed at, looked up, and read or listed in its turn.
fn examine_directory(tree: &Tree, directory: Node) -> Checked {
    let entries = no_error(list(tree, directory, 0))?;
    // What a lying shard's names look like depends on the way to them.
    let is_of_names = matches!(directory, Node::Files | Node::NamedDirectory { .. });
    for (place, entry) in entries.iter().enumerate() {
        let rest = no_error(list(tree, directory, entry.cookie))?;
        if !is_of_names {
            prop_assert_eq!(rest, entries[place + 1..].to_vec());
        }
        // Of these a listing does not tell all.
        let is_counted = !matches!(
            entry.attr.node,
            Node::Files | Node::NamedDirectory { .. } | Node::Info
        );
        match tree.lookup(directory, &entry.name) {
            Ok(attr) if is_of_names || !is_counted => {
                prop_assert!(attr.node != entry.attr.node || attr.access == entry.attr.access);
            }
            Ok(attr) => prop_assert!(entry.attr_is_complete && attr == entry.attr),
            Err(TreeError::Shard(error)) => {
                prop_assert!(!entry.attr_is_complete || is_of_names);
                is_damage(&error)?;
            }
            Err(TreeError::NotFound) if is_of_names => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
        match entry.attr.kind {
            _ if place < 2 => {}
            FileKind::Directory => examine_directory(tree, entry.attr.node)?,
            FileKind::File if entry.attr_is_complete => examine_file(tree, &entry.attr)?,
            FileKind::File if entry.attr.node == Node::Info => {
                examine_file(tree, &no_error(tree.attr(Node::Info))?)?;
            }
            FileKind::File => prop_assert!(tree.read(entry.attr.node, 0, 1).is_err()),
        }
    }
    Ok(())
}

/// Every range of a file is that range of the whole, and its size is what `stat` says.
fn examine_file(tree: &Tree, attr: &Attr) -> Checked {
    if attr.node == Node::RawIndex && tree.read(attr.node, 0, u32::MAX).is_err() {
        return Ok(());
    }
    let whole = whole(tree, attr.node)?;
    prop_assert_eq!(whole.len() as u64, attr.size);
    for offset in [
        0,
        1,
        attr.size / 2,
        attr.size.saturating_sub(1),
        attr.size,
        attr.size + 1,
        u64::MAX,
    ] {
        for len in [0, 1, 8, attr.size as u32, u32::MAX] {
            let start = offset.min(attr.size) as usize;
            let end = whole.len().min(start.saturating_add(len as usize));
            let part = no_error(tree.read(attr.node, offset, len))?;
            prop_assert_eq!(
                &*part,
                &whole[start..end],
                "{:?} from {} for {}",
                attr.node,
                offset,
                len
            );
        }
    }
    Ok(())
}

fn whole(tree: &Tree, node: Node) -> Result<Vec<u8>, TestCaseError> {
    no_error(tree.read(node, 0, u32::MAX)).map(|bytes| bytes.to_vec())
}

/// Requests by inode number, as a file server with stale handles makes them.
fn examine_probe(tree: &Tree, probe: &Probe) -> Checked {
    let Some(node) = Node::from_ino(probe.ino) else {
        return Ok(());
    };
    let size = tree.attr(node).map_or(0, |attr| attr.size);
    if let Ok(read) = tree.read(node, probe.offset, probe.len) {
        let expected = size.saturating_sub(probe.offset).min(u64::from(probe.len));
        prop_assert_eq!(read.len() as u64, expected);
    }
    if let Ok(entries) = list(tree, node, probe.offset) {
        prop_assert!(entries.iter().all(|entry| entry.cookie > probe.offset));
    }
    for parent in [node, Node::Records, Node::Shards] {
        for name in [&probe.name[..], b".", b".."] {
            if let Ok(attr) = tree.lookup(parent, name) {
                prop_assert_eq!(Node::from_ino(attr.node.ino()), Some(attr.node));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn whole_shards_are_read_as_they_were_written(
        shards in vec(shard(), 0..4),
        probes in vec(probe(), 4),
    ) {
        let files: Vec<Vec<u8>> = shards.iter().map(Parts::bytes).collect();
        examine(&files, &probes)?;
    }
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn damaged_shards_do_no_harm(
        shard in shard(),
        damages in vec(damage(), 1..4),
        probes in vec(probe(), 2),
    ) {
        let mut bytes = shard.bytes();
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        examine(&[bytes], &probes)?;
    }

    #[test]
    fn lying_shards_do_no_harm(shards in vec(liar(), 1..3), probes in vec(probe(), 2)) {
        let files: Vec<Vec<u8>> = shards.iter().map(Parts::bytes).collect();
        examine(&files, &probes)?;
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..300), footer: Option<Index>) {
        let mut bytes = bytes;
        if let Some(records) = footer {
            seal(&mut bytes, records);
        }
        examine(&[bytes], &[])?;
    }
}

/// Checksums and the chain of sections together leave no bit whose loss changes a record. What
/// `verify` cannot see is a name that became another, and a section whose kind became unknown.
#[test]
fn no_flipped_bit_changes_a_record_unseen() {
    let whole = full().bytes();
    let directory = temp_dir();
    let path = directory.path().join("x.rox");
    for bit in 0..8 * whole.len() {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &bytes).expect("shard");
        let (outcome, _) = run_verify(std::slice::from_ref(&path));
        if outcome.damaged == 0 {
            let shard = Shard::open(&path).expect("no fault found");
            assert_eq!(contents(&shard), RECORDS, "bit {bit}");
        }
    }
}

fn contents(shard: &Shard) -> Vec<Vec<u8>> {
    let content = |number| {
        let extent = shard
            .extent(shard.local(number).expect("a record"))
            .expect("no fault found");
        let mut content = vec![0; extent.len() as usize];
        shard
            .read_payload(extent.start(), &mut content)
            .expect("payload");
        content
    };
    (0..shard.records()).map(content).collect()
}
