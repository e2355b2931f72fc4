//! One open, validated shard, and the only place that knows where its bytes come from.
//!
//! Opening checks in O(1) what everything later relies on; each access checks its own offsets.
//! Global record numbers are not known here.

pub mod allowance;
mod caching;
mod compared;
mod events;
pub mod mmap;
mod names;
mod scan;
mod unchanged;
pub mod verify;

pub use caching::{Copies, LARGE_RECORD, PayloadBytes};
pub use compared::{Permit, any_work};
pub use mmap::KERNEL_READAHEAD;
pub use names::SortedNames;
pub use scan::Scan;
pub use unchanged::{Epoch, OnChange};

use crate::format::footer::{self, Footer, Version};
use crate::format::index::{EndOffsets, Extent, Kind};
use crate::format::name::{Name, NameError};
use crate::format::section::{self, SectionWalk, Sections};
use crate::format::{Damage, OFFSET_LEN, bytes};
use crate::shard::mmap::PayloadMap;
use crate::sys::acl;
use crate::sys::files::limit_hint;
use crate::sys::lease;
use crate::text::shown;
use events::Events;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IoSliceMut};
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use unchanged::{Page, Stamp, Unchanged};

/// How many table entries are read at once when many are wanted: 32 KiB of offsets.
const BATCH: u64 = 4096;
/// How many bytes at the end of the file are remembered.
const LAST_PAGE: u64 = 4096;
/// The same for checksums: all of most shards.
const LAST_CHECKSUMS: u64 = 64 << 10;
/// `RWF_DONTCACHE` in include/uapi/linux/fs.h.
const DONT_CACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

/// The number of a record within its shard, from 0. Only a [`Shard`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalIndex(u64);

impl LocalIndex {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Why a shard cannot be opened or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ShardError {
    /// The system refused.
    #[error("{}: {reason}{}", shown(path), limit_hint(reason))]
    Io {
        /// The shard's file.
        path: PathBuf,
        /// What it said.
        reason: Arc<io::Error>,
    },
    /// The path is not a regular file.
    #[error("{}: it is {found}, expected a regular file", shown(path))]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        found: &'static str,
    },
    /// The bytes are not a shard's.
    #[error("{}: {damage}", shown(path))]
    Damaged {
        /// The shard's file.
        path: PathBuf,
        /// Where and how.
        damage: Damage,
    },
    /// The file has another size than when it was opened.
    #[error("{}: file size is {}, expected {expected} as when it was opened", shown(path), bytes(*found))]
    Resized {
        /// The shard's file.
        path: PathBuf,
        /// Its size in bytes now.
        found: u64,
        /// Its size in bytes when it was opened.
        expected: u64,
    },
    /// The file was written to since it was opened, or may have been.
    #[error("{}: it has changed since it was opened: {reason}", shown(path))]
    Changed {
        /// The shard's file.
        path: PathBuf,
        /// What tells.
        reason: String,
    },
}

impl ShardError {
    /// The shard's file.
    pub fn path(&self) -> &Path {
        match self {
            ShardError::Io { path, .. }
            | ShardError::NotRegular { path, .. }
            | ShardError::Damaged { path, .. }
            | ShardError::Resized { path, .. }
            | ShardError::Changed { path, .. } => path,
        }
    }

    /// Whether the shard's bytes are at fault, and not the system or the path.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            ShardError::Damaged { .. } | ShardError::Resized { .. } | ShardError::Changed { .. }
        )
    }
}

/// The file's metadata at the time of opening: what the tree shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
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

/// One open shard.
#[derive(Debug)]
pub struct Shard {
    path: PathBuf,
    file: File,
    owner: Owner,
    footer: Footer,
    index: EndOffsets,
    sections: Sections,
    map: OnceLock<PayloadMap>,
    copies: Copies,
    unchanged: Unchanged,
}

impl Shard {
    /// Opens `path` and validates footer, section chain, and the last end offsets: O(1) in the
    /// number of records.
    pub fn open(path: &Path) -> Result<Shard, ShardError> {
        let io = |reason| ShardError::Io {
            path: path.to_owned(),
            reason: Arc::new(reason),
        };
        // Asked before opening: opening a device or FIFO can block or have effects.
        check_regular(path, &std::fs::metadata(path).map_err(io)?)?;
        let mut options = OpenOptions::new();
        options.read(true);
        options.custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
        let opened = lease::wait(path, || options.open(path), lease::is_lease, &|| false);
        match opened.map_err(io)? {
            Some(file) => Shard::from_file(path, file),
            None => Err(io(std::io::ErrorKind::Interrupted.into())),
        }
    }

