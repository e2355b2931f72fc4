//! Appending against the reference implementation, the Python package roxxel: after each of many
//! pieces of a stream, all files have the bytes that the reference's have.

use crate::common::*;
use crate::packing::entries;
use crate::read;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A stream that the reference has appended in pieces; the shard limit of each piece.
#[derive(Debug, Deserialize)]
struct Stream {
    name: String,
    limits: Vec<Option<u64>>,
    shards: usize,
}

fn append(dataset: &Path, limit: Option<u64>, piece: PathBuf) {
    let mut pack = roxfs();
    pack.args(["pack", "--quiet", "--plain", "--drop-empty"]);
    pack.args(["--from", "length32", "-o"]).arg(dataset);
    match limit {
        Some(limit) => pack.arg(format!("--shard-size={limit}")),
        None => pack.arg("--single-file"),
    };
    run(pack.arg(piece));
}

fn assert_same_files(what: &str, found: &Path, expected: &Path) {
    assert_eq!(entries(found), entries(expected), "{what}");
    for name in entries(found) {
        let (found, expected) = (read(&found.join(&name)), read(&expected.join(&name)));
        let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
        assert!(
            found == expected,
            "{what}: {name} has {} bytes, expected {}; the first difference is at {differs:?}",
            found.len(),
            expected.len(),
        );
    }
}

#[test]
fn plain_appends_are_byte_identical_to_those_of_the_reference() {
    let directory = temp_dir();
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/append.py");
    let mut write = python("0.1.0");
    let list = run(write.arg("-B").arg(driver).arg(directory.path()));
    let streams: Vec<Stream> = serde_json::from_slice(&list).expect("a list of streams");
    assert!(streams.len() >= 200, "{} streams", streams.len());
    let several = streams.iter().filter(|stream| stream.shards > 1).count();
    assert!(several >= 100, "{several} streams of several shards");
    for stream in &streams {
        let part = |name: &str| directory.path().join(&stream.name).join(name);
        let packed = part("packed");
        std::fs::create_dir(&packed).expect("directory");
        for (step, &limit) in stream.limits.iter().enumerate() {
            append(&packed.join("d.rox"), limit, part(&format!("piece{step}")));
            let what = format!("stream {}, piece {step}", stream.name);
            assert_same_files(&what, &packed, &part(&format!("reference{step}")));
        }
    }
}
