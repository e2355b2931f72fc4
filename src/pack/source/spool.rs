//! Contents whose size is not known before they have been read.

use super::Content;
use std::io::{self, Seek, Write};
use std::path::Path;
use tempfile::{SpooledData, SpooledTempFile, spooled_tempfile_in};

/// They are kept in memory up to this size, then in a file without a name.
const IN_MEMORY_BYTES: usize = 16 << 20;

/// A content that is being read.
pub struct Spool {
    kept: SpooledTempFile,
    size: u64,
}

impl Spool {
    /// An empty one; a file is made in `directory`.
    pub fn new(directory: &Path) -> Spool {
        Spool {
            kept: spooled_tempfile_in(IN_MEMORY_BYTES, directory),
            size: 0,
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        self.kept.write_all(bytes)
    }

    /// Its size in bytes, and all of it.
    pub fn finish(mut self) -> io::Result<(u64, Content)> {
        self.kept.rewind()?;
        let content = match self.kept.into_inner() {
            SpooledData::InMemory(bytes) => Content::Bytes(bytes.into_inner()),
            SpooledData::OnDisk(file) => Content::Open(file),
        };
        Ok((self.size, content))
    }
}
