//! Keeps the resident set, and lets go of all other records once they were read: in the kernel's cache
//! of the mount and in the pages of the shards.
//!
//! Which records those are is [`dataset::resident`](crate::dataset::resident); how many follows the
//! memory there is (`follow`, `shares`). In the kernel's cache a process lets go of them ([`release`],
//! [`releaser`]), or the kernel is told to, in a thread of its own and some time after a read (`leaving`): a thread that answers reads must never do it, because the kernel waits for pages
//! that are being read, and so for that thread's own answer.

mod follow;
mod leaving;
pub mod release;
pub mod releaser;
mod shares;

pub use follow::CacheLimit;
pub use leaving::{Leaving, Part};
pub use releaser::Releaser;

use crate::dataset::resident::{RAW_BLOCK_LEN, ResidentSet, ResidentShares, Share};
use crate::kernel_cache::{CacheAccess, KernelCache, is_gone};
use crate::tree::{Node, Read, Tree};
use follow::{Follower, Seen};
use leaving::Queue;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How long what is let go of at once waits, in all, for requests to be read that might have locked its
/// pages (see [`kernel_cache`](crate::kernel_cache)).
const PATIENCE: Duration = Duration::from_millis(1);
/// After this many records that are let go of because memory has become less, the thread rests, so that
/// readers are answered.
const SWEEP: usize = 256;
const PAUSE: Duration = Duration::from_micros(200);
/// How often the thread looks whether the mount is served.
const UNTIL_READY: Duration = Duration::from_millis(1);

/// The resident set of a mount. Nothing here waits.
#[derive(Debug, Clone)]
pub struct Residents(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tree: Arc<Tree>,
    queue: Queue,
    /// The process that has read last; 0 if the kernel does not tell.
    reader: AtomicU32,
    read: AtomicU64,
    taken: AtomicU64,
}

impl Residents {
    /// Begins with all records of `tree`, whose mount's cache in the kernel is reached by `access` and
    /// `releaser`.
    pub fn start(
        tree: &Arc<Tree>,
        access: CacheAccess,
        limit: CacheLimit,
        releaser: Releaser,
    ) -> io::Result<Residents> {
        let follower = Follower::new(tree.dataset(), limit);
        let shared = Arc::new(Shared {
            tree: Arc::clone(tree),
            queue: Queue::default(),
            reader: AtomicU32::new(0),
            read: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        });
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            follower,
            releaser,
        };
        thread::Builder::new()
            .name("resident".to_owned())
            .spawn(move || keeper.run(access))?;
        Ok(Residents(shared))
    }

    /// Takes note of a read by process `pid` that has been answered.
    pub fn was_read(&self, read: &Read<'_>, pid: u32) {
        self.0.reader.store(pid, Ordering::Relaxed);
        let is_first = self.0.read.fetch_add(1, Ordering::Relaxed) == 0;
        let set = self.0.set();
        if let Node::Record(record) = read.node
            && read.is_whole()
            && set.has_record(record)
        {
            self.0.taken.fetch_add(1, Ordering::Relaxed);
        }
        match what_leaves(set, read) {
            Some(leaving) => self.0.queue.push(leaving, read.len() as u64),
            // The thread looks at memory.
            None if is_first => self.0.queue.stir(),
            None => {}
        }
    }

    /// The kernel has forgotten this node.
    pub fn was_forgotten(&self, node: Node) {
        if let Node::Record(record) = node {
            self.0.set().records().clear(record);
        }
    }

    /// Lets go of what its reader is done with.
    pub fn let_go(&self, leaving: Leaving) {
        self.0.queue.push_passed(leaving);
    }

    /// Nothing is let go of any more: the mount has ended.
    pub fn end(&self) {
        self.0.queue.end();
    }
}

impl Shared {
    fn set(&self) -> &ResidentSet {
        self.tree.dataset().resident()
    }
}

/// Notes what the kernel has of what it was given, and returns what of it is not to stay.
pub fn what_leaves(set: &ResidentSet, read: &Read<'_>) -> Option<Leaving> {
    let range = read.range();
    let stays = match read.node {
        Node::Record(record) => {
            let stays = set.record(record);
            // A long one is read in parts; a reader in order comes to its end last.
            if stays.in_mount && read.ends_file() {
                set.records().set(record);
            }
            stays
        }
        Node::RawData => {
            let stays = set.byte(range.start);
            // So it does to the end of a block.
            if stays.in_mount && range.end.is_multiple_of(RAW_BLOCK_LEN) {
                set.blocks().set(range.start / RAW_BLOCK_LEN);
            }
            stays
        }
        _ => return None,
    };
    let bytes = if read.is_whole() { 0..0 } else { range };
    let leaving = Leaving {
        in_mount: (!stays.in_mount && !read.is_empty()).then_some((read.node, bytes)),
        in_shard: read.in_shard().filter(|_| !stays.in_shard),
    };
    (leaving.in_mount.is_some() || leaving.in_shard.is_some()).then_some(leaving)
}

