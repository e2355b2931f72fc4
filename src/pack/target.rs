//! Where a dataset is written: the names of its shards, its lock, and what is there already.

use super::writer::is_temporary;
use super::{PackError, directory_of};
use crate::dataset::shard_number;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt};
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
///
/// The file says at which record the run has begun, so that an interrupted one can be gone on with.
/// It is removed at the end of a run, and of a failed one that had nothing to go on from.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: Flock<File>,
    earlier: Earlier,
    keep: bool,
}

/// What an earlier run has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Earlier {
    /// It came to its end, or there was none.
    Nothing,
    /// A lock without a number: the run was killed before it had begun.
    Locked,
    /// The number of its first record.
    First(u64),
    /// The same, of a run that has left out records without names: which ones cannot be known.
    LeftOut(u64),
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
            let options = options.read(true).write(true);
            let (file, is_new) = match options.clone().create_new(true).open(&path) {
                Ok(file) => (file, true),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    match options.open(&path) {
                        Ok(file) => (file, false),
                        // Removed meanwhile by the one who had it.
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                        Err(error) => return Err(io(error)),
                    }
                }
                Err(error) => return Err(io(error)),
            };
            let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((_, Errno::EAGAIN)) => return Err(PackError::Locked { path }),
                Err((_, errno)) => return Err(io(errno.into())),
            };
            // The one who had it may have removed it between our opening and locking it.
            let ours = file.metadata().map_err(io)?.ino();
            if std::fs::metadata(&path).is_ok_and(|named| named.ino() == ours) {
                let earlier = match is_new {
                    true => Earlier::Nothing,
                    false => earlier(&file).map_err(io)?,
                };
                return Ok(Lock {
                    path,
                    file,
                    earlier,
                    keep: earlier != Earlier::Nothing,
                });
            }
        }
    }
}

/// What the lock file says of a run, before the number of its first record.
const FIRST_RECORD: &str = "first record ";
/// What it says behind that of a run that has left out records without names.
const LEFT_OUT: &str = "left out";

fn earlier(mut file: &File) -> std::io::Result<Earlier> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let mut lines = text.lines();
    let first = lines
        .next()
        .and_then(|line| line.strip_prefix(FIRST_RECORD));
    Ok(match first.and_then(|number| number.parse().ok()) {
        Some(first) if lines.next() == Some(LEFT_OUT) => Earlier::LeftOut(first),
        Some(first) => Earlier::First(first),
        None => Earlier::Locked,
    })
}

impl Lock {
    /// Begins a run on a dataset of so many `records`, and returns the number of the run's first
    /// record: that of an interrupted run if it is gone on with, else the next free one.
    pub fn begin(&mut self, records: u64, resume: bool) -> Result<u64, PackError> {
        let first = match (self.earlier, resume) {
            (Earlier::First(first), true) => first.min(records),
            (Earlier::Nothing, true) => 0,
            (Earlier::LeftOut(first), true) if first < records => {
                return Err(PackError::LeftOutNameless {
                    lock: self.path.clone(),
                });
            }
            (Earlier::First(first) | Earlier::LeftOut(first), false) if first < records => {
                return Err(PackError::Interrupted {
                    lock: self.path.clone(),
                });
            }
            _ => records,
        };
        if self.earlier != Earlier::First(first) {
            // Over what was there, whose first line counts: there is no moment without a number.
            let text = format!("{FIRST_RECORD}{first}\n");
            let written = self.file.write_all_at(text.as_bytes(), 0);
            let written = written.and_then(|()| self.file.set_len(text.len() as u64));
            // On disk before any shard is, as the number tells these from the older ones.
            let written = written.and_then(|()| self.file.sync_all());
            written.map_err(|error| PackError::io(&self.path, error))?;
        }
        Ok(first)
    }

    /// Notes that the run has left out a record, where there are no names to find out which.
    pub fn note_left_out(&self) -> Result<(), PackError> {
        let written = self.file.metadata().and_then(|metadata| {
            let text = format!("{LEFT_OUT}\n");
            self.file.write_all_at(text.as_bytes(), metadata.len())
        });
        written.map_err(|error| PackError::io(&self.path, error))
    }

    /// The run has ended: it may need going on with, and then there may be records to go on from,
    /// its own or those from before it, which would be taken for its own without the number.
    pub fn end(&mut self, needs_resuming: bool, has_records: bool) {
        self.keep = needs_resuming && (self.keep || has_records);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
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
