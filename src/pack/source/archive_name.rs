//! What the name of a file says of an archive: that it is one, and what its entries may be called after.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What kind of archive a file name says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveKind {
    /// Tar, which may be compressed.
    Tar,
    Zip,
}

/// What the names of archives end with, in letters of any case. Tar archives in compressed forms
/// that are not read here are among them, because reading them says what to do.
const TAR_ENDINGS: [&[u8]; 19] = [
    b".tar",
    b".tar.gz",
    b".tgz",
    b".tar.zst",
    b".tar.zstd",
    b".tzst",
    b".tar.xz",
    b".txz",
    b".tar.bz2",
    b".tar.bz",
    b".tbz2",
    b".tbz",
    b".tar.lz4",
    b".tar.lz",
    b".tar.lzma",
    b".tar.lzo",
    b".tlz",
    b".tar.z",
    b".taz",
];
const ZIP_ENDING: &[u8] = b".zip";

/// What kind of archive a file name says it is, if any, and the name without that.
pub fn split_ending(name: &[u8]) -> Option<(ArchiveKind, &[u8])> {
    let lower = name.to_ascii_lowercase();
    let tar = TAR_ENDINGS.iter().map(|ending| (ArchiveKind::Tar, *ending));
    let endings = tar.chain([(ArchiveKind::Zip, ZIP_ENDING)]);
    let fitting = endings.filter(|(_, ending)| lower.ends_with(ending));
    let (kind, ending) = fitting.max_by_key(|(_, ending)| ending.len())?;
    Some((kind, &name[..name.len() - ending.len()]))
}

/// How a path among others is read, if as an archive: by its name. One that may be an archive and
/// cannot be asked is, and opening it says why.
pub fn archive_kind(path: &Path) -> Option<ArchiveKind> {
    let (kind, _) = split_ending(path.file_name()?.as_bytes())?;
    let is_file = match std::fs::metadata(path) {
        Ok(metadata) => metadata.is_file(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    is_file.then_some(kind)
}

/// An archive's name, without the directories it is in and without its extension: one component.
/// What only stands for an open file, as standard input, has none.
pub fn archive_name(archive: &Path) -> Option<&[u8]> {
    let is_open = archive == Path::new("-")
        || archive == Path::new("/dev/stdin")
        || archive.starts_with("/dev/fd")
        || archive.starts_with("/proc");
    let file_name = archive.file_name().filter(|_| !is_open)?.as_bytes();
    let stem = split_ending(file_name).map_or(file_name, |(_, stem)| stem);
    Some(match stem {
        // Such as ".tar" and "...tar".
        b"" | b"." | b".." => file_name,
        name => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::name::Name;

    #[test]
    fn an_archive_is_called_by_its_file_without_extension() {
        for (path, expected) in [
            ("a/b/train-0001.tar", "train-0001"),
            ("x.tar.gz", "x"),
            ("x.TGZ", "x"),
            ("a.b/photos.v2.tar.zst", "photos.v2"),
            ("photos.zip", "photos"),
            ("photos", "photos"),
            ("photos.jpg", "photos.jpg"),
            ("x.tar.tar", "x.tar"),
            (".tar", ".tar"),
            ("...tar", "...tar"),
        ] {
            let found = archive_name(Path::new(path)).expect("a name");
            assert_eq!(found, expected.as_bytes(), "{path}");
            assert!(Name::new(found).is_ok(), "{path}");
        }
        for path in [
            "-",
            "/dev/stdin",
            "/dev/fd/63",
            "/proc/self/fd/0",
            "/",
            "..",
        ] {
            assert_eq!(archive_name(Path::new(path)), None, "{path}");
        }
    }
}
