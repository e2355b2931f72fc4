//! Storing the next records in the kernel's cache of the mount before anybody asks, and asking the
//! disk for them: in a thread of its own.
//!
//! A thread that answers reads must never do this: the kernel's store waits for pages that are being
//! read, and so for that thread's own answer.

use crate::ahead::readahead::{
    LongFiles, Next, Order, Patience, Positions, Streams, Window, Worth,
};
use crate::format::index::Extent;
use crate::kernel_cache::answering::Answering;
use crate::kernel_cache::stale::Stale;
use crate::kernel_cache::{Access, KernelCache};
use crate::shard::Shard;
use crate::sys::memory;
use crate::tree::ino::Node;
use crate::tree::{Bytes, Tree};
use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use std::collections::VecDeque;
use std::io;
use std::iter;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How many jobs may wait. More are dropped: their reader has come further by then.
const QUEUE: usize = 8;
/// Larger records are left to the kernel's own readahead, which then asks for them in large pieces.
const LARGEST: u64 = 256 << 10;
/// How many records before a reader who asks for what was not stored in time storing goes on.
const LEAD: u64 = 4;
/// After this many records in a row that the kernel has no inode of, the rest are only requested from
/// disk: nobody has listed them.
const UNKNOWN: u32 = 4;

/// For each record that is asked for in random order, this many others are stored, at most.
const FILL_RECORDS: usize = 64;
const FILL_BYTES: u64 = 2 << 20;
/// When this many of those had to be read from disk, that is no chance.
const COLD: usize = 8;
/// Whether there is still room for all is looked up again after so long.
const ROOM_KNOWN: Duration = Duration::from_secs(1);
/// For how long a job waits, in all, until no reader's request waits to be read.
const PATIENCE: Duration = Duration::from_millis(1);
/// How much of what is to be stored is requested from disk before.
const REQUESTED_BYTES: u64 = 8 << 20;
const REQUESTED_RECORDS: u64 = 512;

/// Follows readers, and has the next records stored: for those who read in an order, the next in that
/// order; for those who read in none, in the end all, if there is room.
#[derive(Debug)]
pub struct Pusher {
    readers: Mutex<Readers>,
    long_files: Mutex<LongFiles>,
    jobs: SyncSender<Job>,
    fills: bool,
    reached: Arc<AtomicU64>,
    fills_ended: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Readers {
    streams: Streams,
    strays: Patience,
    /// How many fills had ended when strays were counted anew.
    fills_ended: u64,
}

#[derive(Debug)]
enum Job {
    /// These records.
    Store(Window),
    /// Some more of all, as far as it is worth that, if this many fills have ended before.
    Fill(Worth, u64),
    /// Only from disk: bytes of `raw/data`.
    Request(Range<u64>),
}

impl Pusher {
    /// Starts the thread. `is_listing` says whether more names are being made known to the kernel;
    /// without it, only what comes next in an order is stored.
    pub fn start(begin: Begin, is_listing: Option<Arc<AtomicBool>>) -> io::Result<Pusher> {
        let (sender, receiver) = sync_channel(QUEUE);
        let reached = Arc::new(AtomicU64::new(0));
        let fills_ended = Arc::new(AtomicU64::new(0));
        let fills = is_listing.is_some();
        let readers = Readers {
            streams: Streams::default(),
            strays: Patience::new(begin.tree.dataset().records()),
            fills_ended: 0,
        };
        let start = Start {
            begin,
            reached: Arc::clone(&reached),
            fills_ended: Arc::clone(&fills_ended),
            is_listing: is_listing.unwrap_or_default(),
        };
        thread::Builder::new()
            .name("push".to_owned())
            .spawn(move || start.run(&receiver))?;
        Ok(Pusher {
            readers: Mutex::new(readers),
            long_files: Mutex::default(),
            jobs: sender,
            fills,
            reached,
            fills_ended,
        })
    }

