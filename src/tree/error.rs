//! Why the tree has no answer, or none yet.

use crate::order::SpecError;
use crate::shard::ShardError;

/// Work that takes as long as there are names, and so longer than a request may:
/// [`Tree::prepare`](super::Tree::prepare) does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preparation {
    /// Finding out the order of names, for `files/`.
    Names,
    /// Counting names that are left out, for `.roxfs/info.json`.
    Info,
}

/// Why the tree has no answer.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// No such name or inode.
    #[error("no such file or directory")]
    NotFound,
    /// No view has such a name.
    #[error("no such view: {0}")]
    NoSuchView(SpecError),
    /// A view that has been forgotten, as others were used since: its name has to be looked up again.
    #[error("stale file handle")]
    Stale,
    /// A directory was needed.
    #[error("not a directory")]
    NotADirectory,
    /// More bytes than a name may have: the kernel passes longer ones on.
    #[error("file name too long")]
    NameTooLong,
    /// A file was needed.
    #[error("is a directory")]
    IsADirectory,
    /// The answer has to be prepared. Only from a tree [without waiting](super::Tree::without_waiting).
    #[error("still being prepared")]
    NotPrepared(Preparation),
    /// No entry has been found up to this cookie, where the listing continues. Only from a tree
    /// [without waiting](super::Tree::without_waiting).
    #[error("too many names that are not shown")]
    Unfinished {
        /// Where to continue.
        next: u64,
    },
    /// More has to be read than a request may take: [`read_within`](super::Tree::read_within) does it.
    /// Only from a tree [without waiting](super::Tree::without_waiting).
    #[error("too much to be compared with checksums")]
    TooLong,
    /// The shard could not be read.
    #[error(transparent)]
    Shard(#[from] ShardError),
}