    /// Validates an open file, whose path is `path`, as [`open`](Self::open) does.
    pub fn from_file(path: &Path, file: File) -> Result<Shard, ShardError> {
        let io = |reason| ShardError::Io {
            path: path.to_owned(),
            reason: Arc::new(reason),
        };
        let metadata = file.metadata().map_err(io)?;
        check_regular(path, &metadata)?;
        let (footer, sections, pages) =
            read_layout(&file, metadata.len()).map_err(|error| match error {
                ReadError::Io(reason) => io(reason),
                ReadError::Damage(damage) => damaged(path, damage),
            })?;
        let has_checksums = sections.crc32c.is_some();
        // What was done before this is seen by the time, and taken for a write.
        let events = Events::of(&file);
        let mode = readable_by(&file, metadata.mode() & 0o7777);
        let index = EndOffsets::new(
            Kind::Records,
            footer.payload_len(),
            footer.records(),
            footer.payload_len(),
        );
        let shard = Shard {
            path: path.to_owned(),
            file,
            owner: Owner {
                mode,
                uid: metadata.uid(),
                gid: metadata.gid(),
                mtime: metadata.mtime(),
                mtime_nsec: metadata.mtime_nsec(),
            },
            footer,
            index,
            sections,
            map: OnceLock::new(),
            copies: Copies::default(),
            unchanged: Unchanged::new(Stamp::of(&metadata), pages, has_checksums, events),
        };
        shard.check_last(&shard.index)?;
        if let Some(names) = &shard.sections.names {
            shard.check_last(&names.ends)?;
        }
        Ok(shard)
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Mode, owner and times.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Form of the footer.
    pub fn version(&self) -> &Version {
        self.footer.version()
    }

    /// Number of records.
    pub fn records(&self) -> u64 {
        self.footer.records()
    }

    /// Bytes of payload.
    pub fn payload_len(&self) -> u64 {
        self.footer.payload_len()
    }

    /// All of the payload.
    pub fn payload(&self) -> Extent {
        self.index.whole()
    }

    /// Bytes of the whole file.
    pub fn file_len(&self) -> u64 {
        self.footer.file_len()
    }

    /// Which sections it has.
    pub fn sections(&self) -> &Sections {
        &self.sections
    }

    /// Record `index`, where there is one.
    pub fn local(&self, index: u64) -> Option<LocalIndex> {
        (index < self.records()).then_some(LocalIndex(index))
    }

    /// All records, by their numbers.
    pub fn all(&self) -> impl Iterator<Item = LocalIndex> + use<> {
        (0..self.records()).map(LocalIndex)
    }

    /// Where a record lies in the payload.
    pub fn extent(&self, record: LocalIndex) -> Result<Extent, ShardError> {
        self.entry(&self.index, record.0)
    }

    /// Calls `each` with the extents of records `range`, in order, until it breaks off. A damaged
    /// entry is passed on as such and does not end the walk.
    pub fn for_each_extent(
        &self,
        range: Range<u64>,
        each: &mut dyn FnMut(LocalIndex, Result<Extent, Damage>) -> ControlFlow<()>,
    ) -> Result<(), ShardError> {
        self.for_each_entry(&self.index, range, &mut |entry, extent| {
            each(LocalIndex(entry), extent)
        })
    }

    /// A record's name; `None` where the shard or the record has none, and for a name that breaks
    /// the rules (only `verify` asks which, by [`raw_name`](Self::raw_name)).
    pub fn name(&self, record: LocalIndex) -> Result<Option<Name>, ShardError> {
        Ok(self.raw_name(record)?.and_then(|raw| Name::new(&raw).ok()))
    }

    /// A record's name as [`name`](Self::name), but one that breaks the rules is an error.
    pub fn valid_name(&self, record: LocalIndex) -> Result<Option<Name>, ShardError> {
        match self.name_extent(record)? {
            Some(extent) => self.valid_name_at(record, extent),
            None => Ok(None),
        }
    }

    /// The same for a name whose place is known.
    pub fn valid_name_at(
        &self,
        record: LocalIndex,
        extent: Extent,
    ) -> Result<Option<Name>, ShardError> {
        let raw = self.raw_name_at(extent)?;
        self.valid_name_of(record, extent, raw.as_deref())
    }

    fn valid_name_of(
        &self,
        record: LocalIndex,
        extent: Extent,
        raw: Option<&[u8]>,
    ) -> Result<Option<Name>, ShardError> {
        let what = || format!("record {}: name", record.get());
        let Some(raw) = raw else {
            let found = format!("{} bytes long", extent.len());
            return Err(self.damaged(Damage::new(what(), found, "at most 4095 bytes")));
        };
        match Name::new(raw) {
            Ok(name) => Ok(Some(name)),
            Err(NameError::Empty) => Ok(None),
            Err(error) => {
                let found = format!("\"{}\" ({error})", raw.escape_ascii());
                Err(self.damaged(Damage::new(what(), found, "a valid relative path")))
            }
        }
    }

    /// The bytes of a record's name as they stand in the shard; `None` where the shard has no
    /// names, or the bytes are longer than any name.
    pub fn raw_name(&self, record: LocalIndex) -> Result<Option<Vec<u8>>, ShardError> {
        match self.name_extent(record)? {
            Some(extent) => self.raw_name_at(extent),
            None => Ok(None),
        }
    }

    /// Where a record's name lies among the bytes of all names; `None` where the shard has none.
    pub fn name_extent(&self, record: LocalIndex) -> Result<Option<Extent>, ShardError> {
        match &self.sections.names {
            Some(names) => self.entry(&names.ends, record.0).map(Some),
            None => Ok(None),
        }
    }

    /// The bytes of a name by its place, as [`raw_name`](Self::raw_name) gives them.
    pub fn raw_name_at(&self, extent: Extent) -> Result<Option<Vec<u8>>, ShardError> {
        let Some(names) = &self.sections.names else {
            return Ok(None);
        };
        if extent.len() > crate::format::name::MAX_LEN as u64 {
            return Ok(None);
        }
        let mut raw = vec![0; extent.len() as usize];
        self.read_at(names.at + extent.start(), &mut raw)?;
        Ok(Some(raw))
    }

    /// Calls `each` with the extents of all names, as [`for_each_extent`](Self::for_each_extent)
    /// does for records.
    pub fn for_each_name_extent(
        &self,
        each: &mut dyn FnMut(LocalIndex, Result<Extent, Damage>) -> ControlFlow<()>,
    ) -> Result<(), ShardError> {
        let Some(names) = &self.sections.names else {
            return Ok(());
        };
        self.for_each_entry(&names.ends, 0..self.records(), &mut |entry, extent| {
            each(LocalIndex(entry), extent)
        })
    }

    /// The stored checksum of a record, where the shard has checksums.
    pub fn crc32c(&self, record: LocalIndex) -> Result<Option<u32>, ShardError> {
        match &self.sections.crc32c {
            Some(table) => self.table_entry(table, record.0).map(Some),
            None => Ok(None),
        }
    }

    /// Compares the checksum of a record's content with the stored one, where the shard has
    /// checksums.
    pub fn check_crc32c(&self, record: LocalIndex, found: u32) -> Result<(), ShardError> {
        let expected = self.crc32c(record)?;
        self.compare_crc32c(record, expected, found)
    }

    fn compare_crc32c(
        &self,
        record: LocalIndex,
        expected: Option<u32>,
        found: u32,
    ) -> Result<(), ShardError> {
        match expected {
            None => Ok(()),
            Some(expected) if expected == found => Ok(()),
            Some(expected) => {
                let what = format!("record {}: checksum", record.get());
                let hex = |crc| format!("{crc:#010x}");
                Err(self.damaged(Damage::new(what, hex(found), hex(expected))))
            }
        }
    }

    /// Entry `position` of a non-empty order section: which record's name is at that place in
    /// byte order. The number is as it stands in the file, and may not be a record's.
    pub fn order_entry(&self, position: u64) -> Result<Option<u32>, ShardError> {
        match &self.sections.order {
            Some(table) if position < table.count => self.table_entry(table, position).map(Some),
            _ => Ok(None),
        }
    }

    fn table_entry(&self, table: &section::Table, entry: u64) -> Result<u32, ShardError> {
        let mut bytes = [0; section::ENTRY_LEN as usize];
        self.read_at(table.at + entry * section::ENTRY_LEN, &mut bytes)?;
        Ok(decode_table_entry(&bytes))
    }

    /// Copies payload bytes from `offset` on into `buffer`, which must fit into the payload.
    pub fn read_payload(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ShardError> {
        let all = self.read_payload_within(offset, buffer, &mut any_work)?;
        debug_assert!(all);
        Ok(())
    }

    /// The same; `false` where that takes more work than is permitted.
    pub fn read_payload_within(
        &self,
        offset: u64,
        buffer: &mut [u8],
        permit: &mut Permit<'_>,
    ) -> Result<bool, ShardError> {
        debug_assert!(offset + buffer.len() as u64 <= self.payload_len());
        if !self.is_compared() {
            self.read_at(offset, buffer)?;
        }
        // It may have become so just now.
        if self.is_compared() {
            let part = self.payload().part(offset, buffer.len() as u64);
            match self.read_compared(None, part, permit)? {
                Some(bytes) => buffer.copy_from_slice(&bytes),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The bytes of an extent of the payload, read so that what is not in memory yet does not stay
    /// there either; `None` where the kernel (before 6.14) or the file system cannot do that, and
    /// where reading fails. As with [`mapped`](Self::mapped), the caller has to check.
    pub fn read_once(&self, extent: Extent) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(extent.len()).ok()?];
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let read = preadv2(&self.file, &mut parts, extent.start(), DONT_CACHE).ok()?;
        (read == bytes.len()).then_some(bytes)
    }

    /// The mapped bytes of an extent of the payload, for the kernel to copy and for nothing else
    /// (see [`PayloadMap`]). The extent has to come straight from [`extent`](Self::extent), or
    /// [`check_unchanged`](Self::check_unchanged) has to come before: in a file that has changed what is mapped
    /// is not what the index describes, and cut pages could read as zeros. Not where the shard
    /// [`is_compared`](Self::is_compared). What the kernel has copied was right if
    /// [`is_still`](Self::is_still) says so afterwards, with the epoch from before the check.
    pub fn mapped(&self, extent: Extent) -> Result<&[u8], ShardError> {
        let slice = self.map()?.slice(extent.start(), extent.end());
        slice.ok_or_else(|| {
            let limit = format!("at most {}", self.payload_len());
            self.damaged(Damage::new("payload range end", extent.end(), limit))
        })
    }

    /// Asks the kernel to start reading an extent of the payload from disk.
    pub fn will_need(&self, extent: Extent) -> Result<(), ShardError> {
        self.map()?.will_need(extent.start(), extent.end());
        Ok(())
    }

    /// Lets the kernel take back the memory of an extent of the payload.
    pub fn page_out(&self, extent: Extent) {
        if let Ok(map) = self.map() {
            map.page_out(extent.start(), extent.end());
        }
    }

    /// Maps the payload, once.
    pub fn map(&self) -> Result<&PayloadMap, ShardError> {
        if let Some(map) = self.map.get() {
            return Ok(map);
        }
        let map = PayloadMap::new(&self.file, self.payload_len());
        let map = map.map_err(|error| {
            let text = format!("the payload cannot be mapped: {error}");
            self.io(io::Error::new(error.kind(), text))
        })?;
        Ok(self.map.get_or_init(|| map))
    }

    /// An error of this shard's bytes.
    pub fn damaged(&self, damage: Damage) -> ShardError {
        damaged(&self.path, damage)
    }

    /// An error of the system on this shard.
    pub fn io(&self, reason: io::Error) -> ShardError {
        ShardError::Io {
            path: self.path.clone(),
            reason: Arc::new(reason),
        }
    }

    fn check_last(&self, table: &EndOffsets) -> Result<(), ShardError> {
        let Some(last) = table.count().checked_sub(1) else {
            return Ok(());
        };
        let last = self.entry(table, last)?;
        table
            .check_last(last)
            .map_err(|damage| self.damaged(damage))
    }

    fn entry(&self, table: &EndOffsets, entry: u64) -> Result<Extent, ShardError> {
        let range = table.file_range(entry..entry + 1);
        let mut bytes = [0; 2 * OFFSET_LEN as usize];
        let bytes = &mut bytes[..(range.end - range.start) as usize];
        self.read_at(range.start, bytes)?;
        self.decode_entry(table, entry, bytes)
    }

    /// Out of the bytes of [`EndOffsets::file_range`].
    fn decode_entry(
        &self,
        table: &EndOffsets,
        entry: u64,
        bytes: &[u8],
    ) -> Result<Extent, ShardError> {
        let extent = table.extents(entry, bytes).next();
        let missing = || Damage::new("index entry", "missing", "it in the file");
        extent
            .unwrap_or_else(|| Err(missing()))
            .map_err(|damage| self.damaged(damage))
    }

    fn for_each_entry(
        &self,
        table: &EndOffsets,
        range: Range<u64>,
        each: &mut dyn FnMut(u64, Result<Extent, Damage>) -> ControlFlow<()>,
    ) -> Result<(), ShardError> {
        let mut bytes = Vec::new();
        let mut first = range.start;
        while first < range.end {
            let batch = first..range.end.min(first + BATCH);
            let wanted = table.file_range(batch.clone());
            bytes.resize((wanted.end - wanted.start) as usize, 0);
            self.read_at(wanted.start, &mut bytes)?;
            for (entry, extent) in batch.clone().zip(table.extents(first, &bytes)) {
                if each(entry, extent).is_break() {
                    return Ok(());
                }
            }
            first = batch.end;
        }
        Ok(())
    }

    /// Reads bytes of the file, and checks afterwards that they are still the shard's: one that
    /// has been appended to in place has other bytes where its index was.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ShardError> {
        self.read_unchecked(offset, buffer)?;
        self.check_unchanged()
    }

    /// Reads bytes of the file. The caller checks that it is unchanged before it relies on them.
    fn read_unchecked(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ShardError> {
        match self.file.read_exact_at(buffer, offset) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(self.io(error)),
            // The file has been cut, or was always too short: its size tells.
            Err(_) => {
                self.check_unchanged()?;
                Err(self.io(io::ErrorKind::UnexpectedEof.into()))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Fails when the file is not what it was when it was opened, as far as its size, times and a few
    /// bytes tell (see `unchanged.rs` for the rule): then each later call fails as well.
    pub fn check_unchanged(&self) -> Result<(), ShardError> {
        self.unchanged.check(&self.file, &self.path)
    }

    /// Another one after each change of the file's times that was found.
    pub fn epoch(&self) -> Epoch {
        self.unchanged.epoch()
    }

    /// Whether the file is now what it was in that epoch, without any change in between.
    pub fn is_still(&self, epoch: Epoch) -> bool {
        self.check_unchanged().is_ok() && self.epoch() == epoch
    }

    /// Has `call` called, once, when the file is found changed. It must not wait.
    pub fn on_change(&self, call: OnChange) {
        self.unchanged.on_change(call);
    }
}

/// An entry of a checksum or order section.
fn decode_table_entry(bytes: &[u8]) -> u32 {
    let byte = |n, &byte| n << 8 | u32::from(byte);
    bytes.iter().rev().fold(0, byte)
}

fn damaged(path: &Path, damage: Damage) -> ShardError {
    ShardError::Damaged {
        path: path.to_owned(),
        damage,
    }
}

fn check_regular(path: &Path, metadata: &Metadata) -> Result<(), ShardError> {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    let found = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(ShardError::NotRegular {
        path: path.to_owned(),
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

enum ReadError {
    Io(io::Error),
    Damage(Damage),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        ReadError::Io(error)
    }
}

impl From<Damage> for ReadError {
    fn from(damage: Damage) -> Self {
        ReadError::Damage(damage)
    }
}

/// Also what is remembered of the bytes.
fn read_layout(file: &File, file_len: u64) -> Result<(Footer, Sections, Vec<Page>), ReadError> {
    let (tail_at, tail) = read_end(file, 0..file_len, LAST_PAGE)?;
    let footer = &tail[tail.len().saturating_sub(footer::LEN_02 as usize)..];
    let footer = Footer::parse(footer, file_len)?;
    let mut walk = SectionWalk::new(&footer);
    while let Some(at) = walk.next_at()? {
        let mut bytes = [0; section::FOOTER_LEN as usize];
        match at.checked_sub(tail_at) {
            // It ends before the file's footer, so all of it is in memory.
            Some(from) => {
                bytes.copy_from_slice(&tail[from as usize..][..section::FOOTER_LEN as usize])
            }
            None => file.read_exact_at(&mut bytes, at)?,
        }
        walk.push(&bytes)?;
    }
    let sections = walk.finish()?;
    let mut pages = vec![Page::new(tail_at, &tail)];
    if let Some(table) = sections.crc32c {
        let end = table.at + table.count * section::ENTRY_LEN;
        // Unless they are in the last page.
        if table.at < tail_at {
            let (at, bytes) = read_end(file, table.at..end, LAST_CHECKSUMS)?;
            pages.push(Page::new(at, &bytes));
        }
    }
    Ok((footer, sections, pages))
}

/// The last bytes of a part of the file, not more than `most`, and where they begin.
fn read_end(file: &File, part: Range<u64>, most: u64) -> io::Result<(u64, Vec<u8>)> {
    let at = part.start.max(part.end.saturating_sub(most));
    let mut bytes = vec![0; (part.end - at) as usize];
    file.read_exact_at(&mut bytes, at)?;
    Ok((at, bytes))
}
