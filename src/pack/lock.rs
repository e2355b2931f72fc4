//! One writer at a time for each dataset, by a lock file that also says what an interrupted run has
//! to be resumed from.
//!
//! Every user with write access to the directory knows its name. So it is only used if it is a regular
//! file of this user with no other name and with no foreign content. It is readable by its owner alone:
//! any process that can open it could hold the lock. Where the file system has no locks, `hold` makes
//! another file for the time of the run.

use super::PackError;
use super::directory::Directory;
use super::earlier_run::{self, DAMAGED, EarlierRun, LEFT_OUT};
use super::hold::{self, Hold};
use super::identity::Identity;
use super::temporary::Temporary;
use crate::sys::filesystem::cannot_lock;
use rustix::fs::{FileType, FlockOperation, OFlags, Stat, flock, fstat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// It is of no use to others, see above.
const LOCK_FILE_MODE: u32 = 0o600;
/// Attempts, where other runs make and remove the file at the same time.
const ATTEMPTS: u32 = 100;

/// Held while a dataset is written; given back when dropped, or by the death of the process.
///
/// The file says at which record the run has begun, so that an interrupted one can be resumed.
/// It is removed at the end of a run, and of a failed one that had nothing to resume from.
#[derive(Debug)]
pub struct Lock {
    directory: Arc<Directory>,
    name: OsString,
    /// Closing it gives the lock back.
    file: File,
    /// Instead of that, where the file system has no locks.
    _hold: Option<Hold>,
    earlier: EarlierRun,
    /// Whether the earlier run has left out damaged records.
    had_damage: bool,
    keep: bool,
}

impl Lock {
    /// Makes this process the only writer of the dataset with this lock file, or fails at once.
    pub fn take(directory: &Arc<Directory>, name: OsString) -> Result<Lock, PackError> {
        let path = directory.join(&name);
        let io = |errno: Errno| PackError::io(&path, errno.into());
        for _ in 0..ATTEMPTS {
            let (file, is_new) = match directory.create(&name, LOCK_FILE_MODE) {
                Ok(file) => (file, true),
                Err(Errno::EXIST) => match open(directory, &name)? {
                    Some(file) => (file, false),
                    // Its holder has removed it meanwhile.
                    None => continue,
                },
                Err(errno) => return Err(io(errno)),
            };
            let hold = match hold(directory, &name, &file) {
                Ok(hold) => hold,
                Err(error) => {
                    // A new file would be taken for an interrupted run's.
                    if is_new {
                        let _ = directory.remove(&name);
                    }
                    return Err(error);
                }
            };
            // Its holder may have removed it between our opening and locking it.
            if !is_named(directory, &name, &file).map_err(io)? {
                continue;
            }
            let (earlier, had_damage) = if is_new {
                (EarlierRun::Nothing, false)
            } else {
                earlier_run::read(&file, &path)?
            };
            return Ok(Lock {
                directory: Arc::clone(directory),
                name,
                file,
                _hold: hold,
                earlier,
                had_damage,
                keep: earlier != EarlierRun::Nothing,
            });
        }
        Err(PackError::Locked(path))
    }

    fn failed(&self, error: io::Error) -> PackError {
        PackError::io(&self.path(), error)
    }

    fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// Whether an earlier run has left it.
    pub fn is_left(&self) -> bool {
        self.earlier != EarlierRun::Nothing
    }

    /// Whether the run that left it has left out damaged records.
    pub fn had_damage(&self) -> bool {
        self.had_damage
    }

    /// Begins a run on a dataset of this many `records`, and returns the number of the run's first
    /// record: that of an interrupted run if it is resumed, else the next free one.
    pub fn begin(&mut self, records: u64, resume: bool) -> Result<u64, PackError> {
        let first = match (self.earlier, resume) {
            (EarlierRun::First(first), true) => first.min(records),
            (EarlierRun::Nothing, true) => 0,
            (EarlierRun::LeftOut(first), true) if first < records => {
                return Err(PackError::LeftOutNameless(self.path()));
            }
            (EarlierRun::First(first) | EarlierRun::LeftOut(first), false) if first < records => {
                return Err(PackError::Interrupted(self.path()));
            }
            _ => records,
        };
        // Damage of records that are not kept is met again.
        let is_stale = self.had_damage && first == records;
        if self.earlier != EarlierRun::First(first) || is_stale {
            self.had_damage = false;
            // Over what was there, whose first line counts: there is no moment without a number.
            let text = earlier_run::text(first);
            let written = self.file.write_all_at(text.as_bytes(), 0);
            let written = written.and_then(|()| self.file.set_len(text.len() as u64));
            // On disk before any shard is, as the number tells these from the older ones.
            let written = written.and_then(|()| self.directory.synced(self.file.sync_all()));
            written.map_err(|error| self.failed(error))?;
        }
        Ok(first)
    }

    /// Notes that the run has left out a record, where there are no names to find out which.
    pub fn note_left_out(&self) -> Result<(), PackError> {
        self.note(LEFT_OUT)
    }

    /// Notes that the run has left out a damaged record, so that one that is resumed ends alike.
    pub fn note_damaged(&self) -> Result<(), PackError> {
        self.note(DAMAGED)
    }

    fn note(&self, line: &str) -> Result<(), PackError> {
        let written = self.file.metadata().and_then(|metadata| {
            let text = format!("{line}\n");
            self.file.write_all_at(text.as_bytes(), metadata.len())
        });
        written.map_err(|error| self.failed(error))
    }

    /// The run has ended: it may need to be resumed, and then there may be records to resume from,
    /// its own or those from before it, which would be taken for its own without the number.
    pub fn end(&mut self, needs_resuming: bool, has_records: bool) {
        self.keep = needs_resuming && (self.keep || has_records);
    }

    /// Gives the lock back after a run that is complete. Where the file cannot be removed it keeps
    /// what it says, so that no later run takes this one's records for missing.
    pub fn release(mut self) -> Result<(), PackError> {
        let removed = self.remove();
        self.keep = true;
        removed.map_err(|errno| PackError::LockStays(self.path(), errno.into()))
    }

    /// Removes the file while it is held, so that no other process can hold it.
    fn remove(&self) -> rustix::io::Result<()> {
        if !is_named(&self.directory, &self.name, &self.file)? {
            return Ok(());
        }
        match self.directory.remove(&self.name) {
            Err(Errno::NOENT) => Ok(()),
            done => done,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if let Err(errno) = self.remove() {
            log::warn!(
                "{}: it cannot be removed, and stays: {}",
                crate::text::printable(&self.path()),
                io::Error::from(errno)
            );
        }
    }
}

/// Locks the open file, or, where the file system has no locks, makes what is there instead.
fn hold(directory: &Arc<Directory>, name: &OsStr, file: &File) -> Result<Option<Hold>, PackError> {
    let path = || directory.join(name);
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        // Another machine may have mounted the file system without locks.
        Ok(()) => hold::check(directory, name).map(|()| None),
        Err(Errno::AGAIN) => Err(PackError::Locked(path())),
        Err(errno) if cannot_lock(errno) => {
            let hold = Hold::take(directory, name)?;
            log::warn!(
                "{}: this file system has no locks ({}): {} keeps other runs out; if this one is \
                 killed, the next one may ask for its removal",
                crate::text::printable(&path()),
                io::Error::from(errno),
                crate::text::printable(&directory.join(&hold::name_beside(name)))
            );
            Ok(Some(hold))
        }
        Err(errno) => Err(PackError::io(&path(), errno.into())),
    }
}

/// Opens the lock file that is there, and refuses one that another user may have made.
fn open(directory: &Arc<Directory>, name: &OsStr) -> Result<Option<File>, PackError> {
    let path = directory.join(name);
    let io = |errno: Errno| PackError::io(&path, errno.into());
    let before = match directory.stat(name) {
        Err(Errno::NOENT) => return Ok(None),
        done => done.map_err(io)?,
    };
    let expected = "a lock file, which is a regular one";
    // Before it is opened, because that fails for the file of another user without saying so.
    if FileType::from_raw_mode(before.st_mode) == FileType::RegularFile {
        check_own(directory, name, &before)?;
    }
    let file = match directory.open(name, OFlags::RDWR, expected) {
        Err(PackError::Io(_, reason)) if reason.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        done => done?,
    };
    check_own(directory, name, &fstat(&file).map_err(io)?)?;
    Ok(Some(file))
}

fn check_own(directory: &Arc<Directory>, name: &OsStr, lock: &Stat) -> Result<(), PackError> {
    let path = || directory.join(name);
    let planted = |found: String, expected: &str| PackError::Planted {
        path: path(),
        found,
        expected: expected.to_owned(),
    };
    let own = nix::unistd::geteuid().as_raw();
    if lock.st_uid != own && !owns_what_it_makes(directory, name, lock.st_uid) {
        return Err(PackError::OtherUsersLock {
            lock: path(),
            found: lock.st_uid,
            expected: own,
        });
    }
    match lock.st_nlink {
        0 | 1 => Ok(()),
        links => Err(planted(
            format!("a file with {links} hard links"),
            "a lock file, which has one",
        )),
    }
}

/// Whether files that this process makes belong to `owner`: on some network file systems, and on
/// those without owners, they do not belong to the process's user.
fn owns_what_it_makes(directory: &Arc<Directory>, name: &OsStr, owner: u32) -> bool {
    let made = Temporary::create(directory, name, LOCK_FILE_MODE);
    made.is_ok_and(|made| fstat(made.file()).is_ok_and(|made| made.st_uid == owner))
}

/// Whether the open file still has its name.
fn is_named(directory: &Directory, name: &OsStr, file: &File) -> rustix::io::Result<bool> {
    let ours = Identity::of(&fstat(file)?).file();
    match directory.stat(name) {
        Ok(named) => Ok(Identity::of(&named).file() == ours),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    const NAME: &str = ".d.lock";

    fn take(path: &Path) -> Result<Lock, PackError> {
        let directory = Directory::of(&path.join("d.rox")).expect("opened");
        Lock::take(&Arc::new(directory), NAME.into())
    }

    #[test]
    fn there_is_one_writer_at_a_time() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let lock = take(directory.path()).expect("free");
        let second = take(directory.path()).expect_err("taken");
        assert!(matches!(second, PackError::Locked { .. }), "{second}");
        drop(lock);
        assert!(!directory.path().join(NAME).exists());
        take(directory.path())
            .expect("free again")
            .release()
            .expect("removed");
        assert!(!directory.path().join(NAME).exists());
    }

    #[test]
    fn a_file_that_others_have_a_hand_in_is_no_lock_and_stays_as_it_is() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path();
        let [other, lock] = ["other", NAME].map(|name| path.join(name));
        for content in ["precious", "first record x\n", "first record 1 more\n"] {
            std::fs::write(&lock, content).expect("written");
            let message = take(path).expect_err("not ours").to_string();
            assert!(message.contains("with something else in it"), "{message}");
            assert_eq!(std::fs::read_to_string(&lock).expect("read"), content);
        }
        std::fs::remove_file(&lock).expect("removed");
        std::fs::write(&other, "").expect("written");
        std::fs::hard_link(&other, &lock).expect("linked");
        let message = take(path).expect_err("two names").to_string();
        assert!(
            message.contains("a file with 2 hard links, expected"),
            "{message}"
        );
        std::fs::remove_file(&lock).expect("removed");
        symlink(&other, &lock).expect("linked");
        let message = take(path).expect_err("a link").to_string();
        assert!(
            message.contains("it is a symbolic link, expected"),
            "{message}"
        );
        assert_eq!(std::fs::read_to_string(&other).expect("read"), "");
    }

    #[test]
    fn what_a_killed_run_leaves_is_a_lock() {
        let directory = tempfile::tempdir().expect("temporary directory");
        for (content, expected) in [
            ("", EarlierRun::Locked),
            ("first rec", EarlierRun::Locked),
            ("\0\0\0\0", EarlierRun::Locked),
            ("first record 7\n", EarlierRun::First(7)),
            ("first record 7\nleft out\n", EarlierRun::LeftOut(7)),
            ("first record 7\ndamaged\n", EarlierRun::First(7)),
            (
                "first record 7\ndamaged\nleft out\n",
                EarlierRun::LeftOut(7),
            ),
        ] {
            std::fs::write(directory.path().join(NAME), content).expect("written");
            let lock = take(directory.path()).expect("ours");
            assert_eq!(lock.earlier, expected);
            assert_eq!(lock.had_damage(), content.contains("damaged"));
        }
    }
}
