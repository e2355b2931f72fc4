//! One shard being written: to a temporary name, whole or not at all.

use super::PackError;
use crate::format::OFFSET_LEN;
use crate::format::footer::{self, Footer};
use crate::format::name::Name;
use crate::format::section::{self, ENTRY_LEN, FOOTER_LEN, SectionFooter};
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Bytes that are collected before they are written.
const WRITE_BUFFER: usize = 1 << 20;
/// Suffix of a shard that is being written.
const TEMPORARY: &str = ".tmp";

/// A shard that is being written. Dropped before [`finish`](Self::finish), it leaves nothing; a
/// killed process leaves a temporary file, which [`is_temporary`] recognizes.
#[derive(Debug)]
pub struct ShardWriter {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    /// Whether names and checksums are written.
    with_sections: bool,
    ends: Vec<u64>,
    crcs: Vec<u32>,
    names: Names,
}

/// The names of the records so far.
#[derive(Debug, Default)]
struct Names {
    bytes: Vec<u8>,
    ends: Vec<u64>,
    /// Whether no name is smaller than the one before it.
    sorted: bool,
}

impl ShardWriter {
    /// Begins the shard that will be `path`, in the same directory.
    pub fn create(path: &Path, with_sections: bool) -> Result<ShardWriter, PackError> {
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let file = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(TEMPORARY)
            // As for any new file, less what the umask takes away.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(super::directory_of(path))
            .map_err(|source| PackError::io(path, source))?;
        Ok(ShardWriter {
            path: path.to_owned(),
            file: BufWriter::with_capacity(WRITE_BUFFER, file),
            with_sections,
            ends: Vec::new(),
            crcs: Vec::new(),
            names: Names {
                sorted: true,
                ..Names::default()
            },
        })
    }

    /// Number of records so far.
    pub fn records(&self) -> u64 {
        self.ends.len() as u64
    }

    /// Whether the shard has a place for a record of `size` bytes within `limit`. The first
    /// record always has: one that is larger than the limit gets a shard of its own.
    pub fn has_room(&self, name: Option<&Name>, size: u64, limit: Option<u64>) -> bool {
        if self.ends.is_empty() {
            return true;
        }
        // An order section numbers the records in 32 bits.
        if self.with_sections && self.records() >= u64::from(u32::MAX) {
            return false;
        }
        limit.is_none_or(|limit| self.len_with(name, size) <= u128::from(limit))
    }

    /// The file's size if it had one more record.
    fn len_with(&self, name: Option<&Name>, size: u64) -> u128 {
        let count = u128::from(self.records()) + 1;
        let plain = u128::from(self.payload_len())
            + u128::from(size)
            + count * u128::from(OFFSET_LEN)
            + u128::from(footer::LEN_01);
        if !self.with_sections {
            return plain;
        }
        let footer = u128::from(FOOTER_LEN);
        let entries = count * u128::from(ENTRY_LEN);
        let name = name.map_or(&[][..], Name::as_bytes);
        let names = (self.names.bytes.len() + name.len()) as u128;
        let sections = match names {
            0 => 0,
            names => {
                let sorted = self.names.sorted && self.names.last() <= name;
                let order = if sorted { 0 } else { entries };
                names + count * u128::from(OFFSET_LEN) + footer + order + footer
            }
        };
        plain + sections + entries + footer
    }

    fn payload_len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Adds a record with the content of `from`, which has to be `size` bytes long. `path` is
    /// where it comes from, for errors. After an error the shard must be dropped.
    pub fn append(
        &mut self,
        name: Option<&Name>,
        size: u64,
        path: &Path,
        from: &mut impl Read,
        buffer: &mut [u8],
    ) -> Result<(), PackError> {
        let mut copied = 0;
        let mut crc = 0;
        loop {
            let read = match from.read(buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(PackError::io(path, source)),
            };
            copied += read as u64;
            if copied > size {
                break;
            }
            if self.with_sections {
                crc = crc32c::crc32c_append(crc, &buffer[..read]);
            }
            self.write(&buffer[..read])?;
        }
        if copied != size {
            let found = match copied > size {
                true => format!("more than {size}"),
                false => copied.to_string(),
            };
            return Err(PackError::SizeChanged {
                path: path.to_owned(),
                found,
                expected: size,
            });
        }
        self.ends.push(self.payload_len() + size);
        if self.with_sections {
            self.crcs.push(crc);
            self.names.push(name.map_or(&[], Name::as_bytes));
        }
        Ok(())
    }

    /// Writes index, sections and footer, and gives the shard its name: on disk, and whole. An
    /// existing file of that name is never replaced.
    pub fn finish(mut self) -> Result<PathBuf, PackError> {
        self.write_tables()?;
        let io = |source| PackError::io(&self.path, source);
        let file = self
            .file
            .into_inner()
            .map_err(|error| io(error.into_error()))?;
        file.as_file().sync_all().map_err(io)?;
        file.persist_noclobber(&self.path)
            .map_err(|error| io(error.error))?;
        // The name itself is on disk only when the directory is.
        let directory = File::open(super::directory_of(&self.path)).map_err(io)?;
        directory.sync_all().map_err(io)?;
        Ok(self.path)
    }

    fn write_tables(&mut self) -> Result<(), PackError> {
        let records = self.records();
        let payload_len = self.payload_len();
        let ends = std::mem::take(&mut self.ends);
        self.write_all(ends.iter().map(|end| end.to_le_bytes()))?;
        if self.with_sections {
            if !self.names.bytes.is_empty() {
                self.write_names(records)?;
            }
            let crcs = std::mem::take(&mut self.crcs);
            self.write_all(crcs.iter().map(|crc| crc.to_le_bytes()))?;
            self.write_section_footer(section::CRC32C, records, records * ENTRY_LEN)?;
        }
        self.write(&Footer::encode(records, payload_len))
    }

