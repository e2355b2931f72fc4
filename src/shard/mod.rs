//! One open, validated shard, and the only place that knows where its bytes come from.
//!
//! Opening checks in O(1) what everything later relies on; each access checks its own offsets.
//! Global record numbers are not known here.

pub mod allowance;
mod caching;
mod compared;
mod error;
mod events;
mod file;
mod in_memory;
mod location;
pub mod mmap;
mod names;
mod records;
mod scan;
mod sorted_names;
mod unchanged;
pub mod verify;

pub use caching::{LARGE_RECORD, PayloadBytes};
pub use compared::{Permit, any_work};
pub use error::ShardError;
pub use file::Stat;
pub use location::Location;
pub use mmap::PAGE;
pub use records::LocalIndex;
pub use scan::Scan;
pub use sorted_names::SortedNames;
pub use unchanged::{Epoch, OnChange};

use crate::format::Damage;
use crate::format::footer::{self, Footer, Version};
use crate::format::offsets::{EndOffsets, Extent, OffsetsOf};
use crate::format::section::{self, SectionWalk, Sections};
use crate::shard::mmap::PayloadMap;
use file::{LocalFile, ShardFile};
use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::Path;
use unchanged::Page;

/// This many bytes at the end of the file are remembered.
const LAST_PAGE_LEN: u64 = 4096;
/// The same for checksums: all of most shards.
const LAST_CHECKSUMS_LEN: u64 = 64 << 10;

/// One open shard.
#[derive(Debug)]
pub struct Shard {
    file: ShardFile,
    footer: Footer,
    index: EndOffsets,
    sections: Sections,
}

impl Shard {
    /// Opens `path` and validates footer, section chain, and the last end offsets: O(1) in the
    /// number of records.
    pub fn open(path: &Path) -> Result<Shard, ShardError> {
        Shard::validate(LocalFile::open(path)?)
    }

    /// Validates an open file, whose path is `path`, as [`open`](Self::open) does.
    pub fn from_file(path: &Path, file: File) -> Result<Shard, ShardError> {
        Shard::validate(LocalFile::new(path, file)?)
    }

    fn validate((file, metadata): (LocalFile, Metadata)) -> Result<Shard, ShardError> {
        let (footer, sections, pages) = read_layout(&file, metadata.len())?;
        let index = EndOffsets::new(
            OffsetsOf::Records,
            footer.payload_len(),
            footer.records(),
            footer.payload_len(),
        );
        let has_checksums = sections.crc32c.is_some();
        let ends = (footer.payload_len(), index.file_range(0..index.count()).end);
        let shard = Shard {
            file: ShardFile::new(file, &metadata, pages, ends, has_checksums),
            footer,
            index,
            sections,
        };
        shard.check_last(&shard.index)?;
        if let Some(names) = &shard.sections.names {
            shard.check_last(&names.ends)?;
        }
        Ok(shard)
    }

    /// The open file.
    pub fn file(&self) -> &File {
        self.file.file()
    }

    /// What names it in messages.
    pub fn location(&self) -> &Location {
        self.file.local().location()
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        self.location().path()
    }

    /// Mode, owner and times.
    pub fn stat(&self) -> &Stat {
        self.file.stat()
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

    /// An error of this shard's bytes.
    pub fn damaged(&self, damage: Damage) -> ShardError {
        self.file.local().damaged(damage)
    }

    /// An error of the system on this shard.
    pub fn io(&self, reason: io::Error) -> ShardError {
        self.file.local().io(reason)
    }

    /// The bytes of an extent of the payload, read so that pages that were not in memory before do not
    /// stay there; `None` where the kernel (before 6.14) or the file system cannot do that, and
    /// where reading fails. As with [`content`](Self::content), the caller has to check.
    pub fn read_uncached(&self, extent: Extent) -> Option<Vec<u8>> {
        self.file.read_uncached(extent)
    }

    /// The bytes of an extent of the payload, mapped, for the kernel to copy and for nothing else (see
    /// [`PayloadMap`]); read where the file cannot be mapped. The extent has to come straight from [`extent`](Self::extent), or
    /// [`check_unchanged`](Self::check_unchanged) has to come before: in a file that has changed
    /// what is mapped is not what the index describes, and cut pages could read as zeros. Not where
    /// the shard [`is_compared`](Self::is_compared). What the kernel has copied was right if
    /// [`is_still`](Self::is_still) says so afterwards, with the epoch from before the check.
    pub fn content(&self, extent: Extent) -> Result<Cow<'_, [u8]>, ShardError> {
        self.file.content(extent)
    }

