//! What programs of this machine do to the files of shards, as the kernel tells it (inotify(7)):
//! whether they write, or only set attributes. What other machines do to a file that they share, and
//! stores into a mapping of it, are not told.
//!
//! One queue for the process, which is read only when somebody asks. Files stay in it until the process
//! ends or they are gone: after a fork the queue is that of both processes, and one must not take out
//! what the other one watches.

use crate::sys::lock;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The kernel sets a file's times first and tells of it after this long at most: in between it may
/// have to wait for the file system's journal.
const LONGEST_DELAY: Duration = Duration::from_millis(200);
const POLL_INTERVAL: Duration = Duration::from_millis(1);
/// Bytes of events that are read at once.
const EVENTS_LEN: usize = 4096;

static QUEUE: OnceLock<Option<EventQueue>> = OnceLock::new();

struct EventQueue {
    inotify: OwnedFd,
    /// By the number of the watch, which is that of an inode.
    watched: Mutex<HashMap<i32, Arc<Counts>>>,
    /// How often events were lost, because too many came.
    losses: AtomicU64,
}

/// How many events of a file have come.
#[derive(Debug, Default)]
struct Counts {
    writes: AtomicU64,
    attributes: AtomicU64,
}

impl Counts {
    fn told(&self, queue: &EventQueue) -> Told {
        Told {
            writes: self.writes.load(Ordering::Relaxed),
            attributes: self.attributes.load(Ordering::Relaxed),
            losses: queue.losses.load(Ordering::Relaxed),
        }
    }
}

/// The events of one file.
#[derive(Debug)]
pub(super) struct Events {
    counts: Arc<Counts>,
    /// What had been told before.
    begin: Told,
}

/// How many events of a file have come up to some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    writes: u64,
    attributes: u64,
    losses: u64,
}

/// What the kernel says why a file's times are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeCause {
    /// A program has written to it or cut it.
    Written,
    /// Programs have set its attributes or given it another name, and none has written to it.
    Touched,
    /// Nothing was told, or something was lost.
    Unknown,
}

impl Told {
    /// What was told since then.
    pub(super) fn since(&self, before: &Told) -> ChangeCause {
        if self.writes != before.writes {
            ChangeCause::Written
        } else if self.attributes != before.attributes && self.losses == before.losses {
            ChangeCause::Touched
        } else {
            ChangeCause::Unknown
        }
    }
}

impl Events {
    /// Of this file from now on; `None` where the system has no more to give, or no `/proc`.
    pub(super) fn of(file: BorrowedFd<'_>) -> Option<Events> {
        let queue = QUEUE.get_or_init(EventQueue::new).as_ref()?;
        let mut watched = queue.lock();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let events = WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::MOVE_SELF;
        let watch = inotify::add_watch(&queue.inotify, path, events).ok()?;
        // Earlier events are not this shard's.
        queue.read(&watched);
        let counts = Arc::clone(watched.entry(watch).or_default());
        let begin = counts.told(queue);
        Some(Events { counts, begin })
    }

    /// What had been told when these began.
    pub(super) fn begin(&self) -> Told {
        self.begin
    }

    /// What has been told up to now.
    pub(super) fn told(&self) -> Told {
        // There is one, or there were no events.
        let Some(queue) = QUEUE.get().and_then(Option::as_ref) else {
            return self.begin;
        };
        queue.read(&queue.lock());
        self.counts.told(queue)
    }

    /// What is told since then. Waits for a moment while that is nothing.
    pub(super) fn wait_since(&self, before: &Told) -> ChangeCause {
        let begin = Instant::now();
        loop {
            let told = self.told();
            let cause = told.since(before);
            let is_lossy = told.losses != before.losses;
            if cause != ChangeCause::Unknown || is_lossy || begin.elapsed() > LONGEST_DELAY {
                return cause;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl EventQueue {
    fn new() -> Option<EventQueue> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        Some(EventQueue {
            inotify,
            watched: Mutex::default(),
            losses: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Arc<Counts>>> {
        lock(&self.watched)
    }

    /// Counts what has come.
    fn read(&self, watched: &HashMap<i32, Arc<Counts>>) {
        let mut buffer = [MaybeUninit::uninit(); EVENTS_LEN];
        let mut events = Reader::new(&self.inotify, &mut buffer);
        while let Ok(event) = events.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                self.losses.fetch_add(1, Ordering::Relaxed);
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
    use std::os::fd::AsFd;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn writing_is_told_from_setting_attributes() {
        let mut file = tempfile::NamedTempFile::new().expect("file");
        file.write_all(b"before").expect("written");
        let events = Events::of(file.as_fd()).expect("inotify");
        let opened = events.told();
        assert_eq!(events.wait_since(&opened), ChangeCause::Unknown);
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(file.path(), mode).expect("mode");
        assert_eq!(events.wait_since(&opened), ChangeCause::Touched);
        let touched = events.told();
        assert_eq!(events.told().since(&touched), ChangeCause::Unknown);
        file.write_all(b"after").expect("written");
        assert_eq!(events.wait_since(&touched), ChangeCause::Written);
        assert_eq!(events.wait_since(&opened), ChangeCause::Written);
        let later = Events::of(file.as_fd()).expect("inotify");
        let written = later.told();
        assert_eq!(later.told().since(&written), ChangeCause::Unknown);
        drop(later);
        file.as_file().set_len(3).expect("cut");
        assert_eq!(events.wait_since(&written), ChangeCause::Written);
    }

    #[test]
    fn where_events_were_lost_a_touch_is_not_sure() {
        let before = Told {
            writes: 1,
            attributes: 1,
            losses: 0,
        };
        let touched = Told {
            attributes: 2,
            ..before
        };
        assert_eq!(touched.since(&before), ChangeCause::Touched);
        let lost = Told {
            losses: 1,
            ..touched
        };
        assert_eq!(lost.since(&before), ChangeCause::Unknown);
        // What is lost once does not count for later changes.
        let again = Told {
            attributes: 3,
            ..lost
        };
        assert_eq!(again.since(&lost), ChangeCause::Touched);
    }
}
