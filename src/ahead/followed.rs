//! An order that readers follow, and what comes next for them.
//!
//! Only cache misses are seen here: the kernel answers what it has. To notice a reader that hits, each
//! window of records that is stored ahead leaves out one record, the *marker*, in its middle; a request
//! for it means that the next window is due. (The kernel's own readahead marks a page so.)
//!
//! Several programs may read one order together, each a batch in turn. A window is never prepared twice:
//! the next one of any reader begins behind what was prepared for all of them. So a reader that comes to
//! the end of its batch has the batch after those of the others prepared, and whoever gets there finds it.

use super::budget::{
    FAR, FIRST_WINDOW, HITS, MARKER_TRUST, MOST_TRUST, NEAR, SUSPECTED_FOR, TRUSTED_PART,
};
use super::ranges::Ranges;
use super::reader::{Next, Reader, next_missing};
use super::recent::Recent;
use super::run::Task;
use crate::dataset::resident::ResidentSet;
use crate::order::Order;
use crate::tree::OrderId;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// What the first read of a record, or its lookup, tells.
#[derive(Debug)]
pub enum Seen {
    /// It belongs to a reader, for which enough is prepared.
    Enough,
    /// It does, and this is to be done.
    Due(OrderId, Task),
    /// It does, and all is prepared up to the end of this order.
    Ends(OrderId),
    /// It belongs to no reader that is known.
    Stray,
}

/// How a record was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Its name, in a directory that has this order.
    Lookup,
    /// Its bytes, which the kernel did not have.
    Read,
}

/// One order, and its readers.
#[derive(Debug)]
pub struct Followed {
    pub id: OrderId,
    order: Arc<dyn Order>,
    readers: Recent<Reader>,
    /// What has been prepared, and not found missing since.
    prepared: Ranges,
    /// How many records in a row make a reader now.
    needed: u32,
    /// How often a lookup somewhere else may be taken for that of a reader.
    trust: u32,
    /// A reader has come to the end.
    has_ended: bool,
    /// Windows begun, and those whose marker was read.
    pub windows: u64,
    pub used: u64,
}

impl Followed {
    /// Nobody follows it yet.
    pub fn new(id: OrderId, order: Arc<dyn Order>) -> Followed {
        Followed {
            id,
            order,
            readers: Recent::default(),
            prepared: Ranges::default(),
            needed: *HITS.start(),
            trust: 0,
            has_ended: false,
            windows: 0,
            used: 0,
        }
    }

    /// Where a record is in it, if that takes no search: in a list that somebody has handed over, near its
    /// readers.
    pub fn position_of(&self, record: u64) -> Option<u64> {
        match self.id {
            OrderId::Handed(_) => self.order.position_within(record, self.near()),
            OrderId::ByNumber | OrderId::ByName | OrderId::View(_) => {
                self.order.position_of(record)
            }
        }
    }

    /// Where its readers are, and where they may come to soon.
    fn near(&self) -> Range<u64> {
        let first = self.readers.iter().map(|reader| reader.before.start).min();
        let last = self.readers.iter().map(|reader| reader.window.end).max();
        let end = last.unwrap_or(0).saturating_add(NEAR);
        first.unwrap_or(0).max(end.saturating_sub(FAR))..end
    }

    /// More was added to its end, or it is new. What is due: its beginning, so many records, before
    /// anybody reads it; or what follows, if a reader has come to what was its end.
    pub fn has_more(&mut self, resident: &ResidentSet, len: u64) -> Seen {
        if self.windows == 0 {
            self.begin_at_start(resident, len)
        } else if self.has_ended {
            self.next_window(resident, len)
        } else {
            Seen::Enough
        }
    }