    /// Asks the kernel to start reading an extent of the payload from disk.
    pub fn will_need(&self, extent: Extent) {
        self.file.will_need(extent);
    }

    /// Asks the kernel to start reading the index entries of records from disk.
    pub fn will_need_index(&self, records: Range<u64>) {
        self.file.will_read(self.index.file_range(records));
    }

    /// Waits until an extent of the payload is in memory and mapped, where it can be mapped. Where not,
    /// [`content`](Self::content) has waited once it returns.
    pub fn populate(&self, extent: Extent) {
        self.file.populate(extent);
    }

    /// Lets the kernel take back the memory of an extent of the payload.
    pub fn page_out(&self, extent: Extent) {
        self.file.page_out(extent);
    }

    /// Maps the payload, once. Fails, each time with the same reason, where it cannot be mapped: its file
    /// system has no mappings, or too few addresses or mappings are left. Then it is read.
    pub fn map(&self) -> Result<&PayloadMap, &io::Error> {
        self.file.map()
    }

    /// Fails when the file has changed since it was opened, as far as its size, times and a few bytes
    /// tell (see `unchanged.rs` for the rule): then each later call fails as well.
    pub fn check_unchanged(&self) -> Result<(), ShardError> {
        self.file.check_unchanged()
    }

    /// A new one after each change of the file's times that was found.
    pub fn epoch(&self) -> Epoch {
        self.file.unchanged.epoch()
    }

    /// Whether the file has not changed since that epoch.
    pub fn is_still(&self, epoch: Epoch) -> bool {
        self.check_unchanged().is_ok() && self.epoch() == epoch
    }

    /// Has `call` called, once, when the file is found changed. It must not wait.
    pub fn on_change(&self, call: OnChange) {
        self.file.unchanged.on_change(call);
    }
}

/// Footer and sections, and what is remembered of the bytes.
fn read_layout(
    file: &LocalFile,
    file_len: u64,
) -> Result<(Footer, Sections, Vec<Page>), ShardError> {
    let damaged = |damage| file.damaged(damage);
    let (tail_at, tail) = read_end(file, 0..file_len, LAST_PAGE_LEN)?;
    let footer = &tail[tail.len().saturating_sub(footer::LEN_02 as usize)..];
    let footer = Footer::parse(footer, file_len).map_err(damaged)?;
    let mut walk = SectionWalk::new(&footer);
    while let Some(at) = walk.next_at().map_err(damaged)? {
        let mut bytes = [0; section::FOOTER_LEN as usize];
        match at.checked_sub(tail_at) {
            // It ends before the file's footer, so all of it is in memory.
            Some(from) => {
                bytes.copy_from_slice(&tail[from as usize..][..section::FOOTER_LEN as usize])
            }
            None => {
                let read = file.read_exact_at(&mut bytes, at);
                read.map_err(|error| file.io(error))?;
            }
        }
        walk.take(&bytes).map_err(damaged)?;
    }
    let sections = walk.finish().map_err(damaged)?;
    let mut pages = vec![Page::new(tail_at, &tail)];
    if let Some(table) = sections.crc32c {
        let end = table.at + table.count * section::ENTRY_LEN;
        // Unless they are in the last page.
        if table.at < tail_at {
            let (at, bytes) = read_end(file, table.at..end, LAST_CHECKSUMS_LEN)?;
            pages.push(Page::new(at, &bytes));
        }
    }
    Ok((footer, sections, pages))
}

/// The last bytes of a part of the file, not more than `most`, and where they begin.
fn read_end(file: &LocalFile, part: Range<u64>, most: u64) -> Result<(u64, Vec<u8>), ShardError> {
    let at = part.start.max(part.end.saturating_sub(most));
    let mut bytes = vec![0; (part.end - at) as usize];
    let read = file.read_exact_at(&mut bytes, at);
    read.map_err(|error| file.io(error))?;
    Ok((at, bytes))
}
