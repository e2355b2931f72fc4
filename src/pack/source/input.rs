//! What is to be packed, and how it is read: what the command line decides about the sources.

use super::files::Links;
use super::renamed::RecordNaming;
use super::streams::Framing;
use std::path::PathBuf;

/// What the sources are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Directories and files; a file with the name of an archive is one, see `archive_kind`.
    Paths,
    /// Directories and files, archives too, as they are.
    Files,
    /// Tar archives, which may be compressed.
    Tar,
    /// Zip archives.
    Zip,
    /// Lists of paths, each ended by this byte.
    List(u8),
    /// Streams of records.
    Stream(Framing),
    /// Shards, each by its path.
    Rox,
}

/// What becomes of records with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// The run ends at the second one.
    #[default]
    Refuse,
    /// Only the first one is packed.
    First,
    /// Only the last one is packed: the sources are read twice.
    Last,
}

/// What is to be packed, and how.
#[derive(Debug, Clone)]
pub struct Input {
    /// What the sources are.
    pub kind: SourceKind,
    /// The sources; for lists, streams and archives `-` is standard input, and so is none.
    pub sources: Vec<PathBuf>,
    /// What happens to symbolic links in directories.
    pub links: Links,
    /// Whether the files of a list are packed in byte order of their names.
    pub sort: bool,
    /// The seed of a shuffled order.
    pub shuffle: Option<u64>,
    /// How records are named.
    pub naming: RecordNaming,
    /// What becomes of records with the same name; of the first one and of those in the dataset
    /// already it is the packing that knows.
    pub duplicates: Duplicates,
    /// Whether empty records are left out, so that they take no names; it is the packing that does it.
    pub drop_empty: bool,
}

impl Input {
    /// These sources, of this kind, with nothing else asked for.
    pub fn new(kind: SourceKind, sources: Vec<PathBuf>) -> Input {
        Input {
            kind,
            sources,
            links: Links::Follow,
            sort: false,
            shuffle: None,
            naming: RecordNaming::default(),
            duplicates: Duplicates::default(),
            drop_empty: false,
        }
    }

    /// The sources, or this one where there are none.
    pub(super) fn sources_or<'a>(&'a self, standard: Option<&'a PathBuf>) -> &'a [PathBuf] {
        match (&self.sources[..], standard) {
            ([], Some(standard)) => std::slice::from_ref(standard),
            (sources, _) => sources,
        }
    }
}
