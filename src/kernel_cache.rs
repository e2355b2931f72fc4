//! Writing into the kernel's cache of a mount.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::OwnedFd;

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

impl KernelCache {
    /// That of the mount at this device.
    pub fn new(device: OwnedFd) -> KernelCache {
        KernelCache(File::from(device))
    }

    /// Stores all bytes of a file; `ENOENT` where the kernel has no such inode.
    pub fn store(&self, ino: u64, bytes: &[u8]) -> io::Result<()> {
        let mut head = [0; HEADER + STORE_OUT];
        // Store: node, offset (0), size, padding.
        head[16..24].copy_from_slice(&ino.to_ne_bytes());
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
        match written == len {
            true => Ok(()),
            false => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}
