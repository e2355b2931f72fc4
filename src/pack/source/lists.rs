//! Files named by a list, as `find` prints one.

use super::files::directory_record;
use super::regular::RegularFiles;
use super::walk::leads_nowhere;
use super::{Incoming, Sink, Skipped, Source, SourceError};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files that an input lists, in its order, named by their paths as they are written there,
/// without a leading `/` and components that change nothing. Directories are passed over and counted:
/// `find` lists them too, and so are symbolic links that lead nowhere.
pub struct List {
    input: Box<dyn BufRead + Send>,
    origin: Arc<Path>,
    separator: u8,
    sort: bool,
    regular: RegularFiles,
    skipped: Skipped,
}

impl List {
    /// Paths that end with `separator`; with `sort` packed in byte order of their names. Their records
    /// are as `regular` makes them.
    pub fn new(
        input: Box<dyn BufRead + Send>,
        origin: &Path,
        separator: u8,
        sort: bool,
        regular: RegularFiles,
    ) -> List {
        List {
            input,
            origin: origin.into(),
            separator,
            sort,
            regular,
            skipped: Skipped::default(),
        }
    }

    fn next_path(&mut self) -> Option<Result<PathBuf, SourceError>> {
        loop {
            let mut path = Vec::new();
            // A path is at most PATH_MAX long; a list without separators must not fill memory.
            let mut limited = io::Read::take(&mut self.input, LONGEST_PATH_BYTES);
            match limited.read_until(self.separator, &mut path) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(SourceError::io(&self.origin, error))),
            }
            if path.len() as u64 == LONGEST_PATH_BYTES && path.last() != Some(&self.separator) {
                let error = io::Error::other(format!(
                    "a path of more than {LONGEST_PATH_BYTES} bytes; are paths separated as --from says?"
                ));
                return Some(Err(SourceError::io(&self.origin, error)));
            }
            path.pop_if(|last| *last == self.separator);
            if !path.is_empty() {
                return Some(Ok(std::ffi::OsString::from_vec(path).into()));
            }
        }
    }

    fn record(&mut self, path: PathBuf) -> Option<Result<Incoming, SourceError>> {
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if leads_nowhere(&error) && path.is_symlink() => {
                self.skipped.links += 1;
                return None;
            }
            // What a killed run has left is removed before the list is read.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && self.regular.has_left_out(&path) =>
            {
                self.skipped.own += 1;
                return None;
            }
            Err(error) => return Some(Err(unreadable(&path, error))),
        };
        if metadata.is_dir() {
            self.skipped.directories += 1;
            let name = name_of(path.as_os_str().as_bytes()).into_owned();
            return directory_record(path, &name).map(Ok);
        }
        if !metadata.is_file() {
            self.skipped.special += 1;
            return None;
        }
        let name = name_of(path.as_os_str().as_bytes()).into_owned();
        self.regular
            .record(path, &name, &metadata, &mut self.skipped)
    }
}

/// Longer than any path that can be opened.
const LONGEST_PATH_BYTES: u64 = 1 << 16;

/// As much of a path is shown where there is no such file.
const LONGEST_SHOWN_BYTES: usize = 4096;

/// Why a path of a list cannot be read, and what is wrong with the list where the path tells.
fn unreadable(path: &Path, error: io::Error) -> SourceError {
    let bytes = path.as_os_str().as_bytes();
    let hint = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it begins with a byte order mark of UTF-16",
        [0xef, 0xbb, 0xbf, ..] => "it begins with a byte order mark",
        [.., b'\r'] => "it ends with a carriage return, as lines from Windows do",
        _ if bytes.contains(&0) => "it has NUL bytes, as lists for --from list0 do",
        _ if bytes.contains(&b'\n') => "it has newlines, as lists for --from list do",
        _ => return SourceError::unreadable(path, error),
    };
    let start = &bytes[..bytes.len().min(LONGEST_SHOWN_BYTES)];
    let error = io::Error::new(error.kind(), format!("{error} ({hint})"));
    SourceError::unreadable(Path::new(OsStr::from_bytes(start)), error)
}

/// A path as a name: relative, and without the components that change nothing, as file systems and
/// tar read it.
pub(super) fn name_of(path: &[u8]) -> Cow<'_, [u8]> {
    let mut name = path;
    while let Some(rest) = name.strip_prefix(b"./").or_else(|| name.strip_prefix(b"/")) {
        name = rest;
    }
    let changes_nothing = |component: &&[u8]| component.is_empty() || component == b".";
    let mut components = name.split(|&byte| byte == b'/');
    if components
        .clone()
        .any(|component| changes_nothing(&component))
    {
        let kept: Vec<&[u8]> = components
            .by_ref()
            .filter(|c| !changes_nothing(c))
            .collect();
        Cow::Owned(kept.join(&b'/'))
    } else {
        Cow::Borrowed(name)
    }
}

impl Source for List {
    fn run(&mut self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let mut sorted = Vec::new();
        while let Some(path) = self.next_path() {
            let path = match path {
                Ok(path) if self.sort => {
                    sorted.push(path);
                    continue;
                }
                Ok(path) => path,
                Err(error) => return sink(Err(error)),
            };
            self.record(path)
                .map_or(ControlFlow::Continue(()), &mut *sink)?;
        }
        sorted.sort_by(|a, b| {
            name_of(a.as_os_str().as_bytes()).cmp(&name_of(b.as_os_str().as_bytes()))
        });
        for path in sorted {
            self.record(path)
                .map_or(ControlFlow::Continue(()), &mut *sink)?;
        }
        ControlFlow::Continue(())
    }

    fn skipped(&self) -> Skipped {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative() {
        for path in [
            "a/b",
            "./a/b",
            "/a/b",
            ".//./a/b",
            "a//b",
            "a/./b",
            "/./a/.//./b",
            "a/b/.",
        ] {
            assert_eq!(&*name_of(path.as_bytes()), b"a/b", "{path}");
        }
        for path in ["../a", "a/../b", "a./.b", ""] {
            assert_eq!(&*name_of(path.as_bytes()), path.as_bytes());
        }
    }

    #[test]
    fn a_list_without_separators_does_not_fill_memory() {
        let input = Box::new(io::BufReader::new(io::repeat(b'x')));
        let mut list = List::new(
            input,
            Path::new("list"),
            b'\n',
            false,
            RegularFiles::default(),
        );
        let mut errors = Vec::new();
        let _ = list.run(&mut |record| {
            errors.push(record.expect_err("no path").to_string());
            ControlFlow::Continue(())
        });
        assert_eq!(errors.len(), 1);
        assert!(
            errors[0].starts_with("list: a path of more than"),
            "{errors:?}"
        );
    }
}
