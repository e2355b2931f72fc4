//! Packing: records from a source into the shards of a dataset, one writer at a time, nothing
//! ever half written under its name.

mod resume;
pub mod source;
mod target;
mod writer;

pub use target::Target;

use crate::format::name::{Name, NameError};
use crate::shard::ShardError;
use resume::Written;
use source::{Files, Record, Skipped};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use writer::ShardWriter;

/// Bytes read from a file at once.
const READ_BUFFER: usize = 256 << 10;

/// How to pack.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// Where to.
    pub target: Target,
    /// Begin a new shard when the current one would grow beyond this size in bytes.
    pub shard_size: Option<u64>,
    /// Write names and checksums; without, the files are those of the reference writer.
    pub with_sections: bool,
    /// Leave out empty records.
    pub drop_empty: bool,
    /// Go on where an interrupted run has stopped.
    pub resume: bool,
}

/// What was packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackOutcome {
    /// Records written.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Shards written, in order.
    pub shards: Vec<PathBuf>,
    /// Records that were there already, in shards of an interrupted run.
    pub resumed: u64,
    /// Empty records left out.
    pub dropped_empty: u64,
    /// Files without content.
    pub skipped: Skipped,
}

/// Why packing stopped. Whole shards stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The system refused.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        reason: io::Error,
    },
    /// A source that is neither file nor directory.
    #[error("{}: it is neither a file nor a directory", path.display())]
    NotAFile {
        /// The source.
        path: PathBuf,
    },
    /// A path that cannot be a record's name.
    #[error("{}: this path cannot be the name of a record: {error}", path.display())]
    BadName {
        /// The file.
        path: PathBuf,
        /// Which rule it breaks.
        error: NameError,
    },
    /// Symbolic links in a circle.
    #[error("{}: a symbolic link leads back to {}", path.display(), ancestor.display())]
    Loop {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        ancestor: PathBuf,
    },
    /// Another size than the file had a moment ago.
    #[error("{}: its size changed while it was read: {found} bytes, expected {expected}", path.display())]
    SizeChanged {
        /// The file.
        path: PathBuf,
        /// Bytes read.
        found: String,
        /// Bytes announced.
        expected: u64,
    },
    /// Two sources have a file of the same name.
    #[error("{}: another source has a file named \"{name}\" already", path.display())]
    DuplicateName {
        /// The second file.
        path: PathBuf,
        /// The name.
        name: Name,
    },
    /// No records.
    #[error("nothing to pack: there are {} in {}", if *only_empty { "only empty files" } else { "no files" }, list(sources))]
    Nothing {
        /// What was searched.
        sources: Vec<PathBuf>,
        /// Whether there are files, which are all empty and left out.
        only_empty: bool,
    },
    /// There is a dataset already.
    #[error(
        "{}: it exists already; choose another name, remove it, or go on with an interrupted run by --resume",
        path.display()
    )]
    Exists {
        /// The first shard found.
        path: PathBuf,
    },
    /// The shards there do not begin with 0000, or one is missing.
    #[error("{}: it should be followed by {}, which is missing", path.display(), missing.display())]
    Gap {
        /// The shard before the gap, or the first that should have come later.
        path: PathBuf,
        /// The missing one.
        missing: PathBuf,
    },
    /// An existing shard cannot be read.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The source is not what the existing shards were made of.
    #[error("{}: record {record} is {found}, but the source has {expected}: it has changed since, --resume cannot go on", path.display())]
    SourceChanged {
        /// The shard.
        path: PathBuf,
        /// Number of the record in the shard.
        record: u64,
        /// Name and size in the shard.
        found: String,
        /// Name and size in the source.
        expected: String,
    },
    /// Another process writes the same dataset.
    #[error("{}: another process is writing this dataset", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The dataset would be packed into itself.
    #[error("{}: the output lies in the source {}", output.display(), source_dir.display())]
    OutputInSource {
        /// The dataset.
        output: PathBuf,
        /// The directory that is packed.
        source_dir: PathBuf,
    },
}

impl PackError {
    fn io(path: &Path, reason: io::Error) -> PackError {
        PackError::Io {
            path: path.to_owned(),
            reason,
        }
    }

