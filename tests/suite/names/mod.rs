//! The tree of names: against a model in memory, and against real trees, as programs see them.

mod clashes;
mod lies;
mod lists;
mod model;
mod trees;
mod waiting;

use crate::support::parts::{Parts, Section};
use crate::support::*;
use roxfs::dataset::Dataset;
use roxfs::shard::Shard;
use std::path::{Path, PathBuf};

/// The bytes of a shard whose records have these names; each record is its number, 4 bytes.
fn named_shard<N: AsRef<[u8]>>(names: &[N], first: u32) -> Vec<u8> {
    let records = (first..).take(names.len());
    let records: Vec<[u8; 4]> = records.map(u32::to_le_bytes).collect();
    let mut parts = Parts::plain(&records);
    let keys: Vec<&[u8]> = names.iter().map(AsRef::as_ref).collect();
    let mut order: Vec<u32> = (0..names.len() as u32).collect();
    order.sort_by_key(|&number| keys[number as usize]);
    let is_sorted = order.iter().copied().eq(0..names.len() as u32);
    parts.sections.push(Section::names(&keys));
    parts
        .sections
        .push(Section::order(if is_sorted { &[] } else { &order }));
    parts.bytes()
}

/// Writes shards of these names as `d_0000.rox` and so on; returns the argument that names them.
fn write_shards<S: AsRef<[N]>, N: AsRef<[u8]>>(directory: &Path, shards: &[S]) -> PathBuf {
    let mut first = 0;
    for (number, names) in shards.iter().enumerate() {
        let path = directory.join(format!("d_{number:04}.rox"));
        let names = names.as_ref();
        std::fs::write(path, named_shard(names, first)).expect("written");
        first += names.len() as u32;
    }
    directory.join("d.rox")
}

/// Opens the shards that [`write_shards`] has written.
fn open(directory: &Path) -> Dataset {
    let paths = roxfs::dataset::expand(&[directory.join("d.rox")]).expect("there");
    let shards = paths.iter().map(|path| Shard::open(path).expect("valid"));
    Dataset::new(shards.collect()).expect("a dataset")
}
