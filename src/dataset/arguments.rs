//! Shard arguments of a command line, turned into the paths of shards: directories, patterns, and the
//! name that shards were made from.

use super::DatasetError;
use super::pattern::{self, PathPattern};
use crate::shard::Shard;
use crate::sys::files::{self, directory_of};
use crate::text::{escaped, printable};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Turns shard arguments into paths of shards.
///
/// An argument is a file; or a directory, meaning its `*.rox`; or a pattern with `*`, `?` or `[`,
/// when no such file exists; or `name.rox` (or `name`), which does not exist while `name_0000.rox` and so
/// on do. Expansions sort by bytes, as the reference implementation does; arguments keep their order.
pub fn expand(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, DatasetError> {
    let mut paths = Vec::new();
    for argument in arguments {
        match std::fs::metadata(argument) {
            Ok(metadata) if metadata.is_dir() => paths.extend(in_directory(argument)?),
            Ok(_) => paths.push(argument.clone()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                paths.extend(by_pattern_or_stem(argument)?);
            }
            Err(reason) => {
                return Err(DatasetError::Io {
                    location: argument.as_path().into(),
                    reason,
                });
            }
        }
    }
    check_each_once(&paths)?;
    Ok(paths)
}

/// Refuses the same file under two paths. What cannot be looked at is left for opening to report.
fn check_each_once(paths: &[PathBuf]) -> Result<(), DatasetError> {
    let mut seen: HashMap<(u64, u64), &Path> = HashMap::new();
    for path in paths {
        let Ok(metadata) = std::fs::metadata(path) else {
            continue;
        };
        if let Some(first) = seen.insert((metadata.dev(), metadata.ino()), path) {
            return Err(DatasetError::Twice {
                location: path.as_path().into(),
                also: (first != path).then(|| first.into()),
            });
        }
    }
    Ok(())
}

fn in_directory(directory: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let found = list(directory, |name| {
        name.ends_with(b".rox") && !name.starts_with(b".")
    })?;
    if found.is_empty() {
        return Err(DatasetError::EmptyDirectory {
            location: directory.into(),
        });
    }
    Ok(found)
}

fn by_pattern_or_stem(argument: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    if pattern::is_pattern(argument) {
        return by_pattern(argument);
    }
    if let Ok(target) = std::fs::read_link(argument) {
        return Err(DatasetError::Missing {
            location: argument.into(),
            hint: Some(format!(": it is a link to {}", printable(&target))),
        });
    }
    let missing = |hint| DatasetError::Missing {
        location: argument.into(),
        hint,
    };
    let name = argument.file_name().unwrap_or_default().as_bytes();
    let Some(stem) = name.strip_suffix(b".rox") else {
        return by_bare_name(argument);
    };
    let hint = format!(", and no {}_NNNN.rox either", escaped(stem));
    let found = match list(directory_of(argument), |name| {
        shard_number(name, stem).is_some()
    }) {
        Err(DatasetError::Io { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => {
            return Err(missing(None));
        }
        found => found?,
    };
    if found.is_empty() {
        return Err(missing(Some(hint)));
    }
    let found = found.iter().map(|path| without_dot(path, argument));
    Ok(found.collect())
}

/// `name`, where there is no such file: the same as `name.rox` where that stands for shards.
fn by_bare_name(argument: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let missing = |hint| DatasetError::Missing {
        location: argument.into(),
        hint,
    };
    let Some(name) = argument.file_name() else {
        return Err(missing(None));
    };
    let mut name = name.to_owned();
    name.push(".rox");
    let file = argument.with_file_name(name);
    if file.exists() {
        let hint = format!("; did you mean {}?", printable(&file));
        return Err(missing(Some(hint)));
    }
    by_pattern_or_stem(&file).map_err(|_| missing(None))
}

/// Shards that `name.rox` stands for keep the form it was written in, without a `./` before it.
fn without_dot(path: &Path, argument: &Path) -> PathBuf {
    argument.with_file_name(path.file_name().unwrap_or_default())
}

fn by_pattern(argument: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let bad = |reason| DatasetError::BadPattern {
        location: argument.into(),
        reason,
    };
    let found = PathPattern::parse(argument).map_err(bad)?.expand();
    let mut found = found.map_err(|(path, reason)| DatasetError::Io {
        location: path.into(),
        reason,
    })?;
    if found.is_empty() {
        return Err(DatasetError::NoMatch {
            location: argument.into(),
        });
    }
    sort_by_bytes(&mut found);
    Ok(found)
}

fn list(directory: &Path, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<PathBuf>, DatasetError> {
    let io = |reason| DatasetError::Io {
        location: directory.into(),
        reason,
    };
    let mut found = Vec::new();
    for entry in files::entries(directory).map_err(io)? {
        let (name, _) = entry.map_err(io)?;
        if wanted(name.as_bytes()) {
            found.push(directory.join(name));
        }
    }
    sort_by_bytes(&mut found);
    Ok(found)
}

fn sort_by_bytes(paths: &mut [PathBuf]) {
    paths.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
}

/// The number in `stem_NNNN.rox` (four digits or more), as the writers name the shards of `stem`.
pub fn shard_number(name: &[u8], stem: &[u8]) -> Option<u64> {
    let digits = name
        .strip_prefix(stem)?
        .strip_prefix(b"_")?
        .strip_suffix(b".rox")?;
    if digits.len() < 4 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Two neighbours of one stem whose numbers go down, as `_10000` before `_9999` when sorted by
/// bytes: probably not the order in which the records were written.
pub fn out_of_numeric_order(shards: &[Shard]) -> Option<(&Path, &Path)> {
    shards.windows(2).find_map(|pair| {
        let (first, second) = (pair[0].path(), pair[1].path());
        let (first_stem, first_number) = split_number(first)?;
        let (second_stem, second_number) = split_number(second)?;
        let down = first_stem == second_stem && first_number > second_number;
        down.then_some((first, second))
    })
}

fn split_number(path: &Path) -> Option<(PathBuf, u64)> {
    let name = path.file_name()?.as_bytes();
    let stem = &name[..name.iter().rposition(|&byte| byte == b'_')?];
    let number = shard_number(name, stem)?;
    Some((path.with_file_name(OsStr::from_bytes(stem)), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_numbers_have_four_digits_or_more() {
        assert_eq!(shard_number(b"d_0012.rox", b"d"), Some(12));
        assert_eq!(shard_number(b"d_10000.rox", b"d"), Some(10000));
        for other in [
            &b"d_012.rox"[..],
            b"d_00x2.rox",
            b"dd_0001.rox",
            b"d_0001.ro",
        ] {
            assert_eq!(shard_number(other, b"d"), None);
        }
    }
}
