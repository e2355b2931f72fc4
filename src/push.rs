//! Storing the next records in the kernel's cache of the mount before anybody asks, and asking the
//! disk for them: in a thread of its own.
//!
//! A thread that answers reads must never do this: the kernel's store waits for pages that are being
//! read, and so for that thread's own answer.

use crate::format::index::Extent;
use crate::readahead::{Order, Positions, Streams, Window};
use crate::tree::Tree;
use crate::tree::ino::Node;
use nix::errno::Errno;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

/// How many windows may wait. More are dropped: their reader has come further by then.
const QUEUE: usize = 8;
/// Larger records are left to the kernel's own readahead, which then asks for them in large pieces.
const LARGEST: u64 = 256 << 10;
/// How many records before a reader who asks for what was not stored in time storing goes on.
const LEAD: u64 = 4;
/// After so many records in a row that the kernel has no inode of, the rest of a window is only
/// requested from disk: nobody has listed them.
const UNKNOWN: u32 = 4;

/// Follows readers, and has the next records stored.
#[derive(Debug)]
pub struct Pusher {
    streams: Mutex<Streams>,
    windows: SyncSender<Window>,
    reached: Arc<AtomicU64>,
}

impl Pusher {
    /// Begins with records of `tree`, for the kernel at `device`.
    pub fn start(tree: Arc<Tree>, device: OwnedFd) -> io::Result<Pusher> {
        let (sender, receiver) = sync_channel(QUEUE);
        let reached = Arc::new(AtomicU64::new(0));
        let mut work = Work {
            tree,
            cache: KernelCache(File::from(device)),
            reached: Arc::clone(&reached),
            before: None,
        };
        thread::Builder::new()
            .name("push".to_owned())
            .spawn(move || work.run(&receiver))?;
        Ok(Pusher {
            streams: Mutex::default(),
            windows: sender,
            reached,
        })
    }

    /// Takes note of a record's first read. Never waits.
    pub fn observe(&self, record: u64, positions: &impl Positions) {
        self.reached.store(record, Ordering::Relaxed);
        let Ok(mut streams) = self.streams.try_lock() else {
            return;
        };
        if let Some(window) = streams.observe(record, positions) {
            // If many wait, this one comes too late anyway.
            let _ = self.windows.try_send(window);
        }
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        if let Ok(streams) = self.streams.lock() {
            let (windows, used) = streams.counts();
            log::debug!("{windows} windows stored ahead, of which {used} were read");
        }
    }
}

struct Work {
    tree: Arc<Tree>,
    cache: KernelCache,
    /// The record that was asked for last.
    reached: Arc<AtomicU64>,
    /// The window before, whose pages of the shards nobody needs when the next one is asked for.
    before: Option<Window>,
}

impl Work {
    fn run(&mut self, windows: &Receiver<Window>) {
        while let Ok(window) = windows.recv() {
            if let Some(before) = self.before.filter(|before| before.to == window.from) {
                self.tree.drop_behind(&self.extents(&before));
            }
            if self.push(&window).is_err() {
                // The mount is gone.
                return;
            }
            self.before = Some(window);
        }
    }

    /// Fails when the kernel takes no more of this mount.
    fn push(&self, window: &Window) -> io::Result<()> {
        let extents = self.extents(window);
        self.tree.will_need(&extents);
        let marker = self.tree.record_at(window.order, window.marker);
        let mut unknown = 0;
        let mut from = 0;
        for &(record, shard, extent) in &extents {
            let wanted = !extent.is_empty() && extent.len() <= LARGEST;
            if unknown == UNKNOWN || !wanted || Some(record) == marker || record < from {
                continue;
            }
            // A reader who is faster has overtaken: go on some way before it.
            let reached = self.reached.load(Ordering::Relaxed);
            if window.order == Order::Numbers && (record..window.to).contains(&reached) {
                from = reached + LEAD;
                continue;
            }
            let shard = &self.tree.dataset().shards()[shard];
            // Its place was read some time ago: what a shard that has changed since would give must
            // not get into the cache.
            let Ok(bytes) = shard.check_size().and_then(|()| shard.mapped(extent)) else {
                continue;
            };
            match self.cache.store(Node::Record(record).ino(), bytes) {
                Ok(()) => unknown = 0,
                Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
                    Errno::ENOENT => unknown += 1,
                    Errno::ENODEV | Errno::ENOTCONN | Errno::EBADF | Errno::EINVAL => {
                        return Err(error);
                    }
                    // A shard that was cut, or too little memory: the reader will see.
                    _ => return Ok(()),
                },
            }
        }
        Ok(())
    }

    /// The records of a window and where they lie, those that can be read.
    fn extents(&self, window: &Window) -> Vec<(u64, usize, Extent)> {
        let dataset = self.tree.dataset();
        let mut extents = Vec::new();
        let mut push = |record: u64, shard, extent| extents.push((record, shard, extent));
        match window.order {
            Order::Numbers => {
                let end = window.to.min(dataset.records());
                dataset.for_each_extent(window.from..end, &mut |record, shard, extent| {
                    if let Ok(extent) = extent {
                        push(record.get(), shard, extent);
                    }
                    true
                });
            }
            Order::Names => {
                let records = (window.from..window.to)
                    .filter_map(|position| self.tree.record_at(window.order, position));
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

/// The kernel's cache of the mount. fuser's own notifier does not tell whether the kernel knows the
/// inode.
#[derive(Debug)]
struct KernelCache(File);

/// `enum fuse_notify_code` in include/uapi/linux/fuse.h.
const NOTIFY_STORE: i32 = 4;
/// Sizes of `struct fuse_out_header` and `struct fuse_notify_store_out` there.
const HEADER: usize = 16;
const STORE_OUT: usize = 24;

impl KernelCache {
    /// Stores all bytes of a file.
    fn store(&self, ino: u64, bytes: &[u8]) -> io::Result<()> {
        let len = HEADER + STORE_OUT + bytes.len();
        let mut head = [0; HEADER + STORE_OUT];
        // Out header: length, code, unique (0 for a notification).
        head[0..4].copy_from_slice(&(len as u32).to_ne_bytes());
        head[4..8].copy_from_slice(&NOTIFY_STORE.to_ne_bytes());
        // Store: node, offset (0), size, padding.
        head[16..24].copy_from_slice(&ino.to_ne_bytes());
        head[32..36].copy_from_slice(&(bytes.len() as u32).to_ne_bytes());
        let written = (&self.0).write_vectored(&[IoSlice::new(&head), IoSlice::new(bytes)])?;
        match written == len {
            true => Ok(()),
            false => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}
