//! What is prepared before anybody asks for it.
//!
//! *A run is a way through an order. A reader moves its goal; one worker brings it there.*
//!
//! [`Ahead`] is told of every read that the kernel cannot answer from its cache, in the thread that has
//! answered it. It finds out whose read that was:
//!
//! | reader | its run | the goal moves | what is done |
//! |---|---|---|---|
//! | in an order (`in_order`) | that order | at each window's marker, by a window | requested, stored |
//! | in one that was chosen, a view or a list that was handed over | the same, together with others | the same, behind what was prepared for any of them | requested, stored; at its end the next one's beginning |
//! | at random (`at_random`) | all records by number | with each read, once a part of all was read, by a few | stored, later requested, too |
//! | of a long file (`long_files`) | its bytes | at each window's marker, by a window | requested, stored |
//!
//! What is due goes as a `Task` through one queue to one `Worker`. It asks the disk
//! (`MADV_WILLNEED`) for what comes next, and stores records into the kernel's cache of the mount
//! (`FUSE_NOTIFY_STORE`), so that reading them makes no request at all. It can store only what the
//! kernel has an inode of; where many names are looked up one by one, and ahead of readers of views, a
//! process lists them ([`lister`]).
//!
//! Which orders there are is the tree's business: anything that is an [`Order`]
//! is followed. All limits are in `budget`.

mod at_random;
mod budget;
#[cfg(test)]
mod fake;
mod followed;
mod in_order;
mod listed;
pub mod lister;
mod located;
mod long_files;
mod looked_up;
mod mount;
mod passing;
mod ranges;
mod reader;
mod recent;
mod run;
#[cfg(test)]
mod tests;
mod worker;

use crate::dataset::resident::ResidentSet;
use crate::kernel_cache::CacheAccess;
use crate::kernel_cache::answering::Answering;
use crate::kernel_cache::stale::Stale;
use crate::order::{ByNumber, Order};
use crate::resident::Residents;
use crate::sys::mountinfo::MountInfo;
use crate::tree::{Node, OrderId, Read, Tree};
use at_random::AtRandom;
use budget::{CHOSEN_ORDERS, FROM_DISK, LEAST_OF_LONG, QUEUE};
use followed::Seen;
use in_order::{InOrder, Orders};
use lister::Lister;
use long_files::LongFiles;
use looked_up::LookedUp;
use mount::MountStore;
use run::{LongFile, Task};
use std::io;
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use worker::Worker;

/// What is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepare {
    /// Nothing.
    Nothing,
    /// The next records in an order that is recognized.
    NextInOrder,
    /// The same, and for random readers all names and all records, where there is room.
    Everything,
}

/// Follows readers, and has a thread prepare what they will want.
#[derive(Debug)]
pub struct Ahead {
    tree: Arc<Tree>,
    readers: Mutex<Readers>,
    long_files: Mutex<LongFiles>,
    looked_up: LookedUp,
    /// Whether orders have changed, which whoever looks at the readers next has to take note of.
    have_more: AtomicBool,
    tasks: SyncSender<Task>,
    lister: Option<Lister>,
    answering: Arc<Answering>,
}

impl Ahead {
    /// Starts the threads for the mount of `tree`, which the system knows by `info`, and whose cache in
    /// the kernel is reached by `access`; `None` where nothing is to be prepared. Processes that
    /// `list_ahead` starts list names.
    pub fn start(
        tree: &Arc<Tree>,
        info: &MountInfo,
        access: &CacheAccess,
        stale: &Stale,
        residents: &Residents,
        prepare: Prepare,
        list_ahead: lister::Program,
    ) -> io::Result<Option<Ahead>> {
        let lister = match prepare {
            Prepare::Nothing => return Ok(None),
            Prepare::NextInOrder => None,
            Prepare::Everything => {
                let tree = Arc::clone(tree);
                Some(Lister::start(tree, info.clone(), list_ahead)?)
            }
        };
        let (tasks, receiver) = sync_channel(QUEUE);
        let answering = Arc::new(Answering::default());
        let start = Start {
            tree: Arc::clone(tree),
            access: access.clone(),
            stale: stale.clone(),
            answering: Arc::clone(&answering),
            is_listing: lister.as_ref().map(Lister::is_listing).unwrap_or_default(),
            residents: residents.clone(),
        };
        thread::Builder::new()
            .name("ahead".to_owned())
            .spawn(move || start.run(&receiver))?;
        let dataset = tree.dataset();
        let readers = Readers::new(
            Vec::new(),
            lister.is_some().then_some(dataset.records()),
            dataset.mean_record_len(),
            Arc::clone(dataset.resident()),
        );
        Ok(Some(Ahead {
            tree: Arc::clone(tree),
            readers: Mutex::new(readers),
            long_files: Mutex::new(LongFiles::new(Arc::clone(dataset.resident()))),
            looked_up: LookedUp::default(),
            have_more: AtomicBool::new(false),
            tasks,
            lister,
            answering,
        }))
    }

