//! Records of regular files, wherever these are named.

use super::spool::Spool;
use super::{Content, Incoming, Origin, Skipped, record_name};
use super::{SourceError, open_file};
use crate::pack::OwnFiles;
use rustix::fs::statfs;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes read at once. What is made up for one read is consistent, so most files should fit.
const BUFFER_BYTES: usize = 64 << 10;

/// `BINFMTFS_MAGIC` of include/uapi/linux/magic.h.
const BINFMTFS_MAGIC: u32 = 0x4249_4e4d;
/// `CONFIGFS_MAGIC` of fs/configfs/mount.c in the kernel.
const CONFIGFS_MAGIC: u32 = 0x6265_6570;
/// `FUSE_CTL_SUPER_MAGIC` of fs/fuse/control.c in the kernel.
const FUSE_CTL_SUPER_MAGIC: u32 = 0x6573_5543;

/// File systems whose files have other sizes than stat(2) says.
const MADE_UP: [u32; 13] = [
    libc::PROC_SUPER_MAGIC as u32,
    libc::SYSFS_MAGIC as u32,
    libc::DEBUGFS_MAGIC as u32,
    libc::TRACEFS_MAGIC as u32,
    libc::SECURITYFS_MAGIC as u32,
    libc::CGROUP_SUPER_MAGIC as u32,
    libc::CGROUP2_SUPER_MAGIC as u32,
    libc::BPF_FS_MAGIC as u32,
    libc::SELINUX_MAGIC as u32,
    libc::RDTGROUP_SUPER_MAGIC as u32,
    BINFMTFS_MAGIC,
    CONFIGFS_MAGIC,
    FUSE_CTL_SUPER_MAGIC,
];

/// Makes records of regular files.
#[derive(Debug, Default)]
pub struct RegularFiles {
    /// What is left out.
    own: Option<Arc<OwnFiles>>,
    /// Where long contents of unknown size are kept; without it, none are read.
    spool_directory: Option<PathBuf>,
    /// The device of the last file, and whether its file system is one of [`MADE_UP`].
    last: Option<(u64, bool)>,
}

impl RegularFiles {
    /// Leaves out those of the dataset that is written; content whose size is not known before it is
    /// read is kept in `spool_directory`.
    pub fn without(own: Arc<OwnFiles>, spool_directory: &Path) -> RegularFiles {
        RegularFiles {
            own: Some(own),
            spool_directory: Some(spool_directory.to_owned()),
            last: None,
        }
    }

    /// Whether a path that leads to nothing has led to a file that is left out.
    pub fn has_left_out(&self, path: &Path) -> bool {
        self.own.as_ref().is_some_and(|own| own.has(path, None))
    }

    /// The record of the file at `path`; `None` where it is left out, which is counted.
    pub fn record(
        &mut self,
        path: PathBuf,
        name: &[u8],
        metadata: &Metadata,
        skipped: &mut Skipped,
    ) -> Option<Result<Incoming, SourceError>> {
        if self
            .own
            .as_ref()
            .is_some_and(|own| own.has(&path, Some(metadata)))
        {
            skipped.own += 1;
            return None;
        }
        let origin = Origin::File(path.clone());
        let name = match record_name(name, &origin) {
            Ok(name) => name,
            Err(error) => return Some(Err(error)),
        };
        let (size, content) = match &self.spool_directory {
            Some(directory) if is_made_up(&mut self.last, &path, metadata) => {
                match read(&path, &origin, directory) {
                    Ok(read) => read,
                    Err(error) if error.concerns_one_record() => {
                        (0, Content::Failed(Box::new(error)))
                    }
                    Err(error) => return Some(Err(error)),
                }
            }
            _ => (metadata.len(), Content::File(path)),
        };
        Some(Ok(Incoming {
            name: Some(name),
            size,
            origin,
            content,
        }))
    }
}

fn is_made_up(last: &mut Option<(u64, bool)>, path: &Path, metadata: &Metadata) -> bool {
    // In containers, files of another file system (lxcfs) are mounted over some of them.
    if path.starts_with("/proc") || path.starts_with("/sys") {
        return true;
    }
    match *last {
        Some((device, is_made_up)) if device == metadata.dev() => is_made_up,
        _ => {
            // One that cannot be asked is read as any other.
            let kind = statfs(path).map(|stat| stat.f_type as u32);
            let is_made_up = kind.is_ok_and(|kind| MADE_UP.contains(&kind));
            *last = Some((metadata.dev(), is_made_up));
            is_made_up
        }
    }
}

/// All that a file gives until its end.
fn read(path: &Path, origin: &Origin, directory: &Path) -> Result<(u64, Content), SourceError> {
    let unreadable = |error| SourceError::unreadable(path, error);
    let spool = |error| SourceError::io(directory, error);
    let mut file = open_file::open(path, origin)?;
    let mut kept = Spool::new(directory);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => kept.write(&buffer[..read]).map_err(spool)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    kept.finish().map_err(spool)
}
