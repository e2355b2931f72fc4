//! The file that an archive is in, from where its offsets count: other bytes may stand before it, as
//! of a program that unpacks it.

use super::open_files::ArchiveFile;
use rawzip::{ReaderAt, ZipArchive, ZipLocator};
use std::io;

/// A file from a place on.
#[derive(Debug)]
pub struct FromBase {
    file: ArchiveFile,
    base: u64,
}

impl ReaderAt for FromBase {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match offset.checked_add(self.base) {
            Some(offset) if i64::try_from(offset).is_ok() => self.file.read_at(buffer, offset),
            // What is beyond every file.
            _ => Ok(0),
        }
    }
}

/// Sizes and magics of the records at an archive's end; APPNOTE.TXT 4.3.14 and 4.3.15.
const LOCATOR_BYTES: u64 = 20;
const LOCATOR_MAGIC: &[u8; 4] = b"PK\x06\x07";
const END64_BYTES: u64 = 56;
const END64_MAGIC: &[u8; 4] = b"PK\x06\x06";

/// Finds the archive in a file; gives the file back if there is none.
///
/// Where bytes stand before an archive that the offsets do not count, rawzip finds them out, but not
/// with the record of zip64: that is looked for here where it should be, before its locator.
pub fn locate(
    file: ArchiveFile,
    buffer: &mut [u8],
) -> io::Result<Result<ZipArchive<FromBase>, (FromBase, rawzip::Error)>> {
    let end = file.len()?;
    let mut find = |file, base| {
        let input = FromBase { file, base };
        ZipLocator::new().locate_in_reader(input, buffer, end - base)
    };
    let found = find(file, 0);
    let (input, at) = match &found {
        Ok(archive) => (archive.get_ref(), Some(archive.eocd_offset())),
        Err((input, error)) => (input, error.eocd_offset()),
    };
    let base = match at {
        Some(at) => bytes_before(input, at)?,
        None => 0,
    };
    if base == 0 {
        return Ok(found);
    }
    let file = match found {
        Ok(archive) => archive.into_inner().file,
        Err((input, _)) => input.file,
    };
    Ok(find(file, base))
}

/// How many bytes stand before an archive with zip64 whose end is `at`.
fn bytes_before(input: &FromBase, at: u64) -> io::Result<u64> {
    let (Some(locator), Some(end64)) = (
        at.checked_sub(LOCATOR_BYTES),
        at.checked_sub(LOCATOR_BYTES + END64_BYTES),
    ) else {
        return Ok(0);
    };
    let mut bytes = [0; LOCATOR_BYTES as usize];
    input.read_exact_at(&mut bytes, locator)?;
    let [magic @ .., _, _, _, _] = &bytes;
    let (magic, stated) = (&magic[..4], &magic[8..16]);
    let stated = stated
        .iter()
        .rev()
        .fold(0, |number: u64, &byte| number << 8 | u64::from(byte));
    let is_end64 = |offset| {
        let mut found = [0; 4];
        input.read_at(&mut found, offset).is_ok() && found == *END64_MAGIC
    };
    let is_moved = magic == LOCATOR_MAGIC && stated < end64 && !is_end64(stated);
    Ok(if is_moved && is_end64(end64) {
        end64 - stated
    } else {
        0
    })
}
