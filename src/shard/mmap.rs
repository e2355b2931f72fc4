//! The mapped payload of a shard: map, advise, slice for the kernel. Where it cannot be mapped it is read
//! (`file.rs`).
//!
//! The only `unsafe` beside the fork into the background. Policy (what to advise and when) is
//! not here. The index behind the payload is mapped too, only to ask whether it is in memory.

use memmap2::{Advice, Mmap, MmapOptions};
use rustix::io::Errno;
use rustix::mm::Advice as Advise;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a page on x86-64 and most other machines. Where pages are larger, the kernel refuses to let
/// go of a range that is no multiple of them, and the hint is lost.
pub const PAGE: u64 = 4096;
/// The kernel's readahead in bytes, where nobody has changed it. This much is requested from disk at
/// once: of a larger request the kernel leaves what goes beyond its readahead or the largest request
/// of the disk, whichever is more. With larger requests, 30,000 listed records of 10 KB took 3.95 s in
/// order from a cold disk, with these 0.37 s.
pub const KERNEL_READAHEAD: u64 = 128 << 10;

/// This much of the address space has to be left once a payload is mapped, for threads and what they
/// allocate: where it is limited (`RLIMIT_AS`), that would end the process. Their stacks take 2 MiB
/// each, their heaps 64 MiB.
const ADDRESSES_LEFT: usize = 640 << 20;
/// One of this many mappings that a process may have (`vm.max_map_count`) may be of a payload, for the
/// same reason.
const PART_OF_MAPPINGS: u64 = 2;
/// What the kernel permits by default.
const DEFAULT_MAPPINGS: u64 = 65_530;
/// How many payloads are mapped.
static MAPPED: AtomicU64 = AtomicU64::new(0);
/// The largest range that is asked about at once, in pages: the largest request, wherever it begins.
const MOST_ASKED: usize = 256 + 1;

/// A read-only mapping of a file's first bytes.
///
/// Its slices may only be handed to the kernel as the buffer of a write. If the file shrinks, the
/// kernel's copy out of a page that is gone fails with `EFAULT`; touched in user space, the same
/// page would be a `SIGBUS` that ends the process.
#[derive(Debug)]
pub struct PayloadMap {
    /// `None` for an empty payload, which cannot be mapped.
    map: Option<Mmap>,
    payload_len: usize,
}

