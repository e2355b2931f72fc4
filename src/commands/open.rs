//! Opening the dataset that the arguments of a command name.

use crate::cli::ShardArguments;
use crate::dataset::{self, Dataset, DatasetError};
use crate::text::printable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::path::PathBuf;

pub fn open(arguments: &ShardArguments) -> Result<Dataset, DatasetError> {
    open_paths(&arguments.shards)
}

/// Opens it, and warns where its shards are in an order that a person would not expect.
pub fn open_paths(arguments: &[PathBuf]) -> Result<Dataset, DatasetError> {
    raise_open_files();
    let dataset = Dataset::open(arguments)?;
    if let Some((first, second)) = dataset::out_of_numeric_order(dataset.shards()) {
        log::warn!(
            "{} comes before {}: shards are sorted by bytes, and records numbered in this order; \
             name the shards one by one for another order",
            printable(first),
            printable(second)
        );
    }
    Ok(dataset)
}

/// Every shard is an open file, and the usual soft limit is 1024.
pub fn raise_open_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If it fails, opening too many shards will say so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
