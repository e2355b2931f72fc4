//! The files of the dataset that is written, where they are among those that are packed: shards, the
//! lock, temporary files. They are recognized by device and inode, whatever path leads to them, and
//! those that are made during the run by their names and directory.

use super::identity::Identity;
use super::{PackError, Target};
use crate::sys::files::directory_of;
use crate::text::printable;
use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which files are the dataset's own.
#[derive(Debug)]
pub struct OwnFiles {
    target: Target,
    /// Device and inode of its directory.
    directory: Option<(u64, u64)>,
    /// Those of the files that are there already.
    files: HashSet<(u64, u64)>,
    /// Whether one of them has been named in a message.
    is_said: AtomicBool,
}

impl OwnFiles {
    pub fn of(target: &Target) -> Result<OwnFiles, PackError> {
        let directory = target.directory()?;
        let mut files = HashSet::new();
        for name in directory.names()? {
            // What has just been removed is nothing to look out for.
            if target.is_own(&name)
                && let Ok(stat) = directory.stat(&name)
            {
                files.insert(Identity::of(&stat).file());
            }
        }
        Ok(OwnFiles {
            target: target.clone(),
            directory: identity(directory_of(target.base())),
            files,
            is_said: AtomicBool::new(false),
        })
    }

    /// The same, which say nothing.
    pub fn silent(self) -> OwnFiles {
        self.is_said.store(true, Ordering::Relaxed);
        self
    }

    /// Whether the file at `path` is one of them, or was before it has been removed and has no
    /// `metadata` any more; the first one found is logged.
    pub fn has(&self, path: &Path, metadata: Option<&Metadata>) -> bool {
        let is_known =
            || metadata.is_some_and(|file| self.files.contains(&(file.dev(), file.ino())));
        let is_named = || {
            path.file_name()
                .is_some_and(|name| self.target.is_own(name))
                && identity(directory_of(path)) == self.directory
        };
        let is_own = is_known() || is_named();
        if is_own && !self.is_said.swap(true, Ordering::Relaxed) {
            log::warn!(
                "{}: it belongs to the dataset that is written, and is left out",
                printable(path)
            );
        }
        is_own
    }
}

fn identity(directory: &Path) -> Option<(u64, u64)> {
    let metadata = directory.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}
