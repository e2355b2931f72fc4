//! Views: records in another order, as arithmetic, as a tree without a mount, mounted, and in commands.

mod commands;
mod mounted;
mod orders;
mod statistics;
mod tree;
mod twin;

use crate::support::*;
use roxfs::order::{Order, Spec};

fn spec(text: &str) -> Spec {
    let parsed = text.parse();
    parsed.unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The records of a view, one after the other.
fn records_of(order: &dyn Order) -> Vec<u64> {
    let record = |position| order.record_at(position).expect("a record");
    (0..order.len()).map(record).collect()
}
