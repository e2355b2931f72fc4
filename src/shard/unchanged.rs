//! Whether a shard's file is still what was opened.
//!
//! A shard is never written in place by roxfs, but by others it may be: by `rsync --inplace`, by
//! `cat new > shard`. Then its bytes are no longer those of the index that was read, and old and new
//! records must not be mixed. So the file's size and times are looked at with each access, which is
//! one `fstat`. Where they are as at opening, that is all. But `touch`, `chmod`, `chown`, a link and
//! a new name change times as well, and must not end what reads the shard for days. So:
//!
//! | what is found | a shard with checksums | one without |
//! |---|---|---|
//! | another size | changed | changed |
//! | the last page, or the end of the checksums, differs | changed | changed |
//! | a program of this machine wrote to it ([`Events`]) | compared | changed |
//! | only the time of the inode's change (ctime) differs, and programs of this machine set attributes, or names (`chmod`, `mv`, `ln`, appending by roxfs) | read as before | read as before |
//! | only the ctime differs, and nothing of this machine tells why | compared | read as before |
//! | the time of modification differs, and programs of this machine set attributes (`touch`) | compared | read as before |
//! | the time of modification differs, and nothing of this machine tells why | compared | changed |
//!
//! *Changed* is for ever: each access is an error from then on. *Compared* means that content is read
//! into memory and compared with its checksum before anybody gets it (see `compared.rs`); what does
//! not agree makes the shard changed. Without checksums nothing tells a shard that another machine has
//! touched from one that it has rewritten.
//!
//! The kernel tells of a change after it has set the times. So what is told is asked for before the
//! times are: then it belongs to those times or earlier ones, and once times are found twice, all that
//! was told is done with. A change of which nothing is told yet is waited for, for 200 ms at most, and
//! where nothing comes the shard is compared or changed from then on, so that this is once for a shard.
//!
//! What cannot be seen: a write in the same tick of the kernel's clock as the one before opening (before
//! Linux 6.13); stores into a mapping of the file where they set no time (on tmpfs; into a page that was
//! written to and not yet synced), or where the time of modification is put back; one of two changes at
//! about the same time of which only a touch is told, where there are no checksums; and, where there are
//! more checksums than are remembered, a record that was replaced together with its checksum.

use super::ShardError;
use super::events::{ChangeCause, Events, Told};
use super::file::LocalFile;
use crate::sys::lock;
use std::collections::VecDeque;
use std::fmt;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime};

/// How many of the long records that were compared are remembered.
const REMEMBERED_RECORDS: usize = 64;
/// The most changes that one access judges while they keep coming.
const MOST_CHANGES: u32 = 8;
/// A write sets the time to that of the clock's last tick; after this long it is another one.
const CLOCK_TICK: Duration = Duration::from_secs(2);

/// What `fstat` tells of a file's content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    len: u64,
    /// Seconds since 1970 and nanoseconds.
    modified: (i64, i64),
    inode_changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            inode_changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// As `date --date` takes a time of modification.
impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}.{:09}", self.modified.0, self.modified.1)
    }
}

/// Some bytes of the file as they were at opening: where, how many, and a hash of them, because there
/// may be many shards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    at: u64,
    len: usize,
    hash: u64,
}

impl Page {
    /// Remembers these bytes, which lie at `at`.
    pub(super) fn new(at: u64, bytes: &[u8]) -> Page {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        Page {
            at,
            len: bytes.len(),
            hash: hasher.finish(),
        }
    }

    /// Fails where they are others now.
    fn compare(&self, file: &LocalFile) -> Result<(), ShardError> {
        let mut bytes = vec![0; self.len];
        match file.read_exact_at(&mut bytes, self.at) {
            Ok(()) if Page::new(self.at, &bytes).hash == self.hash => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(file.io(error)),
            _ => {
                let end = self.at + self.len as u64;
                let reason = format!("its bytes {} to {end} are others", self.at);
                Err(file.changed(reason))
            }
        }
    }
}

