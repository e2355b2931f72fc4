//! Writing into the kernel's cache of a mount.
//!
//! A store waits for a page that a reader has locked until the reader's request is answered, and
//! nothing interrupts that wait: `fuse_notify_store` (fs/fuse/dev.c) takes each page by
//! `filemap_grab_folio`, which is `__filemap_get_folio` with `FGP_LOCK` and without `FGP_NOWAIT`, so
//! `folio_lock`; an invalidation locks pages too. A thread that is killed meanwhile stays until the
//! page is unlocked, and with it the descriptor that it writes to; were that the device through which
//! answers are given, the kernel would not end the connection, and nobody would ever give the answer.
//! What a killed process leaves behind is ended by the kernel in two ways alone (`end_requests`):
//!
//! - `fuse_dev_release` ends requests that were read from a device, when that device is closed;
//! - `fuse_abort_conn` ends all, also those that nobody has read: when the last device is closed,
//!   and when somebody asks for it (`umount -f`, the file `abort` in fusectl).
//!
//! So the thread that stores has a device and a table of descriptors of its own. The threads that
//! answer die at once when the process is killed, their devices are closed, and the requests that
//! they have read end, with them the wait. (A table that all threads share is closed by the last of
//! them, which would be the one that waits.)
//!
//! A request that nobody has read when the last of those threads dies ends only with the connection,
//! which the device of a thread that waits for it keeps. A thread that sleeps for requests takes one
//! even when it is killed: `wait_event_interruptible_exclusive` in `fuse_dev_do_read` looks for one
//! before it looks for signals. So this needs that all of them are busy or dead. Therefore, while
//! answers take long ([`answering`]), nothing is stored while a request waits to be
//! read ([`KernelCache::wait_until_unasked`]; `fuse_dev_poll` tells), and what is stored is brought
//! into memory before, so that a store takes microseconds. The
//! kernel's own queue of background requests (`bg_queue`), which `fuse_dev_poll` does not see, is
//! kept empty by a `max_background` that is never reached.
//!
//! What is left: a reader asks for that very record within those microseconds, all who answer are
//! busy (with answers of microseconds) or already dead, and before one of them reads the request they
//! and the watching process (`session::watchdog`) are killed. The kernel leaves no way to exclude it: there is no store that
//! does not wait, and no wait for a page that can be killed in it. `roxfs umount` ends such a mount.

pub mod answering;
pub mod stale;

use crate::sys::device;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The kernel's cache of the mount. fuser's own notifier does not tell whether the kernel knows the
/// inode.
#[derive(Debug)]
pub struct KernelCache(File);

/// `enum fuse_notify_code` in include/uapi/linux/fuse.h.
const NOTIFY_INVAL_INODE: i32 = 2;
const NOTIFY_STORE: i32 = 4;
/// Sizes of `struct fuse_out_header`, `struct fuse_notify_inval_inode_out` and
/// `struct fuse_notify_store_out` there.
const HEADER: usize = 16;
const INVAL_INODE_OUT: usize = 24;
const STORE_OUT: usize = 24;
/// How long to sleep between two looks whether a request waits to be read.
const STEP: Duration = Duration::from_micros(20);

/// What a thread makes its [`KernelCache`] of, once the mount is served: until then descriptors are
/// open that are not to stay with the thread.
#[derive(Debug, Clone)]
pub struct CacheAccess {
    device: Arc<OwnedFd>,
    is_ready: Arc<AtomicBool>,
}

impl CacheAccess {
    /// To the cache of the mount at this device.
    pub fn new(device: Arc<OwnedFd>) -> CacheAccess {
        CacheAccess {
            device,
            is_ready: Arc::default(),
        }
    }

    /// From now on the mount is served.
    pub fn set_ready(&self) {
        self.is_ready.store(true, Ordering::Release);
    }

    /// Whether it is.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// To be called by the thread that will write to the cache, which gets a table of descriptors of
    /// its own by that (see [`device::part_with_another`]).
    pub fn open(self) -> io::Result<KernelCache> {
        let device = device::part_with_another(self.device.as_fd())?;
        Ok(KernelCache(File::from(device)))
    }
}

/// Whether an error of a [`KernelCache`] means that the mount is gone.
pub fn is_gone(error: &io::Error) -> bool {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
    matches!(errno, Errno::ENODEV | Errno::ENOTCONN | Errno::EBADF)
}

impl KernelCache {
    /// Waits until no request waits to be read, for no longer than is left of `patience`, which it
    /// takes from. Returns whether it is so; only then may pages be locked, by a store or otherwise.
    /// Fails where the connection has ended.
    pub fn wait_until_unasked(&self, patience: &mut Duration) -> io::Result<bool> {
        if self.is_unasked()? {
            return Ok(true);
        }
        let start = Instant::now();
        loop {
            let waited = start.elapsed();
            if waited >= *patience {
                *patience = Duration::ZERO;
                return Ok(false);
            }
            thread::sleep(STEP);
            if self.is_unasked()? {
                *patience = patience.saturating_sub(start.elapsed());
                return Ok(true);
            }
        }
    }

    fn is_unasked(&self) -> io::Result<bool> {
        let mut device = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut device, PollTimeout::ZERO)?;
        let events = device[0].revents().unwrap_or(PollFlags::POLLERR);
        if events.contains(PollFlags::POLLERR) {
            return Err(Errno::ENODEV.into());
        }
        Ok(!events.contains(PollFlags::POLLIN))
    }

    /// Stores bytes of a file from `offset` on, which must not reach past its end: the kernel would take
    /// it for longer. What does not fill a page of the file, or end it, is lost. `ENOENT` where the
    /// kernel has no such inode.
    pub fn store(&self, ino: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut head = [0; HEADER + STORE_OUT];
        // Store: node, offset, size, padding.
        head[16..24].copy_from_slice(&ino.to_ne_bytes());
        head[24..32].copy_from_slice(&offset.to_ne_bytes());
        head[32..36].copy_from_slice(&(bytes.len() as u32).to_ne_bytes());
        self.notify(NOTIFY_STORE, head, bytes)
    }

    /// Lets go of a file's attributes and of the pages that have any of these bytes, to the end of
    /// the file where `len` is 0; `ENOENT` where the kernel has no such inode. Waits for pages that
    /// are being read.
    pub fn invalidate(&self, ino: u64, offset: u64, len: u64) -> io::Result<()> {
        let mut head = [0; HEADER + INVAL_INODE_OUT];
        // Node, offset, length: both signed there, and no file is larger.
        head[16..24].copy_from_slice(&ino.to_ne_bytes());
        head[24..32].copy_from_slice(&offset.to_ne_bytes());
        head[32..40].copy_from_slice(&len.to_ne_bytes());
        self.notify(NOTIFY_INVAL_INODE, head, &[])
    }

    /// Completes the out header: length, code, unique (0 for a notification).
    fn notify<const N: usize>(&self, code: i32, mut head: [u8; N], bytes: &[u8]) -> io::Result<()> {
        let len = N + bytes.len();
        head[0..4].copy_from_slice(&(len as u32).to_ne_bytes());
        head[4..8].copy_from_slice(&code.to_ne_bytes());
        let written = (&self.0).write_vectored(&[IoSlice::new(&head), IoSlice::new(bytes)])?;
        if written < len {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(())
    }
}