    /// Whether an existing shard's bytes are at fault.
    pub fn is_damage(&self) -> bool {
        matches!(self, PackError::Shard(error) if error.is_damage())
    }
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

/// The directory that a file is in, as a path that can be opened.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Packs `sources`, and tells `progress` the size of each record that is done.
pub fn pack(
    sources: &[PathBuf],
    options: &PackOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<PackOutcome, PackError> {
    for source in sources {
        options.target.check_outside(source)?;
    }
    let _lock = options.target.lock()?;
    options.target.remove_temporary()?;
    let existing = options.target.existing()?;
    let mut written = match (&existing[..], options.resume) {
        ([first, ..], false) => {
            return Err(PackError::Exists {
                path: first.clone(),
            });
        }
        (shards, _) => Written::open(shards)?,
    };
    let mut packer = Packer::new(options, existing.len() as u64);
    let mut names = (sources.len() > 1).then(HashSet::new);
    let mut files = Files::new(sources.to_vec());
    for record in files.by_ref() {
        let record = record?;
        if let Some(names) = &mut names {
            check_unique(names, &record)?;
        }
        if options.drop_empty && record.size == 0 {
            packer.outcome.dropped_empty += 1;
        } else if written.skip(&record)? {
            packer.outcome.resumed += 1;
            progress(record.size);
        } else {
            packer.add(&record)?;
            progress(record.size);
        }
    }
    written.check_done()?;
    let mut outcome = packer.finish()?;
    outcome.skipped = files.skipped();
    if outcome.records + outcome.resumed == 0 {
        return Err(PackError::Nothing {
            sources: sources.to_vec(),
            only_empty: outcome.dropped_empty > 0,
        });
    }
    Ok(outcome)
}

/// One source has each name once. Of several, 8 bytes a name are kept to find a name again; that
/// two different ones among ten million fall together has a chance of one in 300,000.
fn check_unique(seen: &mut HashSet<u64>, record: &Record) -> Result<(), PackError> {
    let Some(name) = &record.name else {
        return Ok(());
    };
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    match seen.insert(hasher.finish()) {
        true => Ok(()),
        false => Err(PackError::DuplicateName {
            path: record.path.clone(),
            name: name.clone(),
        }),
    }
}

/// Puts records into shards.
struct Packer<'a> {
    options: &'a PackOptions,
    next_shard: u64,
    shard: Option<ShardWriter>,
    buffer: Vec<u8>,
    outcome: PackOutcome,
}

impl<'a> Packer<'a> {
    fn new(options: &'a PackOptions, next_shard: u64) -> Self {
        Packer {
            options,
            next_shard,
            shard: None,
            buffer: vec![0; READ_BUFFER],
            outcome: PackOutcome::default(),
        }
    }

    fn add(&mut self, record: &Record) -> Result<(), PackError> {
        let mut shard = match self.shard.take() {
            Some(shard) if self.has_room(&shard, record) => shard,
            full => {
                self.finish_shard(full)?;
                self.create_shard()?
            }
        };
        let mut from = record
            .open()
            .map_err(|reason| PackError::io(&record.path, reason))?;
        let name = record.name.as_ref();
        shard.append(name, record.size, &record.path, &mut from, &mut self.buffer)?;
        self.shard = Some(shard);
        self.outcome.records += 1;
        self.outcome.bytes += record.size;
        Ok(())
    }

    fn has_room(&self, shard: &ShardWriter, record: &Record) -> bool {
        shard.has_room(record.name.as_ref(), record.size, self.options.shard_size)
    }

    fn create_shard(&mut self) -> Result<ShardWriter, PackError> {
        let path = self.options.target.shard_path(self.next_shard);
        self.next_shard += 1;
        ShardWriter::create(&path, self.options.with_sections)
    }

    fn finish_shard(&mut self, shard: Option<ShardWriter>) -> Result<(), PackError> {
        if let Some(shard) = shard {
            self.outcome.shards.push(shard.finish()?);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<PackOutcome, PackError> {
        let last = self.shard.take();
        self.finish_shard(last)?;
        Ok(self.outcome)
    }
}
