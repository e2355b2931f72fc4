//! About files: their kinds in words, and directories listed without the standard library's way,
//! which panics where closing one fails.

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, open, statat};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

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

/// The entries of a directory and their kinds, in any order, without `.` and `..`.
pub fn entries(
    directory: &Path,
) -> io::Result<impl Iterator<Item = io::Result<(OsString, FileType)>> + use<>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = Dir::new(open(directory, flags, Mode::empty())?)?;
    let path = directory.to_owned();
    let all = opened.map(move |entry| {
        let entry = entry?;
        let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
        let kind = match entry.file_type() {
            // Some file systems leave it to be asked for.
            FileType::Unknown => {
                let stat = statat(CWD, path.join(&name), AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            kind => kind,
        };
        Ok((name, kind))
    });
    let is_itself = |name: &OsString| name == "." || name == "..";
    Ok(all.filter(move |entry| !matches!(entry, Ok((name, _)) if is_itself(name))))
}

/// The entries of a directory whose names are numbers, as in /proc.
pub fn numbers(directory: &Path) -> io::Result<Vec<u32>> {
    let names = entries(directory)?.filter_map(|entry| Some(entry.ok()?.0));
    Ok(names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

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
