//! The mapped payload of a shard: map, advise, slice for the kernel.
//!
//! The only `unsafe` beside the fork into the background. Policy (what to advise and when) is
//! not here.

use memmap2::{Advice, Mmap, MmapOptions};
use std::fs::File;
use std::io;

/// A read-only mapping of a file's first bytes.
///
/// Its slices may only be handed to the kernel as the buffer of a write. If the file shrinks, the
/// kernel's copy out of a page that is gone fails with `EFAULT`; touched in user space, the same
/// page would be a `SIGBUS` that ends the process.
#[derive(Debug)]
pub struct PayloadMap {
    /// `None` for an empty payload, which cannot be mapped.
    map: Option<Mmap>,
}

impl PayloadMap {
    /// Maps the first `len` bytes of `file`, advised for random access: the kernel's default
    /// read-around would read several times the bytes asked for.
    pub fn new(file: &File, len: u64) -> io::Result<PayloadMap> {
        let Ok(len) = usize::try_from(len) else {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        };
        if len == 0 {
            return Ok(PayloadMap { map: None });
        }
        #[expect(
            unsafe_code,
            reason = "a mapping is how records reach the kernel without a copy"
        )]
        // SAFETY: the mapping is read-only and never touched in user space (see the type), so
        // neither truncation nor modification of the file by others is observed by Rust code.
        let map = unsafe { MmapOptions::new().len(len).map(file)? };
        // Advice is a hint; without it reads are as right, only slower.
        let _ = map.advise(Advice::Random);
        Ok(PayloadMap { map: Some(map) })
    }

    /// Bytes `start..end`, for the kernel to copy; `None` outside the mapping.
    pub fn slice(&self, start: u64, end: u64) -> Option<&[u8]> {
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        match &self.map {
            Some(map) => map.get(range),
            None => range.is_empty().then_some(&[]),
        }
    }

    /// Asks the kernel to start reading bytes `start..end` from disk.
    pub fn will_need(&self, start: u64, end: u64) {
        let Some(map) = &self.map else { return };
        if let (Ok(at), Ok(len)) = (usize::try_from(start), usize::try_from(end - start)) {
            // A hint, as above.
            let _ = map.advise_range(Advice::WillNeed, at, len);
        }
    }
}
