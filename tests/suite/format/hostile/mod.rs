//! Shards that are damaged, or made to do harm: each is refused, or survived, with an exact message
//! and exit code, because such files come from full disks, broken copies and strangers.

mod arguments;
mod contents;
mod cuts;
mod footer;
mod generate;
mod huge;
mod names;
mod properties;
mod sections;

use crate::support::parts::{Parts, Section, write_shard};
use crate::support::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A change that makes a valid shard a damaged one, and the message that it earns.
type Case = (fn(&mut Parts), &'static str);

/// Three records, the middle one empty: the least that has a first, a middle and a last.
const RECORDS: [&[u8]; 3] = [b"cat", b"", b"dogs"];

/// A `ROXXEL01` shard without sections.
fn plain() -> Parts {
    Parts::plain(&RECORDS)
}

/// A `ROXXEL02` shard.
fn typed() -> Parts {
    Parts::typed(&[b"cats".as_slice(), b"", b"dogs"], b"uint16\0\0")
}

/// A shard with every known section, its names not in byte order.
fn full() -> Parts {
    Parts {
        sections: vec![
            Section::names(&[b"b/1", b"a/2", b"c"]),
            Section::order(&[1, 0, 2]),
            Section::checksums(&RECORDS),
        ],
        ..plain()
    }
}

/// Runs a command that has to end with `code`, and returns what it said on standard error, with
/// `path` written as `PATH`. What it says of clashing names is a matter of the tests of names.
fn message(command: &mut Command, path: &Path, code: i32) -> String {
    let message = fail(command, code).replace(path.to_str().expect("UTF-8 path"), "PATH");
    let lines = message.split_inclusive('\n');
    lines
        .filter(|line| !line.contains("left out of files/"))
        .collect()
}

/// Checks for each damage that whatever opens the shard refuses it with this message and code 3.
fn refused(valid: &Parts, cases: &[Case]) {
    for (damage, expected) in cases {
        let mut parts = valid.clone();
        damage(&mut parts);
        refused_bytes(&parts.bytes(), expected);
    }
}

fn refused_bytes(bytes: &[u8], expected: &str) {
    let (_directory, path) = write_shard(bytes);
    for command in ["info", "ls", "verify"] {
        let found = message(roxfs().arg(command).arg(&path), &path, DAMAGED);
        assert_eq!(found, format!("roxfs: PATH: {expected}\n"), "{command}");
    }
}

/// Checks that nothing finds a fault in a shard.
fn accepted(parts: &Parts) {
    let (_directory, path) = write_shard(&parts.bytes());
    for command in ["info", "ls", "verify"] {
        let found = message(roxfs().arg(command).arg(&path), &path, DONE);
        assert_eq!(found, "", "{command}");
    }
}

#[test]
fn the_shards_that_the_damages_start_from_are_valid() {
    for parts in [plain(), typed(), full()] {
        accepted(&parts);
    }
}
