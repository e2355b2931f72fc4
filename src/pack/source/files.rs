//! Files and directories, as they are given on a command line.

use super::excluded::Exclude;
use super::regular::RegularFiles;
use super::walk::{DirectoryWalk, Found};
use super::{Content, Facts, Incoming, Locate, Origin, Sink, Skipped, Source, SourceError};
use crate::format::name::Name;
use crate::sys::files::kind_in_words;
use crate::text::printable;
use rustix::fs::FileType;
use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What happens to symbolic links below a directory. Those named by a person are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Packed as what they lead to.
    Follow,
    /// Passed over and counted.
    Skip,
}

/// Walks the given files and directories, in the order given. A directory's files come in byte
/// order of their paths under it, and are named by them. A file is named by its last component.
#[derive(Debug)]
pub struct Files {
    roots: Vec<PathBuf>,
    next_root: usize,
    links: Links,
    exclude: Exclude,
    walk: Option<(PathBuf, DirectoryWalk)>,
    regular: RegularFiles,
    skipped: Skipped,
}

impl Files {
    /// Over `roots`.
    pub fn new(roots: Vec<PathBuf>, links: Links) -> Files {
        Files {
            roots,
            next_root: 0,
            links,
            exclude: Exclude::default(),
            walk: None,
            regular: RegularFiles::default(),
            skipped: Skipped::default(),
        }
    }

    /// The same, with records as `regular` makes them.
    pub fn with(self, regular: RegularFiles) -> Files {
        Files { regular, ..self }
    }

    /// Without what is excluded: such directories are not looked into.
    pub fn without(self, exclude: Exclude) -> Files {
        Files { exclude, ..self }
    }

    /// Begins the next root: its record if it is a file, or `None` for a directory or where it is left
    /// out.
    fn begin(&mut self, root: PathBuf) -> Option<Result<Incoming, SourceError>> {
        let metadata = match std::fs::metadata(&root) {
            Ok(metadata) => metadata,
            Err(error) => return Some(Err(SourceError::unreadable(&root, error))),
        };
        if metadata.is_dir() {
            let follow = self.links == Links::Follow;
            let walk = DirectoryWalk::new(&root, follow, self.exclude.clone());
            self.walk = Some((root, walk));
            return None;
        }
        if !metadata.is_file() {
            let kind = FileType::from_raw_mode(metadata.mode());
            return Some(Err(SourceError::NotAFile {
                path: root,
                found: kind_in_words(kind),
                is_pipe: kind == FileType::Fifo,
            }));
        }
        let name = root.file_name().unwrap_or_default().to_owned();
        self.regular
            .record(root, name.as_bytes(), &metadata, &mut self.skipped)
    }
}

impl Iterator for Files {
    type Item = Result<Incoming, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((root, walk)) = &mut self.walk else {
                let root = self.roots.get(self.next_root)?.clone();
                self.next_root += 1;
                match self.begin(root) {
                    Some(record) => return Some(record),
                    None => continue,
                }
            };
            match walk.next() {
                None => self.walk = None,
                Some(Ok(Found::Special)) => self.skipped.special += 1,
                Some(Ok(Found::Link)) => self.skipped.links += 1,
                Some(Ok(Found::Excluded)) => self.skipped.excluded += 1,
                Some(Ok(Found::ExcludedDirectory)) => self.skipped.excluded_directories += 1,
                Some(Ok(Found::Directory(path))) => {
                    let name = path
                        .strip_prefix(&*root)
                        .unwrap_or(Path::new(""))
                        .to_owned();
                    // Of no name, or of one that its files cannot have either.
                    if let Some(directory) = directory_record(path, name.as_os_str().as_bytes()) {
                        return Some(Ok(directory));
                    }
                }
                Some(Ok(Found::File(path, metadata))) => {
                    let below = path.strip_prefix(&*root).unwrap_or(Path::new(""));
                    let name = below.as_os_str().to_owned();
                    let (regular, skipped) = (&mut self.regular, &mut self.skipped);
                    let record = regular.record(path, name.as_bytes(), &metadata, skipped);
                    if record.is_some() {
                        return record;
                    }
                }
                // A temporary file of the dataset that has got its name since it was listed.
                Some(Err(SourceError::Unreadable(Origin::File(path), reason)))
                    if reason.kind() == io::ErrorKind::NotFound
                        && self.regular.has_left_out(&path) =>
                {
                    self.skipped.own += 1;
                }
                Some(Err(error)) => return Some(Err(error)),
            }
        }
    }
}

impl Source for Files {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        self.try_for_each(sink)
    }

    fn facts(&self) -> Facts {
        Facts {
            is_sorted: self.roots.len() == 1,
            ..Facts::default()
        }
    }

    fn skipped(&self) -> Skipped {
        self.skipped
    }

    fn locate(&self) -> Locate {
        let roots = self.roots.clone();
        Box::new(move |name, again, input| {
            if input.is_some() {
                return None;
            }
            let name = Path::new(OsStr::from_bytes(name.as_bytes()));
            let paths = roots
                .iter()
                .flat_map(|root| [root.join(name), root.clone()]);
            let files: Vec<PathBuf> = paths
                .filter(|path| path.is_file() && path.ends_with(name))
                .collect();
            let is_other = |path: &&PathBuf| *again != Origin::File(path.to_path_buf());
            match files.iter().find(is_other) {
                Some(path) => Some(printable(path).to_string()),
                None => files.first().map(|_| "the same file".to_owned()),
            }
        })
    }
}

/// A directory that has been met; `None` if no record below it can have a name.
pub(super) fn directory_record(path: PathBuf, name: &[u8]) -> Option<Incoming> {
    Some(Incoming {
        name: Some(Name::new(name).ok()?),
        size: 0,
        origin: Origin::File(path),
        content: Content::Directory,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(root: &Path, links: Links) -> Vec<String> {
        let records = Files::new(vec![root.to_owned()], links);
        let records = records.map(|record| record.expect("readable"));
        let records = records.filter(|record| !matches!(record.content, Content::Directory));
        let names = records.map(|record| record.name.expect("named"));
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
        symlink("a", root.join("link.d")).expect("symlink");
        let found = names(root, Links::Follow);
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(found, sorted);
        let files = ["B", "a-b", "a.b", "a/x", "a0", "b/c-", "b/c/y"];
        assert_eq!(found, [&files[..], &["link", "link.d/x"]].concat());
        assert_eq!(names(root, Links::Skip), files);
    }

    #[test]
    fn what_has_no_content_is_counted_and_loops_are_errors() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path();
        symlink("nowhere", root.join("dangling")).expect("symlink");
        nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRUSR).expect("mkfifo");
        let mut files = Files::new(vec![root.to_owned()], Links::Follow);
        assert!(files.next().is_none());
        let skipped = Skipped {
            special: 1,
            links: 1,
            ..Skipped::default()
        };
        assert_eq!(files.skipped(), skipped);
        symlink(".", root.join("loop")).expect("symlink");
        let error = Files::new(vec![root.to_owned()], Links::Follow).find_map(Result::err);
        assert!(matches!(error, Some(SourceError::Loop { .. })), "{error:?}");
        assert_eq!(names(root, Links::Skip), [] as [&str; 0]);
    }
}
