//! Temporary directories, data to pack, and what directories contain.

use super::{roxfs, run};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A new directory, removed at the end of the test.
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("roxfs-test-")
        .tempdir()
        .expect("temporary directory")
}

/// Bytes that look random and are the same every time.
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Writes files into `directory`, and the directories that they need.
pub fn write_tree<N: AsRef<[u8]>, C: AsRef<[u8]>>(directory: &Path, files: &[(N, C)]) {
    for (name, content) in files {
        let path = directory.join(OsStr::from_bytes(name.as_ref()));
        std::fs::create_dir_all(path.parent().expect("has a parent")).expect("directories");
        std::fs::write(&path, content).expect("file");
    }
}

/// The names in a directory, in byte order.
pub fn entries(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("entry").file_name();
        name.into_string().expect("UTF-8")
    };
    let mut names: Vec<String> = directory.read_dir().expect("listed").map(name).collect();
    names.sort();
    names
}

/// Packs `source` as `directory/name.rox`, with more arguments, and returns the argument that
/// names the dataset.
pub fn pack(source: &Path, directory: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let dataset = directory.join(format!("{name}.rox"));
    run(roxfs()
        .arg("pack")
        .arg("-o")
        .arg(&dataset)
        .args(arguments)
        .arg(source));
    dataset
}

/// Packs records `000000`, `000001`, ... of these contents.
pub fn pack_records<C: AsRef<[u8]>>(
    directory: &Path,
    name: &str,
    records: &[C],
    arguments: &[&str],
) -> PathBuf {
    let source = temp_dir();
    let name_of = |number: usize| format!("{number:06}");
    let files: Vec<(String, &[u8])> = records
        .iter()
        .enumerate()
        .map(|(i, record)| (name_of(i), record.as_ref()))
        .collect();
    write_tree(source.path(), &files);
    pack(source.path(), directory, name, arguments)
}

/// Records of 0, 37, 74, ... bytes.
pub fn records(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|i| bytes(i, i as usize * 37)).collect()
}

/// A dataset of 20 records in a few shards, in a directory of its own.
pub fn dataset() -> (TempDir, PathBuf) {
    let directory = temp_dir();
    let dataset = pack_records(
        directory.path(),
        "d",
        &records(20),
        &["--shard-size", "4KiB"],
    );
    (directory, dataset)
}
