//! What programs of this machine do to the files of shards, as the kernel tells it (inotify(7)):
//! whether they write, or only set attributes. What other machines do to a file that they share, and
//! stores into a mapping of it, are not told.
//!
//! One queue for the process, which is read only when somebody asks. Files stay in it until the process
//! ends or they are gone: after a fork the queue is that of both processes, and one must not take out
//! what the other one watches.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use std::collections::HashMap;
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long after a file's times have changed the kernel may take to tell of it.
const LATEST: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(1);
/// Bytes of events that are read at once.
const BUFFER: usize = 4096;

static QUEUE: OnceLock<Option<Queue>> = OnceLock::new();

struct Queue {
    inotify: OwnedFd,
    /// By the number of the watch, which is that of an inode.
    watched: Mutex<HashMap<i32, Arc<Counts>>>,
    /// Events were lost, because too many came.
    is_lossy: AtomicBool,
}

/// How many events of a file have come.
#[derive(Debug, Default)]
struct Counts {
    writes: AtomicU64,
    attributes: AtomicU64,
}

/// The events of one file since it was opened.
#[derive(Debug)]
pub(super) struct Events {
    counts: Arc<Counts>,
    writes_before: u64,
    attributes_seen: AtomicU64,
}

impl Events {
    /// Of this file from now on; `None` where the system has no more to give, or no `/proc`.
    pub(super) fn of(file: &File) -> Option<Events> {
        let queue = QUEUE.get_or_init(Queue::new).as_ref()?;
        let mut watched = queue.lock();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let events = WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::MOVE_SELF;
        let watch = inotify::add_watch(&queue.inotify, path, events).ok()?;
        // What was done before is not this one's.
        queue.read(&watched);
        let counts = Arc::clone(watched.entry(watch).or_default());
        Some(Events {
            writes_before: counts.writes.load(Ordering::Relaxed),
            attributes_seen: AtomicU64::new(counts.attributes.load(Ordering::Relaxed)),
            counts,
        })
    }

    /// Whether a program has written to the file or cut it.
    pub(super) fn was_written(&self) -> bool {
        if let Some(Some(queue)) = QUEUE.get() {
            queue.read(&queue.lock());
        }
        self.counts.writes.load(Ordering::Relaxed) != self.writes_before
    }

    /// Whether a program has set the file's attributes or given it another name since this was asked last, and none has
    /// written to it. Waits for a moment where nothing is known yet.
    pub(super) fn was_touched(&self) -> bool {
        let begin = Instant::now();
        loop {
            let is_written = self.was_written();
            let attributes = self.counts.attributes.load(Ordering::Relaxed);
            let is_touched = self.attributes_seen.swap(attributes, Ordering::Relaxed) != attributes;
            if is_written || is_touched || begin.elapsed() > LATEST {
                let is_lossy = QUEUE
                    .get()
                    .and_then(Option::as_ref)
                    .is_none_or(Queue::is_lossy);
                return is_touched && !is_written && !is_lossy;
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Queue {
    fn new() -> Option<Queue> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        Some(Queue {
            inotify,
            watched: Mutex::default(),
            is_lossy: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Arc<Counts>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_lossy(&self) -> bool {
        self.is_lossy.load(Ordering::Relaxed)
    }

    /// Counts what has come.
    fn read(&self, watched: &HashMap<i32, Arc<Counts>>) {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut events = Reader::new(&self.inotify, &mut buffer);
        while let Ok(event) = events.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                self.is_lossy.store(true, Ordering::Relaxed);
            }
            let Some(counts) = watched.get(&event.wd()) else {
                continue;
            };
            if event.events().contains(ReadFlags::MODIFY) {
                counts.writes.fetch_add(1, Ordering::Relaxed);
            }
            if event
                .events()
                .intersects(ReadFlags::ATTRIB | ReadFlags::MOVE_SELF)
            {
                counts.attributes.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn writing_is_told_from_setting_attributes() {
        let mut file = tempfile::NamedTempFile::new().expect("file");
        file.write_all(b"before").expect("written");
        let events = Events::of(file.as_file()).expect("inotify");
        assert!(!events.was_written());
        assert!(!events.was_touched());
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(file.path(), mode).expect("mode");
        assert!(events.was_touched());
        assert!(!events.was_touched());
        assert!(!events.was_written());
        file.write_all(b"after").expect("written");
        assert!(events.was_written());
        let later = Events::of(file.as_file()).expect("inotify");
        assert!(!later.was_written());
        drop(later);
        file.as_file().set_len(3).expect("cut");
        assert!(events.was_written());
    }
}
