//! Which file system is mounted where: `/proc/self/mountinfo`, as proc_pid_mountinfo(5) has it.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::{major, minor};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What to say where it is not there.
const NO_PROC: &str = "/proc is not mounted, and it tells what is: mount -t proc proc /proc";

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountInfo {
    /// Device number as `major:minor`. No two living file systems have the same one; that of one
    /// that has ended is given out again.
    pub device: String,
    /// Where it is mounted.
    pub path: PathBuf,
    /// Its type, as `fuse.roxfs`.
    pub kind: OsString,
}

/// The list of mounts, opened once: it can be read even when something has been mounted over
/// `/proc` itself.
#[derive(Debug)]
pub struct MountTable(File);

impl MountTable {
    /// Opens the list.
    pub fn open() -> io::Result<MountTable> {
        match File::open("/proc/self/mountinfo") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::other(NO_PROC)),
            opened => opened.map(MountTable),
        }
    }

    /// The file system mounted at `path`, the uppermost if several are. Never touches the mount
    /// itself, which may be dead.
    pub fn find(&self, path: &Path) -> io::Result<Option<MountInfo>> {
        Ok(self.all()?.into_iter().rfind(|mount| mount.path == path))
    }

    /// The file system that a file is in, where it is mounted above it. The path has no links in it.
    pub fn find_holding(&self, path: &Path) -> io::Result<Option<MountInfo>> {
        let device = std::fs::metadata(path)?.dev();
        let device = format!("{}:{}", major(device), minor(device));
        let holds = |mount: &MountInfo| mount.device == device && path.starts_with(&mount.path);
        Ok(self.all()?.into_iter().rfind(holds))
    }

    /// All that is mounted.
    pub fn all(&self) -> io::Result<Vec<MountInfo>> {
        let mut lines = Vec::new();
        let mut file = &self.0;
        file.rewind()?;
        file.read_to_end(&mut lines)?;
        Ok(lines
            .split(|&byte| byte == b'\n')
            .filter_map(parse)
            .collect())
    }

    /// Waits until a pipe has something to read or has been closed at its other end, or the file system
    /// with this device number is not mounted any more; returns whether it is.
    pub fn wait_while_mounted(&self, device: &str, pipe: impl AsFd) -> io::Result<bool> {
        loop {
            let all = self.all()?;
            if !all.iter().any(|mount| mount.device == device) {
                return Ok(false);
            }
            // The list of mounts has a priority event when it has changed (proc_pid_mounts(5)).
            let mut polled = [
                PollFd::new(pipe.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.as_fd(), PollFlags::POLLPRI),
            ];
            match poll(&mut polled, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(_) if polled[0].any().unwrap_or(true) => return Ok(true),
                Ok(_) => {}
            }
        }
    }
}

impl AsFd for MountTable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The mount that a line describes.
pub fn parse(line: &[u8]) -> Option<MountInfo> {
    let mut fields = line.split(|&byte| byte == b' ');
    let device = fields.nth(2)?;
    let path = fields.nth(1)?;
    let kind = fields.skip_while(|field| field != b"-").nth(1)?;
    Some(MountInfo {
        device: String::from_utf8_lossy(device).into_owned(),
        path: PathBuf::from(OsString::from_vec(unescape(path))),
        kind: OsStr::from_bytes(kind).to_owned(),
    })
}

/// Space, tab, newline and backslash are written as `\` and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        plain.push(octal.unwrap_or(*first));
        rest = &rest[if octal.is_some() { 4 } else { 1 }..];
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_device_path_and_type() {
        let line = br"36 35 0:98 / /mnt/a\040b\134 ro,nosuid shared:1 - fuse.roxfs d\0401 ro";
        let mount = parse(line).expect("a mount");
        assert_eq!(mount.device, "0:98");
        assert_eq!(mount.path, Path::new("/mnt/a b\\"));
        assert_eq!(mount.kind, "fuse.roxfs");
        assert_eq!(parse(b""), None);
    }
}
