//! A file system that notes what is handed over to it, and refuses what it is told to refuse.

use crate::support::*;
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation,
    INodeNo, IoctlFlags, ReplyAttr, ReplyEntry, ReplyIoctl, Request,
};
use roxfs::order::handed::{self, Hello, Part};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// How many records it says that it has.
pub const RECORDS: u64 = 10_000;
/// The inode number of record 0.
const FIRST_RECORD: u64 = 16;
const RECORDS_DIRECTORY: u64 = 2;

/// What has come, in the order in which it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    Part(Part),
    Clear(u64),
}

#[derive(Debug, Default)]
struct State {
    came: Mutex<Vec<Came>>,
    /// How the next parts are answered; later ones are taken.
    answers: Mutex<VecDeque<Option<Errno>>>,
}

/// It is unmounted when dropped.
pub struct Fake {
    state: Arc<State>,
    session: Option<BackgroundSession>,
    directory: TempDir,
}

impl Fake {
    /// One that answers the first parts like this.
    pub fn new(answers: &[Option<Errno>]) -> Fake {
        need_root();
        let state = Arc::new(State::default());
        *state.answers.lock().expect("unlocked") = answers.iter().copied().collect();
        let directory = temp_dir();
        let system = FakeSystem(Arc::clone(&state));
        let session = fuser::spawn_mount(system, directory.path(), &Config::default());
        Fake {
            state,
            session: Some(session.expect("mounted")),
            directory,
        }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// All that has come until now.
    pub fn came(&self) -> Vec<Came> {
        self.state.came.lock().expect("unlocked").clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

struct FakeSystem(Arc<State>);

fn attr(ino: u64) -> FileAttr {
    let kind = if ino < FIRST_RECORD {
        FileType::Directory
    } else {
        FileType::RegularFile
    };
    let time = SystemTime::UNIX_EPOCH;
    FileAttr {
        ino: INodeNo(ino),
        size: 0,
        blocks: 0,
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind,
        perm: 0o555,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

impl Filesystem for FakeSystem {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = name.to_str().expect("UTF-8");
        let ino = match (parent.0, name.strip_suffix(".bin")) {
            (1, None) if name == "records" => Some(RECORDS_DIRECTORY),
            (RECORDS_DIRECTORY, Some(number)) => {
                let number: Result<u64, _> = number.parse();
                number.ok().map(|number| FIRST_RECORD + number)
            }
            _ => None,
        };
        match ino {
            Some(ino) => reply.entry(&Duration::ZERO, &attr(ino), Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&Duration::ZERO, &attr(ino.0));
    }

    fn ioctl(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: IoctlFlags,
        number: u32,
        bytes: &[u8],
        _: u32,
        reply: ReplyIoctl,
    ) {
        let hello = Hello {
            records: RECORDS,
            memory: 1 << 20,
            used: 0,
        };
        let came = match handed::Request::parse(number, bytes) {
            Ok(handed::Request::Hello) => return reply.ioctl(0, &hello.to_bytes()),
            Ok(handed::Request::Give(part)) => Came::Part(part),
            Ok(handed::Request::Clear(giver)) => Came::Clear(giver),
            Err(_) => return reply.error(Errno::ENOTTY),
        };
        let is_part = matches!(came, Came::Part(_));
        self.0.came.lock().expect("unlocked").push(came);
        let mut answers = self.0.answers.lock().expect("unlocked");
        match answers.pop_front().flatten().filter(|_| is_part) {
            Some(errno) => reply.error(errno),
            None => reply.ioctl(0, &[]),
        }
    }
}
