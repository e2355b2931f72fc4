//! Opening the dataset that the arguments of a command name.

use crate::cli::ShardArguments;
use crate::dataset::{self, Dataset, DatasetError};
use crate::session::FS_TYPE;
use crate::sys::mountinfo::{MountInfo, MountTable};
use crate::text::printable;
use anyhow::anyhow;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::path::{Path, PathBuf};

pub fn open(arguments: &ShardArguments) -> anyhow::Result<Dataset> {
    open_paths(&arguments.shards)
}

/// Opens it, and warns where its shards are in an order that a person would not expect.
pub fn open_paths(arguments: &[PathBuf]) -> anyhow::Result<Dataset> {
    raise_open_files();
    let dataset = Dataset::open(arguments).map_err(explained)?;
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

fn explained(error: DatasetError) -> anyhow::Error {
    if let DatasetError::EmptyDirectory { location } = &error
        && let Some(mount) = mount_of(location.path())
    {
        let mountpoint = printable(&mount.path);
        return anyhow!(
            "{location}: it is in the mount of a dataset, and shards are needed; \
             \"findmnt -no SOURCE {mountpoint}\" shows where they are"
        );
    }
    error.into()
}

/// The mount of roxfs that a directory is in.
fn mount_of(directory: &Path) -> Option<MountInfo> {
    let path = directory.canonicalize().ok()?;
    let mount = MountTable::open().ok()?.find_holding(&path).ok()??;
    (mount.kind == FS_TYPE).then_some(mount)
}

/// Every shard is an open file, and the usual soft limit is 1024.
pub fn raise_open_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If it fails, opening too many shards will say so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
