//! Readers that follow an order, and what comes next for them: bookkeeping, no I/O of its own.
//!
//! Only cache misses are seen here: the kernel answers what it has. To notice a reader that hits, each
//! window of records that is stored ahead leaves out one record, the *marker*, in its middle; a request
//! for it means that the next window is due. (The kernel's own readahead marks a page so.)

use super::budget::{FIRST_WINDOW, HITS, MOST_PASSED, SEARCHED_EVERY, lead_records};
use super::recent::Recent;
use super::run::{Effort, Marker, Run, Task, Way};
use crate::dataset::resident::ResidentSet;
use crate::order::Order;
use std::sync::Arc;

/// What the first read of a record tells.
#[derive(Debug)]
pub enum Seen {
    /// It belongs to a reader, for which enough is prepared.
    Enough,
    /// It does, and this is to be done.
    Due(Task),
    /// It belongs to no reader that is known.
    Stray,
}

/// The readers that follow one of several orders.
#[derive(Debug)]
pub struct InOrder {
    orders: Vec<Arc<dyn Order>>,
    resident: Arc<ResidentSet>,
    readers: Recent<Reader>,
    mean_len: u64,
    /// How many records in a row make a reader now.
    needed: u32,
    /// Strays since one was searched for.
    strays: u32,
    /// Windows begun, and those whose marker was read.
    windows: u64,
    used: u64,
}

/// The first position from this one on whose record the kernel is not known to have, and that record.
fn next_missing(order: &dyn Order, resident: &ResidentSet, from: u64) -> Option<(u64, u64)> {
    let mut positions = (from..from.saturating_add(MOST_PASSED))
        .map_while(|position| Some((position, order.record_at(position)?)));
    positions.find(|&(_, record)| !resident.has_record(record))
}

/// A suspected sequential reader.
#[derive(Debug)]
struct Reader {
    run: Arc<Run>,
    order: Arc<dyn Order>,
    /// The next position, and the record there.
    next: u64,
    expected: Option<u64>,
    hits: u32,
    /// The first and one past the last position of what is prepared and may still be read.
    from: u64,
    until: u64,
    /// The position that was left out of it, and the record there.
    marker: Option<(u64, u64)>,
    window: u64,
}

impl InOrder {
    /// None yet, of records with this mean length in bytes. What the kernel has of those that are to
    /// stay in memory, nobody asks for.
    pub fn new(orders: Vec<Arc<dyn Order>>, mean_len: u64, resident: Arc<ResidentSet>) -> InOrder {
        InOrder {
            orders,
            resident,
            readers: Recent::default(),
            mean_len,
            needed: *HITS.start(),
            strays: 0,
            windows: 0,
            used: 0,
        }
    }

    /// From now on readers may follow these orders; those that follow another one are still served.
    pub fn set_orders(&mut self, orders: Vec<Arc<dyn Order>>) {
        self.orders = orders;
    }

    /// Takes note of the first read of a record, and says what follows from it.
    pub fn observe(&mut self, record: u64) -> Seen {
        let Some((reader, (position, is_marker))) =
            self.readers.find(|reader| reader.place(record))
        else {
            self.suspect(record);
            return Seen::Stray;
        };
        reader.move_to(position, &self.resident);
        if is_marker {
            self.used += 1;
            self.needed = self.needed.div_ceil(2).max(*HITS.start());
            reader.window *= 2;
        } else if reader.marker.is_some() || reader.hits < self.needed {
            return Seen::Enough;
        }
        let most = lead_records(self.mean_len, self.resident.most_ahead());
        reader.window = reader.window.min(most);
        match reader.next_window(&self.resident) {
            Some(task) => {
                self.windows += 1;
                Seen::Due(task)
            }
            None => Seen::Enough,
        }
    }

    /// Windows that were begun, and those of them whose reader has come to their middle.
    pub fn counts(&self) -> (u64, u64) {
        (self.windows, self.used)
    }

    /// A reader may begin at this record, in any order that tells its position.
    fn suspect(&mut self, record: u64) {
        self.strays += 1;
        let searches = self.strays >= SEARCHED_EVERY;
        if searches {
            self.strays = 0;
        }
        for order in self.orders.clone() {
            let position = match order.position_of(record) {
                None if searches => order.search(record),
                position => position,
            };
            if let Some(position) = position {
                self.begin(order, position);
            }
        }
    }

    fn begin(&mut self, order: Arc<dyn Order>, position: u64) {
        let Some((next, expected)) = next_missing(&*order, &self.resident, position + 1) else {
            return;
        };
        let replaced = self.readers.add(Reader {
            run: Run::of_reader(Way::Records(Arc::clone(&order))),
            order,
            next,
            expected: Some(expected),
            hits: 0,
            from: 0,
            until: 0,
            marker: None,
            window: FIRST_WINDOW,
        });
        if replaced.is_some_and(|reader| reader.marker.is_some()) {
            // Something was stored for nobody.
            self.needed = (self.needed * 2).min(*HITS.end());
        }
    }
}

impl Reader {
    /// The position of a record that this reader may read now, and whether the next window is due.
    fn place(&self, record: u64) -> Option<(u64, bool)> {
        let is_next = self.expected == Some(record);
        let Some((marker, marked)) = self.marker else {
            return is_next.then_some((self.next, false));
        };
        if record == marked {
            return Some((marker, true));
        }
        // Also what was not stored in time, and what others read that are near.
        let within = self
            .order
            .position_within(record, self.from..self.until + 1);
        let position = within.or(is_next.then_some(self.next))?;
        Some((position, position >= marker))
    }

    fn move_to(&mut self, position: u64, resident: &ResidentSet) {
        let missing = next_missing(&*self.order, resident, position + 1);
        self.next = missing.map_or(position + 1, |(next, _)| next);
        self.expected = missing.map(|(_, record)| record);
        self.hits += 1;
        self.run.reached.set(position + 1);
    }

    /// The next window, if there are records left.
    fn next_window(&mut self, resident: &ResidentSet) -> Option<Task> {
        // The window before is still being read.
        self.from = match self.marker {
            Some(_) => self.until.saturating_sub(self.window),
            None => self.next,
        };
        let from = self.until.max(self.next);
        self.order.record_at(from)?;
        let middle = from + self.window / 2;
        self.marker = next_missing(&*self.order, resident, middle);
        let marker = self.marker.map_or(middle, |(marker, _)| marker);
        self.until = (from + self.window).max(marker + 1);
        Some(Task {
            run: Arc::clone(&self.run),
            until: self.until,
            most: u64::MAX,
            lead: self.window,
            marker: Marker::At(marker),
            effort: Effort::RequestAndStore,
        })
    }
}
