//! Records of existing shards: to merge, split, or rewrite them.

use super::{Content, Origin, Record, Source, Take};
use crate::pack::PackError;
use crate::shard::{LocalIndex, Scan, Shard};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The records of shards, in their order, with the names they have there.
#[derive(Debug)]
pub struct Shards {
    paths: Vec<PathBuf>,
    is_quiet: bool,
}

impl Shards {
    /// Over the shards at `paths`.
    pub fn new(paths: Vec<PathBuf>) -> Shards {
        Shards {
            paths,
            is_quiet: false,
        }
    }

    /// Whether nothing is said of names that are left out.
    pub fn quiet(self, is_quiet: bool) -> Shards {
        Shards { is_quiet, ..self }
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
            let mut lost = Lost::default();
            let mut scan = shard.scan();
            let origin = shard.path().into();
            for local in shard.all() {
                if !take(record(&shard, &origin, &mut scan, local, &mut lost)) {
                    return;
                }
            }
            if !self.is_quiet {
                lost.say(&shard);
            }
        }
    }
}

/// Names that break the rules: their records are packed without.
#[derive(Debug, Default)]
struct Lost {
    names: u64,
    first: u64,
}

impl Lost {
    fn add(&mut self, record: u64) {
        if self.names == 0 {
            self.first = record;
        }
        self.names += 1;
    }

    fn say(&self, shard: &Shard) {
        if self.names > 0 {
            log::warn!(
                "{}: names that break the rules are left out, and their records packed without: \
                 {}; the first is that of record {}",
                shard.location(),
                self.names,
                self.first
            );
        }
    }
}

fn record(
    shard: &Arc<Shard>,
    origin: &Arc<Path>,
    scan: &mut Scan<'_>,
    local: LocalIndex,
    lost: &mut Lost,
) -> Result<Record, PackError> {
    let (extent, name, crc) = (scan.extent(local)?, scan.name(local)?, scan.crc32c(local)?);
    let is_lost = name.is_none() && shard.has_names();
    if is_lost && shard.raw_name(local)?.is_none_or(|raw| !raw.is_empty()) {
        lost.add(local.get());
    }
    Ok(Record {
        name,
        size: extent.len(),
        origin: Origin::Number(Arc::clone(origin), local.get()),
        content: Content::Part(Arc::clone(shard), extent, crc),
    })
}