    /// Takes note of a record, if a reader of this order reads it.
    pub fn observe(&mut self, record: u64, by: By, resident: &ResidentSet, most: u64) -> Seen {
        let (order, position) = (&*self.order, self.position_of(record));
        let place = |reader: &Reader| reader.place(order, record, position);
        let Some((reader, (position, is_marker))) = self.readers.find(place) else {
            return Seen::Stray;
        };
        let is_new = reader.last != Some(position);
        if is_new {
            reader.move_to(order, position, resident);
            if let Some(run) = reader.run.as_ref().filter(|_| !self.id.is_chosen()) {
                run.passed.set(position + 1);
            }
        }
        reader.missed += u32::from(by == By::Read);
        let was_marked = reader.marker.is_some_and(|marker| marker.0 == position);
        if is_marker {
            reader.len *= 2;
        } else if !is_new || reader.marker.is_some() || reader.hits < self.needed {
            return Seen::Enough;
        } else if reader.missed >= self.needed {
            // It is not there any more.
            self.prepared.cut(reader.next);
        }
        let seen = self.next_window(resident, most);
        // At the end of the order the marker stays.
        if is_marker && matches!(seen, Seen::Due(..)) {
            self.used += 1;
            self.needed = self.needed.div_ceil(2).max(*HITS.start());
            if was_marked && self.id.is_chosen() {
                self.trust = (self.trust + MARKER_TRUST).min(MOST_TRUST);
            }
        }
        seen
    }

    /// The window from this position on is not prepared after all.
    pub fn was_dropped(&mut self, from: u64) {
        self.prepared.cut(from);
        if self.windows == 1 {
            // It was the beginning, which is tried again.
            self.readers = Recent::default();
            self.windows = 0;
        }
    }

    /// The window that is due for the reader that was used last.
    fn next_window(&mut self, resident: &ResidentSet, most: u64) -> Seen {
        let Some(reader) = self.readers.last() else {
            return Seen::Stray;
        };
        reader.len = reader.len.min(most);
        let is_shared = self.id.is_chosen();
        self.has_ended = false;
        match reader.next_window(&self.order, &mut self.prepared, resident, is_shared) {
            Next::Window(task) => {
                self.windows += 1;
                self.order.passed(task.from.saturating_sub(FAR));
                self.order.was_followed(Instant::now());
                Seen::Due(self.id, task)
            }
            Next::Nothing => Seen::Enough,
            Next::End => {
                self.has_ended = true;
                Seen::Ends(self.id)
            }
        }
    }

    /// Takes note of a record at a position that this order alone leads to.
    pub fn observe_lookup(&mut self, record: u64, resident: &ResidentSet, most: u64) -> Seen {
        let seen = self.observe(record, By::Lookup, resident, most);
        let Some(position) = self.position_of(record) else {
            return seen;
        };
        if !matches!(seen, Seen::Stray) {
            return seen;
        }
        self.begin(position, resident);
        if self.trust == 0 {
            return seen;
        }
        // Readers that follow it have been here; this is the next place of one of them.
        self.trust -= 1;
        self.next_window(resident, most)
    }

    /// A reader may begin at this record, which was missing in the kernel's cache.
    pub fn suspect(&mut self, record: u64, searches: bool, resident: &ResidentSet) {
        let position = match self.position_of(record) {
            None if searches => self.order.search(record),
            position => position,
        };
        if let Some(position) = position {
            self.begin(position, resident);
        }
    }

    /// Prepares its beginning, so many records, before anybody reads it.
    pub fn begin_at_start(&mut self, resident: &ResidentSet, len: u64) -> Seen {
        let missing = next_missing(&*self.order, resident, 0);
        self.add(Reader::new(None, missing, len));
        self.next_window(resident, len)
    }

    fn begin(&mut self, position: u64, resident: &ResidentSet) {
        self.readers
            .retain(SUSPECTED_FOR, |reader| reader.marker.is_some());
        let missing = next_missing(&*self.order, resident, position + 1);
        // What one reader does not read of a window, another one does.
        let len = match self.trust {
            0 => FIRST_WINDOW,
            _ => FIRST_WINDOW.max(self.window_len() / TRUSTED_PART),
        };
        self.add(Reader::new(Some(position), missing, len));
    }

    fn add(&mut self, reader: Reader) {
        let replaced = self.readers.add(reader);
        // Of an order that somebody has chosen readers are certain.
        if replaced.is_some_and(|reader| reader.marker.is_some()) && !self.id.is_chosen() {
            // Something was stored for nobody.
            self.needed = (self.needed * 2).min(*HITS.end());
        }
    }

    /// Whether it was begun before anybody read it, and nobody has yet.
    pub fn is_begun_ahead(&self) -> bool {
        self.windows > 0 && self.used == 0 && matches!(self.id, OrderId::View(_))
    }

    /// How many records the next window of the reader that was used last has.
    pub fn window_len(&mut self) -> u64 {
        self.readers
            .last()
            .map_or(FIRST_WINDOW, |reader| reader.len)
    }
}
