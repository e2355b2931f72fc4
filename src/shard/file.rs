//! The bytes of a shard's file: read, mapped, asked for ahead, and checked to be still those that were
//! opened.
//!
//! The only place that has the file itself. All else of a shard asks here, so shards that are not
//! local files would be a second kind of [`ShardFile`], and nothing else would know. What the bytes
//! mean is not known here, nor which of them are worth keeping in memory.

use super::events::Events;
use super::mmap::{KERNEL_READAHEAD, PayloadMap};
use super::unchanged::{Page, Stamp, Unchanged};
use super::{Location, ShardError};
use crate::format::Damage;
use crate::format::offsets::Extent;
use crate::sys::{acl, lease};
use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::borrow::Cow;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Not among the flags that rustix names.
const DONT_CACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(libc::RWF_DONTCACHE as u32);

/// An open regular file and its name, before anything of it is remembered.
#[derive(Debug)]
pub(super) struct LocalFile {
    location: Location,
    file: File,
}

impl LocalFile {
    /// Opens the file at `path`; returns its metadata at that moment, too.
    pub(super) fn open(path: &Path) -> Result<(LocalFile, Metadata), ShardError> {
        let io = |reason| io_error(path.into(), reason);
        // Asked before opening: opening a device or FIFO can block or have effects.
        check_regular(path, &std::fs::metadata(path).map_err(io)?)?;
        let mut options = OpenOptions::new();
        options.read(true);
        options.custom_flags(libc::O_NONBLOCK);
        let opened = lease::wait(path, || options.open(path), lease::is_lease, &|| false);
        match opened.map_err(io)? {
            Some(file) => LocalFile::new(path, file),
            None => Err(io(io::ErrorKind::Interrupted.into())),
        }
    }

    /// The same for a file that is open already, by the path `path`.
    pub(super) fn new(path: &Path, file: File) -> Result<(LocalFile, Metadata), ShardError> {
        let metadata = file.metadata();
        let metadata = metadata.map_err(|reason| io_error(path.into(), reason))?;
        check_regular(path, &metadata)?;
        let location = path.into();
        Ok((LocalFile { location, file }, metadata))
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    /// Its size and times now.
    pub(super) fn stamp(&self) -> Result<Stamp, ShardError> {
        let metadata = self.file.metadata().map_err(|error| self.io(error))?;
        Ok(Stamp::of(&metadata))
    }

    /// Fills `bytes` from byte `at` on; fails with `UnexpectedEof` where the file ends before.
    pub(super) fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, at)
    }

    /// An error of the system on this file.
    pub(super) fn io(&self, reason: io::Error) -> ShardError {
        io_error(self.location.clone(), reason)
    }

    /// An error of this file's bytes.
    pub(super) fn damaged(&self, damage: Damage) -> ShardError {
        ShardError::Damaged {
            location: self.location.clone(),
            damage,
        }
    }

    /// The error that the file has changed.
    pub(super) fn changed(&self, reason: impl Into<String>) -> ShardError {
        ShardError::Changed {
            location: self.location.clone(),
            reason: reason.into(),
        }
    }
}

/// The file's metadata at the time of opening: what the tree shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Permission bits, as `st_mode & 0o7777`; without those that an access control list makes
    /// untrue (see [`acl`]).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time: seconds since 1970, may be negative.
    pub mtime: i64,
    /// Nanoseconds of the modification time.
    pub mtime_nsec: i64,
}

/// The file of an open shard.
#[derive(Debug)]
pub(super) struct ShardFile {
    local: LocalFile,
    stat: Stat,
    /// The payload is what comes first.
    payload_len: u64,
    /// Where the index ends, which is what comes next.
    index_end: u64,
    /// Or why it cannot be mapped: then it is read.
    map: OnceLock<io::Result<PayloadMap>>,
    /// Set once the kernel guesses no more what else of it will be read.
    is_unguessed: OnceLock<()>,
    /// Whether the kernel tells what of it is in memory.
    is_residency_told: OnceLock<bool>,
    /// Whether it is still the file that was opened.
    pub(super) unchanged: Unchanged,
}

