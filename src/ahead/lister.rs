//! Names and inodes that the kernel is to cache before they are asked for: the mount is listed, which
//! brings some hundred entries in one request, where a lookup brings one.
//!
//! A mount can be listed only through the mount, and a process that serves one must not use it: if
//! it is killed while it waits for its own answer, neither can end. So a helper process lists it, which
//! does not have the device. It lists a detached clone of the mount, so that it keeps the mount busy for
//! no longer than cloning takes, and is ended when the mount is unmounted.

use super::at_random::RandomReads;
use super::budget::{
    BYTES_PER_NAME, LISTED_ORDERS, MISSING_NAMES, MOST_FAILURES, NAMES_AT_ONCE, NAMES_IN_TIME,
    NAMES_SHARE,
};
use super::listed::Listed;
use super::ranges::Ranges;
use super::recent::Recent;
use crate::sys::child;
use crate::sys::detached;
use crate::sys::files::{entries, entries_from};
use crate::sys::lock;
use crate::sys::memory;
use crate::sys::mountinfo::{MountInfo, MountTable};
use crate::tree::{Collection, Node, OrderId, Tree};
use nix::sys::prctl::set_name;
use rustix::fs::FileType;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// What a process is to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The mount.
    pub mount: MountInfo,
    /// The directory in it.
    pub directory: PathBuf,
    /// All of it and all below it, or these entries alone.
    pub part: Option<Part>,
}

/// So many entries of a directory from this offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub offset: u64,
    pub count: u64,
}

/// How to start a process that calls [`list_all`].
pub type Program = fn(&Listing) -> Command;

/// Follows lookups, and has a collection listed when many of its names are looked up one by one.
#[derive(Debug)]
pub struct Lister {
    lookups: [Mutex<RandomReads>; Collection::ALL.len()],
    /// What has been listed of orders that are followed.
    listed: Arc<Mutex<Recent<Listed>>>,
    /// For how many there is room at once.
    most_names: Arc<AtomicU64>,
    /// How many processes in a row could not list anything.
    failures: Arc<AtomicU32>,
    wanted: SyncSender<Wanted>,
    is_listing: Arc<AtomicBool>,
    is_at_work: Arc<AtomicBool>,
}

impl Lister {
    /// For the mount of `tree`, with processes that `program` starts.
    pub fn start(tree: Arc<Tree>, mount: MountInfo, program: Program) -> io::Result<Lister> {
        let records = tree.dataset().records();
        let (sender, receiver) = sync_channel(Collection::ALL.len());
        let is_listing = Arc::new(AtomicBool::new(false));
        let is_at_work = Arc::new(AtomicBool::new(false));
        let most_names = Arc::new(AtomicU64::new(*NAMES_AT_ONCE.start()));
        let listed = Arc::new(Mutex::new(Recent::with_room(LISTED_ORDERS)));
        let failures = Arc::new(AtomicU32::new(0));
        let listing = ListingThread {
            listed: Arc::clone(&listed),
            tree,
            mount,
            program,
            is_listing: Arc::clone(&is_listing),
            most_names: Arc::clone(&most_names),
            failures: Arc::clone(&failures),
            is_at_work: Arc::clone(&is_at_work),
        };
        thread::Builder::new()
            .name("list".to_owned())
            .spawn(move || listing.run(&receiver))?;
        Ok(Lister {
            lookups: Collection::ALL.map(|_| Mutex::new(RandomReads::new(records))),
            listed,
            most_names,
            failures,
            is_at_work,
            wanted: sender,
            is_listing,
        })
    }

