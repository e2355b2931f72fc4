//! A mount as programs use files: cp, tar, rsync, find, NumPy and bare system calls have to find
//! what they would find in plain files, because they were written for those.

mod copying;
mod layout;
mod listing;
mod namespaces;
mod permissions;
mod reading;
mod refusals;

use crate::support::*;
use nix::errno::Errno;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Lengths of the records of each shard. The first bytes of shards are nowhere at a page's
/// beginning; there are empty records, an empty shard, shards of one record and shards smaller
/// than a page; and the largest record needs several requests of the kernel.
const SHARDS: [&[usize]; 8] = [
    &[1],
    &[0],
    &[4095, 4096, 4097],
    &[10, 0, 3],
    &[2_100_001],
    &[7],
    &[30_011, 65_536, 1, 123_456],
    &[12_345, 0],
];

/// Packs a shard `0.rox`, `1.rox`, ... for each list of record lengths, and returns all records.
fn pack_shards(directory: &Path, shards: &[&[usize]]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (number, lengths) in shards.iter().enumerate() {
        let records = lengths.iter().zip(all.len() as u64..);
        let records: Vec<Vec<u8>> = records.map(|(&len, seed)| bytes(seed, len)).collect();
        pack_records(directory, &number.to_string(), &records, &["--single-file"]);
        all.extend(records);
    }
    all
}

/// Where each record ends in the joined payload.
fn ends(records: &[Vec<u8>]) -> Vec<u64> {
    let lengths = records.iter().map(|record| record.len() as u64);
    let add = |end: &mut u64, len| {
        *end += len;
        Some(*end)
    };
    lengths.scan(0, add).collect()
}

/// A mounted dataset, and what `records/` and `raw/` should be as plain files.
struct Sample {
    mount: Mount,
    plain: TempDir,
    shards: TempDir,
    records: Vec<Vec<u8>>,
}

impl Sample {
    fn new() -> Sample {
        Sample::of(&SHARDS)
    }

    fn of(lengths: &[&[usize]]) -> Sample {
        let shards = temp_dir();
        let records = pack_shards(shards.path(), lengths);
        let plain = temp_dir();
        let name = |number: usize| format!("records/{number:06}.bin");
        let mut files: Vec<(String, Vec<u8>)> = records
            .iter()
            .enumerate()
            .map(|(number, record)| (name(number), record.clone()))
            .collect();
        let index = ends(&records).into_iter().flat_map(|end| end.to_le_bytes());
        files.push(("raw/index".to_owned(), index.collect()));
        files.push(("raw/data".to_owned(), records.concat()));
        write_tree(plain.path(), &files);
        Sample {
            mount: Mount::new(shards.path()),
            plain,
            shards,
            records,
        }
    }

    /// The mount and the plain files, as scripts want them.
    fn paths(&self) -> [&Path; 2] {
        [self.mount.path(), self.plain.path()]
    }

    /// Names in `records/` and `raw/`.
    fn files(&self) -> Vec<String> {
        let records = 0..self.records.len();
        let records = records.map(|number| format!("records/{number:06}.bin"));
        records
            .chain(["raw/data".to_owned(), "raw/index".to_owned()])
            .collect()
    }

    fn plain_bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.plain.path().join(file)).expect("plain file")
    }
}

/// Runs a Python script that lies beside this file, and returns what it printed.
fn script(name: &str, arguments: &[&Path]) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/programs");
    let printed = run(python("0.1.0").arg(directory.join(name)).args(arguments));
    String::from_utf8(printed).expect("UTF-8 output")
}

/// The error number of what has failed.
fn errno<T>(result: std::io::Result<T>) -> Option<Errno> {
    Some(Errno::from_raw(result.err()?.raw_os_error()?))
}

/// Numbers that look random and are the same every time.
fn numbers(seed: u64, count: usize) -> Vec<u64> {
    let random = bytes(seed, count * 8);
    let number = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte))
    };
    random.chunks_exact(8).map(number).collect()
}

/// The path of the `number`th record.
fn record_path(mount: &Mount, number: usize) -> PathBuf {
    mount.join(&format!("records/{number:06}.bin"))
}
