//! One shard being written: to a temporary name, whole or not at all.

use super::PackError;
use super::continued::Continued;
use super::directory::{Directory, Identity};
use super::load::Loaded;
use super::rights;
use super::source::{Content, Origin};
use super::tables::Tables;
use super::temporary::Temporary;
use crate::format::offsets::Extent;
use crate::shard::Shard;
use rustix::fs::{OFlags, fstat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Bytes that are collected before they are written. Writes of 1 MiB were as fast at best, and took
/// twice the time where the kernel had no large pages free.
const WRITE_BUFFER: usize = 128 << 10;
/// Bytes read at once of large files.
const BUFFER: usize = 256 << 10;
/// The disk is given work whenever this many bytes have been written, so that little is left to be
/// waited for at the shard's end.
const SYNC_EVERY: u64 = 64 << 20;
/// The mode of a new shard, as of any new file: the kernel takes away what the umask says, or puts in
/// place what the directory's access control list says. It has that from the beginning: whoever may
/// read it at the end may read what there is of it before.
const NEW: u32 = 0o666;
/// What is expected of a shard that is there already.
pub const EXPECTED: &str = "a shard, which is a regular file";

/// A shard that is being written. Dropped before [`finish`](Self::finish), it leaves nothing.
#[derive(Debug)]
pub struct ShardWriter {
    directory: Arc<Directory>,
    name: OsString,
    path: PathBuf,
    /// Before the file: it has it open, too.
    syncing: Syncing,
    file: BufWriter<Temporary>,
    tables: Tables,
    /// The shard that this one continues, and whose place it takes, and what it was.
    replaces: Option<(File, Identity)>,
    synced: u64,
    buffer: Vec<u8>,
}

/// The thread that syncs. Waited for when dropped, so that nothing has the file open any more.
#[derive(Debug, Default)]
struct Syncing(Option<JoinHandle<io::Result<()>>>);

impl Syncing {
    fn end(&mut self) -> io::Result<()> {
        match self.0.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(synced)) => synced,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Syncing {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            // The shard is given up, and whatever has become of it.
            let _ = running.join();
        }
    }
}

impl ShardWriter {
    /// Begins the shard that will be `name` in `directory`.
    pub fn create(
        directory: &Arc<Directory>,
        name: &OsStr,
        tables: Tables,
    ) -> Result<ShardWriter, PackError> {
        ShardWriter::begin(directory, name, tables, NEW)
    }

    fn begin(
        directory: &Arc<Directory>,
        name: &OsStr,
        tables: Tables,
        mode: u32,
    ) -> Result<ShardWriter, PackError> {
        let file = Temporary::create(directory, name, mode)?;
        Ok(ShardWriter {
            directory: Arc::clone(directory),
            name: name.to_owned(),
            path: directory.join(name),
            syncing: Syncing::default(),
            file: BufWriter::with_capacity(WRITE_BUFFER, file),
            tables,
            replaces: None,
            synced: 0,
            buffer: vec![0; BUFFER],
        })
    }

