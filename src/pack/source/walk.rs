//! Walking a directory in byte order of the paths below it, with little memory: of the directory
//! that is being walked, and of those above it, the names are kept and nothing else.

use super::SourceError;
use super::excluded::Exclude;
use crate::sys::files;
use rustix::fs::FileType;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a walk meets.
#[derive(Debug)]
pub enum Found {
    /// A regular file, or a link to one.
    File(PathBuf, Metadata),
    /// A directory below the root, which has been read, and whose content comes next.
    Directory(PathBuf),
    /// A FIFO, socket or device.
    Special,
    /// A symbolic link that is not followed, or leads to nothing.
    Link,
    /// What is left out and is no directory.
    Excluded,
    /// A directory that is left out, and was not looked into.
    ExcludedDirectory,
}

/// A walk over all that is below a directory.
#[derive(Debug)]
pub struct DirectoryWalk {
    follow: bool,
    exclude: Exclude,
    frames: Vec<Frame>,
    /// An error of the root, given out once.
    failed: Option<SourceError>,
}

/// A directory that is being walked.
#[derive(Debug)]
struct Frame {
    path: PathBuf,
    /// Its path under the root with a `/` behind it, as names under it begin; empty for the root.
    below: Vec<u8>,
    identity: (u64, u64),
    /// The names one after the other; those of directories end with `/`, as they sort.
    names: Vec<u8>,
    /// Where each name begins in `names`, its length and kind; sorted, the first one last.
    entries: Vec<(u32, u16, EntryKind)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    File,
    Directory,
    Special,
    Link,
}

impl DirectoryWalk {
    /// Begins at `root`; symbolic links below it are followed, or passed over, and what is excluded
    /// by its path under the root is not looked into.
    pub fn new(root: &Path, follow: bool, exclude: Exclude) -> DirectoryWalk {
        let mut walk = DirectoryWalk {
            follow,
            exclude,
            frames: Vec::new(),
            failed: None,
        };
        walk.failed = walk.enter(root.to_owned()).err();
        walk
    }

    fn enter(&mut self, path: PathBuf) -> Result<(), SourceError> {
        let metadata =
            std::fs::metadata(&path).map_err(|error| SourceError::unreadable(&path, error))?;
        let identity = (metadata.dev(), metadata.ino());
        if let Some(depth) = self
            .frames
            .iter()
            .position(|frame| frame.identity == identity)
        {
            // A directory has one place, unless something leads to it or it is mounted at another.
            let mut between = self.frames[depth + 1..].iter().map(|frame| &*frame.path);
            let has_link = is_link(&path) || between.any(is_link);
            return Err(SourceError::Loop {
                by: if has_link {
                    "a symbolic link"
                } else {
                    "a bind mount"
                },
                path,
                ancestor: self.frames[depth].path.clone(),
            });
        }
        let below = match (self.frames.last(), path.file_name()) {
            (Some(above), Some(name)) => [&above.below, name.as_bytes(), b"/"].concat(),
            _ => Vec::new(),
        };
        let frame = Frame::read(path, below, identity, self.follow)?;
        self.frames.push(frame);
        Ok(())
    }

    fn step(&mut self) -> Option<Result<Option<Found>, SourceError>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let frame = self.frames.last_mut()?;
        let Some((name, kind)) = frame.next() else {
            self.frames.pop();
            return Some(Ok(None));
        };
        if frame.excludes(&self.exclude, &name, kind) {
            return Some(Ok(Some(match kind {
                EntryKind::Directory => Found::ExcludedDirectory,
                EntryKind::File | EntryKind::Special | EntryKind::Link => Found::Excluded,
            })));
        }
        Some(match kind {
            EntryKind::Directory => self
                .enter(name.clone())
                .map(|()| Some(Found::Directory(name))),
            EntryKind::Special => Ok(Some(Found::Special)),
            EntryKind::Link => Ok(Some(Found::Link)),
            EntryKind::File => match std::fs::metadata(&name) {
                Ok(metadata) => Ok(Some(Found::File(name, metadata))),
                Err(error) => Err(SourceError::unreadable(&name, error)),
            },
        })
    }
}

impl Iterator for DirectoryWalk {
    type Item = Result<Found, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.step()?.transpose() {
                return Some(found);
            }
        }
    }
}

impl Frame {
    fn read(
        path: PathBuf,
        below: Vec<u8>,
        identity: (u64, u64),
        follow: bool,
    ) -> Result<Frame, SourceError> {
        let io = |error| SourceError::unreadable(&path, error);
        let mut names: Vec<u8> = Vec::new();
        let mut entries = Vec::new();
        for entry in files::entries(&path).map_err(io)? {
            let (name, file_type) = entry.map_err(io)?;
            let kind = kind(&path.join(&name), file_type, follow);
            let start = u32::try_from(names.len()).map_err(|_| io(too_many()))?;
            names.extend(name.as_bytes());
            if kind == EntryKind::Directory {
                names.push(b'/');
            }
            // At most 255 bytes and a slash.
            entries.push((start, (names.len() - start as usize) as u16, kind));
        }
        let name =
            |&(start, len, _): &(u32, u16, EntryKind)| &names[start as usize..][..len as usize];
        entries.sort_unstable_by(|a, b| name(b).cmp(name(a)));
        Ok(Frame {
            path,
            below,
            identity,
            names,
            entries,
        })
    }

    fn next(&mut self) -> Option<(PathBuf, EntryKind)> {
        let (start, len, kind) = self.entries.pop()?;
        let name = &self.names[start as usize..][..len as usize];
        let name = name.strip_suffix(b"/").unwrap_or(name);
        Some((self.path.join(std::ffi::OsStr::from_bytes(name)), kind))
    }
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_symlink())
}

impl Frame {
    fn excludes(&self, exclude: &Exclude, path: &Path, kind: EntryKind) -> bool {
        let name = path.file_name().unwrap_or_default().as_bytes();
        !exclude.is_empty()
            && exclude.has_entry(&[&self.below, name].concat(), kind == EntryKind::Directory)
    }
}

fn too_many() -> io::Error {
    io::Error::other("the names in this directory have more than 4 GiB")
}

fn kind(path: &Path, file_type: FileType, follow: bool) -> EntryKind {
    if file_type != FileType::Symlink {
        return plain_kind(file_type);
    }
    if !follow {
        return EntryKind::Link;
    }
    match std::fs::metadata(path) {
        Ok(metadata) => plain_kind(FileType::from_raw_mode(metadata.mode())),
        Err(error) if leads_nowhere(&error) => EntryKind::Link,
        // Links that only lead to each other, for one; an error when its turn comes.
        Err(_) => EntryKind::File,
    }
}

/// Whether this is what following a symbolic link gives that leads to nothing: there is no such name,
/// there can be none, or it would be in what is no directory.
pub(super) fn leads_nowhere(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

fn plain_kind(file_type: FileType) -> EntryKind {
    match file_type {
        FileType::Directory => EntryKind::Directory,
        FileType::RegularFile => EntryKind::File,
        _ => EntryKind::Special,
    }
}
