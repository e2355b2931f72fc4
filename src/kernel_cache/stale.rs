//! Letting go of what the kernel's cache of a mount has of shards that have changed, in a thread of
//! its own.
//!
//! A thread that answers requests must never do this: the kernel waits for pages that are being read,
//! and so for that thread's own answer. Of a shard that has changed nothing is read any more, so what
//! is waited for is an error that is on its way.

use crate::kernel_cache::{CacheAccess, KernelCache, is_gone};
use crate::tree::{INDEX_ENTRY, Node, Tree};
use std::io;
use std::iter;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// After this many inodes in a row the thread rests: a shard may have millions, and readers of the
/// others want to be answered.
const BATCH: u64 = 4096;
const PAUSE: Duration = Duration::from_millis(1);
/// How long one job waits, in all, for requests to be read that might have locked its pages (see
/// [`kernel_cache`](crate::kernel_cache)); then it lets go all the same.
const PATIENCE: Duration = Duration::from_millis(100);

/// The way to that thread. Nothing here waits.
#[derive(Debug, Clone)]
pub struct Stale(Sender<Job>);

#[derive(Debug)]
enum Job {
    /// All that the kernel has of this file.
    File(Node),
    /// All files of the shard with this number, and its part of those that span shards.
    Shard(usize),
}

impl Stale {
    /// Begins with files of `tree`, in the kernel's cache by `access`. A shard that is found changed is
    /// let go of by itself.
    pub fn start(tree: Arc<Tree>, access: CacheAccess) -> io::Result<Stale> {
        let (sender, receiver) = channel();
        for (number, shard) in tree.dataset().shards().iter().enumerate() {
            let sender = sender.clone();
            shard.on_change(Box::new(move || {
                let _ = sender.send(Job::Shard(number));
            }));
        }
        thread::Builder::new()
            .name("let go".to_owned())
            .spawn(move || run(&tree, access, &receiver))?;
        Ok(Stale(sender))
    }

    /// Lets go of what was read of a file while its shard changed.
    pub fn let_go(&self, node: Node) {
        // The thread ends only with the mount.
        let _ = self.0.send(Job::File(node));
    }
}

fn run(tree: &Tree, access: CacheAccess, jobs: &Receiver<Job>) {
    let Ok(first) = jobs.recv() else { return };
    while !access.is_ready() {
        thread::sleep(PAUSE);
    }
    let cache = match access.open() {
        Ok(cache) => cache,
        Err(error) => return log::warn!("changed shards stay in the kernel's cache: {error}"),
    };
    for job in iter::once(first).chain(jobs) {
        let done = match job {
            Job::File(node) => invalidate(&cache, node, 0, 0, &mut { PATIENCE }),
            Job::Shard(number) => invalidate_shard(tree, &cache, number),
        };
        if done.is_err() {
            // The mount is gone.
            return;
        }
    }
}

fn invalidate_shard(tree: &Tree, cache: &KernelCache, number: usize) -> io::Result<()> {
    let dataset = tree.dataset();
    let records = dataset
        .first_record(number)
        .zip(dataset.first_record(number + 1));
    let bytes = dataset
        .first_byte(number)
        .zip(dataset.first_byte(number + 1));
    let (Some((first, end)), Some((from, to))) = (records, bytes) else {
        return Ok(());
    };
    let mut patience = PATIENCE;
    if from < to {
        invalidate(cache, Node::RawData, from, to - from, &mut patience)?;
    }
    if first < end {
        let len = (end - first) * INDEX_ENTRY;
        invalidate(
            cache,
            Node::RawIndex,
            first * INDEX_ENTRY,
            len,
            &mut patience,
        )?;
    }
    for record in first..end {
        invalidate(cache, Node::Record(record), 0, 0, &mut patience)?;
        if (record - first) % BATCH == BATCH - 1 {
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// Fails when the kernel takes no more of this mount.
fn invalidate(
    cache: &KernelCache,
    node: Node,
    offset: u64,
    len: u64,
    patience: &mut Duration,
) -> io::Result<()> {
    cache.wait_until_unasked(patience)?;
    match cache.invalidate(node.ino(), offset, len) {
        Err(error) if is_gone(&error) => Err(error),
        // Mostly of files that the kernel does not know.
        Ok(()) | Err(_) => Ok(()),
    }
}