    /// Whether a collection is being listed.
    pub fn is_listing(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_listing)
    }

    /// Takes note of a lookup of a record in `directory`. Never waits. While records come from disk, which is
    /// what their reader waits for, more lookups are needed: of a reader of few it would be too much to have
    /// all names listed.
    pub fn observe(&self, directory: Node, tree: &Tree, is_cold: bool) {
        // Names that are being listed are cached soon.
        if self.is_listing.load(Ordering::Relaxed) {
            return;
        }
        let Some(collection) = tree.collection(directory) else {
            return;
        };
        let Ok(mut lookups) = self.lookups[collection as usize].try_lock() else {
            return;
        };
        let are_many = lookups.count(Instant::now());
        if are_many.is_some_and(|are_very_many| are_very_many || !is_cold) {
            lookups.start_over();
            // Before the thread begins, so that the worker does not pass over these names.
            self.is_listing.store(true, Ordering::Relaxed);
            if self.wanted.try_send(Wanted::All(collection)).is_err() {
                self.is_listing.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Takes note of records at these positions of an order that are prepared for a reader: in good time before
    /// it has come there, their names are listed, too. Never waits.
    pub fn is_prepared(&self, order: OrderId, positions: Range<u64>) {
        let len = positions.end - positions.start;
        self.with_listed(order, |listed| {
            self.list_from(listed, positions.end, NAMES_IN_TIME * len);
        });
    }

    /// Takes note of a name at a position of an order that one of its readers looked up: those behind it
    /// are listed. Never waits.
    pub fn was_looked_up(&self, order: OrderId, position: u64) {
        self.with_listed(order, |listed| {
            let is_due = !self.is_at_work.load(Ordering::Relaxed);
            let was_listed = listed.names.free_from(position) > position;
            listed.missing = if was_listed && is_due {
                listed.missing + 1
            } else {
                0
            };
            if listed.missing >= MISSING_NAMES {
                listed.names = Ranges::default();
            }
            let passed_over = listed.looked_up_until_listed(Instant::now());
            self.list_from(listed, position.saturating_add(passed_over), 0);
        });
    }

    fn with_listed(&self, order: OrderId, each: impl FnOnce(&mut Listed)) {
        if let Ok(mut lists) = self.listed.try_lock() {
            each(Listed::of(&mut lists, order));
        }
    }

    /// Has names listed from this position on, if they have not been up to `ahead` positions further.
    fn list_from(&self, listed: &mut Listed, position: u64, ahead: u64) {
        let first = listed.names.free_from(position);
        let has_failed = self.failures.load(Ordering::Relaxed) >= MOST_FAILURES;
        if has_failed || first > position.saturating_add(ahead) {
            return;
        }
        let most = self.most_names.load(Ordering::Relaxed);
        let len = listed.len.min(most.max(u64::from(MISSING_NAMES)));
        let end = listed.names.next_from(first).min(first.saturating_add(len));
        let wanted = Wanted::At(listed.order, first..end);
        if end > first && self.wanted.try_send(wanted).is_ok() {
            listed.names.add(first..end);
            listed.len = (2 * listed.len).min(*NAMES_AT_ONCE.end());
        }
    }
}

/// What is to be listed.
#[derive(Debug)]
enum Wanted {
    All(Collection),
    /// The names at these positions of an order.
    At(OrderId, Range<u64>),
}

struct ListingThread {
    listed: Arc<Mutex<Recent<Listed>>>,
    tree: Arc<Tree>,
    mount: MountInfo,
    program: Program,
    is_listing: Arc<AtomicBool>,
    most_names: Arc<AtomicU64>,
    failures: Arc<AtomicU32>,
    is_at_work: Arc<AtomicBool>,
}

impl ListingThread {
    fn run(&self, wanted: &Receiver<Wanted>) {
        while let Ok(wanted) = wanted.recv() {
            let is_all = matches!(wanted, Wanted::All(_));
            if is_all {
                self.is_listing.store(true, Ordering::Relaxed);
            }
            self.is_at_work.store(true, Ordering::Relaxed);
            self.list_and_log(&wanted);
            if let Some(next) = self.next_of(&wanted) {
                self.list_and_log(&next);
            }
            if is_all {
                self.is_listing.store(false, Ordering::Relaxed);
            }
            self.is_at_work.store(false, Ordering::Relaxed);
        }
    }

    fn list_and_log(&self, wanted: &Wanted) {
        let begin = Instant::now();
        match self.list(wanted) {
            Ok(()) => {
                self.failures.store(0, Ordering::Relaxed);
                log::debug!("{wanted:?}: listed ahead in {:?}", begin.elapsed());
            }
            Err(error) => {
                // Where there is no room or there are no more names, no process was started.
                let is_tried =
                    !matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::NotFound);
                self.failures
                    .fetch_add(u32::from(is_tried), Ordering::Relaxed);
                log::debug!("{wanted:?}: cannot be listed ahead: {error}");
            }
        }
    }

    /// The first names of the order that is likely to come next, where those of one up to its end were
    /// listed.
    fn next_of(&self, wanted: &Wanted) -> Option<Wanted> {
        let Wanted::At(order, positions) = wanted else {
            return None;
        };
        if positions.end < self.tree.len_of(*order)? {
            return None;
        }
        let (next, order) = self.tree.next_order(*order)?;
        let most = self.most_names.load(Ordering::Relaxed);
        let names = 0..most.min(*NAMES_AT_ONCE.end()).min(order.len());
        let mut lists = lock(&self.listed);
        let listed = Listed::of(&mut lists, next);
        if listed.names.free_from(0) >= names.end {
            return None;
        }
        listed.names.add(names.clone());
        Some(Wanted::At(next, names))
    }

    /// The directory, which entries of it, and how many names there are.
    fn place_of(&self, wanted: &Wanted) -> Option<(PathBuf, Option<Part>, u64)> {
        match wanted {
            Wanted::All(collection) => {
                let path = self.tree.collection_path(*collection).into();
                Some((path, None, self.tree.dataset().records()))
            }
            Wanted::At(order, positions) => {
                let (path, offsets) = self.tree.entries_of(*order, positions)?;
                let (offset, count) = (offsets.start, offsets.end - offsets.start);
                Some((path, Some(Part { offset, count }), count))
            }
        }
    }

    fn list(&self, wanted: &Wanted) -> io::Result<()> {
        let Some((directory, part, names)) = self.place_of(wanted) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let most = memory::available() / NAMES_SHARE / BYTES_PER_NAME;
        self.most_names.store(most, Ordering::Relaxed);
        if names > most {
            return Err(io::Error::new(ErrorKind::OutOfMemory, "too many names"));
        }
        let table = MountTable::open()?;
        let listing = Listing {
            mount: self.mount.clone(),
            directory,
            part,
        };
        let mut child = (self.program)(&listing)
            .stdin(Stdio::null())
            // Closed when it ends, however it does.
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let is_mounted = match &child.stdout {
            Some(end) => table.wait_while_mounted(&self.mount.device, end),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        if !matches!(is_mounted, Ok(true)) {
            let _ = child.kill();
        }
        let output = child::finish(child)?;
        if is_mounted? && !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(message.trim().to_owned()));
        }
        Ok(())
    }
}

/// Lists a directory of a mount and all below it, or a part of it. To be called in a process of its own, which has
/// one thread and no file open.
pub fn list_all(listing: &Listing) -> io::Result<()> {
    set_name(c"roxfs-list")?;
    let mount = detached::clone_of(&listing.mount)?;
    nix::unistd::fchdir(&mount)?;
    let directory = &listing.directory;
    if let Some(Part { offset, count }) = listing.part {
        let entries = entries_from(directory, offset)?;
        let mut listed = (0..count).zip(entries);
        return listed.try_for_each(|(_, entry)| entry.map(|_| ()));
    }
    let mut open = vec![(directory.clone(), entries(directory)?)];
    while let Some((directory, list)) = open.last_mut() {
        match list.next() {
            Some(Ok((name, FileType::Directory))) => {
                let below = directory.join(name);
                // One that cannot be listed, also for the length of its path, is left alone.
                open.extend(entries(&below).ok().map(|list| (below, list)));
            }
            Some(_) => {}
            None => {
                open.pop();
            }
        }
    }
    Ok(())
}
