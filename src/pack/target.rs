//! Where a dataset is written: the names of its shards, and what is there already.

use super::PackError;
use super::directory::Directory;
use super::hold::name_beside;
use super::lock::Lock;
use super::probe::probe;
use super::temporary::is_temporary;
use crate::dataset::shard_number;
use rustix::fs::FileType;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The output of a packing run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Shards `stem_0000.rox`, `stem_0001.rox` and so on; the path is that of the stem.
    Shards(PathBuf),
    /// This one file.
    SingleFile(PathBuf),
}

impl Target {
    /// The dataset `output`: its `.rox` is taken off to number the shards, as the reference does.
    pub fn new(output: &Path, single_file: bool) -> Target {
        let bytes = output.as_os_str().as_bytes();
        match bytes.strip_suffix(b".rox") {
            _ if single_file => Target::SingleFile(output.to_owned()),
            Some(stem) => Target::Shards(OsString::from_vec(stem.to_vec()).into()),
            None => Target::Shards(output.to_owned()),
        }
    }

    /// The path of shard `number`.
    pub fn shard_path(&self, number: u64) -> PathBuf {
        match self {
            Target::SingleFile(path) => path.clone(),
            Target::Shards(stem) => {
                let mut path = stem.as_os_str().to_owned();
                path.push(format!("_{number:04}.rox"));
                path.into()
            }
        }
    }

    /// The path that the shards' names are made of.
    pub fn base(&self) -> &Path {
        match self {
            Target::Shards(path) | Target::SingleFile(path) => path,
        }
    }

    /// The number of the shard of this dataset that a file name is.
    fn number_of(&self, name: &[u8]) -> Option<u64> {
        let own = self.base().file_name().unwrap_or_default().as_bytes();
        match self {
            Target::Shards(_) => shard_number(name, own),
            Target::SingleFile(_) => (name == own).then_some(0),
        }
    }

    /// Whether a file in its directory with this name is one of its own: a shard, the lock, or what a
    /// run has for as long as it lasts.
    pub fn is_own(&self, name: &OsStr) -> bool {
        let is_shard = |name: &[u8]| self.number_of(name).is_some();
        let lock = self.lock_name();
        is_shard(name.as_bytes())
            || name == lock
            || name == name_beside(&lock)
            || is_temporary(name, is_shard)
    }

    fn lock_name(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(self.base().file_name().unwrap_or_default());
        name.push(".lock");
        name
    }

    /// The directory that the shards are in.
    pub fn directory(&self) -> Result<Directory, PackError> {
        Directory::of(self.base())
    }

    /// The file names of the shards that are there, in numeric order, without a gap.
    pub fn existing(&self, directory: &Directory) -> Result<Vec<OsString>, PackError> {
        let mut found = Vec::new();
        for name in directory.names()? {
            let number = self.number_of(name.as_bytes());
            found.extend(number.map(|number| (number, name)));
        }
        found.sort();
        for (place, (number, name)) in (0..).zip(&found) {
            if *number != place {
                let before = place.checked_sub(1).map(|before| self.shard_path(before));
                return Err(PackError::Gap {
                    path: before.unwrap_or_else(|| directory.join(name)),
                    missing: self.shard_path(place),
                });
            }
        }
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// Refuses to write one form of a dataset where the other is: commands that take the name would
    /// see the single file alone.
    pub fn check_form(&self, directory: &Directory) -> Result<(), PackError> {
        let base = self.base().file_name().unwrap_or_default().as_bytes();
        let stem = base.strip_suffix(b".rox").unwrap_or(base);
        let printable = |name: &[u8]| crate::text::escaped(name).to_string();
        let other_form = |name: &OsStr, found, advice| PackError::OtherNumbering {
            path: directory.join(name),
            found,
            advice,
        };
        match self {
            Target::Shards(_) => {
                let name = OsString::from_vec([stem, b".rox"].concat());
                let is_file = directory
                    .stat(&name)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) != FileType::Directory);
                let advice = "--single-file appends to it; shards beside it would not be seen";
                if is_file {
                    Err(other_form(&name, "a single file", advice.to_owned()))
                } else {
                    Ok(())
                }
            }
            Target::SingleFile(_) => {
                let is_shard = |name: &OsString| shard_number(name.as_bytes(), stem).is_some();
                let first = directory.names()?.into_iter().filter(is_shard).min();
                first.map_or(Ok(()), |name| {
                    let advice = format!(
                        "without --single-file, records are appended to the shards; \"{}\" would hide them",
                        printable(base)
                    );
                    Err(other_form(&name, "a dataset in shards", advice))
                })
            }
        }
    }

    /// Removes what killed runs have left. To be called with the lock held. What cannot be removed
    /// is in nobody's way, and logged.
    pub fn remove_temporary(&self, directory: &Directory) -> Result<(), PackError> {
        for name in directory.names()? {
            if is_temporary(&name, |shard| self.number_of(shard).is_some())
                && let Err(errno) = directory.remove(&name)
            {
                directory.warn_left(&name, errno);
            }
        }
        Ok(())
    }

    /// Whether a run has begun, and has not ended or was interrupted.
    pub fn has_begun(&self, directory: &Directory) -> bool {
        directory.stat(&self.lock_name()).is_ok()
    }

    /// Finds out what the file system lacks before the lock is taken, so that nothing stays where it is
    /// of no use. `false` where another run has removed what was tried with, as if it were left by one
    /// that was killed.
    pub fn probe_before(&self, directory: &Arc<Directory>) -> Result<bool, PackError> {
        match self.probe(directory) {
            Err(error) if error.is_not_found() => Ok(false),
            probed => probed.map(|()| true),
        }
    }

    /// Finds out what the file system lacks.
    pub fn probe(&self, directory: &Arc<Directory>) -> Result<(), PackError> {
        let shard = self.shard_path(0);
        probe(directory, shard.file_name().unwrap_or_default())
    }

    /// Makes this process the dataset's only writer, or fails at once.
    pub fn lock(&self, directory: &Arc<Directory>) -> Result<Lock, PackError> {
        Lock::take(directory, self.lock_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_numbered_as_the_reference_does() {
        for output in ["out/d.rox", "out/d"] {
            let target = Target::new(Path::new(output), false);
            assert_eq!(target.shard_path(3), Path::new("out/d_0003.rox"));
            assert_eq!(target.shard_path(12345), Path::new("out/d_12345.rox"));
        }
        let single = Target::new(Path::new("d.rox"), true);
        assert_eq!(single.shard_path(0), Path::new("d.rox"));
    }

    #[test]
    fn a_missing_shard_is_found() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&directory.path().join("d.rox"), false);
        for number in [0, 2] {
            std::fs::write(target.shard_path(number), "").expect("written");
        }
        let opened = target.directory().expect("opened");
        let error = target.existing(&opened).expect_err("a gap").to_string();
        assert!(
            error.contains("d_0000.rox: it should be followed by"),
            "{error}"
        );
        std::fs::write(target.shard_path(1), "").expect("written");
        let found = target.existing(&opened).expect("whole");
        assert_eq!(found, ["d_0000.rox", "d_0001.rox", "d_0002.rox"]);
    }
}