    /// Takes note of a record's first read. Never waits.
    pub fn observe(&self, record: u64, positions: &impl Positions) {
        self.reached.store(record, Ordering::Relaxed);
        let Ok(mut readers) = self.readers.try_lock() else {
            return;
        };
        let job = match readers.streams.observe(record, positions) {
            Next::Store(window) => Job::Store(window),
            Next::Stray if self.fills => {
                let ended = self.fills_ended.load(Ordering::Relaxed);
                if ended > readers.fills_ended {
                    readers.fills_ended = ended;
                    readers.strays.start_over();
                }
                match readers.strays.count(Instant::now()) {
                    Worth::Nothing => return,
                    worth => Job::Fill(worth, ended),
                }
            }
            Next::Nothing | Next::Stray => return,
        };
        // If many wait, this one comes too late anyway.
        let _ = self.jobs.try_send(job);
    }

    /// Takes note of a read of a long file, which ends at `limit`, by what it is of `raw/data`.
    /// Never waits.
    pub fn observe_long(&self, read: Range<u64>, limit: u64) {
        let Ok(mut files) = self.long_files.try_lock() else {
            return;
        };
        if let Some(next) = files.observe(read, limit) {
            let _ = self.jobs.try_send(Job::Request(next));
        }
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        if let Ok(readers) = self.readers.lock() {
            let (windows, used) = readers.streams.counts();
            log::debug!("{windows} windows stored ahead, of which {used} were read");
        }
    }
}

/// A record and where it lies: its number, its shard, its place in that shard's payload.
type Located = (u64, usize, Extent);

/// What storing begins with.
#[derive(Debug)]
pub struct Begin {
    /// Whose records are stored.
    pub tree: Arc<Tree>,
    /// The kernel's cache of the mount.
    pub access: Access,
    /// Lets go of what was stored and turned out to be wrong.
    pub stale: Stale,
    /// How long answers to readers take.
    pub answering: Arc<Answering>,
}

struct Start {
    begin: Begin,
    reached: Arc<AtomicU64>,
    fills_ended: Arc<AtomicU64>,
    is_listing: Arc<AtomicBool>,
}

struct Work {
    tree: Arc<Tree>,
    cache: KernelCache,
    stale: Stale,
    answering: Arc<Answering>,
    /// The record that was asked for last.
    reached: Arc<AtomicU64>,
    fill: Fill,
    /// How many fills have ended: all was stored, or there was no room.
    fills_ended: Arc<AtomicU64>,
    is_listing: Arc<AtomicBool>,
}

/// How far storing all records has come.
#[derive(Debug, Default)]
struct Fill {
    /// Those that are to be stored next.
    requested: VecDeque<Located>,
    /// The record after them.
    next: u64,
    /// They have to be read from disk.
    is_cold: bool,
    /// When there was room for all.
    had_room: Option<Instant>,
}

/// What became of records that were to be stored.
struct Stored {
    /// How many it got by.
    passed: usize,
    /// The kernel knows none of the next several.
    are_unknown: bool,
    /// How many of them were not in memory.
    from_disk: usize,
}

impl Start {
    /// Works on jobs until the mount is gone.
    fn run(self, jobs: &Receiver<Job>) {
        let begin = self.begin;
        let first = jobs.iter().find(|_| begin.access.is_ready());
        let Some(first) = first else { return };
        let cache = match begin.access.open() {
            Ok(cache) => cache,
            Err(error) => return log::warn!("no records are stored ahead of readers: {error}"),
        };
        let mut work = Work {
            tree: begin.tree,
            cache,
            stale: begin.stale,
            answering: begin.answering,
            reached: self.reached,
            fill: Fill::default(),
            fills_ended: self.fills_ended,
            is_listing: self.is_listing,
        };
        for job in iter::once(first).chain(jobs) {
            if work.run(job).is_err() {
                // The mount is gone.
                return;
            }
        }
    }
}

impl Work {
    /// Fails when the kernel takes no more of this mount.
    fn run(&mut self, job: Job) -> io::Result<()> {
        match job {
            Job::Store(window) => self.push(window),
            Job::Fill(worth, ended) => match ended == self.fills_ended.load(Ordering::Relaxed) {
                true => self.fill(worth),
                false => Ok(()),
            },
            Job::Request(bytes) => {
                self.tree.will_need_raw_data(bytes);
                Ok(())
            }
        }
    }