    /// Takes note of a read that has been answered, which took so long. Never waits.
    pub fn was_read(&self, read: &Read<'_>, took: Duration) {
        self.answering.observe(took);
        if let Node::Record(record) = read.node {
            self.looked_up.was_read(record);
        }
        if let (Node::Record(record), 0) = (read.node, read.offset)
            && let Ok(mut readers) = self.readers.try_lock()
        {
            self.prepare_more(&mut readers);
            let next = |ends| self.tree.next_order(ends);
            let due = readers.observe(record, Instant::now(), took, &next);
            self.push_due(&mut readers, due);
        }
        let is_first_small = read.offset == 0 && (read.len() as u64) < LEAST_OF_LONG;
        let is_part = !read.is_whole() && (read.node == Node::RawData || !is_first_small);
        if let Some(place) = read.in_raw_data().filter(|_| is_part)
            && let Ok(mut files) = self.long_files.try_lock()
        {
            let node = read.node;
            self.push(files.observe(LongFile { node, place }, read.range()));
        }
    }

    /// Takes note of a node that is being looked up. Before the answer: while it is on its way, and until
    /// its reader comes back, the disk can work. Never waits.
    pub fn is_found(&self, found: Node, tree: &Tree) {
        if let Node::Record(record) = found
            && self.looked_up.looked_up(record)
            && self.are_from_disk()
        {
            tree.request(record);
        }
    }

    /// Takes note of a node that was looked up in a directory. Never waits.
    pub fn was_looked_up(&self, directory: Node, found: Node, tree: &Tree) {
        let Node::Record(record) = found else { return };
        if let Some(lister) = &self.lister {
            // All records of an order that was handed over are read.
            let is_doubtful = self.are_from_disk() && tree.handed_over().are_none();
            lister.observe(directory, tree, is_doubtful);
        }
        if let Some(order) = tree.chosen_order(directory)
            && let Ok(mut readers) = self.readers.try_lock()
        {
            self.prepare_more(&mut readers);
            let next = |ends| self.tree.next_order(ends);
            let (position, due) = readers.observe_lookup(order, record, &next);
            self.push_due(&mut readers, due);
            drop(readers);
            if let (Some(lister), Some(position)) = (&self.lister, position) {
                lister.was_looked_up(order, position);
            }
        }
    }

    /// Takes note that orders were handed over, or taken back. Never waits.
    pub fn orders_have_changed(&self) {
        self.have_more.store(true, Ordering::Release);
        if let Ok(mut readers) = self.readers.try_lock() {
            self.prepare_more(&mut readers);
        }
    }

    /// Has prepared what is due since orders have changed, if they have.
    fn prepare_more(&self, readers: &mut Readers) {
        readers.follow_orders_of(&self.tree);
        if self.have_more.swap(false, Ordering::Acquire) {
            for (order, task) in readers.in_order.have_more() {
                self.push_due(readers, Some((Some(order), task)));
            }
        }
    }

    /// Whether records have been read from disk lately.
    fn are_from_disk(&self) -> bool {
        self.answering.mean() > FROM_DISK
    }

    fn push_due(&self, readers: &mut Readers, due: Option<Due>) {
        let Some((order, task)) = due else { return };
        let positions = task.from..task.until;
        let is_sent = self.push(Some(task));
        match (order, &self.lister) {
            (Some(order), _) if !is_sent => readers.in_order.was_dropped(order, positions.start),
            (Some(order @ OrderId::View(_)), Some(lister)) => lister.is_prepared(order, positions),
            _ => {}
        }
    }

