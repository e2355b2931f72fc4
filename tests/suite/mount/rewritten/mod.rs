//! Shards whose files are changed under a live mount and keep their length. Touching, moving, linking
//! or protecting one disturbs nobody; where one is written to in place, its readers get an error, never
//! old and new records mixed, and the other shards are read on.

mod attributes;
mod compared;
mod writes;

use crate::support::parts::{Parts, Section};
use crate::support::*;
use std::ops::Range;
use std::path::PathBuf;
use tempfile::TempDir;

/// Records of one shard. They have lengths of less than a page to more than a request.
const RECORDS: usize = 8;
const LENS: [usize; RECORDS] = [5000, 1, 0, 300_000, 4096, 2_500_000, 17, 70_000];
/// The shard that is changed, of three, and its records.
const VICTIM: usize = 1;
const VICTIMS: Range<usize> = RECORDS..2 * RECORDS;
const ALL: Range<usize> = 0..3 * RECORDS;

/// Whether the shards have checksums.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Checksums,
    Plain,
}

/// A record's content, in one of two editions of the dataset.
fn record(edition: u64, number: usize) -> Vec<u8> {
    bytes(1000 * edition + number as u64, LENS[number % RECORDS])
}

/// A shard's bytes; both editions have the same length.
fn shard(kind: Kind, edition: u64, number: usize) -> Vec<u8> {
    let numbers = number * RECORDS..(number + 1) * RECORDS;
    let records: Vec<Vec<u8>> = numbers.map(|number| record(edition, number)).collect();
    let mut parts = Parts::plain(&records);
    if kind == Kind::Checksums {
        parts.sections.push(Section::checksums(&records));
    }
    parts.bytes()
}

/// Three shards of edition 0, and the second edition of the one that is changed beside them.
struct Dataset {
    directory: TempDir,
}

impl Dataset {
    fn new(kind: Kind) -> Dataset {
        let directory = temp_dir();
        for number in 0..3 {
            let path = directory.path().join(format!("x_{number:04}.rox"));
            std::fs::write(path, shard(kind, 0, number)).expect("shard");
        }
        let next = directory.path().join("next");
        std::fs::write(next, shard(kind, 1, VICTIM)).expect("next edition");
        Dataset { directory }
    }

    fn argument(&self) -> PathBuf {
        self.directory.path().join("x.rox")
    }

    fn victim(&self) -> PathBuf {
        self.directory.path().join(format!("x_{VICTIM:04}.rox"))
    }

    /// Runs a script with the shard as `$1` and its second edition as `$2`.
    fn sh(&self, script: &str) {
        sh(
            script,
            &[&self.victim(), &self.directory.path().join("next")],
        );
    }
}

/// What reading a record gives; of an error the errno.
fn read(mount: &Mount, number: usize) -> Result<Vec<u8>, i32> {
    let path = mount.join(&format!("records/{number:06}.bin"));
    std::fs::read(path).map_err(|error| error.raw_os_error().expect("an errno"))
}

/// What is in the mount's cache is let go of.
fn forget(mount: &Mount, path: &str) {
    let script = r#"dd if="$1" iflag=nocache count=0 status=none"#;
    sh(script, &[&mount.join(path)]);
}

fn assert_reads(mount: &Mount, numbers: Range<usize>) {
    for number in numbers {
        assert!(
            read(mount, number) == Ok(record(0, number)),
            "record {number}"
        );
    }
}

/// `raw/data` and `raw/index` as they were.
fn assert_raw_files_are_right(mount: &Mount) {
    let whole: Vec<u8> = ALL.flat_map(|number| record(0, number)).collect();
    assert!(mount.read("raw/data") == whole, "raw/data");
    let ends = ALL.scan(0, |end, number| {
        *end += record(0, number).len() as u64;
        Some(*end)
    });
    let index: Vec<u8> = ends.flat_map(u64::to_le_bytes).collect();
    assert!(mount.read("raw/index") == index, "raw/index");
}