/// The thread that lets go.
struct Keeper {
    shared: Arc<Shared>,
    follower: Follower,
    releaser: Releaser,
}

impl Keeper {
    fn run(mut self, access: CacheAccess) {
        while !access.is_ready() {
            thread::sleep(UNTIL_READY);
        }
        let cache = match access.open() {
            Ok(cache) => cache,
            Err(error) => {
                return log::warn!("the kernel alone decides what stays in memory: {error}");
            }
        };
        while let Some(batch) = self.shared.queue.next() {
            let mut files = Vec::with_capacity(batch.len());
            for leaving in batch {
                if let Some((shard, part)) = leaving.in_shard {
                    self.shared.tree.dataset().shards()[shard].let_go(part);
                }
                files.extend(leaving.in_mount);
            }
            let in_use = self.shared.queue.take_in_use();
            if self.let_go(&cache, files).is_err() || notify(&cache, in_use).is_err() {
                // The mount is gone.
                return;
            }
            // Before anything was read, nobody knows whose memory counts.
            let has_begun = self.shared.read.load(Ordering::Relaxed) > 0;
            if self.follower.is_due(has_begun) && self.follow(&cache).is_err() {
                return;
            }
        }
    }

    /// Lets go of these in the kernel's cache of the mount. Fails when the mount is gone.
    fn let_go(&mut self, cache: &KernelCache, files: Vec<Part>) -> io::Result<()> {
        let rest = self.releaser.release(&self.shared, files);
        notify(cache, rest)
    }

    /// Looks at memory, and lets go of what is not to stay any more.
    fn follow(&mut self, cache: &KernelCache) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let seen = Seen {
            read: shared.read.swap(0, Ordering::Relaxed),
            taken: shared.taken.swap(0, Ordering::Relaxed),
        };
        let pid = shared.reader.load(Ordering::Relaxed);
        let set = shared.set();
        let before = set.shares();
        let change = self.follower.look(&before, pid, seen);
        if change.is_lost {
            log::debug!(
                "the kernel has taken back {} of {} records",
                seen.taken,
                seen.read
            );
            set.records().clear_all();
            set.blocks().clear_all();
        }
        set.set_most_ahead(change.most_ahead);
        shared.queue.set_most_bytes(change.most_waiting);
        if change.shares == before {
            return Ok(());
        }
        log::trace!("resident: {:?}", change.shares);
        set.set_shares(&change.shares);
        if change.shares.in_mount < before.in_mount {
            self.sweep(cache, &before)?;
        }
        let was_two_copies = before.in_shards.start == Share::NONE;
        let ends_two_copies = was_two_copies && change.shares.in_shards.start > Share::NONE;
        if ends_two_copies || change.shares.in_shards.end < before.in_shards.end {
            for shard in shared.tree.dataset().shards() {
                shard.let_go_all();
            }
        }
        Ok(())
    }

    /// Lets go of records and blocks that were to stay before, and are not any more.
    fn sweep(&mut self, cache: &KernelCache, before: &ResidentShares) -> io::Result<()> {
        let tree = Arc::clone(&self.shared.tree);
        let dataset = tree.dataset();
        let set = dataset.resident();
        let now = set.shares();
        let mut parts = Vec::new();
        let mut let_go = |node, bytes| {
            parts.push((node, bytes));
            if parts.len() < SWEEP {
                return Ok(());
            }
            thread::sleep(PAUSE);
            self.let_go(cache, std::mem::take(&mut parts))
        };
        for record in 0..dataset.records() {
            let goes =
                set.record_by(before, record).in_mount && !set.record_by(&now, record).in_mount;
            if goes && set.records().clear(record) {
                let_go(Node::Record(record), 0..0)?;
            }
        }
        for block in 0..dataset.payload_len().div_ceil(RAW_BLOCK_LEN) {
            let at = block * RAW_BLOCK_LEN;
            let goes = set.byte_by(before, at).in_mount && !set.byte_by(&now, at).in_mount;
            if goes && set.blocks().clear(block) {
                let_go(Node::RawData, at..at + RAW_BLOCK_LEN)?;
            }
        }
        self.let_go(cache, parts)
    }
}

/// Lets go of these and of the attributes of their files. Fails when the mount is gone.
fn notify(cache: &KernelCache, parts: Vec<Part>) -> io::Result<()> {
    let mut patience = PATIENCE;
    for (node, bytes) in parts {
        cache.wait_until_unasked(&mut patience)?;
        let let_go = cache.invalidate(node.ino(), bytes.start, bytes.end - bytes.start);
        // Others are of files that the kernel does not know.
        let_go.or_else(|error| if is_gone(&error) { Err(error) } else { Ok(()) })?;
    }
    Ok(())
}
