//! Records of existing shards: to merge, split, or rewrite them.

use super::{Content, Incoming, Origin, Sink, Source, SourceError};
use crate::shard::{LocalIndex, Scan, Shard};
use std::ops::ControlFlow;
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

    /// Whether nothing is logged of names that are left out.
    pub fn quiet(self, is_quiet: bool) -> Shards {
        Shards { is_quiet, ..self }
    }
}

impl Source for Shards {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        for path in &self.paths {
            let shard = match Shard::open(path) {
                Ok(shard) => Arc::new(shard),
                Err(error) => return sink(Err(error.into())),
            };
            let mut lost = LostNames::default();
            let mut scan = shard.scan();
            let origin = shard.path().into();
            for local in shard.all() {
                sink(record(&shard, &origin, &mut scan, local, &mut lost))?;
            }
            if !self.is_quiet {
                lost.say(&shard);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Names that break the rules: their records are packed without.
#[derive(Debug, Default)]
struct LostNames {
    names: u64,
    first: u64,
}

impl LostNames {
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
    lost: &mut LostNames,
) -> Result<Incoming, SourceError> {
    let (extent, name, crc) = (scan.extent(local)?, scan.name(local)?, scan.crc32c(local)?);
    let is_lost = name.is_none() && shard.has_names();
    if is_lost && shard.raw_name(local)?.is_none_or(|raw| !raw.is_empty()) {
        lost.add(local.get());
    }
    Ok(Incoming {
        name,
        size: extent.len(),
        origin: Origin::Number(Arc::clone(origin), local.get()),
        content: Content::Part(Arc::clone(shard), extent, crc),
    })
}
