//! Where records come from: files and directories, in the order in which they are packed.

use super::PackError;
use crate::format::name::Name;
use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// A record to be packed: known by name and size before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name in the dataset; `None` from sources that have none.
    pub name: Option<Name>,
    /// Its size in bytes.
    pub size: u64,
    /// The file it is read from.
    pub path: PathBuf,
}

impl Record {
    /// Opens its content. Never blocks, even if a FIFO has taken the file's place.
    pub fn open(&self) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
            .open(&self.path)
    }
}

/// What was passed over, because it has no content to pack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// FIFOs, sockets and devices.
    pub special: u64,
    /// Symbolic links to nothing.
    pub dangling: u64,
}

/// Walks the given files and directories, in the order given. A directory's files come in byte
/// order of their paths under it, and are named by them; symbolic links are followed. A file is
/// named by its last component.
#[derive(Debug)]
pub struct Files {
    roots: std::vec::IntoIter<PathBuf>,
    walk: Option<(PathBuf, walkdir::IntoIter)>,
    skipped: Skipped,
}

impl Files {
    /// Over `roots`.
    pub fn new(roots: Vec<PathBuf>) -> Files {
        Files {
            roots: roots.into_iter(),
            walk: None,
            skipped: Skipped::default(),
        }
    }

    /// What has been passed over until now.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    fn next_entry(&mut self) -> Option<(PathBuf, walkdir::Result<DirEntry>)> {
        loop {
            if let Some((root, walk)) = &mut self.walk
                && let Some(entry) = walk.next()
            {
                return Some((root.clone(), entry));
            }
            let root = self.roots.next()?;
            let walk = WalkDir::new(&root)
                .follow_links(true)
                .sort_by(by_path)
                .into_iter();
            self.walk = Some((root, walk));
        }
    }

    /// The record of an entry; `None` for what is not a file.
    fn record(
        &mut self,
        root: &Path,
        entry: walkdir::Result<DirEntry>,
    ) -> Result<Option<Record>, PackError> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if is_dangling(&error) => {
                self.skipped.dangling += 1;
                return Ok(None);
            }
            Err(error) => return Err(walk_error(error)),
        };
        if entry.file_type().is_dir() {
            return Ok(None);
        }
        if !entry.file_type().is_file() {
            if entry.depth() == 0 {
                return Err(PackError::NotAFile {
                    path: entry.into_path(),
                });
            }
            self.skipped.special += 1;
            return Ok(None);
        }
        let size = entry.metadata().map_err(walk_error)?.len();
        let path = entry.into_path();
        let name = match path.strip_prefix(root) {
            Ok(below) if below != Path::new("") => below.as_os_str(),
            _ => path.file_name().unwrap_or_default(),
        };
        let name = Name::new(name.as_bytes()).map_err(|error| PackError::BadName {
            path: path.clone(),
            error,
        })?;
        Ok(Some(Record {
            name: Some(name),
            size,
            path,
        }))
    }
}

impl Iterator for Files {
    type Item = Result<Record, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (root, entry) = self.next_entry()?;
            if let Some(record) = self.record(&root, entry).transpose() {
                return Some(record);
            }
        }
    }
}

/// The order of siblings that puts the paths below them into byte order: a directory counts as
/// its name and the `/` that will follow it.
fn by_path(a: &DirEntry, b: &DirEntry) -> Ordering {
    let name = |entry: &DirEntry| entry.file_name().as_bytes().to_vec();
    let slash = |entry: &DirEntry| if entry.file_type().is_dir() { "/" } else { "" };
    let key = |entry| [name(entry), slash(entry).into()].concat();
    key(a).cmp(&key(b))
}

fn is_dangling(error: &walkdir::Error) -> bool {
    let missing = error
        .io_error()
        .is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
    missing && error.depth() > 0 && error.path().is_some_and(Path::is_symlink)
}

fn walk_error(error: walkdir::Error) -> PackError {
    let path = error.path().unwrap_or(Path::new("")).to_owned();
    if let Some(ancestor) = error.loop_ancestor() {
        return PackError::Loop {
            ancestor: ancestor.to_owned(),
            path,
        };
    }
    let reason = error
        .into_io_error()
        .unwrap_or_else(|| io::Error::other("unknown error"));
    PackError::Io { path, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(root: &Path) -> Vec<String> {
        let records = Files::new(vec![root.to_owned()]);
        let names = records.map(|record| record.expect("readable").name.expect("named"));
        names.map(|name| name.to_string()).collect()
    }

    #[test]
    fn files_come_in_byte_order_of_their_paths() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path();
        for directory in ["a", "b", "b/c", "empty"] {
            std::fs::create_dir(root.join(directory)).expect("mkdir");
        }
        for file in ["a/x", "a-b", "a.b", "a0", "b/c/y", "b/c-", "B"] {
            std::fs::write(root.join(file), file).expect("write");
        }
        symlink("a/x", root.join("link")).expect("symlink");
        let found = names(root);
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(found, sorted);
        assert_eq!(
            found,
            ["B", "a-b", "a.b", "a/x", "a0", "b/c-", "b/c/y", "link"]
        );
    }

    #[test]
    fn what_has_no_content_is_counted_and_loops_are_errors() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path();
        symlink("nowhere", root.join("dangling")).expect("symlink");
        nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRUSR).expect("mkfifo");
        let mut files = Files::new(vec![root.to_owned()]);
        assert!(files.next().is_none());
        let skipped = Skipped {
            special: 1,
            dangling: 1,
        };
        assert_eq!(files.skipped(), skipped);
        symlink(".", root.join("loop")).expect("symlink");
        let error = Files::new(vec![root.to_owned()]).find_map(Result::err);
        assert!(matches!(error, Some(PackError::Loop { .. })), "{error:?}");
    }
}