impl ShardFile {
    /// Of a file that had this `metadata` and these `pages` when it was opened, with a payload and an
    /// index that end at these bytes.
    pub(super) fn new(
        local: LocalFile,
        metadata: &Metadata,
        pages: Vec<Page>,
        (payload_len, index_end): (u64, u64),
        has_checksums: bool,
    ) -> ShardFile {
        // A change before this shows in the times, and is taken for a write.
        let events = Events::of(local.file.as_fd());
        let stat = Stat {
            mode: readable_by(&local.file, metadata.mode() & 0o7777),
            uid: metadata.uid(),
            gid: metadata.gid(),
            mtime: metadata.mtime(),
            mtime_nsec: metadata.mtime_nsec(),
        };
        ShardFile {
            local,
            stat,
            payload_len,
            index_end,
            map: OnceLock::new(),
            is_unguessed: OnceLock::new(),
            is_residency_told: OnceLock::new(),
            unchanged: Unchanged::new(Stamp::of(metadata), pages, has_checksums, events),
        }
    }

    /// The file with its name: for its errors.
    pub(super) fn local(&self) -> &LocalFile {
        &self.local
    }

    pub(super) fn file(&self) -> &File {
        &self.local.file
    }

    pub(super) fn stat(&self) -> &Stat {
        &self.stat
    }

