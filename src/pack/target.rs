//! Where a dataset is written: the names of its shards, its lock, and what is there already.

use super::writer::is_temporary;
use super::{PackError, directory_of};
use crate::dataset::shard_number;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The output of a packing run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Shards `stem_0000.rox`, `stem_0001.rox` and so on; the path is that of the stem.
    Shards(PathBuf),
    /// This one file.
    SingleFile(PathBuf),
}

/// Held while a dataset is written; given back when dropped, or by the death of the process.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: Flock<File>,
}

impl Target {
    /// The dataset `output`: its `.rox` is taken off to number the shards, as the reference does.
    pub fn new(output: &Path, single_file: bool) -> Target {
        let bytes = output.as_os_str().as_bytes();
        match bytes.strip_suffix(b".rox") {
            _ if single_file => Target::SingleFile(output.to_owned()),
            Some(stem) => Target::Shards(std::ffi::OsString::from_vec(stem.to_vec()).into()),
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

    fn base(&self) -> &Path {
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

    fn names_in_directory(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, PackError> {
        let directory = directory_of(self.base());
        let io = |source| PackError::io(directory, source);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            names.push((self.base().with_file_name(&name), name.into_vec()));
        }
        Ok(names)
    }

    /// The shards that are there, in numeric order, without a gap.
    pub fn existing(&self) -> Result<Vec<PathBuf>, PackError> {
        let mut found = Vec::new();
        for (path, name) in self.names_in_directory()? {
            found.extend(self.number_of(&name).map(|number| (number, path)));
        }
        found.sort();
        for (place, (number, path)) in (0..).zip(&found) {
            if *number != place {
                let before = place.checked_sub(1).map(|before| self.shard_path(before));
                return Err(PackError::Gap {
                    path: before.unwrap_or_else(|| path.clone()),
                    missing: self.shard_path(place),
                });
            }
        }
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// Removes what killed runs have left. To be called with the lock held.
    pub fn remove_temporary(&self) -> Result<(), PackError> {
        for (path, name) in self.names_in_directory()? {
            if is_temporary(&name, |shard| self.number_of(shard).is_some()) {
                std::fs::remove_file(&path).map_err(|source| PackError::io(&path, source))?;
            }
        }
        Ok(())
    }

    /// Refuses to be written into the directory that is packed.
    pub fn check_outside(&self, source: &Path) -> Result<(), PackError> {
        let canonical = |path: &Path| path.canonicalize().map_err(|e| PackError::io(path, e));
        let into = canonical(directory_of(self.base()))?;
        let from = canonical(source)?;
        match from.is_dir() && into.starts_with(&from) {
            false => Ok(()),
            true => Err(PackError::OutputInSource {
                output: self.base().to_owned(),
                source_dir: source.to_owned(),
            }),
        }
    }

    /// Makes this process the dataset's only writer, or fails at once.
    pub fn lock(&self) -> Result<Lock, PackError> {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.base().file_name().unwrap_or_default());
        name.push(".lock");
        let path = self.base().with_file_name(name);
        let io = |source| PackError::io(&path, source);
        loop {
            let mut options = File::options();
            let file = options.write(true).create(true).truncate(false);
            let file = file.open(&path).map_err(io)?;
            let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((_, Errno::EAGAIN)) => return Err(PackError::Locked { path }),
                Err((_, errno)) => return Err(io(errno.into())),
            };
            // The one who had it may have removed it between our opening and locking it.
            let ours = file.metadata().map_err(io)?.ino();
            if std::fs::metadata(&path).is_ok_and(|named| named.ino() == ours) {
                return Ok(Lock { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is held, so that no other process can hold it; if it stays, it is an
        // empty file that the next run takes.
        let _ = std::fs::remove_file(&self.path);
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
    fn there_is_one_writer_at_a_time() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&directory.path().join("d.rox"), false);
        let lock = target.lock().expect("free");
        let second = target.lock().expect_err("taken");
        assert!(matches!(second, PackError::Locked { .. }), "{second}");
        drop(lock);
        target.lock().expect("free again");
    }

    #[test]
    fn a_missing_shard_is_found() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&directory.path().join("d.rox"), false);
        for number in [0, 2] {
            std::fs::write(target.shard_path(number), "").expect("written");
        }
        let error = target.existing().expect_err("a gap").to_string();
        assert!(
            error.contains("d_0000.rox: it should be followed by"),
            "{error}"
        );
        std::fs::write(target.shard_path(1), "").expect("written");
        let found = target.existing().expect("whole");
        assert_eq!(found, [0, 1, 2].map(|number| target.shard_path(number)));
    }
}
