//! The orders in which its records may be read, for reading ahead.

use super::{Node, Tree};
use crate::order::handed::HandedOver;
use crate::order::{ByNumber, Order};
use std::sync::Arc;

/// What tells the orders of a tree apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderId {
    /// That of the records' numbers.
    ByNumber,
    /// That of their names.
    ByName,
    /// A view, by its number.
    View(u64),
    /// One that was handed over: they are counted.
    Handed(u64),
}

impl OrderId {
    /// Whether somebody has chosen it, and several may read it together.
    pub fn is_chosen(self) -> bool {
        match self {
            OrderId::ByNumber | OrderId::ByName => false,
            OrderId::View(_) | OrderId::Handed(_) => true,
        }
    }
}

impl Tree {
    /// The orders in which readers read records: those that programs have handed over, by number, by name,
    /// and so many of the views that were used last.
    pub fn orders(self: &Arc<Tree>, most: usize) -> Vec<(OrderId, Arc<dyn Order>)> {
        let handed = self.handed_over.orders_left().into_iter().take(most);
        let mut orders: Vec<(OrderId, Arc<dyn Order>)> = handed
            .map(|(number, order)| (OrderId::Handed(number), order))
            .collect();
        let by_number = Arc::new(ByNumber(self.dataset.records()));
        orders.push((OrderId::ByNumber, by_number));
        orders.push((OrderId::ByName, Arc::new(OrderOfNames(Arc::clone(self)))));
        orders.extend(self.views.orders(most));
        orders
    }

    /// The order that a directory has, if somebody has chosen it.
    pub fn chosen_order(&self, directory: Node) -> Option<OrderId> {
        match self.behind_root(directory) {
            Node::View(id) => Some(OrderId::View(id)),
            _ => None,
        }
    }

    /// What is likely to be read when this order has been read to its end: the same view with the next
    /// seed.
    pub fn next_order(&self, id: OrderId) -> Option<(OrderId, Arc<dyn Order>)> {
        match id {
            // Where one view is all that is mounted, no other can be reached.
            OrderId::View(id) if !matches!(self.root, Node::View(_)) => self.views.next_epoch(id),
            OrderId::ByNumber | OrderId::ByName | OrderId::View(_) | OrderId::Handed(_) => None,
        }
    }

    /// How often there was one order more, or one that was handed over less. No lock is taken, so that
    /// each read may ask.
    pub fn added_orders(&self) -> u64 {
        self.views.additions() + self.handed_over.changes()
    }

    /// The orders that programs hand over.
    pub fn handed_over(&self) -> &HandedOver {
        &self.handed_over
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
