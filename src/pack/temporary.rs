//! A file that is not whole yet, under a random name beside the one that it will have.

use super::PackError;
use super::directory::Directory;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// What its name ends with.
const SUFFIX: &str = ".tmp";
/// How many random letters its name has.
const RANDOM_LETTERS: usize = 6;
/// Names that are tried before giving up.
const ATTEMPTS: usize = 100;

/// A new file, opened for reading and writing. Dropped before it has its name, it leaves nothing; a
/// killed process leaves a temporary file, which [`is_temporary`] recognizes.
#[derive(Debug)]
pub struct Temporary {
    /// Closed before the name is removed: network file systems may write a file when it is closed,
    /// and then it would be there again.
    file: File,
    closed: Closed,
}

/// A temporary file that is written and closed, and waits for its name.
#[derive(Debug)]
pub struct Closed {
    directory: Arc<Directory>,
    /// `None` when it has got the name that it was to have.
    name: Option<OsString>,
}

impl Temporary {
    /// Makes one that will be called `name`.
    pub fn create(
        directory: &Arc<Directory>,
        name: &OsStr,
        mode: u32,
    ) -> Result<Temporary, PackError> {
        let mut attempts = 0;
        loop {
            let temporary = temporary_name(name);
            match directory.create(&temporary, mode) {
                Ok(file) => {
                    let closed = Closed {
                        directory: Arc::clone(directory),
                        name: Some(temporary),
                    };
                    return Ok(Temporary { file, closed });
                }
                Err(Errno::EXIST) if attempts < ATTEMPTS => attempts += 1,
                Err(errno) => return Err(PackError::io(&directory.join(name), errno.into())),
            }
        }
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn close(self) -> io::Result<Closed> {
        crate::sys::filesystem::close(self.file)?;
        Ok(self.closed)
    }
}

impl Closed {
    /// Finds out how files get names here, by giving it another temporary one.
    pub fn try_naming(&mut self, name: &OsStr) -> rustix::io::Result<()> {
        let other = temporary_name(name);
        if let Some(temporary) = &self.name {
            self.directory.rename_first(temporary, &other)?;
        }
        self.name = Some(other);
        Ok(())
    }

    /// Removes it. Where that fails, a warning says that it stays.
    pub fn remove(mut self) -> rustix::io::Result<()> {
        if let Some(temporary) = &self.name {
            self.directory.remove(temporary)?;
        }
        self.name = None;
        Ok(())
    }

    /// Gives it a name that nothing has.
    pub fn name(&mut self, name: &OsStr) -> rustix::io::Result<()> {
        if let Some(temporary) = &self.name {
            self.directory.rename(temporary, name)?;
        }
        self.name = None;
        Ok(())
    }

    /// Puts it in the place of another file.
    pub fn replace(&mut self, name: &OsStr) -> rustix::io::Result<()> {
        if let Some(temporary) = &self.name {
            self.directory.replace(temporary, name)?;
        }
        self.name = None;
        Ok(())
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Temporary {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let Some(name) = &self.name else { return };
        match self.directory.remove(name) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => self.directory.warn_left(name, errno),
        }
    }
}

/// `.NAME.` and random letters, and the suffix.
fn temporary_name(name: &OsStr) -> OsString {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = RandomState::new().hash_one(name);
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".");
    for _ in 0..RANDOM_LETTERS {
        let letter = LETTERS[(random % LETTERS.len() as u64) as usize];
        temporary.push(char::from(letter).to_string());
        random /= LETTERS.len() as u64;
    }
    temporary.push(SUFFIX);
    temporary
}

/// Whether `name` is what a killed process leaves of a file for whose name `is_shard` holds.
pub fn is_temporary(name: &OsStr, is_shard: impl Fn(&[u8]) -> bool) -> bool {
    let inner = name
        .as_bytes()
        .strip_prefix(b".")
        .and_then(|name| name.strip_suffix(SUFFIX.as_bytes()));
    let random = |inner: &[u8]| inner.iter().rposition(|&byte| byte == b'.');
    inner.is_some_and(|inner| random(inner).is_some_and(|dot| is_shard(&inner[..dot])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_recognized() {
        let is_shard = |name: &[u8]| name == b"d_0000.rox";
        let made = temporary_name(OsStr::new("d_0000.rox"));
        assert_eq!(made.len(), ".d_0000.rox.Ab12Xy.tmp".len());
        for name in [&made, OsStr::new(".d_0000.rox.Ab12Xy.tmp")] {
            assert!(is_temporary(name, is_shard));
        }
        for other in ["d_0000.rox", ".d_0000.rox.tmp", ".e_0000.rox.Ab12Xy.tmp"] {
            assert!(!is_temporary(OsStr::new(other), is_shard));
        }
    }
}