    /// Reads bytes of the file, and checks afterwards that they are still the shard's: one that
    /// has been appended to in place has other bytes where its index was.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ShardError> {
        self.read_unchecked(offset, buffer)?;
        self.check_unchanged()
    }

    /// Reads bytes of the file. The caller checks that it is unchanged before it relies on them.
    pub(super) fn read_unchecked(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ShardError> {
        match self.local.read_exact_at(buffer, offset) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(self.local.io(error)),
            // The file has been cut, or was always too short: its size tells.
            Err(_) => {
                self.check_unchanged()?;
                Err(self.local.io(io::ErrorKind::UnexpectedEof.into()))
            }
            Ok(()) => Ok(()),
        }
    }

    /// See [`Shard::check_unchanged`](super::Shard::check_unchanged).
    pub(super) fn check_unchanged(&self) -> Result<(), ShardError> {
        self.unchanged.check(&self.local)
    }

    /// See [`Shard::read_uncached`](super::Shard::read_uncached).
    pub(super) fn read_uncached(&self, extent: Extent) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(extent.len()).ok()?];
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let read = preadv2(self.unguessed(), &mut parts, extent.start(), DONT_CACHE).ok()?;
        (read == bytes.len()).then_some(bytes)
    }

    /// See [`Shard::content`](super::Shard::content).
    pub(super) fn content(&self, extent: Extent) -> Result<Cow<'_, [u8]>, ShardError> {
        if extent.end() > self.payload_len {
            let limit = format!("at most {}", self.payload_len);
            let damage = Damage::new("payload range end", extent.end(), limit);
            return Err(self.local.damaged(damage));
        }
        let mapped = self.map().ok();
        if let Some(slice) = mapped.and_then(|map| map.slice(extent.start(), extent.end())) {
            return Ok(Cow::Borrowed(slice));
        }
        let mut bytes = vec![0; extent.len() as usize];
        self.read_unchecked(extent.start(), &mut bytes)?;
        Ok(Cow::Owned(bytes))
    }

    /// See [`Shard::will_need`](super::Shard::will_need).
    pub(super) fn will_need(&self, extent: Extent) {
        match self.map() {
            Ok(map) => map.will_need(extent.start(), extent.end()),
            // Its file system has no mappings, which is so where it reads past the page cache: what is
            // brought there would be for nobody.
            Err(error) if Errno::from_io_error(error) == Some(Errno::NODEV) => {}
            Err(_) => self.will_read(extent.start()..extent.end()),
        }
    }

    /// Whether bytes `start..end` are in memory; `None` where the kernel does not tell, which it does
    /// only to those who own the file or may write it. Who owns it is asked by a call that
    /// the kernel answers by the same function (`inode_owner_or_capable`, in `setfl` of fs/fcntl.c).
    pub(super) fn is_in_memory(&self, start: u64, end: u64) -> Option<bool> {
        let is_told = self.is_residency_told.get_or_init(|| {
            let file = &self.local.file;
            fcntl_getfl(file).is_ok_and(|flags| {
                let is_owner = fcntl_setfl(file, flags | OFlags::NOATIME).is_ok();
                let _ = fcntl_setfl(file, flags);
                is_owner
            })
        });
        let map = self.map().ok().filter(|_| *is_told)?;
        Some(map.is_in_memory(start, end))
    }

    /// See [`Shard::page_out`](super::Shard::page_out).
    pub(super) fn page_out(&self, extent: Extent) {
        if let Ok(map) = self.map() {
            map.unmap(extent.start(), extent.end());
        }
        // A hint. `MADV_PAGEOUT` would do both, but only for the owner of the file, and not for pages
        // that were read and never mapped.
        let len = NonZeroU64::new(extent.len());
        if len.is_some() {
            let _ = fadvise(&self.local.file, extent.start(), len, Advice::DontNeed);
        }
    }

    /// See [`Shard::populate`](super::Shard::populate).
    pub(super) fn populate(&self, extent: Extent) {
        if let Ok(map) = self.map() {
            map.populate(extent.start(), extent.end());
        }
    }

    /// The file, read by whom the mapping serves, who says what is needed: between records that are in
    /// memory the kernel takes any read for one in order, and reads up to the disk's readahead of
    /// others (`page_cache_sync_ra` in mm/readahead.c).
    fn unguessed(&self) -> &File {
        self.is_unguessed.get_or_init(|| {
            // A hint; without it more is read from disk.
            let _ = fadvise(&self.local.file, 0, None, Advice::Random);
        });
        &self.local.file
    }

    /// Asks the kernel to start reading bytes of the file from disk, which will be read and not mapped.
    pub(super) fn will_read(&self, bytes: Range<u64>) {
        for at in bytes.clone().step_by(KERNEL_READAHEAD as usize) {
            let len = NonZeroU64::new(KERNEL_READAHEAD.min(bytes.end - at));
            // A hint; without it reads are as right, only slower.
            let _ = fadvise(&self.local.file, at, len, Advice::WillNeed);
        }
    }

    /// See [`Shard::map`](super::Shard::map).
    pub(super) fn map(&self) -> Result<&PayloadMap, &io::Error> {
        let file = self.unguessed().as_fd();
        let map = || PayloadMap::new(file, self.payload_len, self.index_end);
        self.map.get_or_init(map).as_ref()
    }
}

fn io_error(location: Location, reason: io::Error) -> ShardError {
    ShardError::Io {
        location,
        reason: Arc::new(reason),
    }
}

fn check_regular(path: &Path, metadata: &Metadata) -> Result<(), ShardError> {
    let kind = metadata.file_type();
    let found = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(ShardError::NotRegular {
        location: path.into(),
        found,
    })
}

/// The file's mode, cut down where an access control list refuses someone whom the mode lets in.
fn readable_by(file: &File, mode: u32) -> u32 {
    // Larger than any list of a few thousand entries; the kernel allows 64 KiB.
    let mut list = [0; 1 << 16];
    match rustix::fs::fgetxattr(file, acl::ATTRIBUTE, &mut list[..]) {
        Ok(len) => acl::restrict(mode, &list[..len]),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => mode,
        Err(_) => acl::restrict(mode, &[]),
    }
}
