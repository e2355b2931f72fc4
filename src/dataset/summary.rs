//! What a dataset is, in figures: for `.roxfs/info.json` and `roxfs info`.

use crate::dataset::Dataset;
use crate::dataset::names::{self, LeftOut};
use crate::format::section::SectionKind;
use crate::shard::{Shard, ShardError};
use serde::Serialize;

/// A dataset as `.roxfs/info.json` and `roxfs info --json` describe it.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Version of roxfs that wrote this.
    pub roxfs: &'static str,
    /// Number of records.
    pub records: u64,
    /// Bytes of all payloads.
    pub payload_bytes: u64,
    /// Bytes of all files.
    pub file_bytes: u64,
    /// Names that the tree of names leaves out; nothing where no shard has names, or they cannot
    /// be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names_left_out: Option<LeftOut>,
    /// The shards in order.
    pub shards: Vec<ShardSummary>,
}

/// One shard of a [`Summary`].
#[derive(Debug, Serialize)]
pub struct ShardSummary {
    /// The path as it was given; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// `ROXXEL01` or `ROXXEL02`.
    pub format: &'static str,
    /// Element type of a `ROXXEL02` shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// Number in the dataset of its first record.
    pub first_record: u64,
    /// Number of records.
    pub records: u64,
    /// Bytes of payload.
    pub payload_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Which tables it has: `names`, `crc32c`, `order`.
    pub sections: Vec<&'static str>,
    /// How many sections were skipped because their kind is not known.
    pub unknown_sections: usize,
}

impl Summary {
    /// The same with absolute paths, for readers in other directories.
    pub fn with_absolute_paths(mut self, dataset: &Dataset) -> Summary {
        for (summary, shard) in self.shards.iter_mut().zip(dataset.shards()) {
            if let Ok(path) = std::path::absolute(shard.path()) {
                summary.path = path.to_string_lossy().into_owned();
            }
        }
        self
    }

    /// The same with the count of names that are left out, where they can be read; reads all names.
    pub fn with_names_left_out(mut self, dataset: &Dataset) -> Summary {
        // Without it, it says nothing of names.
        let _ = self.count_names_left_out(dataset);
        self
    }

    /// Counts the names that are left out; reads all names.
    pub fn count_names_left_out(&mut self, dataset: &Dataset) -> Result<(), ShardError> {
        if dataset.has_names() {
            self.names_left_out = Some(names::clashes(dataset, &mut |_, _, _| {})?);
        }
        Ok(())
    }

    /// Describes `dataset`; reads nothing.
    pub fn new(dataset: &Dataset) -> Summary {
        let mut first_record = 0;
        let describe = |shard: &Shard| {
            let summary = ShardSummary::new(shard, first_record);
            first_record += shard.records();
            summary
        };
        let shards: Vec<ShardSummary> = dataset.shards().iter().map(describe).collect();
        Summary {
            roxfs: env!("CARGO_PKG_VERSION"),
            records: dataset.records(),
            payload_bytes: dataset.payload_len(),
            file_bytes: shards
                .iter()
                .fold(0, |sum, shard| sum.saturating_add(shard.file_bytes)),
            names_left_out: None,
            shards,
        }
    }
}

impl ShardSummary {
    fn new(shard: &Shard, first_record: u64) -> ShardSummary {
        let found = shard.sections();
        ShardSummary {
            path: shard.path().to_string_lossy().into_owned(),
            format: shard.version().name(),
            dtype: shard.version().dtype().map(str::to_owned),
            first_record,
            records: shard.records(),
            payload_bytes: shard.payload_len(),
            file_bytes: shard.file_len(),
            sections: SectionKind::ALL
                .into_iter()
                .filter(|kind| found.has(*kind))
                .map(SectionKind::name)
                .collect(),
            unknown_sections: found.unknown,
        }
    }
}