/// A number that changes whenever the file's times were found changed: a reader of the mapped file
/// compares it before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

/// Called once, when a shard is found changed.
pub type OnChange = Box<dyn Fn() + Send + Sync>;

/// What is known of a file since it was opened.
pub(super) struct Unchanged {
    opened: Stamp,
    pages: Vec<Page>,
    has_checksums: bool,
    events: Option<Events>,
    /// How often other times were found: while it is 0, they are as at opening.
    epoch: AtomicU64,
    is_compared: AtomicBool,
    latest: Mutex<Latest>,
    changed: OnceLock<ShardError>,
    on_change: OnceLock<OnChange>,
}

/// What was found last.
struct Latest {
    stamp: Stamp,
    /// What was told of changes that this stamp or earlier ones had.
    told: Option<Told>,
    /// Long records that were compared, each with the epoch in which it was.
    agreed: VecDeque<(u64, u64)>,
}

/// What a file whose times differ is taken for.
enum Verdict {
    AsBefore,
    Compared,
}

impl Unchanged {
    /// Of a file that was opened with this stamp and has these pages.
    pub(super) fn new(
        opened: Stamp,
        pages: Vec<Page>,
        has_checksums: bool,
        events: Option<Events>,
    ) -> Unchanged {
        let told = events.as_ref().map(Events::begin);
        Unchanged {
            opened,
            pages,
            has_checksums,
            events,
            epoch: AtomicU64::new(0),
            is_compared: AtomicBool::new(false),
            latest: Mutex::new(Latest {
                stamp: opened,
                told,
                agreed: VecDeque::new(),
            }),
            changed: OnceLock::new(),
            on_change: OnceLock::new(),
        }
    }

