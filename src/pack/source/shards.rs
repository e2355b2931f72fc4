//! Records of existing shards: to merge, split, or rewrite them.

use super::{Content, Origin, Record, Source, Take};
use crate::pack::PackError;
use crate::shard::Shard;
use std::path::PathBuf;
use std::sync::Arc;

/// The records of shards, in their order, with the names they have there.
#[derive(Debug)]
pub struct Shards {
    paths: Vec<PathBuf>,
}

impl Shards {
    /// Over the shards at `paths`.
    pub fn new(paths: Vec<PathBuf>) -> Shards {
        Shards { paths }
    }
}

impl Source for Shards {
    fn run(&mut self, take: &mut Take<'_>) {
        for path in &self.paths {
            let shard = match Shard::open(path) {
                Ok(shard) => Arc::new(shard),
                Err(error) => {
                    take(Err(error.into()));
                    return;
                }
            };
            for number in 0..shard.records() {
                if !take(record(&shard, number)) {
                    return;
                }
            }
        }
    }
}

fn record(shard: &Arc<Shard>, number: u64) -> Result<Record, PackError> {
    let origin = Origin::Number(shard.path().into(), number);
    let Some(local) = shard.local(number) else {
        return Err(PackError::Truncated {
            origin,
            what: "there is no such record".to_owned(),
        });
    };
    let extent = shard.extent(local)?;
    Ok(Record {
        name: shard.name(local)?,
        size: extent.len(),
        origin,
        content: Content::Part(Arc::clone(shard), extent, shard.crc32c(local)?),
    })
}