    /// Returns whether it is done.
    fn push(&self, task: Option<Task>) -> bool {
        if let Some(task) = task
            && let Err(TrySendError::Full(task)) = self.tasks.try_send(task)
        {
            task.run.is_busy.store(false, Ordering::Relaxed);
            return false;
        }
        true
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Ok(readers) = self.readers.lock() {
            let (windows, used) = readers.in_order.counts();
            log::debug!("{windows} windows stored ahead, of which {used} were read");
        }
    }
}

/// Tells which order is likely to come after one that ends.
type NextOrder<'a> = &'a dyn Fn(OrderId) -> Option<(OrderId, Arc<dyn Order>)>;

/// What is to be done, and for which order.
type Due = (Option<OrderId>, Task);

/// The readers of records.
#[derive(Debug)]
struct Readers {
    in_order: InOrder,
    /// Only if all records are to be prepared.
    at_random: Option<AtRandom>,
    resident: Arc<ResidentSet>,
    /// How many orders had been added when they were asked for.
    added_orders: Option<u64>,
}

impl Readers {
    /// That may follow any of these orders; `all` is how many records there are, if all are to be
    /// prepared for random readers. Records have this mean length in bytes.
    fn new(orders: Orders, all: Option<u64>, mean_len: u64, resident: Arc<ResidentSet>) -> Readers {
        let by_number = |records| AtRandom::new(Arc::new(ByNumber(records)), mean_len);
        Readers {
            in_order: InOrder::new(orders, mean_len, Arc::clone(&resident)),
            at_random: all.map(by_number),
            resident,
            added_orders: None,
        }
    }

    /// Asks for the orders again, where there are new ones.
    fn follow_orders_of(&mut self, tree: &Arc<Tree>) {
        let added = Some(tree.added_orders());
        if added != self.added_orders {
            self.added_orders = added;
            self.in_order.set_orders(tree.orders(CHOSEN_ORDERS));
        }
    }

    /// Takes note of the lookup of a record in a directory of this order, and says what is due.
    /// And at which position there it is, if that is of a reader of it.
    fn observe_lookup(
        &mut self,
        order: OrderId,
        record: u64,
        next: NextOrder<'_>,
    ) -> (Option<u64>, Option<Due>) {
        let seen = self.in_order.observe_lookup(order, record);
        let is_followed = !matches!(seen, Seen::Stray);
        let position = self.in_order.position_in(order, record);
        (position.filter(|_| is_followed), self.due(seen, next))
    }

    /// Where an order ends, it is due that the one that is likely to come next is begun.
    fn due(&mut self, seen: Seen, next: NextOrder<'_>) -> Option<Due> {
        match seen {
            Seen::Due(order, task) => Some((Some(order), task)),
            Seen::Ends(ends) => {
                let (id, order) = next(ends)?;
                Some((Some(id), self.in_order.begin_next(ends, id, order)?))
            }
            Seen::Enough | Seen::Stray => None,
        }
    }

    /// Takes note of the first read of a record, which took so long, and says what is due.
    fn observe(
        &mut self,
        record: u64,
        now: Instant,
        took: Duration,
        next: NextOrder<'_>,
    ) -> Option<Due> {
        match self.in_order.observe(record) {
            // In a pass that finds in memory what is to stay, only others are read.
            Seen::Stray if !self.resident.record(record).in_mount => None,
            Seen::Stray => {
                let task = self.at_random.as_mut()?.observe(record, now, took)?;
                Some((None, task))
            }
            seen => self.due(seen, next),
        }
    }
}

/// What the thread begins with.
struct Start {
    tree: Arc<Tree>,
    access: CacheAccess,
    stale: Stale,
    answering: Arc<Answering>,
    is_listing: Arc<AtomicBool>,
    residents: Residents,
}

impl Start {
    /// Works on tasks until the mount is gone.
    fn run(self, tasks: &Receiver<Task>) {
        let first = tasks.iter().find(|_| self.access.is_ready());
        let Some(first) = first else { return };
        let cache = match self.access.open() {
            Ok(cache) => cache,
            Err(error) => return log::warn!("no records are stored ahead of readers: {error}"),
        };
        let mut worker = Worker::new(MountStore::new(
            self.tree,
            cache,
            self.stale,
            self.answering,
            self.is_listing,
            self.residents,
        ));
        for task in iter::once(first).chain(tasks) {
            if worker.prepare(&task).is_err() {
                // The mount is gone.
                return;
            }
        }
    }
}
