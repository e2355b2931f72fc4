//! Archives within an archive: which entries are some, by their names, their beginnings and the
//! patterns that leave entries out, and what their entries' names begin with.

use super::super::blocks::{BLOCK, Block};
use super::super::entry::Entry;
use super::super::header::is_zero;
use super::super::passed_over::What;
use super::super::{MOST_NESTED, is_tar_header};
use super::{Reader, shown_start};
use crate::pack::source::Kind;
use crate::pack::source::Take;
use crate::pack::source::archive_name::split_ending;
use crate::pack::source::lists::name_of;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

/// How many files with the names of archives are named where they are packed as files.
const MOST_NAMED: usize = 5;

/// Whether a file that begins so is an archive, be it one without entries.
fn begins_archive(head: &[u8]) -> bool {
    is_tar_header(head) || Block::try_from(head).is_ok_and(|block| is_zero(&block))
}

impl Reader<'_> {
    /// What comes before the names of an archive's entries, if by its name an entry is an archive that
    /// is to be read as one.
    pub(super) fn archive_stem(&self, path: &[u8]) -> Option<Vec<u8>> {
        let exclude = self.shared.nested.as_ref()?;
        let name = name_of(path);
        let file_at = name.iter().rposition(|&byte| byte == b'/');
        let (directory, file) = name.split_at(file_at.map_or(0, |slash| slash + 1));
        let (Kind::Tar, stem) = split_ending(file)? else {
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
        entry: &Entry,
        stem: &[u8],
        size: u64,
        content: &mut dyn Read,
        take: &mut Take<'_>,
    ) -> io::Result<bool> {
        let mut head = vec![0; size.min(BLOCK as u64) as usize];
        content.read_exact(&mut head)?;
        let is_archive = self.depth < MOST_NESTED && begins_archive(&head);
        let mut content = io::Cursor::new(head).chain(content);
        let name = self.full_name(&entry.name);
        if !is_archive {
            let (names, count) = &mut self.shared.as_files;
            *count += 1;
            if names.len() < MOST_NAMED {
                names.push(shown_start(&name));
            }
            return self.record(entry, size, &mut content, take);
        }
        self.shared.passed_over.add(name, What::Archive);
        let mut inner = Reader {
            origin: self
                .origin
                .join(OsStr::from_bytes(&name_of(&entry.name)))
                .into(),
            prefix: [&self.prefix, stem, b"/"].concat(),
            depth: self.depth + 1,
            shared: &mut *self.shared,
        };
        Ok(inner.run(&mut content, take))
    }
}
