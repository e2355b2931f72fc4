//! Handing an order over, part by part.

use super::receiver::{Receiver, errno_of};
use crate::commands::size;
use crate::order::handed::{self, Part};
use crate::sys::ioctl;
use crate::text::{printable, quoted};
use nix::errno::Errno;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::mem;

/// Why a part was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error("memory for orders is full ({memory}; `roxfs mount --order-memory` gives more)")]
    Full { memory: String },
    #[error("too many orders are handed over; `roxfs hint --clear {mount}` takes back yours")]
    TooMany { mount: String },
    #[error("{mount}: the mount has ended")]
    Ended { mount: String },
    #[error("{mount}: {reason}")]
    Other { mount: String, reason: io::Error },
}

/// Hands over one order.
#[derive(Debug)]
pub struct OrderGiver<'a> {
    receiver: &'a Receiver,
    part: Part,
    /// How many records were handed over, in all.
    given: u64,
}

impl<'a> OrderGiver<'a> {
    /// Nothing yet.
    pub fn new(receiver: &'a Receiver) -> OrderGiver<'a> {
        OrderGiver {
            receiver,
            part: Part {
                // Keyed at random by the standard library.
                giver: RandomState::new().hash_one(std::process::id()).max(1),
                start: 0,
                begins: true,
                numbers: Vec::new(),
            },
            given: 0,
        }
    }

    /// How many records were handed over.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Adds a record, and hands over what there is if it is as much as can be handed over at once.
    pub fn push(&mut self, record: u64) -> Result<(), NotTaken> {
        self.part.numbers.push(record);
        if self.part.numbers.len() < handed::MOST_NUMBERS {
            return Ok(());
        }
        self.give()
    }

    /// Hands over what there is, if there is anything.
    pub fn give_rest(&mut self) -> Result<(), NotTaken> {
        if self.part.numbers.is_empty() {
            return Ok(());
        }
        self.give()
    }

    fn give(&mut self) -> Result<(), NotTaken> {
        let mut result = self.send();
        if let Err(error) = &result
            && errno_of(error) == Errno::ESTALE
            && !self.part.begins
        {
            // Nobody has followed it for some time, so what was handed over before is of no use any more.
            (self.part.start, self.part.begins) = (0, true);
            result = self.send();
        }
        result.map_err(|error| self.not_taken(error))?;
        let count = mem::take(&mut self.part.numbers).len() as u64;
        self.part.begins = false;
        self.part.start += count;
        self.given += count;
        Ok(())
    }

    /// Takes back what was handed over.
    pub fn take_back(&mut self) {
        // Where the mount has ended, nothing is left.
        let _ = clear(self.receiver, self.part.giver);
    }

    fn send(&self) -> io::Result<()> {
        ioctl::send(self.receiver.root(), handed::GIVE, &self.part.to_bytes())
    }

    fn not_taken(&self, reason: io::Error) -> NotTaken {
        let mount = printable(self.receiver.path()).to_string();
        match errno_of(&reason) {
            Errno::ENOSPC => NotTaken::Full {
                memory: size(self.receiver.order_memory()),
            },
            Errno::EUSERS => NotTaken::TooMany {
                mount: quoted(self.receiver.path()),
            },
            Errno::ENOTCONN | Errno::ECONNABORTED => NotTaken::Ended { mount },
            _ => NotTaken::Other { mount, reason },
        }
    }
}

/// Takes back what this giver has handed over; 0: all that the user has, or all there is, if it is root.
pub fn clear(receiver: &Receiver, giver: u64) -> io::Result<()> {
    ioctl::send(receiver.root(), handed::CLEAR, &giver.to_le_bytes())
}
