//! The ways in which the content of records gets into a shard.

use super::PackError;
use super::directory::Directory;
use super::loader::LoadedRecord;
use super::shard_file::NewShardFile;
use super::source::{Content, Origin, SourceError};
use super::tables::Tables;
use crate::format::offsets::Extent;
use crate::shard::Shard;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes read at once of large files.
const BUFFER: usize = 256 << 10;

/// A shard that is being written. Dropped before [`finish`](Self::finish), it leaves nothing.
#[derive(Debug)]
pub struct ShardWriter {
    file: NewShardFile,
    tables: Tables,
    buffer: Vec<u8>,
}

impl ShardWriter {
    /// Begins the shard that will be `name` in `directory`.
    pub fn create(
        directory: &Arc<Directory>,
        name: &OsStr,
        tables: Tables,
    ) -> Result<ShardWriter, PackError> {
        Ok(ShardWriter {
            file: NewShardFile::create(directory, name)?,
            tables,
            buffer: vec![0; BUFFER],
        })
    }

    /// Begins a copy of `shard`, which is `name` and whose `tables` are given, to continue it.
    pub fn continue_copy(
        directory: &Arc<Directory>,
        name: &OsStr,
        shard: &Shard,
        tables: Tables,
    ) -> Result<ShardWriter, PackError> {
        let mut writer = ShardWriter {
            file: NewShardFile::create_copy(directory, name, shard)?,
            tables,
            buffer: vec![0; BUFFER],
        };
        if writer.tables.sections().checksums && shard.sections().crc32c.is_none() {
            writer.add_checksums(shard)?;
        }
        Ok(writer)
    }

    /// Computes the checksums that a shard lacks.
    fn add_checksums(&mut self, shard: &Shard) -> Result<(), PackError> {
        for record in 0..self.tables.records() {
            let (start, end) = self.tables.extent(record).unwrap_or_default();
            let extent = shard.payload().part(start, end - start);
            let mut crc = 0;
            shard.for_each_piece(extent, &mut self.buffer, |piece| {
                crc = crc32c::crc32c_append(crc, piece);
                Ok::<(), PackError>(())
            })?;
            self.tables.set_checksum(record, crc);
        }
        Ok(())
    }

    /// What is known of the records so far.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Adds a record. After an error that concerns only this record the shard is as it was before,
    /// and more can be added.
    pub fn append(&mut self, record: LoadedRecord) -> Result<(), PackError> {
        let LoadedRecord {
            name,
            size,
            origin,
            content,
            crc,
            number: _,
        } = record;
        let crc = match content {
            Content::Bytes(bytes) => self.append_bytes(&origin, size, &bytes, crc)?,
            Content::Slice(bytes, range) => self.append_bytes(&origin, size, &bytes[range], crc)?,
            content => {
                let copied = self.copy(&origin, size, content);
                self.undo_on_error(copied)?
            }
        };
        self.tables.push(name.as_ref(), size, crc);
        self.file.start_sync(self.tables.payload_len())
    }

    fn append_bytes(
        &mut self,
        origin: &Origin,
        size: u64,
        bytes: &[u8],
        crc: Option<u32>,
    ) -> Result<u32, PackError> {
        check_unchanged(origin, bytes.len() as u64, size)?;
        self.write(bytes)?;
        Ok(crc.unwrap_or_else(|| self.checksum(0, bytes)))
    }

