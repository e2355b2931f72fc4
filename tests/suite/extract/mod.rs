//! Extracting as a person or a script does it.

mod ended;
mod refusals;
mod trees;

use crate::support::parts::{Parts, Section, write_shard};
use crate::support::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// `roxfs extract -o directory arguments dataset`
fn extract(dataset: &Path, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = roxfs();
    command.args(["extract", "-o"]).arg(directory);
    command.args(arguments).arg(dataset);
    command
}

/// Extracts with `--quiet`, which has to fail with `code`, and returns the lines it said, sorted.
fn extract_fails(dataset: &Path, directory: &Path, arguments: &[&str], code: i32) -> Vec<String> {
    let message = fail(extract(dataset, directory, arguments).arg("--quiet"), code);
    let mut lines: Vec<String> = message.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// All files below a directory, as `find` prints them.
fn files(directory: &Path) -> Vec<String> {
    let mut found: Vec<String> = sh("cd \"$1\"; find . ! -type d -printf '%P\\n'", &[directory])
        .lines()
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

/// A shard of these names and contents in a directory of its own, with checksums.
fn named(records: &[(&[u8], &[u8])]) -> (TempDir, PathBuf) {
    let contents: Vec<&[u8]> = records.iter().map(|record| record.1).collect();
    let names: Vec<&[u8]> = records.iter().map(|record| record.0).collect();
    let parts = Parts {
        sections: vec![Section::names(&names), Section::checksums(&contents)],
        ..Parts::plain(&contents)
    };
    write_shard(&parts.bytes())
}

fn assert_same_trees(one: &Path, other: &Path) {
    sh("diff -r --no-dereference \"$1\" \"$2\"", &[one, other]);
}
