//! Archives within an archive: which entries are some, by their names, their beginnings and the
//! patterns that leave entries out, and what their entries' names begin with.

use super::super::PassedOver;
use super::super::blocks::{BLOCK_BYTES, Block};
use super::super::entry::TarEntry;
use super::super::header::is_zero;
use super::super::{MOST_NESTED_ARCHIVES, is_tar_header};
use super::{ArchiveReader, shown_start};
use crate::pack::source::Sink;
use crate::pack::source::archive_name::{ArchiveKind, split_ending};
use crate::pack::source::lists::name_of;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;

/// How many files with the names of archives are named where they are packed as files.
const MOST_NAMED_FILES: usize = 5;

/// Whether a file that begins so is an archive, be it one without entries.
fn begins_archive(head: &[u8]) -> bool {
    is_tar_header(head) || Block::try_from(head).is_ok_and(|block| is_zero(&block))
}

impl ArchiveReader<'_> {
    /// What comes before the names of an archive's entries, if by its name an entry is an archive that
    /// is to be read as one.
    pub(super) fn archive_stem(&self, path: &[u8]) -> Option<Vec<u8>> {
        let exclude = self.state.nested.as_ref()?;
        let name = name_of(path);
        let file_at = name.iter().rposition(|&byte| byte == b'/');
        let (directory, file) = name.split_at(file_at.map_or(0, |slash| slash + 1));
        let (ArchiveKind::Tar, stem) = split_ending(file)? else {
            return None;
        };
        // One that is left out is left out as a file, and counted.
        if exclude.has(&self.full_name(path), false) {
            return None;
        }
        let stem = match stem {
            b"" | b"." | b".." => file,
            stem => stem,
        };
        Some([directory, stem].concat())
    }

    /// Gives the entries of an archive within this one, or the file that it is where its beginning is
    /// not that of an archive.
    pub(super) fn archive_or_record(
        &mut self,
        entry: &TarEntry,
        stem: &[u8],
        size: u64,
        content: &mut dyn Read,
        sink: &mut Sink<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let mut head = vec![0; size.min(BLOCK_BYTES as u64) as usize];
        content.read_exact(&mut head)?;
        let is_archive = self.depth < MOST_NESTED_ARCHIVES && begins_archive(&head);
        let mut content = io::Cursor::new(head).chain(content);
        let name = self.full_name(&entry.name);
        if !is_archive {
            let (names, count) = &mut self.state.as_files;
            *count += 1;
            if names.len() < MOST_NAMED_FILES {
                names.push(shown_start(&name));
            }
            return self.record(entry, size, &mut content, sink);
        }
        self.state.passed_over.insert(&name, PassedOver::Archive);
        let mut inner = ArchiveReader {
            origin: self
                .origin
                .join(OsStr::from_bytes(&name_of(&entry.name)))
                .into(),
            prefix: [&self.prefix, stem, b"/"].concat(),
            depth: self.depth + 1,
            state: &mut *self.state,
        };
        Ok(inner.run(&mut content, sink))
    }
}
