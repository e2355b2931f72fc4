//! The FUSE device, `/dev/fuse`: through a descriptor of it the kernel asks, and is told.
//!
//! Each time it is opened and bound to a connection it is a device of its own (`struct fuse_dev`),
//! with the requests that were read through it. When the last descriptor of one of them is closed,
//! the kernel ends those requests, and when the last device of a connection is closed, all
//! (`fuse_dev_release` in fs/fuse/dev.c).

use crate::sys::files;
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{major, minor};
use rustix::ioctl::{Setter, ioctl, opcode};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Where it is.
pub const PATH: &str = "/dev/fuse";
/// Its device number: `MISC_MAJOR` and `FUSE_MINOR` of the kernel's major.h and miscdevice.h.
const DEVICE_NUMBER: (u32, u32) = (10, 229);
/// `FUSE_DEV_IOC_CLONE` of include/uapi/linux/fuse.h.
const IOC_CLONE: rustix::ioctl::Opcode = opcode::read::<u32>(229, 0);

/// Opens it, bound to nothing.
pub fn open() -> io::Result<File> {
    File::options().read(true).write(true).open(PATH)
}

/// Opens another device of the connection that `device` belongs to.
pub fn open_another(device: impl AsFd) -> io::Result<OwnedFd> {
    let another = open()?;
    let number = device.as_fd().as_raw_fd() as u32;
    #[expect(unsafe_code, reason = "no crate knows this request")]
    // SAFETY: the kernel reads one u32, the number of an open descriptor (`fuse_dev_ioctl_clone`).
    unsafe {
        ioctl(&another, Setter::<IOC_CLONE, u32>::new(number))?;
    }
    Ok(another.into())
}

/// Gives the calling thread a table of descriptors of its own, in which one device of the
/// connection of `device` is open that no other thread has, and no other device, pipe or socket.
/// Files are open in both tables; later openings and closings are seen by one of them only.
///
/// If this fails, the thread must not continue: it may have a table with everything in it.
pub fn part_with_another(device: BorrowedFd) -> io::Result<OwnedFd> {
    unshare(CloneFlags::CLONE_FILES)?;
    let another = open_another(device)?;
    for number in files::numbers(Path::new("/proc/thread-self/fd"))? {
        let number = number as RawFd;
        if number <= 2 || number == another.as_raw_fd() {
            continue;
        }
        // The descriptor of the listing itself is closed already.
        let Ok(file) = std::fs::metadata(format!("/proc/thread-self/fd/{number}")) else {
            continue;
        };
        let kind = file.file_type();
        if is_device(&file) || kind.is_fifo() || kind.is_socket() {
            nix::unistd::close(number)?;
        }
    }
    Ok(another)
}

fn is_device(file: &Metadata) -> bool {
    file.file_type().is_char_device() && (major(file.rdev()), minor(file.rdev())) == DEVICE_NUMBER
}