    /// Copies a record that is not in memory; returns its checksum.
    fn copy(&mut self, origin: &Origin, size: u64, content: Content) -> Result<u32, PackError> {
        match content {
            Content::Open(file) => self.copy_file(origin, size, file),
            Content::Part(shard, extent, expected) => {
                let crc = self.copy_part(&shard, extent)?;
                match expected {
                    Some(expected) if expected != crc => Err(SourceError::Changed {
                        origin: origin.clone(),
                        found: crc,
                        expected,
                    }
                    .into()),
                    _ => Ok(crc),
                }
            }
            Content::Member(member) => {
                let mut crc = 0;
                member.unpack(origin, &mut |piece| {
                    crc = self.checksum(crc, piece);
                    self.write(piece)
                })?;
                Ok(crc)
            }
            Content::Pieces(pieces) => {
                let (mut crc, mut done) = (0, 0);
                for piece in pieces {
                    crc = self.checksum(crc, &piece);
                    self.write(&piece)?;
                    done += piece.len() as u64;
                }
                if done == size {
                    Ok(crc)
                } else {
                    Err(SourceError::InputEnded(origin.clone()).into())
                }
            }
            Content::Bytes(_)
            | Content::Slice(..)
            | Content::File(_)
            | Content::SameAs(_)
            | Content::Directory
            | Content::Failed(_) => {
                unreachable!("resolved by the callers")
            }
        }
    }

    /// Copies a record of another shard; its checksum is computed even if none is written, because
    /// the old one has to be compared.
    fn copy_part(&mut self, shard: &Shard, extent: Extent) -> Result<u32, PackError> {
        let mut crc = 0;
        let mut buffer = std::mem::take(&mut self.buffer);
        let copied = shard.for_each_piece(extent, &mut buffer, |piece| {
            crc = crc32c::crc32c_append(crc, piece);
            self.write(piece)
        });
        self.buffer = buffer;
        copied.map(|()| crc)
    }