    /// Fails when the kernel takes no more of this mount.
    fn push(&mut self, window: Window) -> io::Result<()> {
        let (from, to) = window.requested;
        self.tree.will_need(&self.extents(window.order, from..to));
        let extents = self.extents(window.order, window.from..window.to);
        let marker = self.tree.record_at(window.order, window.marker);
        let mut from = 0;
        let reached = &self.reached;
        self.store(&extents, usize::MAX, |record| {
            // A reader who is faster has overtaken: go on some way before it.
            let reached = reached.load(Ordering::Relaxed);
            if window.order == Order::Numbers && (record..window.to).contains(&reached) {
                from = reached + LEAD;
            }
            Some(record) != marker && record >= from
        })?;
        Ok(())
    }

    /// Stores the next few of all records. Fails as above.
    fn fill(&mut self, worth: Worth) -> io::Result<()> {
        if !self.has_room_for_all() {
            log::debug!("no room to store all records ahead of readers in no order");
            self.end_fill();
            return Ok(());
        }
        if self.fill.is_cold && worth != Worth::Disk {
            return Ok(());
        }
        self.request_more(worth);
        let requested = &mut self.fill.requested;
        let mut bytes = 0;
        let few = requested.iter().take(FILL_RECORDS);
        let few = few.take_while(|(_, _, extent)| {
            let wanted = bytes < FILL_BYTES;
            bytes += extent.len();
            wanted
        });
        let few: Vec<Located> = few.copied().collect();
        let most_from_disk = match worth {
            Worth::Disk => usize::MAX,
            _ => COLD,
        };
        let stored = self.store(&few, most_from_disk, |_| true)?;
        self.fill.is_cold = stored.from_disk >= COLD;
        // Names that are being made known will come; the others are left.
        let is_listing = self.is_listing.load(Ordering::Relaxed);
        let passed = match stored.are_unknown && !is_listing {
            true => few.len(),
            false => stored.passed,
        };
        self.fill.requested.drain(..passed);
        if self.fill.is_cold && worth != Worth::Disk {
            // The others have not been requested: they are found again when it is worth that.
            if let Some((record, ..)) = self.fill.requested.front() {
                self.fill.next = *record;
            }
            self.fill.requested.clear();
        }
        if self.fill.requested.is_empty() && self.fill.next == self.tree.dataset().records() {
            log::debug!("all records stored ahead of readers in no order");
            self.end_fill();
        }
        Ok(())
    }

    fn end_fill(&mut self) {
        self.fill = Fill::default();
        self.fills_ended.fetch_add(1, Ordering::Relaxed);
    }

    /// Records in the kernel's cache are a second copy of what is in the shards' pages.
    fn has_room_for_all(&mut self) -> bool {
        let had_room = self.fill.had_room;
        if had_room.is_some_and(|then| then.elapsed() < ROOM_KNOWN) {
            return true;
        }
        let needed = self.tree.dataset().len_in_pages();
        let has_room = self.tree.mean_record_len() <= LARGEST && needed <= memory::available() / 2;
        self.fill.had_room = has_room.then(Instant::now);
        has_room
    }

    /// Finds the next records, and requests them from disk some time before they are stored, if that
    /// is worth it.
    fn request_more(&mut self, worth: Worth) {
        let fill = &mut self.fill;
        let waiting: u64 = fill
            .requested
            .iter()
            .map(|(_, _, extent)| extent.len())
            .sum();
        if waiting >= REQUESTED_BYTES / 2 || fill.requested.len() >= REQUESTED_RECORDS as usize / 2
        {
            return;
        }
        let records = self.tree.dataset().records();
        let end = records.min(fill.next + REQUESTED_RECORDS);
        let mut more = Vec::new();
        let mut bytes = waiting;
        let dataset = self.tree.dataset();
        let mut next = end;
        dataset.for_each_extent(fill.next..end, &mut |record, shard, extent| {
            if let Ok(extent) = extent {
                bytes += extent.len();
                more.push((record.get(), shard, extent));
            }
            if bytes >= REQUESTED_BYTES {
                next = record.get() + 1;
            }
            bytes < REQUESTED_BYTES
        });
        fill.next = next;
        if worth == Worth::Disk {
            self.tree.will_need(&more);
        }
        fill.requested.extend(more);
    }

