//! Requests about orders that programs hand over, by `ioctl` on the mount's root directory.
//!
//! The kernel copies as many bytes as the request's number says, in or out, and refuses more
//! (`fuse_do_ioctl` in its fs/fuse/ioctl.c). It sends requests on directories to every file system that
//! has agreed on version 7.18 or newer (`fuse_dir_ioctl` in fs/fuse/dir.c).

use super::deferred::Starts;
use crate::order::handed::{Hello, NotUnderstood, Refused, Request};
use crate::sys::lock;
use crate::tree::{Node, Tree};
use fuser::Errno;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// The user who may take back what others have handed over.
const SUPERUSER: u32 = 0;

/// Answers requests about orders, and sees to it that those are forgotten in time.
#[derive(Debug)]
pub struct Control {
    tree: Arc<Tree>,
    /// Whether a thread forgets orders.
    is_forgetting: Arc<Mutex<bool>>,
    starts: Starts,
}

impl Control {
    /// Over the orders of `tree`.
    pub fn new(tree: Arc<Tree>) -> Control {
        Control {
            tree,
            is_forgetting: Arc::default(),
            starts: Starts::default(),
        }
    }

    /// Does what a user asks with this number and these bytes. Returns the bytes of the answer.
    pub fn answer(
        &self,
        node: Option<Node>,
        user: u32,
        number: u32,
        bytes: &[u8],
    ) -> Result<Vec<u8>, Errno> {
        if node != Some(Node::Root) {
            return Err(Errno::ENOTTY);
        }
        let orders = self.tree.handed_over();
        match Request::parse(number, bytes).map_err(misunderstood)? {
            Request::Hello => {
                let hello = Hello {
                    records: self.tree.dataset().records(),
                    memory: orders.memory(),
                    used: orders.memory_used(),
                };
                return Ok(hello.to_bytes().to_vec());
            }
            Request::Give(part) => {
                let given = orders.give(user, &part, Instant::now());
                self.forget_in_time();
                given.map_err(refused)?;
            }
            Request::Clear(0) if user == SUPERUSER => orders.clear_all(None),
            Request::Clear(0) => orders.clear_all(Some(user)),
            Request::Clear(giver) => orders.clear(user, giver),
        }
        Ok(Vec::new())
    }

    /// Has a thread forget orders that nobody uses; there is one only while there are orders.
    fn forget_in_time(&self) {
        let mut is_forgetting = lock(&self.is_forgetting);
        if *is_forgetting {
            return;
        }
        let (tree, flag) = (Arc::clone(&self.tree), Arc::clone(&self.is_forgetting));
        *is_forgetting = self.starts.start_small("orders", move || {
            while let Some(next) = next_time(&tree, &flag) {
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
    }
}

/// When to forget orders again; `None` if there are none left, and a new thread has to be started for the
/// next ones.
fn next_time(tree: &Tree, is_forgetting: &Mutex<bool>) -> Option<Instant> {
    let mut is_forgetting = lock(is_forgetting);
    let next = tree.handed_over().forget_unused(Instant::now());
    *is_forgetting = next.is_some();
    next
}

fn misunderstood(error: NotUnderstood) -> Errno {
    match error {
        NotUnderstood::Unknown => Errno::ENOTTY,
        NotUnderstood::Invalid => Errno::EINVAL,
    }
}

fn refused(error: Refused) -> Errno {
    match error {
        Refused::Misplaced => Errno::EINVAL,
        Refused::NoRecord => Errno::ERANGE,
        Refused::Unknown => Errno::ESTALE,
        Refused::Full => Errno::ENOSPC,
        Refused::TooMany => Errno::EUSERS,
    }
}
