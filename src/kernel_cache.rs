//! Writing into the kernel's cache of a mount.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::OwnedFd;

/// The kernel's cache of the mount. fuser's own notifier does not tell whether the kernel knows the
/// inode.
#[derive(Debug)]
pub struct KernelCache(File);

/// `enum fuse_notify_code` in include/uapi/linux/fuse.h.
const NOTIFY_STORE: i32 = 4;
/// Sizes of `struct fuse_out_header` and `struct fuse_notify_store_out` there.
const HEADER: usize = 16;
const STORE_OUT: usize = 24;

impl KernelCache {
    /// That of the mount at this device.
    pub fn new(device: OwnedFd) -> KernelCache {
        KernelCache(File::from(device))
    }

    /// Stores all bytes of a file; `ENOENT` where the kernel has no such inode.
    pub fn store(&self, ino: u64, bytes: &[u8]) -> io::Result<()> {
        let len = HEADER + STORE_OUT + bytes.len();
        let mut head = [0; HEADER + STORE_OUT];
        // Out header: length, code, unique (0 for a notification).
        head[0..4].copy_from_slice(&(len as u32).to_ne_bytes());
        head[4..8].copy_from_slice(&NOTIFY_STORE.to_ne_bytes());
        // Store: node, offset (0), size, padding.
        head[16..24].copy_from_slice(&ino.to_ne_bytes());
        head[32..36].copy_from_slice(&(bytes.len() as u32).to_ne_bytes());
        let written = (&self.0).write_vectored(&[IoSlice::new(&head), IoSlice::new(bytes)])?;
        match written == len {
            true => Ok(()),
            false => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}
