//! What Linux says and does: files, processes, devices, memory, mounts. Without policy.

pub mod acl;
pub mod child;
pub mod detached;
pub mod device;
pub mod files;
pub mod filesystem;
pub mod ioctl;
pub mod lease;
pub mod memory;
pub mod mountinfo;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also after a panic of a thread that had it: for values that are whole between any
/// two statements that change them, so that no panic can spoil them.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