    /// Stores those records that are `wanted`, until this many of them had to be read from disk, and
    /// lets go of the shards' pages of those, if one copy is to stay. What readers ask for has to be
    /// answered first: records that it leaves no time for are brought into memory only. Fails when
    /// the kernel takes no more of this mount.
    fn store(
        &self,
        records: &[Located],
        most_from_disk: usize,
        mut wanted: impl FnMut(u64) -> bool,
    ) -> io::Result<Stored> {
        let mut stored = Stored {
            passed: records.len(),
            are_unknown: false,
            from_disk: 0,
        };
        let mut copied = Vec::new();
        let mut unconfirmed = None;
        let mut patience = PATIENCE;
        let (mut unknown, mut first_unknown) = (0, 0);
        let mut faults = disk_faults();
        for (number, &(record, shard, extent)) in records.iter().enumerate() {
            if extent.is_empty() || extent.len() > LARGEST || !wanted(record) {
                continue;
            }
            let source = &self.tree.dataset().shards()[shard];
            let may_store =
                !self.answering.are_slow() || self.prepare(source, extent, &mut patience)?;
            // What a shard that has changed since would give must not get into the cache.
            let Ok(bytes) = self.tree.record_bytes(record, shard, extent) else {
                continue;
            };
            self.confirm(unconfirmed.take(), Some(&bytes));
            let store = || self.cache.store(Node::Record(record).ino(), &bytes);
            match may_store.then(store) {
                None => {}
                Some(Ok(())) => {
                    unknown = 0;
                    copied.push((record, shard, extent));
                    unconfirmed = Some((record, bytes));
                }
                Some(Err(error)) => match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
                    Errno::ENOENT => {
                        if unknown == 0 {
                            first_unknown = number;
                        }
                        unknown += 1;
                        if unknown == UNKNOWN {
                            stored.passed = first_unknown;
                            stored.are_unknown = true;
                            break;
                        }
                    }
                    Errno::ENODEV | Errno::ENOTCONN | Errno::EBADF | Errno::EINVAL => {
                        return Err(error);
                    }
                    // A shard that was cut, or too little memory: the reader will see.
                    _ => break,
                },
            }
            let now = disk_faults();
            if now > faults {
                faults = now;
                stored.from_disk += 1;
                if stored.from_disk == most_from_disk {
                    stored.passed = number + 1;
                    break;
                }
            }
        }
        self.confirm(unconfirmed, None);
        self.tree.drop_behind(&copied);
        Ok(stored)
    }

    /// Looks whether what was stored was right, which the check before the next record says as well
    /// where both are of one shard; lets go of it if not.
    fn confirm(&self, stored: Option<(u64, Bytes)>, next: Option<&Bytes>) {
        if let Some((record, bytes)) = stored
            && !next.is_some_and(|next| next.confirm(&bytes))
            && !bytes.are_still_right()
        {
            self.stale.let_go(Node::Record(record));
        }
    }

    /// Brings a record into memory, so that storing it does not wait for the disk, and waits until no
    /// request waits to be read; returns whether it is so.
    fn prepare(&self, shard: &Shard, extent: Extent, patience: &mut Duration) -> io::Result<bool> {
        if let Ok(map) = shard.map() {
            map.populate(extent.start(), extent.end());
        }
        self.cache.wait_until_unasked(patience)
    }

    /// The records at these positions and where they lie, those that can be read.
    fn extents(&self, order: Order, positions: Range<u64>) -> Vec<Located> {
        let dataset = self.tree.dataset();
        let mut extents = Vec::new();
        let mut push = |record: u64, shard, extent| extents.push((record, shard, extent));
        match order {
            Order::Numbers => {
                let end = positions.end.min(dataset.records());
                dataset.for_each_extent(positions.start..end, &mut |record, shard, extent| {
                    if let Ok(extent) = extent {
                        push(record.get(), shard, extent);
                    }
                    true
                });
            }
            Order::Names => {
                let records = positions.filter_map(|position| self.tree.record_at(order, position));
                for record in records {
                    if let Ok((shard, extent)) = self.tree.record_extent(record) {
                        push(record, shard, extent);
                    }
                }
            }
        }
        extents
    }
}

/// How many pages this thread has had to wait for from disk.
fn disk_faults() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD);
    usage.map_or(0, |usage| usage.major_page_faults())
}
