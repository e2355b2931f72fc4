//! Entries of directories, as listings give them: in a fixed order, resumed at any cookie.

use super::attr::Attr;
use std::ops::ControlFlow;

/// One entry of a directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// File name.
    pub name: &'a [u8],
    /// Where to continue after this entry.
    pub cookie: u64,
    /// What `stat` shows; sizes and link counts are missing where it is not
    /// [complete](Self::attr_is_complete).
    pub attr: Attr,
    /// If not, the node has to be looked up: a directory of names, whose directories are not counted for
    /// a listing; `info.json`; and a record whose size cannot be read, which is listed all the same.
    pub attr_is_complete: bool,
}

/// Takes the entries of a listing, until it breaks.
pub(super) type Each<'a> = &'a mut dyn FnMut(&Entry<'_>) -> ControlFlow<()>;

/// How many entries come before the others: `.` and `..`.
pub(super) const DOTS: u64 = 2;

/// How many entries to skip, as an iterator takes it.
pub(super) fn skipped(entries: u64) -> usize {
    usize::try_from(entries).unwrap_or(usize::MAX)
}
