//! Records of regular files, wherever these are named.

use super::{Content, Origin, Record, Skipped};
use crate::format::name::Name;
use crate::pack::{OwnFiles, PackError, open_file};
use rustix::fs::statfs;
use std::fs::Metadata;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::{SpooledData, SpooledTempFile, spooled_tempfile_in};

/// What the kernel makes up when it is read is kept in memory up to this size, then in a file without
/// a name.
const SPOOL: usize = 16 << 20;
/// Bytes read at once. What is made up for one read is consistent, so most files should fit.
const BUFFER: usize = 64 << 10;

/// File systems whose files have other sizes than stat(2) says (linux/magic.h): proc, sysfs, debugfs,
/// tracefs, securityfs, cgroup, cgroup2, configfs, bpf, binfmt_misc, selinuxfs, resctrl, fusectl.
const MADE_UP: [u32; 13] = [
    0x9fa0,
    0x6265_6572,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x27_e0eb,
    0x6367_7270,
    0x6265_6570,
    0xcafe_4a11,
    0x4249_4e4d,
    0xf97c_ff8c,
    0x0765_5821,
    0x6573_5543,
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
    ) -> Option<Result<Record, PackError>> {
        if self
            .own
            .as_ref()
            .is_some_and(|own| own.has(&path, Some(metadata)))
        {
            skipped.own += 1;
            return None;
        }
        let origin = Origin::File(path.clone());
        let name = match Name::new(name) {
            Ok(name) => name,
            Err(error) => return Some(Err(PackError::BadName { origin, error })),
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
        Some(Ok(Record {
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
fn read(path: &Path, origin: &Origin, directory: &Path) -> Result<(u64, Content), PackError> {
    let unreadable = |error| PackError::unreadable(path, error);
    let spool = |error| PackError::io(directory, error);
    let mut file = open_file::open(path, origin)?;
    let mut kept = spooled_tempfile_in(SPOOL, directory);
    let mut buffer = vec![0; BUFFER];
    let mut size = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                kept.write_all(&buffer[..read]).map_err(spool)?;
                size += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    Ok((size, content(kept).map_err(spool)?))
}

fn content(mut kept: SpooledTempFile) -> io::Result<Content> {
    kept.rewind()?;
    Ok(match kept.into_inner() {
        SpooledData::InMemory(bytes) => Content::Bytes(bytes.into_inner()),
        SpooledData::OnDisk(file) => Content::Open(file),
    })
}
