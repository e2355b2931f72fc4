//! Facts about the shards that are worked out once: permissions, times, and names of directories.

use super::access::{Access, Mounter};
use super::attr::modification_time;
use crate::dataset::numbered;
use crate::shard::Shard;
use std::time::SystemTime;

/// The facts about all shards that attributes and `shards/` show. They change only together: with other
/// shards there is another snapshot.
#[derive(Debug)]
pub(super) struct Snapshot {
    shards: Vec<ShardFacts>,
    /// Numbers of shards in byte order of their directories' names.
    by_name: Vec<usize>,
    /// Of a file that spans shards.
    pub common_access: Access,
    pub directory_access: Access,
    /// The modification time of the newest shard.
    pub newest: SystemTime,
}

/// Of one shard.
#[derive(Debug)]
pub(super) struct ShardFacts {
    /// Of its records.
    pub access: Access,
    pub mtime: SystemTime,
    /// Its directory's name in `shards/`.
    pub name: Vec<u8>,
}

impl Snapshot {
    pub fn new(shards: &[Shard], mounter: Mounter) -> Snapshot {
        let facts: Vec<ShardFacts> = shards
            .iter()
            .zip(numbered::shard_names(shards))
            .map(|(shard, name)| ShardFacts {
                access: Access::of_shard(shard.stat()),
                mtime: modification_time(shard.stat()),
                name,
            })
            .collect();
        let mut by_name: Vec<usize> = (0..facts.len()).collect();
        by_name.sort_by(|&a, &b| facts[a].name.cmp(&facts[b].name));
        let access: Vec<Access> = facts.iter().map(|shard| shard.access).collect();
        let newest = facts.iter().map(|shard| shard.mtime).max();
        Snapshot {
            by_name,
            common_access: Access::intersection(&access, mounter),
            directory_access: Access::of_directory(mounter),
            newest: newest.unwrap_or(SystemTime::UNIX_EPOCH),
            shards: facts,
        }
    }

    /// In the order of the dataset.
    pub fn shards(&self) -> &[ShardFacts] {
        &self.shards
    }

    /// The number of the shard whose directory has this name.
    pub fn shard_by_name(&self, name: &[u8]) -> Option<u64> {
        let order = &self.by_name;
        let found = order.binary_search_by(|&shard| self.shards[shard].name[..].cmp(name));
        found.ok().map(|place| order[place] as u64)
    }
}
