//! Appending against the reference implementation, the Python package roxxel: after each of many
//! pieces of a stream, all files have the bytes that the reference's have.

use super::read;
use crate::support::*;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A stream that the reference has appended in pieces; the shard limit of each piece.
#[derive(Debug, Deserialize)]
struct Stream {
    name: String,
    limits: Vec<Option<u64>>,
    shards: usize,
}

/// The options that make roxfs write what this version does, for each of a stream's pieces: the form
/// that the shards have need not be said again, nor be said in full.
fn options(version: &str, step: usize) -> &'static [&'static str] {
    match (version, step % 3) {
        ("0.1.0", _) => &["--drop-empty"],
        (_, 0) => &["--footer=02", "--dtype=uint16"],
        (_, 1) => &[],
        (_, _) => &["--footer=02"],
    }
}

fn append(dataset: &Path, options: &[&str], limit: Option<u64>, piece: PathBuf) {
    let mut pack = roxfs();
    pack.args(["pack", "--quiet", "--plain"]).args(options);
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
    check_appends(
        "0.1.0",
        directory.path(),
        &written_by("0.1.0", directory.path()),
    );
}

#[test]
fn plain_appends_with_an_element_type_are_byte_identical_to_those_of_the_reference() {
    let (older, newer) = (temp_dir(), temp_dir());
    written_by("0.4.0", older.path());
    let streams = written_by("0.9.14", newer.path());
    check_appends("0.9.14", newer.path(), &streams);
    for Stream { name, limits, .. } in &streams {
        for step in 0..limits.len() {
            let of = |root: &TempDir| root.path().join(name).join(format!("reference{step}"));
            assert_same_files(name, &of(&older), &of(&newer));
        }
    }
}

/// Has the reference write every stream in pieces.
fn written_by(version: &str, directory: &Path) -> Vec<Stream> {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/reference/append.py");
    let mut write = python(version);
    let list = run(write.arg("-B").arg(driver).arg(directory));
    let streams: Vec<Stream> = serde_json::from_slice(&list).expect("a list of streams");
    assert!(streams.len() >= 200, "{} streams", streams.len());
    let several = streams.iter().filter(|stream| stream.shards > 1).count();
    assert!(several >= 100, "{several} streams of several shards");
    streams
}

/// Appends the same pieces, and compares all files after each.
fn check_appends(version: &str, directory: &Path, streams: &[Stream]) {
    for stream in streams {
        let part = |name: &str| directory.join(&stream.name).join(name);
        let packed = part("packed");
        std::fs::create_dir(&packed).expect("directory");
        for (step, &limit) in stream.limits.iter().enumerate() {
            let piece = part(&format!("piece{step}"));
            append(&packed.join("d.rox"), options(version, step), limit, piece);
            let what = format!("{version}, stream {}, piece {step}", stream.name);
            assert_same_files(&what, &packed, &part(&format!("reference{step}")));
        }
    }
}
