//! Mounts: made, used, changed below and ended.

mod background;
mod rewritten;
mod signals;
mod start;
mod truncated;
mod unmount;
mod users;

use crate::support::*;
use std::path::PathBuf;
use tempfile::TempDir;

fn records(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|i| bytes(i, i as usize * 37)).collect()
}

/// A dataset of 20 records in a few shards, in a directory of its own.
fn dataset() -> (TempDir, PathBuf) {
    let directory = temp_dir();
    let dataset = pack_records(
        directory.path(),
        "d",
        &records(20),
        &["--shard-size", "4KiB"],
    );
    (directory, dataset)
}
