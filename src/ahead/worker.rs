//! Brings runs to where their readers will want them: asks the disk, and stores records into the
//! kernel's cache of the mount. In a thread of its own.
//!
//! A thread that answers reads must never do this: the kernel's store waits for pages that are being
//! read, and so for that thread's own answer.

use super::budget::{
    COLD_RECORDS, LEAD_AFTER_OVERTAKING, LONG_LEAD_AFTER_OVERTAKING, LONG_MARKER, LONG_PART,
    MOST_STRETCHED, UNKNOWN_IN_A_ROW,
};
use super::run::{Effort, LongFile, Run, Task, Way};
use crate::order::Order;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What became of a record that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The kernel has it, or its shard's pages are in memory now.
    Yes {
        /// It had to be read from disk.
        from_disk: bool,
    },
    /// The kernel has no inode of it: nobody has listed it.
    Unknown,
    /// It cannot be stored, as it is too long or its shard has changed; others can.
    Passed,
    /// The kernel refuses, for want of memory or because a shard was cut: readers will see.
    Refused,
}

/// The kernel's cache of the mount and the disk below it, as the worker uses them.
pub trait Store {
    /// A record, and where it lies.
    type Record;

    /// The records at these positions, each with its position; those that cannot be read are left out.
    /// Those that the kernel should have already are left out, too.
    fn locate(
        &mut self,
        run: &Arc<Run>,
        order: &dyn Order,
        positions: Range<u64>,
    ) -> Vec<(u64, Self::Record)>;
    /// Asks the disk for what is at these positions.
    fn request(&mut self, run: &Arc<Run>, positions: Range<u64>);
    /// Before what is stored for a task for this run.
    fn begin(&mut self, _run: &Arc<Run>) {}
    /// Stores a record, which is at this position. Fails when the mount is gone.
    fn store(&mut self, position: u64, record: &Self::Record) -> io::Result<Stored>;
    /// Stores a part of a long file, from the beginning of a page of it. Fails when the mount is gone.
    fn store_part(&mut self, file: &LongFile, part: Range<u64>) -> io::Result<Stored>;
    /// After the records of a task.
    fn finish(&mut self) {}
    /// Whether memory has room for any of all records.
    fn has_room_for_any(&mut self) -> bool;
    /// Whether memory has room for more than is to stay.
    fn has_room_to_spare(&self) -> bool;
    /// Whether the kernel is being told of more names.
    fn are_names_coming(&self) -> bool;
}

/// Works on tasks.
#[derive(Debug)]
pub struct Worker<S> {
    pub(super) store: S,
}

impl<S: Store> Worker<S> {
    pub fn new(store: S) -> Worker<S> {
        Worker { store }
    }

    /// Brings a run to where the task wants it. Fails when the mount is gone.
    pub fn prepare(&mut self, task: &Task) -> io::Result<()> {
        let begin = Instant::now();
        let done = self.bring(task);
        if task.effort.requests() {
            let spent = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            task.run
                .spent
                .set(task.run.spent.get().saturating_add(spent));
        }
        task.run.is_busy.store(false, Ordering::Relaxed);
        done
    }

    fn bring(&mut self, task: &Task) -> io::Result<()> {
        let run = &*task.run;
        if run.has_ended() {
            return Ok(());
        }
        if run.is_of_all && !self.store.has_room_for_any() {
            log::debug!("no room to store records ahead of random readers");
            run.end();
            return Ok(());
        }
        if task.effort == Effort::StoreFromMemory && run.is_cold.load(Ordering::Relaxed) {
            return Ok(());
        }
        // What has been read already is left.
        let from = run.stored.get().max(run.reached.get()).max(task.from);
        // A reader that has overtaken it has come to the next task's.
        let until = task.until.min(from.saturating_add(task.most)).max(from);
        if task.effort.requests() {
            self.request(task, from..until);
        }
        match &run.way {
            Way::Records(order) if task.effort.stores() => {
                let order = &**order;
                let stored = self.store(task, order, from..until)?;
                run.stored.set(stored.max(run.stored.get()));
                if run.is_of_all && stored >= order.len() {
                    log::debug!("all records stored ahead of random readers");
                    run.end();
                }
            }
            Way::LongFile(file) if task.effort.stores() => {
                self.store_parts(task, file, from..until)?;
                run.stored.set(until);
            }
            Way::Records(_) | Way::LongFile(_) => {}
        }
        Ok(())
    }

