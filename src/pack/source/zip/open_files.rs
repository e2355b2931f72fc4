//! The files that archives are in. Records of many archives may be on their way, or be kept to be
//! shuffled, so few of these files are open at a time: those that were read last.

use crate::pack::identity::Identity;
use crate::pack::source::open_file;
use crate::sys::files::is_out_of_descriptors;
use crate::sys::lease;
use crate::sys::lock;
use rustix::fs::fstat;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// How many of them are open.
const MOST_OPEN_FILES: usize = 16;

/// Those that are open, the one that was read last in front.
#[derive(Debug, Default)]
pub struct OpenFiles(Mutex<VecDeque<(Identity, Arc<File>)>>);

/// That a file has been replaced or changed.
#[derive(Debug, thiserror::Error)]
#[error("the archive has changed while it was read")]
pub struct Replaced;

/// A file that can be read at any place.
#[derive(Debug, Clone)]
pub enum ArchiveFile {
    /// One that stays open: standard input.
    Kept(Arc<File>),
    /// One that is opened when it is read.
    Opened(Arc<Reopened>),
}

/// A file that is opened when it is read, if it is not open.
#[derive(Debug)]
pub struct Reopened {
    path: PathBuf,
    /// What it was when the archive's directory was read.
    identity: Identity,
    open: Arc<OpenFiles>,
}

impl ArchiveFile {
    /// The file at `path`, which is open now.
    pub fn new(path: &Path, file: File, open: &Arc<OpenFiles>) -> io::Result<ArchiveFile> {
        let identity = Identity::of(&fstat(&file)?);
        open.put(identity, &Arc::new(file));
        Ok(ArchiveFile::Opened(Arc::new(Reopened {
            path: path.to_owned(),
            identity,
            open: Arc::clone(open),
        })))
    }

    /// Its size in bytes.
    pub fn len(&self) -> io::Result<u64> {
        match self {
            ArchiveFile::Kept(file) => Ok(file.metadata()?.len()),
            ArchiveFile::Opened(file) => Ok(file.identity.size()),
        }
    }

    /// Reads at a place, as [`FileExt::read_at`] does.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            ArchiveFile::Kept(file) => file.read_at(buffer, offset),
            ArchiveFile::Opened(file) => file.get()?.read_at(buffer, offset),
        }
    }
}

impl Reopened {
    fn get(&self) -> io::Result<Arc<File>> {
        if let Some(file) = self.open.get(self.identity) {
            return Ok(file);
        }
        let file = match self.reopen() {
            Err(error) if is_out_of_descriptors(&error) => {
                self.open.close();
                self.reopen()?
            }
            file => file?,
        };
        let file = Arc::new(file);
        if Identity::of(&fstat(&file)?) != self.identity {
            return Err(io::Error::other(Replaced));
        }
        self.open.put(self.identity, &file);
        Ok(file)
    }

    fn reopen(&self) -> io::Result<File> {
        let open = || open_file::open_now(&self.path);
        let file = lease::wait(&self.path, open, lease::is_lease, &|| false)?;
        Ok(file.ok_or(io::ErrorKind::Interrupted)?)
    }
}

impl OpenFiles {
    fn get(&self, identity: Identity) -> Option<Arc<File>> {
        let mut open = lock(&self.0);
        let place = open.iter().position(|(other, _)| *other == identity)?;
        if place > 0 {
            let found = open.remove(place)?;
            open.push_front(found);
        }
        open.front().map(|(_, file)| Arc::clone(file))
    }

    /// Closes all that nobody reads.
    fn close(&self) {
        let mut open = lock(&self.0);
        open.clear();
    }

    /// Closes the one that was not read for longest, where there are too many.
    fn put(&self, identity: Identity, file: &Arc<File>) {
        let mut open = lock(&self.0);
        open.push_front((identity, Arc::clone(file)));
        open.truncate(MOST_OPEN_FILES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this content, which is open now.
    fn file(path: &Path, content: &str, open: &Arc<OpenFiles>) -> ArchiveFile {
        std::fs::write(path, content).expect("written");
        let file = File::open(path).expect("opened");
        ArchiveFile::new(path, file, open).expect("a file")
    }

    #[test]
    fn all_can_be_read_and_few_are_open() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = Arc::default();
        let files: Vec<ArchiveFile> = (0..50)
            .map(|number| directory.path().join(number.to_string()))
            .map(|path| file(&path, &path.display().to_string(), &open))
            .collect();
        for turn in 0..3 {
            for (number, file) in files.iter().enumerate() {
                let mut found = vec![0; file.len().expect("known") as usize];
                let read = file.read_at(&mut found, 0).expect("read");
                let path = directory.path().join(number.to_string());
                assert_eq!(found, path.display().to_string().as_bytes(), "turn {turn}");
                assert_eq!(read, found.len());
            }
            assert_eq!(open.0.lock().expect("not poisoned").len(), MOST_OPEN_FILES);
        }
    }

    #[test]
    fn a_file_that_was_replaced_is_not_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = Arc::default();
        let path = directory.path().join("x");
        let before = file(&path, "before", &open);
        open.0.lock().expect("not poisoned").clear();
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, "after it").expect("written");
        let error = before.read_at(&mut [0; 9], 0).expect_err("replaced");
        assert!(error.get_ref().is_some_and(|inner| inner.is::<Replaced>()));
    }
}
