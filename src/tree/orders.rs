//! The orders in which its records may be read, for reading ahead.

use super::Tree;
use crate::order::{ByNumber, Order};
use std::sync::Arc;

impl Tree {
    /// The orders in which readers of its directories read records: by number, by name, and the views
    /// that were used, the last one first.
    pub fn orders(self: &Arc<Tree>) -> Vec<Arc<dyn Order>> {
        let mut orders: Vec<Arc<dyn Order>> = vec![
            Arc::new(ByNumber(self.dataset.records())),
            Arc::new(OrderOfNames(Arc::clone(self))),
        ];
        orders.extend(self.views.orders());
        orders
    }

    /// How often there was one order more. No lock is taken, so that each read may ask.
    pub fn added_orders(&self) -> u64 {
        self.views.additions()
    }
}

/// The order of names, as in `files/`: empty until somebody has needed it there.
#[derive(Debug)]
struct OrderOfNames(Arc<Tree>);

impl Order for OrderOfNames {
    fn len(&self) -> u64 {
        self.0.files.known_order().map_or(0, |order| order.len())
    }

    fn record_at(&self, position: u64) -> Option<u64> {
        let record = self.0.files.known_order()?.record_at(position).ok()?;
        record.map(|record| record.get())
    }

    fn position_of(&self, _: u64) -> Option<u64> {
        None
    }

    /// Halves the names. None where it is the order of numbers as well.
    fn search(&self, record: u64) -> Option<u64> {
        let order = self.0.files.known_order()?;
        if order.is_by_number() {
            return None;
        }
        order.position_of(self.0.dataset.record(record)?).ok()?
    }
}