    /// Stores these bytes of a long file, page by page whole ones, but for what its reader has read by
    /// itself meanwhile.
    fn store_parts(
        &mut self,
        task: &Task,
        file: &LongFile,
        positions: Range<u64>,
    ) -> io::Result<()> {
        self.store.begin(&task.run);
        let mut at = positions.start.next_multiple_of(LONG_MARKER);
        loop {
            if task.marker.is_at(at) {
                at += LONG_MARKER;
            }
            let reached = task.run.reached.get();
            if reached > at {
                at = (reached + LONG_LEAD_AFTER_OVERTAKING).next_multiple_of(LONG_PART);
            }
            let end = (at + 1).next_multiple_of(LONG_PART).min(positions.end);
            if at >= end || !matches!(self.store.store_part(file, at..end)?, Stored::Yes { .. }) {
                break;
            }
            at = end;
        }
        self.store.finish();
        Ok(())
    }

    /// Requests these positions and the task's lead, once half of the lead has been used.
    fn request(&mut self, task: &Task, positions: Range<u64>) {
        let run = &task.run;
        let from = positions.start.max(run.requested.get());
        let lead = task.lead.saturating_mul(run.stretch.get());
        if from < positions.end.saturating_add(lead.div_ceil(2)) {
            let until = positions.end.saturating_add(lead);
            let until = until.min(task.most_requested).max(positions.end);
            self.store.request(run, from..until);
            run.requested.set(until);
        }
    }

    /// Stores the records at these positions, and returns one past the last that is done with.
    fn store(&mut self, task: &Task, order: &dyn Order, positions: Range<u64>) -> io::Result<u64> {
        let until = positions.end;
        let records = self.store.locate(&task.run, order, positions);
        task.run
            .brought
            .set(task.run.brought.get() + records.len() as u64);
        self.store.begin(&task.run);
        let done = self.store_all(task, &records, until);
        self.store.finish();
        done
    }

    fn store_all(
        &mut self,
        task: &Task,
        records: &[(u64, S::Record)],
        until: u64,
    ) -> io::Result<u64> {
        let run = &*task.run;
        let mut next = 0;
        let (mut unknown, mut first_unknown, mut from_disk) = (0, 0, 0);
        for &(position, ref record) in records {
            next = next.max(overtaken(run, position));
            if position < next || task.marker.is_at(position) {
                continue;
            }
            match self.store.store(position, record)? {
                Stored::Yes { from_disk: is } => {
                    unknown = 0;
                    from_disk += u32::from(is);
                }
                Stored::Unknown => {
                    if unknown == 0 {
                        first_unknown = position;
                    }
                    unknown += 1;
                }
                Stored::Passed => {}
                Stored::Refused => break,
            }
            if unknown == UNKNOWN_IN_A_ROW {
                // Names that are coming are waited for, the others are left.
                let is_waited_for = run.is_of_all && self.store.are_names_coming();
                return Ok(if is_waited_for { first_unknown } else { until });
            }
            if from_disk == COLD_RECORDS && task.effort == Effort::StoreFromMemory {
                run.is_cold.store(true, Ordering::Relaxed);
                return Ok(position + 1);
            }
        }
        // They were requested, and had not come yet.
        let is_late = task.effort.requests() && from_disk >= COLD_RECORDS;
        if is_late && !run.is_of_all && self.store.has_room_to_spare() {
            run.stretch.set((run.stretch.get() * 2).min(MOST_STRETCHED));
        }
        Ok(until)
    }
}

/// From where on storing is of use to a reader that has overtaken `position`: some way before it.
fn overtaken(run: &Run, position: u64) -> u64 {
    match run.reached.get().checked_sub(1) {
        Some(last) if last >= position => last + LEAD_AFTER_OVERTAKING,
        _ => 0,
    }
}
