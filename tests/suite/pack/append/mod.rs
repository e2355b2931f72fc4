//! Packing into a dataset that exists: its last shard is continued while it has room, in a copy
//! that takes its place.

mod last_shard;
mod names;
mod reference;
mod rights;
mod sections;

use crate::support::*;
use std::path::Path;

/// Files with these names, in a new directory.
fn source<N: AsRef<[u8]>>(names: &[N]) -> tempfile::TempDir {
    let source = temp_dir();
    let content = |name: &N| bytes(name.as_ref().len() as u64, name.as_ref().len() * 10);
    let files: Vec<(&N, Vec<u8>)> = names.iter().map(|name| (name, content(name))).collect();
    write_tree(source.path(), &files);
    source
}

/// The bytes of a file.
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("readable")
}
