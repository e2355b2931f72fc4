//! Whether a shard is still what a copy continues, when the copy is to take its place.

use super::PackError;
use super::directory::Directory;
use super::identity::Identity;
use super::shard_file::EXPECTED;
use super::tables::Tables;
use crate::shard::Shard;
use rustix::fs::{OFlags, fstat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Attempts to compare a shard whose time changes meanwhile.
const ATTEMPTS: u32 = 2;
/// Bytes compared at once.
const BUFFER_BYTES: usize = 256 << 10;

/// The shard that is continued by a copy, when the copy is to take its place.
pub struct Continued<'a> {
    pub directory: &'a Directory,
    pub name: &'a OsStr,
    /// What it was when it was copied.
    pub before: Identity,
}

impl Continued<'_> {
    /// What the shard is now, if it still is what `copy` with these `tables` continues. Some network
    /// file systems give a file another time, or another number, after it has been written: where
    /// these differ, its bytes are compared.
    pub fn unchanged(&self, tables: &Tables, copy: &File) -> Result<Identity, PackError> {
        let path = self.directory.join(self.name);
        let io = |errno: Errno| PackError::io(&path, errno.into());
        let now = Identity::of(&self.directory.stat(self.name).map_err(io)?);
        if now == self.before {
            return Ok(now);
        }
        let changed = || PackError::ChangedMeanwhile(path.clone());
        let mut after = now;
        for _ in 0..ATTEMPTS {
            let opened = self.directory.open(self.name, OFlags::RDONLY, EXPECTED)?;
            let start = Identity::of(&fstat(&opened).map_err(io)?);
            if start.size() != self.before.size() || !self.is_continued(opened, tables, copy)? {
                return Err(changed());
            }
            after = Identity::of(&self.directory.stat(self.name).map_err(io)?);
            if after == start {
                break;
            }
            // Changed while it was compared; or reading it is what changes its time, as a mount of
            // rclone does until it has uploaded it.
        }
        Ok(after)
    }

    /// Whether the bytes of a file are those that `copy` continues.
    fn is_continued(&self, file: File, tables: &Tables, copy: &File) -> Result<bool, PackError> {
        let path = self.directory.join(self.name);
        let Ok(shard) = Shard::from_file(&path, file) else {
            return Ok(false);
        };
        let Ok(earlier) = Tables::of(&shard, tables.sections()) else {
            return Ok(false);
        };
        let checksums = shard.sections().crc32c.is_some();
        if shard.sections().unknown > 0 || !tables.begin_with(&earlier, checksums) {
            return Ok(false);
        }
        let same = has_same_bytes(shard.file(), copy, shard.payload_len());
        same.map_err(|error| PackError::io(&path, error))
    }
}

/// Whether two files begin with the same `len` bytes.
fn has_same_bytes(one: &File, other: &File, len: u64) -> io::Result<bool> {
    let (mut a, mut b) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
    let mut at = 0;
    while at < len {
        let part = (len - at).min(BUFFER_BYTES as u64) as usize;
        one.read_exact_at(&mut a[..part], at)?;
        other.read_exact_at(&mut b[..part], at)?;
        if a[..part] != b[..part] {
            return Ok(false);
        }
        at += part as u64;
    }
    Ok(true)
}
