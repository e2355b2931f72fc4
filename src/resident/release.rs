//! Letting go of pages by posix_fadvise(2), in a process of its own.
//!
//! `FUSE_NOTIFY_INVAL_INODE` lets go of a file's attributes too (`fuse_reverse_inval_inode` calls
//! `fuse_invalidate_attr`, fs/fuse/inode.c), so that the next reader asks for them before it asks for the
//! bytes: one more round trip for each record that left. `POSIX_FADV_DONTNEED` takes pages alone
//! (`generic_fadvise`, mm/fadvise.c), but needs an open file, and a process that serves a mount must not
//! use it (see [`ahead::lister`](crate::ahead::lister)).
//!
//! Files are opened by path, which the kernel has cached once they were opened by it before; of an open
//! file nothing is asked. By handle (open_by_handle_at(2)) would be no better than the notification:
//! `fuse_get_dentry` has the kernel look the file's name up again the next time.

use crate::sys::detached;
use crate::sys::mountinfo::MountInfo;
use nix::errno::Errno;
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::Signal;
use rustix::fs::{Advice, Mode, OFlags, fadvise, openat};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// What the process says when it takes requests; from then on it gives back the parts that are in use.
pub const READY: [u8; 1] = [b'!'];

/// As many bytes as are given back at once: whole parts, which a pipe takes whole (pipe(7)).
pub const MOST_GIVEN_BACK: usize = FilePart::LEN * 128;
/// Number of cachestat(2), the same wherever calls are numbered alike (scripts/syscall.tbl).
const CACHESTAT: libc::c_long = 451;

/// Part of a file in the kernel's cache, in the form in which it goes through pipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePart {
    /// The file's inode number.
    pub ino: u64,
    pub offset: u64,
    /// This many bytes; to the end of the file if 0.
    pub len: u64,
}

impl FilePart {
    /// Its length in a pipe.
    pub const LEN: usize = 24;

    /// The one that these bytes are.
    pub fn from_bytes(bytes: &[u8; FilePart::LEN]) -> FilePart {
        let number = |at| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            u64::from_ne_bytes(number)
        };
        FilePart {
            ino: number(0),
            offset: number(8),
            len: number(16),
        }
    }

    fn write(&self, to: &mut Vec<u8>) {
        for number in [self.ino, self.offset, self.len] {
            to.extend(number.to_ne_bytes());
        }
    }
}

/// A part to let go of, and the path of its file from the mount's root.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub part: FilePart,
    pub path: Vec<u8>,
}

impl Request {
    /// The next one; `None` at the end.
    fn read(from: &mut impl Read) -> io::Result<Option<Request>> {
        let mut part = [0; FilePart::LEN];
        match from.read_exact(&mut part) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let part = FilePart::from_bytes(&part);
        let mut len = [0; 2];
        from.read_exact(&mut len)?;
        let mut path = vec![0; u16::from_ne_bytes(len).into()];
        from.read_exact(&mut path)?;
        Ok(Some(Request { part, path }))
    }

    /// Appends it. Paths are short: two names.
    pub fn write(&self, to: &mut Vec<u8>) {
        self.part.write(to);
        to.extend((self.path.len() as u16).to_ne_bytes());
        to.extend(&self.path);
    }

    /// Returns whether some of it is in use and stays: pages that a program has mapped, mostly. Fails
    /// where this user may not open the file.
    fn let_go(&self, mount: &OwnedFd) -> io::Result<bool> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let path = OsStr::from_bytes(&self.path);
        let file = match openat(mount, path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(error) => {
                let may_not = matches!(
                    Errno::from_raw(error.raw_os_error()),
                    Errno::EACCES | Errno::EPERM
                );
                // Others are of shards that have changed, or of a mount that is gone.
                return if may_not {
                    Err(error.into())
                } else {
                    Ok(false)
                };
            }
        };
        let FilePart { offset, len, .. } = self.part;
        fadvise(&file, offset, NonZeroU64::new(len), Advice::DontNeed)?;
        Ok(is_cached(&file, offset, len))
    }
}

/// Lets go of what is asked for on standard input, until that ends. To be called in a process of its own,
/// which has one thread and no file open.
pub fn let_go_all(mount: &MountInfo) -> io::Result<()> {
    set_name(c"roxfs-release")?;
    let mount = detached::clone_of(mount)?;
    // One that has been stopped does not see the end of its input. Only now: entering a user namespace
    // would have undone it (`commit_creds`, kernel/cred.c).
    set_pdeathsig(Signal::SIGKILL)?;
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    output.write_all(&READY)?;
    let mut input = BufReader::new(io::stdin().lock());
    let mut in_use = Vec::new();
    while let Some(request) = Request::read(&mut input)? {
        if request.let_go(&mount)? {
            request.part.write(&mut in_use);
        }
        if (input.buffer().is_empty() && !in_use.is_empty()) || in_use.len() == MOST_GIVEN_BACK {
            output.write_all(&in_use)?;
            in_use.clear();
        }
    }
    Ok(())
}

/// Whether the kernel has any page of it (cachestat(2), Linux 6.5). An older one does not tell; what is
/// in use there is left to it.
fn is_cached(file: &File, offset: u64, len: u64) -> bool {
    // `struct cachestat_range` and `struct cachestat` in include/uapi/linux/mman.h.
    let range = [offset, len];
    let mut counts = [0_u64; 5];
    #[expect(unsafe_code, reason = "no library has this call")]
    // SAFETY: the kernel reads two numbers and writes five, which are there.
    let result = unsafe {
        libc::syscall(
            CACHESTAT,
            file.as_raw_fd(),
            range.as_ptr(),
            counts.as_mut_ptr(),
            0,
        )
    };
    result == 0 && counts[0] > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_arrive_as_they_were_sent() {
        let requests = [("records/000000.bin", 0, 0), ("raw/data", 1 << 40, 4096)];
        let requests = requests.map(|(path, offset, len)| Request {
            part: FilePart {
                ino: 17,
                offset,
                len,
            },
            path: path.into(),
        });
        let mut bytes = Vec::new();
        requests
            .iter()
            .for_each(|request| request.write(&mut bytes));
        let mut from = &bytes[..];
        for request in requests {
            assert_eq!(Request::read(&mut from).expect("read"), Some(request));
        }
        assert_eq!(Request::read(&mut from).expect("read"), None);
        assert!(Request::read(&mut &bytes[..30]).is_err());
    }
}