    /// Begins a copy of `shard`, which is `name` and whose `tables` are given, to continue. The shard
    /// itself stays whole until the copy is, and takes its place. Until then the copy is for its
    /// owner alone.
    pub fn continue_copy(
        directory: &Arc<Directory>,
        name: &OsStr,
        shard: &Shard,
        tables: Tables,
    ) -> Result<ShardWriter, PackError> {
        let mut writer = ShardWriter::begin(directory, name, tables, rights::PRIVATE)?;
        let io = |error| PackError::io(shard.path(), error);
        let source = directory.open(name, OFlags::RDONLY, EXPECTED)?;
        let before = Identity::of(&fstat(&source).map_err(|errno| io(errno.into()))?);
        let opened = Identity::of(&fstat(shard.file()).map_err(|errno| io(errno.into()))?);
        let len = source.metadata().map_err(io)?.len();
        if before != opened || len != shard.file_len() {
            return Err(PackError::ChangedMeanwhile {
                path: shard.path().to_owned(),
            });
        }
        let target = writer.file.get_ref().file();
        // Between files, this copies in the kernel, or shares blocks where the file system can.
        let copied = io::copy(&mut (&source).take(shard.payload_len()), &mut &*target);
        if copied.map_err(io)? != shard.payload_len() {
            return Err(io(io::ErrorKind::UnexpectedEof.into()));
        }
        writer.replaces = Some((source, before));
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
    pub fn append(&mut self, record: Loaded) -> Result<(), PackError> {
        let Loaded {
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
                self.or_undo(copied)?
            }
        };
        self.tables.push(name.as_ref(), size, crc);
        self.start_sync()
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
                    Some(expected) if expected != crc => Err(PackError::Changed {
                        origin: origin.clone(),
                        found: crc,
                        expected,
                    }),
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
                match done == size {
                    true => Ok(crc),
                    false => Err(PackError::InputEnded {
                        origin: origin.clone(),
                    }),
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
        let unreadable = |reason| PackError::Unreadable {
            origin: origin.clone(),
            reason,
        };
        if !self.tables.sections().checksums {
            let path = self.path.clone();
            self.file
                .flush()
                .map_err(|error| PackError::io(&path, error))?;
            let mut target = self.file.get_ref().file();
            // One byte more would show that the file has grown.
            let copied = io::copy(&mut file.take(size.saturating_add(1)), &mut target);
            let copied = copied.map_err(|error| match is_of_target(&error) {
                true => PackError::io(&self.path, error),
                false => unreadable(error),
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
    fn or_undo<T>(&mut self, result: Result<T, PackError>) -> Result<T, PackError> {
        let Err(error) = result else { return result };
        if error.concerns_one_record() {
            let end = self.tables.payload_len();
            let undo = self.file.seek(SeekFrom::Start(end)).map(drop);
            let undo = undo.and_then(|()| self.file.get_ref().file().set_len(end));
            undo.map_err(|error| PackError::io(&self.path, error))?;
        }
        Err(error)
    }

    /// Reads back bytes of the payload that have been written.
    pub fn read_back(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), PackError> {
        let path = &self.path;
        let flushed = self.file.flush();
        let read = flushed.and_then(|()| self.file.get_ref().file().read_exact_at(bytes, start));
        read.map_err(|error| PackError::io(path, error))
    }

    /// Adds the content of one of this shard's own records once more.
    pub fn append_again(&mut self, record: u64, again: Loaded) -> Result<(), PackError> {
        let extent = self.tables.extent(record);
        let (start, end) = extent.ok_or_else(|| PackError::LostLink {
            origin: again.origin.clone(),
        })?;
        let (mut crc, mut at) = (0, start);
        while at < end {
            let mut piece = std::mem::take(&mut self.buffer);
            let len = (end - at).min(BUFFER as u64) as usize;
            let copied = self.read_back(at, &mut piece[..len]).and_then(|()| {
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
        match self.tables.sections().checksums {
            true => crc32c::crc32c_append(crc, bytes),
            false => 0,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| PackError::io(&self.path, error))
    }

    /// Begins to sync, from time to time, in a thread of its own.
    fn start_sync(&mut self) -> Result<(), PackError> {
        let written = self.tables.payload_len();
        if written - self.synced < SYNC_EVERY {
            return Ok(());
        }
        self.synced = written;
        self.end_sync()?;
        // Without a thread or a descriptor to spare, all of it is synced at the end.
        if let Ok(file) = self.file.get_ref().file().try_clone() {
            let syncing = thread::Builder::new().name("sync".to_owned());
            self.syncing = Syncing(syncing.spawn(move || file.sync_data()).ok());
        }
        Ok(())
    }

    /// Waits for the thread that syncs. Its error is told once, and not again by a later sync.
    fn end_sync(&mut self) -> Result<(), PackError> {
        let synced = self.directory.synced(self.syncing.end());
        synced.map_err(|error| PackError::io(&self.path, error))
    }

    /// Writes index, sections and footer, and gives the shard its name, whole and on disk. An
    /// existing file of that name is never replaced, but by a copy that continues it. The name itself
    /// is on disk only when the directory has been synced.
    pub fn finish(mut self) -> Result<PathBuf, PackError> {
        self.end_sync()?;
        let io = |error| PackError::io(&self.path, error);
        let failed = |errno: Errno| io(errno.into());
        self.tables.write(&mut self.file).map_err(io)?;
        let into_inner = self.file.into_inner();
        let file = into_inner.map_err(|error| io(error.into_error()))?;
        let synced = self.directory.synced(file.file().sync_all());
        synced.map_err(io)?;
        if let Some((old, _)) = &self.replaces {
            rights::copy(old, file.file(), &self.path).map_err(io)?;
        }
        let continued = match &self.replaces {
            Some((_, before)) => {
                let old = Continued {
                    directory: &self.directory,
                    name: &self.name,
                    before: *before,
                };
                Some(old.unchanged(&self.tables, file.file())?)
            }
            None => None,
        };
        let mut file = file.close().map_err(io)?;
        match continued {
            Some(before) => {
                let now = self.directory.stat(&self.name).map_err(failed)?;
                if Identity::of(&now) != before {
                    return Err(PackError::ChangedMeanwhile { path: self.path });
                }
                file.replace(&self.name)
            }
            None => file.name(&self.name),
        }
        .map_err(failed)?;
        Ok(self.path)
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
    let found = match found > expected {
        true => format!("more than {expected}"),
        false => found.to_string(),
    };
    Err(PackError::SizeChanged {
        origin: origin.clone(),
        found,
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::footer::Version;
    use crate::format::name::Name;
    use crate::pack::tables::Sections;
    use std::path::Path;

    const ALL: Sections = Sections {
        names: true,
        checksums: true,
    };

    fn writer(directory: &Path, sections: Sections) -> ShardWriter {
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

    fn record(named: Option<&str>, size: u64, content: Content) -> Loaded {
        Loaded {
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
            let sections = Sections { names, checksums };
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
    fn nothing_is_left_of_a_shard_that_is_not_finished_and_none_is_replaced() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let files = || std::fs::read_dir(directory.path()).expect("listed").count();
        drop(writer(directory.path(), ALL));
        assert_eq!(files(), 0);
        writer(directory.path(), ALL).finish().expect("finished");
        let second = writer(directory.path(), ALL).finish().expect_err("exists");
        assert!(second.to_string().contains("d_0000.rox"), "{second}");
        assert_eq!(files(), 1);
    }

    #[test]
    fn a_record_of_another_size_than_announced_leaves_the_shard_as_it_was() {
        for sections in [
            ALL,
            Sections {
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
