//! What tells that a file is still the same, with the same bytes.

use rustix::fs::Stat;

/// Device, inode, size and time: another value is another file, or other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    file: (u64, u64),
    size: u64,
    /// When it was modified, in seconds and nanoseconds.
    modified: (i64, u64),
}

impl Identity {
    #[expect(
        clippy::unnecessary_cast,
        reason = "the types of the fields differ between architectures"
    )]
    pub fn of(stat: &Stat) -> Identity {
        Identity {
            file: (stat.st_dev as u64, stat.st_ino as u64),
            size: stat.st_size as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        }
    }

    /// Device and inode: which file it is, with whatever bytes.
    pub fn file(self) -> (u64, u64) {
        self.file
    }

    pub fn size(self) -> u64 {
        self.size
    }
}
