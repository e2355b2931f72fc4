//! The file of a shard, from its temporary name to its own: whole, or not at all.

use super::PackError;
use super::continued::Continued;
use super::directory::Directory;
use super::identity::Identity;
use super::rights;
use super::tables::Tables;
use super::temporary::Temporary;
use crate::shard::Shard;
use rustix::fs::{OFlags, fstat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Bytes that are collected before they are written. Writes of 1 MiB were as fast at best, and took
/// twice the time where the kernel had no large pages free.
const WRITE_BUFFER_BYTES: usize = 128 << 10;
/// The disk is given work whenever this many bytes have been written, so that little is left to be
/// waited for at the shard's end.
const SYNC_EVERY_BYTES: u64 = 64 << 20;
/// The mode of a new shard, as of any new file: the kernel takes away what the umask says, or puts in
/// place what the directory's access control list says. It has that from the beginning: users that
/// may read it at the end may read what there is of it before.
const NEW_FILE_MODE: u32 = 0o666;
/// What is expected of a shard that is there already.
pub const EXPECTED: &str = "a shard, which is a regular file";

/// The file of a shard that is being written. Dropped before [`finish`](Self::finish), it leaves
/// nothing.
#[derive(Debug)]
pub struct NewShardFile {
    directory: Arc<Directory>,
    name: OsString,
    path: PathBuf,
    /// Before the file: it has it open, too.
    syncing: Syncing,
    file: BufWriter<Temporary>,
    /// The shard whose place this one takes, and what it was.
    replaces: Option<(File, Identity)>,
    /// Bytes of it that have been given to the disk.
    synced: u64,
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

impl NewShardFile {
    /// Begins the file that will be `name` in `directory`.
    pub fn create(directory: &Arc<Directory>, name: &OsStr) -> Result<NewShardFile, PackError> {
        NewShardFile::begin(directory, name, NEW_FILE_MODE)
    }

    /// Begins a file with the payload of `shard`, which is `name`. The shard itself stays whole until
    /// the copy is, and takes its place. Until then the copy is for its owner alone.
    pub fn create_copy(
        directory: &Arc<Directory>,
        name: &OsStr,
        shard: &Shard,
    ) -> Result<NewShardFile, PackError> {
        let mut copy = NewShardFile::begin(directory, name, rights::PRIVATE)?;
        let io = |error| PackError::io(shard.path(), error);
        let source = directory.open(name, OFlags::RDONLY, EXPECTED)?;
        let before = Identity::of(&fstat(&source).map_err(|errno| io(errno.into()))?);
        let opened = Identity::of(&fstat(shard.file()).map_err(|errno| io(errno.into()))?);
        let len = source.metadata().map_err(io)?.len();
        if before != opened || len != shard.file_len() {
            return Err(PackError::ChangedMeanwhile(shard.path().to_owned()));
        }
        let target = copy.file.get_ref().file();
        // Between files, this copies in the kernel, or shares blocks where the file system can.
        let copied = io::copy(&mut (&source).take(shard.payload_len()), &mut &*target);
        if copied.map_err(io)? != shard.payload_len() {
            return Err(io(io::ErrorKind::UnexpectedEof.into()));
        }
        copy.replaces = Some((source, before));
        Ok(copy)
    }

    fn begin(
        directory: &Arc<Directory>,
        name: &OsStr,
        mode: u32,
    ) -> Result<NewShardFile, PackError> {
        let file = Temporary::create(directory, name, mode)?;
        Ok(NewShardFile {
            directory: Arc::clone(directory),
            name: name.to_owned(),
            path: directory.join(name),
            syncing: Syncing::default(),
            file: BufWriter::with_capacity(WRITE_BUFFER_BYTES, file),
            replaces: None,
            synced: 0,
        })
    }

    /// The path that it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn io(&self, error: io::Error) -> PackError {
        PackError::io(&self.path, error)
    }

    /// Writes at its end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| self.io(error))
    }

    /// The open file with all that was written, at its end.
    pub fn flushed(&mut self) -> Result<&File, PackError> {
        let flushed = self.file.flush();
        flushed.map_err(|error| self.io(error))?;
        Ok(self.file.get_ref().file())
    }

    /// Takes back what was written beyond `end`.
    pub fn cut(&mut self, end: u64) -> Result<(), PackError> {
        let sought = self.file.seek(SeekFrom::Start(end)).map(drop);
        let cut = sought.and_then(|()| self.file.get_ref().file().set_len(end));
        cut.map_err(|error| self.io(error))
    }

    /// Reads back bytes that have been written.
    pub fn read_back(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), PackError> {
        let read = self.flushed()?.read_exact_at(bytes, start);
        read.map_err(|error| self.io(error))
    }

    /// Begins to sync, from time to time, in a thread of its own, now that `written` bytes are there.
    pub fn start_sync(&mut self, written: u64) -> Result<(), PackError> {
        if written - self.synced < SYNC_EVERY_BYTES {
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
        synced.map_err(|error| self.io(error))
    }

    /// Writes index, sections and footer, and gives the file its name, whole and on disk. An existing
    /// file of that name is never replaced, but by a copy that continues it. The name itself is on
    /// disk only when the directory has been synced.
    pub fn finish(mut self, tables: &Tables) -> Result<PathBuf, PackError> {
        self.end_sync()?;
        let path = self.path;
        let io = |error| PackError::io(&path, error);
        let failed = |errno: Errno| io(errno.into());
        tables.write(&mut self.file).map_err(io)?;
        let into_inner = self.file.into_inner();
        let file = into_inner.map_err(|error| io(error.into_error()))?;
        let synced = self.directory.synced(file.file().sync_all());
        synced.map_err(io)?;
        let Some((old, before)) = self.replaces else {
            let mut file = file.close().map_err(io)?;
            file.name(&self.name).map_err(failed)?;
            return Ok(path);
        };
        rights::copy(&old, file.file(), &path).map_err(io)?;
        let continued = Continued {
            directory: &self.directory,
            name: &self.name,
            before,
        };
        let before = continued.unchanged(tables, file.file())?;
        let mut file = file.close().map_err(io)?;
        let now = self.directory.stat(&self.name).map_err(failed)?;
        if Identity::of(&now) != before {
            return Err(PackError::ChangedMeanwhile(path));
        }
        file.replace(&self.name).map_err(failed)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::footer::Version;
    use crate::pack::tables::WrittenSections;

    #[test]
    fn nothing_is_left_of_a_shard_that_is_not_finished_and_none_is_replaced() {
        let temporary = tempfile::tempdir().expect("temporary directory");
        let directory = Directory::of(&temporary.path().join("d.rox")).expect("opened");
        let directory = Arc::new(directory);
        let create =
            || NewShardFile::create(&directory, OsStr::new("d_0000.rox")).expect("created");
        let files = || temporary.path().read_dir().expect("listed").count();
        let sections = WrittenSections {
            names: true,
            checksums: true,
        };
        let tables = Tables::new(sections, Version::V01);
        drop(create());
        assert_eq!(files(), 0);
        create().finish(&tables).expect("finished");
        let second = create().finish(&tables).expect_err("exists");
        assert!(second.to_string().contains("d_0000.rox"), "{second}");
        assert_eq!(files(), 1);
    }
}