    fn write_names(&mut self, records: u64) -> Result<(), PackError> {
        let names = std::mem::take(&mut self.names);
        self.write(&names.bytes)?;
        self.write_all(names.ends.iter().map(|end| end.to_le_bytes()))?;
        let len = names.bytes.len() as u64 + records * OFFSET_LEN;
        self.write_section_footer(section::NAMES, records, len)?;
        let order = names.order();
        self.write_all(order.iter().map(|number| number.to_le_bytes()))?;
        let count = order.len() as u64;
        self.write_section_footer(section::ORDER, count, count * ENTRY_LEN)
    }

    fn write_section_footer(
        &mut self,
        magic: &[u8; 8],
        count: u64,
        len: u64,
    ) -> Result<(), PackError> {
        self.write(&SectionFooter::new(magic, count, len).encode())
    }

    fn write_all<const N: usize>(
        &mut self,
        entries: impl Iterator<Item = [u8; N]>,
    ) -> Result<(), PackError> {
        for entry in entries {
            self.write(&entry)?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| PackError::io(&self.path, source))
    }
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        self.sorted = self.sorted && self.last() <= name;
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len() as u64);
    }

    fn last(&self) -> &[u8] {
        match self.ends.len().checked_sub(1) {
            Some(last) => self.get(last as u32),
            None => &[],
        }
    }

    fn get(&self, record: u32) -> &[u8] {
        let record = record as usize;
        let start = if record == 0 {
            0
        } else {
            self.ends[record - 1]
        };
        &self.bytes[start as usize..self.ends[record] as usize]
    }

    /// The records in byte order of their names, equal names by number; empty if they are.
    fn order(&self) -> Vec<u32> {
        if self.sorted {
            return Vec::new();
        }
        let mut order: Vec<u32> = (0..self.ends.len() as u32).collect();
        order.sort_by(|&a, &b| self.get(a).cmp(self.get(b)));
        order
    }
}

/// Whether `name` is what a killed process leaves of a shard for whose name `is_shard` holds.
pub fn is_temporary(name: &[u8], is_shard: impl Fn(&[u8]) -> bool) -> bool {
    let inner = name
        .strip_prefix(b".")
        .and_then(|name| name.strip_suffix(TEMPORARY.as_bytes()));
    let random = |inner: &[u8]| inner.iter().rposition(|&byte| byte == b'.');
    inner.is_some_and(|inner| random(inner).is_some_and(|dot| is_shard(&inner[..dot])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(directory: &Path, with_sections: bool) -> ShardWriter {
        ShardWriter::create(&directory.join("d_0000.rox"), with_sections).expect("created")
    }

    fn append(writer: &mut ShardWriter, name: Option<&str>, content: &[u8]) {
        let name = name.map(|name| Name::new(name.as_bytes()).expect("valid"));
        let (size, mut from) = (content.len() as u64, content);
        let mut buffer = [0; 3];
        writer
            .append(name.as_ref(), size, Path::new("x"), &mut from, &mut buffer)
            .expect("appended");
    }

    #[test]
    fn the_predicted_size_is_the_size() {
        let cases: [&[Option<&str>]; 4] = [
            &[Some("a"), Some("b"), Some("c/d")],
            &[Some("b"), Some("a"), Some("c")],
            &[None, None, None],
            &[None, Some("x"), None],
        ];
        for with_sections in [true, false] {
            for names in cases {
                let directory = tempfile::tempdir().expect("temporary directory");
                let mut writer = writer(directory.path(), with_sections);
                append(&mut writer, names[0], b"catdog");
                append(&mut writer, names[1], b"");
                let name = names[2].map(|name| Name::new(name.as_bytes()).expect("valid"));
                let predicted = writer.len_with(name.as_ref(), 4);
                append(&mut writer, names[2], b"fish");
                let path = writer.finish().expect("finished");
                let len = std::fs::metadata(path).expect("there").len();
                assert_eq!(predicted, u128::from(len), "{names:?} {with_sections}");
            }
        }
    }

    #[test]
    fn nothing_is_left_of_a_shard_that_is_not_finished_and_none_is_replaced() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let files = || std::fs::read_dir(directory.path()).expect("listed").count();
        drop(writer(directory.path(), true));
        assert_eq!(files(), 0);
        writer(directory.path(), true).finish().expect("finished");
        let second = writer(directory.path(), true).finish().expect_err("exists");
        assert!(second.to_string().contains("d_0000.rox"), "{second}");
        assert_eq!(files(), 1);
    }

    #[test]
    fn a_record_of_another_size_than_announced_is_an_error() {
        let directory = tempfile::tempdir().expect("temporary directory");
        for (content, found) in [(&b"12"[..], "2"), (b"1234", "more than 3")] {
            let mut from = content;
            let error = writer(directory.path(), true)
                .append(None, 3, Path::new("x"), &mut from, &mut [0; 8])
                .expect_err("another size");
            let expected = format!("x: its size changed while it was read: {found} bytes");
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn temporary_names_are_recognized() {
        let is_shard = |name: &[u8]| name == b"d_0000.rox";
        assert!(is_temporary(b".d_0000.rox.Ab12Xy.tmp", is_shard));
        for other in [
            &b"d_0000.rox"[..],
            b".d_0000.rox.tmp",
            b".e_0000.rox.Ab12Xy.tmp",
        ] {
            assert!(!is_temporary(other, is_shard));
        }
    }
}
