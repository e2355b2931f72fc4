//! Extraction into a directory and as an archive: nothing outside, no more than the shards have,
//! and every file the record of that name.

use super::build::{Built, shard};
use super::choices::Choices;
use super::index::Index;
use super::scratch;
use roxfs::dataset::Dataset;
use roxfs::extract::{Destination, ExtractOutcome, Extraction};
use roxfs::format::name::Name;
use roxfs::order::{ByNumber, Union};
use roxfs::shard::Shard;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What may be read of a shard beside twice its payload.
const LEAST: u64 = 64 << 10;
const SENTINEL: &[u8] = b"not to be touched";

type Files = BTreeMap<Vec<u8>, Vec<u8>>;

pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let directory = scratch();
    let mut built = Vec::new();
    let mut shards = Vec::new();
    for number in 0..1 + choices.below(2) {
        let one = shard(&mut choices, true, false);
        let path = directory.path().join(format!("{number}.rox"));
        one.write(&path);
        if let Ok(shard) = Shard::open(&path) {
            shards.push(shard);
            built.push(one);
        }
    }
    let Ok(dataset) = Dataset::new(shards) else {
        return;
    };
    into_directory(&dataset, &built, directory.path(), &mut choices);
    into_archive(&dataset, &built);
}

fn extraction<'a>(dataset: &'a Dataset, order: &'a ByNumber) -> Extraction<'a> {
    Extraction {
        dataset,
        order,
        selected: Union::new(&[], dataset.records()).unwrap(),
        report: &|failure| assert!(!failure.to_string().contains('\n')),
        progress: &|_| {},
    }
}

fn allowed(dataset: &Dataset) -> u64 {
    let shards = dataset.shards().iter();
    shards
        .map(|shard| (2 * shard.payload_len()).max(LEAST))
        .sum()
}

/// The contents that records of each name have; those without a name are called by their number.
fn contents(dataset: &Dataset, built: &[Built]) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut contents: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    let mut number = 0;
    for (shard, built) in dataset.shards().iter().zip(built) {
        let index = Index::read(&built.bytes);
        for local in (0..shard.records()).filter_map(|local| shard.local(local)) {
            let raw = shard.raw_name(local).ok().flatten();
            let name = raw.filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| format!("{number:06}.bin").into_bytes());
            if let Some(content) = index.content(local.get() as usize) {
                contents.entry(name).or_default().push(content.to_vec());
            }
            number += 1;
        }
    }
    contents
}

fn check(dataset: &Dataset, built: &[Built], found: &Files, outcome: &ExtractOutcome) {
    let contents = contents(dataset, built);
    for (name, content) in found {
        let shown = name.escape_ascii();
        assert!(Name::new(name).is_ok(), "{shown}");
        let expected = contents
            .get(name)
            .unwrap_or_else(|| panic!("{shown}: nobody's name"));
        assert!(expected.contains(content), "{shown}: other bytes");
    }
    let bytes: u64 = found.values().map(|content| content.len() as u64).sum();
    assert!(
        bytes <= allowed(dataset),
        "{bytes} bytes out of {}",
        allowed(dataset)
    );
    assert_eq!(outcome.records + outcome.failed, dataset.records());
    assert_eq!(outcome.records, found.len() as u64);
    let names = built.iter().flat_map(|shard| shard.names.iter().flatten());
    let clash_free = {
        let names: Vec<&Vec<u8>> = names.filter(|name| !name.is_empty()).collect();
        let all: BTreeSet<&[u8]> = names.iter().map(|name| &name[..]).collect();
        let is_below = |name: &&Vec<u8>| {
            let slashes = (0..name.len()).filter(|&at| name[at] == b'/');
            slashes
                .map(|at| &name[..at])
                .any(|above| all.contains(above))
        };
        all.len() == names.len()
            && !names.iter().any(is_below)
            && names.iter().all(|name| Name::new(name).is_ok())
    };
    if clash_free && built.iter().all(|shard| shard.is_honest) {
        assert_eq!(outcome.failed, 0);
    }
}

fn into_directory(dataset: &Dataset, built: &[Built], base: &Path, choices: &mut Choices) {
    let (outside, out) = (base.join("outside"), base.join("out"));
    for directory in [&outside, &out] {
        std::fs::create_dir(directory).unwrap();
    }
    std::fs::write(outside.join("f"), SENTINEL).unwrap();
    let planted = choices.one_in(3);
    if planted {
        for name in ["a", "ab", "p", "000000.bin"] {
            let (link, target) = (
                out.join(name),
                ["../outside", "../outside/f"][choices.below(2)],
            );
            std::os::unix::fs::symlink(target, link).unwrap();
        }
    }
    let destination = Destination::open(&out, choices.one_in(2)).unwrap();
    let outcome = extraction(dataset, &ByNumber(dataset.records())).into_directory(&destination);
    assert_eq!(std::fs::read(outside.join("f")).unwrap(), SENTINEL);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(
        std::fs::read_dir(base).unwrap().count(),
        2 + count_shards(base)
    );
    assert!(!outcome.stopped);
    let mut found = Files::new();
    read(&out, b"", &mut found);
    match planted {
        // How many links were replaced does not matter here.
        true => assert!(outcome.records <= dataset.records()),
        false => check(dataset, built, &found, &outcome),
    }
}

fn count_shards(base: &Path) -> usize {
    let entries = std::fs::read_dir(base).unwrap();
    let is_shard = |name: &std::ffi::OsStr| name.as_bytes().ends_with(b".rox");
    entries
        .filter(|entry| is_shard(&entry.as_ref().unwrap().file_name()))
        .count()
}

fn read(directory: &Path, path: &[u8], found: &mut Files) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = [path, entry.file_name().as_bytes()].concat();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            read(&entry.path(), &[&name[..], b"/"].concat(), found);
        } else if kind.is_file() {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

fn into_archive(dataset: &Dataset, built: &[Built]) {
    let mut bytes = Vec::new();
    let outcome = extraction(dataset, &ByNumber(dataset.records()))
        .into_archive(&mut bytes)
        .unwrap();
    let mut found = Files::new();
    let mut archive = tar::Archive::new(&bytes[..]);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path_bytes().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, entry.size());
        assert!(found.insert(name, content).is_none(), "a name twice");
    }
    check(dataset, built, &found, &outcome);
}
