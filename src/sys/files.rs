//! About files: their kinds in words, and directories listed without the standard library's way,
//! which panics where closing one fails.

use nix::sys::resource::{Resource, getrlimit};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, SeekFrom, open, seek, statat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// What a file is: "a FIFO".
pub fn kind_in_words(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        _ => "a device",
    }
}

/// What to say behind an error of opening a shard, where there are too many of them for this process.
pub fn limit_hint(error: &io::Error) -> String {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((limit, _)) if is_out_of_descriptors(error) => format!(
            "; each shard is an open file, and this process may have {limit}: more with \
             \"ulimit -Hn NUMBER\" as root, or LimitNOFILE=NUMBER in a unit"
        ),
        _ => String::new(),
    }
}

/// Whether this process may open no more files.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::MFILE.raw_os_error())
}

/// The directory that a file is in, as a path that can be opened.
pub fn directory_of(path: &Path) -> &Path {
    or_here(path.parent().unwrap_or(Path::new("")))
}

/// A directory's path, as one that can be opened: an empty one is the current directory's.
pub fn or_here(directory: &Path) -> &Path {
    if directory == Path::new("") {
        Path::new(".")
    } else {
        directory
    }
}

/// How many bytes of entries are asked for at once, as the standard library does. A FUSE file system
/// is asked for as many (`fuse_readdir_uncached` in fs/fuse/readdir.c).
const BUFFER_LEN: usize = 32 << 10;

/// The entries of a directory and their kinds, in any order, without `.` and `..`.
pub fn entries(directory: &Path) -> io::Result<DirectoryEntries> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(DirectoryEntries {
        opened: open(directory, flags, Mode::empty())?,
        path: directory.to_owned(),
        buffer: Vec::with_capacity(BUFFER_LEN),
        batch: VecDeque::new(),
        has_ended: false,
    })
}

/// The same from an offset on, as the directory itself counts (telldir(3)).
pub fn entries_from(directory: &Path, offset: u64) -> io::Result<DirectoryEntries> {
    let entries = entries(directory)?;
    seek(&entries.opened, SeekFrom::Start(offset))?;
    Ok(entries)
}

/// See [`entries`].
#[derive(Debug)]
pub struct DirectoryEntries {
    opened: OwnedFd,
    path: PathBuf,
    buffer: Vec<u8>,
    batch: VecDeque<(OsString, FileType)>,
    has_ended: bool,
}

impl DirectoryEntries {
    /// Reads some more; none at the end.
    fn read(&mut self) -> io::Result<()> {
        let mut list = RawDir::new(&self.opened, self.buffer.spare_capacity_mut());
        while let Some(entry) = list.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                let name = OsString::from_vec(name.to_vec());
                self.batch.push_back((name, entry.file_type()));
            }
            if list.is_buffer_empty() && !self.batch.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Iterator for DirectoryEntries {
    type Item = io::Result<(OsString, FileType)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.batch.is_empty()
                && !self.has_ended
                && let Err(error) = self.read()
            {
                // It would be the same for ever.
                self.has_ended = true;
                return Some(Err(error));
            }
            let (name, kind) = self.batch.pop_front()?;
            if kind != FileType::Unknown {
                return Some(Ok((name, kind)));
            }
            // Some file systems do not tell the kind here, and /proc does not for a process that has
            // just ended.
            let stat = statat(CWD, self.path.join(&name), AtFlags::SYMLINK_NOFOLLOW);
            match stat {
                Ok(stat) => return Some(Ok((name, FileType::from_raw_mode(stat.st_mode)))),
                Err(Errno::NOENT) => {}
                Err(errno) => return Some(Err(errno.into())),
            }
        }
    }
}

/// The entries of a directory whose names are numbers, as in /proc.
pub fn numbers(directory: &Path) -> io::Result<Vec<u32>> {
    let names = entries(directory)?.map(|entry| Ok(entry?.0));
    let numbers = names.filter_map(|name: io::Result<OsString>| match name {
        Ok(name) => name.to_str()?.parse().ok().map(Ok),
        Err(error) => Some(Err(error)),
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn threads_that_end_meanwhile_are_not_listed_and_no_error() {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::thread::scope(|scope| {
                        (0..20).for_each(|_| drop(scope.spawn(|| {})));
                    });
                }
            });
            for _ in 0..500 {
                let threads = numbers(Path::new("/proc/self/task")).expect("listed");
                assert!(threads.contains(&std::process::id()));
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_directory_is_listed_with_the_kinds_of_its_entries() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path();
        std::fs::write(path.join("a"), "").expect("written");
        std::fs::create_dir(path.join("b")).expect("made");
        symlink("a", path.join("c")).expect("linked");
        let found: io::Result<Vec<_>> = entries(path).expect("opened").collect();
        let mut found = found.expect("listed");
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("a", FileType::RegularFile),
            ("b", FileType::Directory),
            ("c", FileType::Symlink),
        ];
        assert_eq!(found, expected.map(|(name, kind)| (name.into(), kind)));
        for name in ["a", "missing"] {
            assert!(entries(&path.join(name)).is_err(), "{name}");
        }
    }
}