    /// Has `call` called when the shard is found changed, or at once where it was already. Only the
    /// first one is taken.
    pub(super) fn on_change(&self, call: OnChange) {
        let _ = self.on_change.set(call);
        if let (Some(_), Some(call)) = (self.changed.get(), self.on_change.get()) {
            call();
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    /// Whether content has to be compared with its checksum.
    pub(super) fn is_compared(&self) -> bool {
        self.is_compared.load(Ordering::Acquire)
    }

    /// Fails when the file has changed.
    pub(super) fn check(&self, file: &LocalFile) -> Result<(), ShardError> {
        let found = file.stamp()?;
        if found == self.opened && self.epoch() == Epoch(0) {
            return Ok(());
        }
        self.look_closer(file)
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        lock(&self.latest)
    }

    /// Records that the file has changed: once and for ever. Returns the first error that was recorded.
    pub(super) fn set_changed(&self, error: ShardError) -> ShardError {
        let is_first = self.changed.set(error.clone()).is_ok();
        if is_first {
            self.epoch.fetch_add(1, Ordering::AcqRel);
            if let Some(call) = self.on_change.get() {
                call();
            }
        }
        self.changed.get().cloned().unwrap_or(error)
    }

    /// One at a time, so that each time is judged once and none is taken for a newer one.
    fn look_closer(&self, file: &LocalFile) -> Result<(), ShardError> {
        let mut latest = self.lock();
        if let Some(error) = self.changed.get() {
            return Err(error.clone());
        }
        for _ in 0..MOST_CHANGES {
            let told = self.events.as_ref().map(Events::told);
            let found = file.stamp()?;
            if found == latest.stamp {
                return self.take_note(&mut latest, told, file);
            }
            match self.judge(file, found, &latest) {
                Ok(verdict) => self.settle(&mut latest, found, file, &verdict),
                Err(error @ ShardError::Io { .. }) => return Err(error),
                Err(error) => return Err(self.set_changed(error)),
            }
        }
        Ok(())
    }

    /// What has been told belongs to times that were judged. A write may be told of long after it has
    /// set the times.
    fn take_note(
        &self,
        latest: &mut Latest,
        told: Option<Told>,
        file: &LocalFile,
    ) -> Result<(), ShardError> {
        let (Some(now), Some(before)) = (told, latest.told) else {
            return Ok(());
        };
        latest.told = told;
        if now.since(&before) != ChangeCause::Written {
            return Ok(());
        }
        if !self.has_checksums {
            return Err(self.set_changed(written(file)));
        }
        let stamp = latest.stamp;
        self.settle(latest, stamp, file, &Verdict::Compared);
        Ok(())
    }

    fn judge(
        &self,
        file: &LocalFile,
        found: Stamp,
        latest: &Latest,
    ) -> Result<Verdict, ShardError> {
        if found.len != self.opened.len {
            return Err(ShardError::Resized {
                location: file.location().clone(),
                found: found.len,
                expected: self.opened.len,
            });
        }
        for page in &self.pages {
            page.compare(file)?;
        }
        let is_modified = found.modified != latest.stamp.modified;
        if self.has_checksums && (is_modified || self.is_compared()) {
            return Ok(Verdict::Compared);
        }
        // Not waited for where it makes no difference.
        let waits = is_modified || self.has_checksums;
        match (self.cause(latest, waits), self.has_checksums) {
            (ChangeCause::Touched, _) => Ok(Verdict::AsBefore),
            (ChangeCause::Written | ChangeCause::Unknown, true) => Ok(Verdict::Compared),
            (ChangeCause::Written, false) => Err(written(file)),
            (ChangeCause::Unknown, false) if !is_modified => Ok(Verdict::AsBefore),
            (ChangeCause::Unknown, false) => {
                let before = latest.stamp;
                let reason = format!(
                    "its time of modification is {found:?}, expected {before:?}; it has no \
                     checksums that could tell whether it was only touched"
                );
                Err(file.changed(reason))
            }
        }
    }

    /// Why times are other than the latest that were judged.
    fn cause(&self, latest: &Latest, waits: bool) -> ChangeCause {
        match (&self.events, &latest.told) {
            (Some(events), Some(before)) if waits => events.wait_since(before),
            (Some(events), Some(before)) => events.told().since(before),
            _ => ChangeCause::Unknown,
        }
    }

    fn settle(&self, latest: &mut Latest, found: Stamp, file: &LocalFile, verdict: &Verdict) {
        let is_touched = found.modified != latest.stamp.modified;
        latest.stamp = found;
        if let Verdict::Compared = verdict
            && !self.is_compared.swap(true, Ordering::AcqRel)
        {
            let level = if is_touched {
                log::Level::Warn
            } else {
                // A new name, a link, other permissions, by another machine.
                log::Level::Debug
            };
            log::log!(
                level,
                "{}: its times have changed since it was opened; from now on its records are \
                 compared with their checksums when they are read",
                file.location()
            );
        }
        // Last: a reader that finds the new number finds the rest as well.
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether a long record was compared in this epoch.
    pub(super) fn has_agreed(&self, record: u64, epoch: Epoch) -> bool {
        self.lock().agreed.contains(&(record, epoch.0))
    }

    /// Remembers that a long record was compared, beginning in this epoch. Not while another write
    /// could leave the times as they are.
    pub(super) fn set_agreed(&self, record: u64, epoch: Epoch) {
        let mut latest = self.lock();
        let (seconds, _) = latest.stamp.inode_changed;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let age = since
            .map_or(0, |now| now.as_secs() as i64)
            .saturating_sub(seconds);
        if epoch == self.epoch() && age > CLOCK_TICK.as_secs() as i64 {
            if latest.agreed.len() == REMEMBERED_RECORDS {
                latest.agreed.pop_front();
            }
            latest.agreed.push_back((record, epoch.0));
        }
    }
}

impl fmt::Debug for Unchanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unchanged")
            .field("opened", &self.opened)
            .field("epoch", &self.epoch())
            .field("is_compared", &self.is_compared())
            .field("changed", &self.changed.get())
            .finish_non_exhaustive()
    }
}

fn written(file: &LocalFile) -> ShardError {
    file.changed("a program has written to it")
}
