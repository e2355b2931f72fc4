//! Readers that follow one of several orders, and what comes next for them: bookkeeping, no I/O of its
//! own.

use super::budget::{CHOSEN_ORDERS, SEARCHED_EVERY, lead_records};
use super::followed::{By, Followed, Seen};
use super::run::Task;
use crate::dataset::resident::ResidentSet;
use crate::order::Order;
use crate::tree::OrderId;
use std::sync::Arc;

/// The readers that follow one of several orders.
#[derive(Debug)]
pub struct InOrder {
    /// The one that was read last comes first.
    followed: Vec<Followed>,
    resident: Arc<ResidentSet>,
    mean_len: u64,
    /// Strays since one was searched for.
    strays: u32,
    /// Windows begun, and those whose marker was read, of orders that are not followed any more.
    windows: u64,
    used: u64,
}

impl InOrder {
    /// None yet, of records with this mean length in bytes. What the kernel has of those that are to
    /// stay in memory, nobody asks for.
    pub fn new(orders: Orders, mean_len: u64, resident: Arc<ResidentSet>) -> InOrder {
        let mut in_order = InOrder {
            followed: Vec::new(),
            resident,
            mean_len,
            strays: 0,
            windows: 0,
            used: 0,
        };
        in_order.set_orders(orders);
        in_order
    }

    /// From now on readers may follow these orders, and those that were begun ahead of any reader.
    pub fn set_orders(&mut self, orders: Orders) {
        let is_among = |id| orders.iter().any(|(other, _)| *other == id);
        let mut begun = 0;
        let mut kept = Vec::new();
        // The newest ones that were begun ahead come last.
        for followed in std::mem::take(&mut self.followed).into_iter().rev() {
            let is_among = is_among(followed.id);
            begun += usize::from(!is_among && followed.is_begun_ahead());
            if is_among || (followed.is_begun_ahead() && begun <= CHOSEN_ORDERS) {
                kept.push(followed);
            } else {
                self.windows += followed.windows;
                self.used += followed.used;
            }
        }
        kept.reverse();
        self.followed = kept;
        for (id, order) in orders {
            if !self.follows(id) {
                self.followed.push(Followed::new(id, order));
            }
        }
    }

    fn follows(&self, id: OrderId) -> bool {
        self.followed.iter().any(|followed| followed.id == id)
    }

    /// Where a record is in an order.
    pub fn position_in(&self, id: OrderId, record: u64) -> Option<u64> {
        let followed = self.followed.iter().find(|followed| followed.id == id)?;
        followed.position_of(record)
    }

    /// The window of an order from this position on is not prepared, as too much was to be.
    pub fn was_dropped(&mut self, id: OrderId, from: u64) {
        let mut followed = self.followed.iter_mut();
        if let Some(followed) = followed.find(|followed| followed.id == id) {
            followed.was_dropped(from);
        }
    }

    /// How many records a window has at most.
    fn most(&self) -> u64 {
        lead_records(self.mean_len, self.resident.most_ahead())
    }

    /// Takes note of the first read of a record, and says what follows from it.
    pub fn observe(&mut self, record: u64) -> Seen {
        let most = self.most();
        for place in 0..self.followed.len() {
            let seen = self.followed[place].observe(record, By::Read, &self.resident, most);
            if !matches!(seen, Seen::Stray) {
                self.followed.swap(0, place);
                return seen;
            }
        }
        self.suspect(record);
        Seen::Stray
    }

    /// Takes note of the lookup of a record in a directory that has this order.
    pub fn observe_lookup(&mut self, id: OrderId, record: u64) -> Seen {
        let most = self.most();
        let mut followed = self.followed.iter_mut();
        match followed.find(|followed| followed.id == id) {
            Some(followed) => followed.observe_lookup(record, &self.resident, most),
            None => Seen::Stray,
        }
    }

    /// Has the beginning of an order prepared, which is likely to be read after the one that ends.
    pub fn begin_next(
        &mut self,
        ends: OrderId,
        id: OrderId,
        order: Arc<dyn Order>,
    ) -> Option<Task> {
        if !self.follows(id) {
            self.followed.push(Followed::new(id, order));
        }
        let mut followed = self.followed.iter_mut();
        let ended = followed.find(|followed| followed.id == ends);
        let len = ended.map_or(1, Followed::window_len).min(self.most());
        let mut followed = self.followed.iter_mut();
        let seen = followed
            .find(|followed| followed.id == id)?
            .has_more(&self.resident, len);
        match seen {
            Seen::Due(_, task) => Some(Task { lead: 0, ..task }),
            Seen::Enough | Seen::Ends(_) | Seen::Stray => None,
        }
    }

    /// What is due where something has been added to orders that were handed over, or where they are new.
    pub fn have_more(&mut self) -> Vec<(OrderId, Task)> {
        let most = self.most();
        let handed = self.followed.iter_mut();
        let handed = handed.filter(|followed| matches!(followed.id, OrderId::Handed(_)));
        let seen = handed.map(|followed| followed.has_more(&self.resident, most));
        let due = seen.filter_map(|seen| match seen {
            Seen::Due(order, task) => Some((order, task)),
            Seen::Enough | Seen::Ends(_) | Seen::Stray => None,
        });
        due.collect()
    }

    /// Windows that were begun, and those of them whose reader has come to their middle.
    pub fn counts(&self) -> (u64, u64) {
        let followed = self.followed.iter();
        followed.fold((self.windows, self.used), |(windows, used), one| {
            (windows + one.windows, used + one.used)
        })
    }

    /// A reader may begin at this record, in any order that tells its position.
    fn suspect(&mut self, record: u64) {
        self.strays += 1;
        let searches = self.strays >= SEARCHED_EVERY;
        if searches {
            self.strays = 0;
        }
        for followed in &mut self.followed {
            followed.suspect(record, searches, &self.resident);
        }
    }
}

/// Orders that readers may follow.
pub type Orders = Vec<(OrderId, Arc<dyn Order>)>;