impl PayloadMap {
    /// Maps the payload, the first bytes of `file`, and the index that ends at byte `index_end`;
    /// advised for random access: the kernel's default read-around would read several times the
    /// bytes asked for.
    pub fn new(file: BorrowedFd<'_>, payload_len: u64, index_end: u64) -> io::Result<PayloadMap> {
        let len = |len| usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory);
        let (payload_len, len) = (len(payload_len)?, len(index_end)?);
        if payload_len == 0 {
            let map = None;
            return Ok(PayloadMap { map, payload_len });
        }
        if MAPPED.load(Ordering::Relaxed) >= most_mapped() {
            return Err(Errno::NOMEM.into());
        }
        #[expect(
            unsafe_code,
            reason = "a mapping is how records reach the kernel without a copy"
        )]
        // SAFETY: the mapping is read-only and never touched in user space (see the type), so
        // neither truncation nor modification of the file by others is observed by Rust code.
        let map = match unsafe { MmapOptions::new().len(len).map(&file) } {
            // A file of FUSE that is read past the cache has no shared mappings, but private ones
            // (`fuse_file_mmap` in fs/fuse/file.c).
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NODEV) => {
                // SAFETY: as above.
                unsafe { MmapOptions::new().len(len).map_copy_read_only(&file)? }
            }
            mapped => mapped?,
        };
        // Let go of at once: addresses alone, of which others will need some.
        MmapOptions::new()
            .len(ADDRESSES_LEFT)
            .no_reserve_swap()
            .map_anon()?;
        MAPPED.fetch_add(1, Ordering::Relaxed);
        // Advice is a hint; without it reads are as right, only slower.
        let _ = map.advise(Advice::Random);
        Ok(PayloadMap {
            map: Some(map),
            payload_len,
        })
    }

    /// Bytes `start..end`, for the kernel to copy; `None` outside the mapping.
    pub fn slice(&self, start: u64, end: u64) -> Option<&[u8]> {
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        match &self.map {
            Some(map) => map.get(..self.payload_len)?.get(range),
            None => range.is_empty().then_some(&[]),
        }
    }

    /// Asks the kernel to start reading bytes `start..end` from disk.
    pub fn will_need(&self, start: u64, end: u64) {
        let Some(map) = &self.map else { return };
        for at in (start..end).step_by(KERNEL_READAHEAD as usize) {
            let len = KERNEL_READAHEAD.min(end - at) as usize;
            if let Ok(at) = usize::try_from(at) {
                // A hint, as above.
                let _ = map.advise_range(Advice::WillNeed, at, len);
            }
        }
    }

    /// Waits until bytes `start..end` are in memory and mapped, where the kernel can (since Linux
    /// 5.14) and they can be read; the copy out of a page that cannot fails.
    pub fn populate(&self, start: u64, end: u64) {
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        if let (Some(map), Some((start, end))) = (&self.map, range) {
            let _ = map.advise_range(Advice::PopulateRead, start, end.saturating_sub(start));
        }
    }

    /// Whether bytes `start..end` of the file are in memory, as far as the kernel tells: to those who
    /// neither own the file nor may write it, it always says so (`can_do_mincore` in mm/mincore.c).
    /// Pages that are being read are not yet in memory (`mincore_page` there).
    pub fn is_in_memory(&self, start: u64, end: u64) -> bool {
        let start = start / PAGE * PAGE;
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let (Some(map), Some((start, end))) = (&self.map, range) else {
            return true;
        };
        let Some(bytes) = map.get(start..end) else {
            return true;
        };
        let mut pages = [1u8; MOST_ASKED];
        bytes.chunks(MOST_ASKED * PAGE as usize).all(|bytes| {
            let at = bytes.as_ptr().cast_mut().cast();
            #[expect(unsafe_code, reason = "no library has this call")]
            // SAFETY: the range is within the mapping and begins with a page; the kernel writes one
            // byte for each page of it, and there is room for as many.
            let asked = unsafe { libc::mincore(at, bytes.len(), pages.as_mut_ptr()) };
            // Where it does not answer (larger pages), nothing is known.
            let pages = &pages[..bytes.len().div_ceil(PAGE as usize)];
            asked != 0 || pages.iter().all(|page| page & 1 == 1)
        })
    }

    /// Takes the whole pages within bytes `start..end` out of this process's page tables, so that the
    /// kernel can let go of them.
    pub fn unmap(&self, start: u64, end: u64) {
        let Some(map) = &self.map else { return };
        let (start, end) = (start.next_multiple_of(PAGE), end / PAGE * PAGE);
        if start >= end {
            return;
        }
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let Some(pages) = range.and_then(|(start, end)| map.get(start..end)) else {
            return;
        };
        let at = pages.as_ptr().cast_mut().cast();
        #[expect(unsafe_code, reason = "memmap2 does not know this advice")]
        // SAFETY: the range is within the mapping, of which nothing was ever written to, so the advice
        // changes no byte of it: pages of a file that are touched again are mapped again.
        let advised = unsafe { rustix::mm::madvise(at, pages.len(), Advise::LinuxDontNeed) };
        // A hint, as above.
        let _ = advised;
    }
}

impl Drop for PayloadMap {
    fn drop(&mut self) {
        if self.map.is_some() {
            MAPPED.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// How many payloads may be mapped.
fn most_mapped() -> u64 {
    static MOST: OnceLock<u64> = OnceLock::new();
    *MOST.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
        let number = text.and_then(|text| text.trim().parse::<u64>().ok());
        number.unwrap_or(DEFAULT_MAPPINGS) / PART_OF_MAPPINGS
    })
}
