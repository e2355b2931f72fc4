//! Shards that were written by this and earlier versions, kept in `tests/corpus/VERSION`: **every later
//! version must still read all of them**, with the same records, names and forms. If a test here fails, the
//! program is wrong and not the corpus, because people have such shards.
//!
//! `tests/corpus/make PROGRAM` makes the folder of a version, once, before it is released; what is in its
//! manifest is told there. None of what is here mounts anything.

use crate::support::*;
use roxfs::dataset::Dataset;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A dataset, and what it has to read as.
#[derive(Deserialize)]
struct Entry {
    name: String,
    shards: Vec<Form>,
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Form {
    file: String,
    format: String,
    dtype: Option<String>,
    sections: Vec<String>,
}

/// In both strings each character is a byte.
#[derive(Deserialize)]
struct Record {
    name: String,
    content: String,
}

fn bytes_of(text: &str) -> Vec<u8> {
    let byte = |character| u8::try_from(u32::from(character)).expect("a byte");
    text.chars().map(byte).collect()
}

/// The folders of all versions, with their manifests.
fn versions() -> Vec<(PathBuf, Vec<Entry>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let folders = entries(&corpus)
        .into_iter()
        .map(|name| corpus.join(name))
        .filter(|path| path.is_dir());
    let manifest = |folder: PathBuf| {
        let manifest = std::fs::read(folder.join("manifest.json")).expect("a manifest");
        let manifest = serde_json::from_slice(&manifest).expect("as it is made");
        (folder, manifest)
    };
    folders.map(manifest).collect()
}

/// Calls for every dataset of every version, with the argument that names it.
fn for_each(check: impl Fn(&Path, &Entry)) {
    for (folder, entries) in versions() {
        for entry in entries {
            println!("{}: {}", folder.display(), entry.name);
            check(&folder.join(format!("{}.rox", entry.name)), &entry);
        }
    }
}

fn json(dataset: &Path) -> serde_json::Value {
    let printed = run(roxfs().args(["info", "--json"]).arg(dataset));
    serde_json::from_slice(&printed).expect("JSON")
}

#[test]
fn the_corpus_is_whole() {
    let versions = versions();
    assert!(versions.iter().any(|(path, _)| path.ends_with("0.1.0")));
    for (folder, manifest) in versions {
        let shards = manifest.iter().flat_map(|entry| &entry.shards);
        let mut listed: Vec<&str> = shards.map(|shard| shard.file.as_str()).collect();
        listed.push("manifest.json");
        listed.sort_unstable();
        assert_eq!(entries(&folder), listed);
        assert!(listed.len() > 15, "{listed:?}");
    }
}

#[test]
fn every_shard_reads_the_same_through_the_library() {
    for_each(|argument, entry| {
        let dataset = Dataset::open(&[argument.to_owned()]).expect("valid");
        assert_eq!(dataset.records(), entry.records.len() as u64);
        let mut expected = entry.records.iter();
        for shard in dataset.shards() {
            for local in shard.all() {
                let record = expected.next().expect("no more records than expected");
                let name = shard.raw_name(local).expect("a name").unwrap_or_default();
                assert_eq!(name, bytes_of(&record.name));
                let extent = shard.extent(local).expect("an extent");
                let mut content = vec![0; extent.len() as usize];
                let read = shard.read_payload(extent.start(), &mut content);
                read.expect("readable");
                assert_eq!(content, bytes_of(&record.content));
            }
        }
        assert!(expected.next().is_none(), "a record is missing");
    });
}

#[test]
fn every_shard_has_the_form_and_the_sections_that_it_was_written_with() {
    for_each(|argument, entry| {
        let info = json(argument);
        let shards = info["shards"].as_array().expect("shards");
        assert_eq!(shards.len(), entry.shards.len());
        for (found, expected) in shards.iter().zip(&entry.shards) {
            let path = found["path"].as_str().expect("a path");
            assert!(path.ends_with(&expected.file), "{path}");
            assert_eq!(found["format"], expected.format);
            assert_eq!(found["dtype"].as_str(), expected.dtype.as_deref());
            assert_eq!(found["sections"], serde_json::json!(expected.sections));
            assert_eq!(found["unknown_sections"], 0);
        }
    });
}

#[test]
fn every_shard_is_verified() {
    for_each(|argument, entry| {
        let printed = run(roxfs().arg("verify").arg(argument));
        let printed = String::from_utf8(printed).expect("UTF-8");
        let has_sums = |form: &Form| form.sections.iter().any(|section| section == "crc32c");
        let sums = if entry.shards.iter().all(has_sums) {
            "; all checksums compared\n"
        } else {
            "; no checksums\n"
        };
        assert!(printed.starts_with("ok: "), "{printed}");
        assert!(printed.ends_with(sums), "{printed}");
    });
}

#[test]
fn every_record_is_listed_with_its_size_and_name() {
    for_each(|argument, entry| {
        let printed = run(roxfs().arg("ls").arg(argument));
        let printed = String::from_utf8(printed).expect("UTF-8");
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines.len(), entry.records.len());
        for (number, (line, record)) in lines.into_iter().zip(&entry.records).enumerate() {
            let fields: Vec<&str> = line.split('\t').collect();
            let size = record.content.chars().count();
            assert_eq!(fields[..2], [number.to_string(), size.to_string()]);
            // Other names are shown with escapes, which are a matter of the version that shows them.
            if record
                .name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            {
                assert_eq!(fields.get(2).copied().unwrap_or(""), record.name);
            }
        }
    });
}

#[test]
fn every_record_is_printed_by_its_number() {
    for_each(|argument, entry| {
        for (number, record) in entry.records.iter().enumerate() {
            let mut cat = roxfs();
            cat.args(["cat", "-i", &number.to_string()]).arg(argument);
            assert_eq!(run(&mut cat), bytes_of(&record.content), "record {number}");
        }
    });
}
