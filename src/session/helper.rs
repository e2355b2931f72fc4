//! This program once more, as a helper process of a mount.

use crate::ahead::lister;
use crate::resident::releaser;
use crate::sys::mountinfo::MountInfo;
use std::process::Command;

/// How to start each of them; which command lines they have is the commands' business.
#[derive(Debug, Clone, Copy)]
pub struct Helpers {
    /// A process that calls [`abort_if_killed`](super::watchdog::abort_if_killed) with the number of
    /// this one.
    pub abort_if_killed: fn(parent: u32) -> Command,
    /// A process that calls [`ask`](super::answer::ask) with the number of this one and the mount.
    pub ask_root: fn(parent: u32, mount: &MountInfo) -> Command,
    /// A process that lists a directory of the mount, so that the kernel caches its names.
    pub list_ahead: lister::Program,
    /// A process that lets go of files in the kernel's cache of the mount.
    pub let_go: releaser::Program,
}
