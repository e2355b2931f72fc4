//! Faults that a command reports and continues after: the first ones one by one, the others as a count.

use super::{Exit, SHOWN_FAULTS, count, say};
use std::fmt::Display;

/// What has been found until now.
#[derive(Debug, Default)]
pub struct Faults {
    found: u64,
    damaged: bool,
}

impl Faults {
    /// Shows a fault, if it is one of the first. `is_damage` says that the data is at fault, and not
    /// the system.
    pub fn show(&mut self, fault: &dyn Display, is_damage: bool) {
        self.found += 1;
        self.damaged |= is_damage;
        if self.found <= SHOWN_FAULTS {
            say(fault);
        }
    }

    /// Says how many were not shown.
    pub fn finish(&self) {
        if let Some(more) = self
            .found
            .checked_sub(SHOWN_FAULTS)
            .filter(|&more| more > 0)
        {
            say(format_args!("{} not shown", count(more, "more fault")));
        }
    }

    /// How a command ends that met nothing else.
    pub fn exit(&self) -> Exit {
        if self.damaged {
            Exit::Damaged
        } else if self.found > 0 {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}