    /// With checksums the bytes have to come through memory; without, the kernel copies them.
    fn copy_file(&mut self, origin: &Origin, size: u64, file: File) -> Result<u32, PackError> {
        let unreadable = |reason| PackError::from(SourceError::Unreadable(origin.clone(), reason));
        if !self.tables.sections().checksums {
            let mut target = self.file.flushed()?;
            // One byte more would show that the file has grown.
            let copied = io::copy(&mut file.take(size.saturating_add(1)), &mut target);
            let copied = copied.map_err(|error| {
                if is_of_target(&error) {
                    PackError::io(self.file.path(), error)
                } else {
                    unreadable(error)
                }
            })?;
            check_unchanged(origin, copied, size)?;
            return Ok(0);
        }
        let (mut crc, mut done) = (0, 0);
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = loop {
            match (&file).read(&mut buffer) {
                Ok(0) => break check_unchanged(origin, done, size),
                Ok(read) => {
                    done += read as u64;
                    if done > size {
                        break check_unchanged(origin, done, size);
                    }
                    crc = crc32c::crc32c_append(crc, &buffer[..read]);
                    if let Err(error) = self.write(&buffer[..read]) {
                        break Err(error);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(unreadable(error)),
            }
        };
        self.buffer = buffer;
        result.map(|()| crc)
    }

    /// Takes back what a record that failed has written.
    fn undo_on_error<T>(&mut self, result: Result<T, PackError>) -> Result<T, PackError> {
        let Err(error) = result else { return result };
        if error.concerns_one_record() {
            self.file.cut(self.tables.payload_len())?;
        }
        Err(error)
    }

    /// Adds the content of one of this shard's own records once more.
    pub fn append_copy(&mut self, record: u64, again: LoadedRecord) -> Result<(), PackError> {
        let extent = self.tables.extent(record);
        let (start, end) = extent.ok_or_else(|| SourceError::LostLink(again.origin.clone()))?;
        let (mut crc, mut at) = (0, start);
        while at < end {
            let mut piece = std::mem::take(&mut self.buffer);
            let len = (end - at).min(BUFFER as u64) as usize;
            let copied = self.file.read_back(at, &mut piece[..len]).and_then(|()| {
                crc = self.checksum(crc, &piece[..len]);
                self.write(&piece[..len])
            });
            self.buffer = piece;
            copied?;
            at += len as u64;
        }
        self.tables.push(again.name.as_ref(), end - start, crc);
        Ok(())
    }

    fn checksum(&self, crc: u32, bytes: &[u8]) -> u32 {
        if self.tables.sections().checksums {
            crc32c::crc32c_append(crc, bytes)
        } else {
            0
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.file.write(bytes)
    }

    /// Gives the shard its name, see [`NewShardFile::finish`].
    pub fn finish(self) -> Result<PathBuf, PackError> {
        self.file.finish(&self.tables)
    }
}

/// Whether an error of copying from one file to another is the target's.
fn is_of_target(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        error.kind(),
        StorageFull | QuotaExceeded | FileTooLarge | ReadOnlyFilesystem
    )
}

fn check_unchanged(origin: &Origin, found: u64, expected: u64) -> Result<(), PackError> {
    if found == expected {
        return Ok(());
    }
    let found = if found > expected {
        format!("more than {expected}")
    } else {
        found.to_string()
    };
    Err(SourceError::SizeChanged {
        origin: origin.clone(),
        found,
        expected,
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::footer::Version;
    use crate::format::name::Name;
    use crate::pack::tables::WrittenSections;
    use std::path::Path;

    const ALL: WrittenSections = WrittenSections {
        names: true,
        checksums: true,
    };

    fn writer(directory: &Path, sections: WrittenSections) -> ShardWriter {
        let directory = Directory::of(&directory.join("d.rox")).expect("opened");
        let name = OsStr::new("d_0000.rox");
        ShardWriter::create(
            &Arc::new(directory),
            name,
            Tables::new(sections, Version::V01),
        )
        .expect("created")
    }

    fn name(name: Option<&str>) -> Option<Name> {
        name.map(|name| Name::new(name.as_bytes()).expect("valid"))
    }

    fn record(named: Option<&str>, size: u64, content: Content) -> LoadedRecord {
        LoadedRecord {
            name: name(named),
            size,
            origin: Origin::File("x".into()),
            content,
            crc: None,
            number: 0,
        }
    }

    fn append(writer: &mut ShardWriter, name: Option<&str>, content: &[u8]) {
        let content_len = content.len() as u64;
        let record = record(name, content_len, Content::Bytes(content.to_vec()));
        writer.append(record).expect("appended");
    }

    #[test]
    fn the_predicted_size_is_the_size() {
        let cases: [&[Option<&str>]; 4] = [
            &[Some("a"), Some("b"), Some("c/d")],
            &[Some("b"), Some("a"), Some("c")],
            &[None, None, None],
            &[None, Some("x"), None],
        ];
        for (names, checksums) in [(true, true), (true, false), (false, true), (false, false)] {
            let sections = WrittenSections { names, checksums };
            for names in cases {
                let directory = tempfile::tempdir().expect("temporary directory");
                let mut writer = writer(directory.path(), sections);
                append(&mut writer, names[0], b"catdog");
                append(&mut writer, names[1], b"");
                let predicted = writer.tables().file_len_with(name(names[2]).as_ref(), 4);
                append(&mut writer, names[2], b"fish");
                let path = writer.finish().expect("finished");
                let len = std::fs::metadata(path).expect("there").len();
                assert_eq!(predicted, u128::from(len), "{names:?} {sections:?}");
            }
        }
    }

    #[test]
    fn a_record_of_another_size_than_announced_leaves_the_shard_as_it_was() {
        for sections in [
            ALL,
            WrittenSections {
                names: true,
                checksums: false,
            },
        ] {
            for (size, found) in [(7, "5"), (3, "more than 3")] {
                let directory = tempfile::tempdir().expect("temporary directory");
                let source = directory.path().join("x");
                std::fs::write(&source, "12345").expect("written");
                let mut writer = writer(directory.path(), sections);
                append(&mut writer, Some("a"), b"before");
                let changed = record(
                    Some("b"),
                    size,
                    Content::Open(File::open(source).expect("opened")),
                );
                let error = writer.append(changed).expect_err("another size");
                let expected = format!("x: its size changed while it was read: {found} bytes");
                assert!(error.to_string().starts_with(&expected), "{error}");
                append(&mut writer, Some("c"), b"after");
                let shard = Shard::open(&writer.finish().expect("finished")).expect("valid");
                let mut payload = [0; 11];
                shard.read_payload(0, &mut payload).expect("read");
                assert_eq!(&payload, b"beforeafter");
                assert_eq!(shard.records(), 2);
            }
        }
    }
}
