//! The adapter to fuser: match, ask the tree, reply. Semantics are in `tree`.
//!
//! Every request that the kernel may send to a read-only file system is answered on purpose;
//! what would change something gets `EROFS`. An answer of `ENOSYS` makes the kernel stop asking
//! (fs/fuse in the kernel): that is used for opens, closes, extended attributes, polling and
//! `lseek`.
//!
//! A thread that answers is kept by no request for long: what takes long is put aside (`deferred`,
//! `long`).

mod deferred;
mod failures;
mod interrupt;
mod long;
mod request;

pub use deferred::Deferred;

use crate::ahead::Ahead;
use crate::format::name::MAX_COMPONENT_LEN;
use crate::kernel_cache::stale::Stale;
use crate::shard::ShardError;
use crate::tree::attr::{Attr, Kind};
use crate::tree::ino::Node;
use crate::tree::{Tree, TreeError};
use failures::Failures;
use fuser::{
    AccessFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, InitFlags, KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyBmap, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyLock,
    ReplyLseek, ReplyOpen, ReplyPoll, ReplyStatfs, ReplyWrite, ReplyXattr, Request,
};
use long::LongRead;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long the kernel may keep what cannot change: names and attributes of this tree.
const FOREVER: Duration = Duration::from_secs(1 << 30);
/// For entries whose attributes could not be read: ask again at the next use.
const NOT_AT_ALL: Duration = Duration::ZERO;
/// The largest request, in bytes: the kernel's default limit of 256 pages. Also what it reads ahead:
/// with 128 KiB, `raw/data` took 1.3 times as long, with 512 KiB as long.
pub const MAX_REQUEST: u32 = 1 << 20;
/// How many background requests (readahead) may be under way: never reached, because those beyond
/// would wait in the kernel unseen, with pages locked (see [`kernel_cache`](crate::kernel_cache)).
/// 4, 16 and 64 made no clear difference in speed.
const MAX_BACKGROUND: u16 = u16::MAX;
/// One inode number never stands for two things, so there is one generation.
const GENERATION: Generation = Generation(0);
/// Block size for `statfs` and `st_blksize`.
const BLOCK: u32 = 4096;

/// A tree served to the kernel.
#[derive(Debug)]
pub struct RoxFs {
    tree: Arc<Tree>,
    stale: Stale,
    ahead: Option<Ahead>,
    deferred: Deferred,
    failures: Arc<Failures>,
    /// Whether the kernel takes `ENOSYS` on open (since 3.16) and opendir (5.1) as "never ask".
    zero_message_open: bool,
    zero_message_opendir: bool,
}

impl RoxFs {
    /// Serves `tree`, with or without preparing anything ahead; `stale` lets go of what was served
    /// and turned out to be wrong.
    pub fn new(tree: Arc<Tree>, stale: Stale, ahead: Option<Ahead>) -> RoxFs {
        let failures = Arc::new(Failures::default());
        RoxFs {
            deferred: Deferred::new(Arc::clone(&tree), Arc::clone(&failures)),
            tree,
            stale,
            ahead,
            failures,
            zero_message_open: false,
            zero_message_opendir: false,
        }
    }

    /// The requests that wait, which can be refused when the mount is to end.
    pub fn deferred(&self) -> Deferred {
        self.deferred.clone()
    }

    fn node(&self, ino: INodeNo) -> Result<Node, TreeError> {
        Node::from_ino(ino.0).ok_or(TreeError::NotFound)
    }

    /// Answers, or puts the request aside. Returns the node that was looked up.
    fn answer(&self, asker: &Request, request: request::Request) -> Option<Node> {
        let answered = request.answer(&self.tree, &self.failures);
        answered.unwrap_or_else(|unanswered| {
            self.deferred.push(unanswered, asker.pid());
            None
        })
    }
}

/// The errno of an error, chosen for each on purpose; what a shard cannot give is logged.
fn errno(error: &TreeError, failures: &Failures) -> Errno {
    match error {
        TreeError::NotFound => Errno::ENOENT,
        TreeError::NotADirectory => Errno::ENOTDIR,
        TreeError::NameTooLong => Errno::ENAMETOOLONG,
        TreeError::IsADirectory => Errno::EISDIR,
        TreeError::NotPrepared(_) | TreeError::Unfinished { .. } | TreeError::TooLong => {
            Errno::EAGAIN
        }
        TreeError::Shard(error) => {
            failures.log(error);
            match error {
                ShardError::Io { reason, .. } if reason.kind() == io::ErrorKind::OutOfMemory => {
                    Errno::ENOMEM
                }
                ShardError::Io { .. }
                | ShardError::NotRegular { .. }
                | ShardError::Damaged { .. }
                | ShardError::Resized { .. }
                | ShardError::Changed { .. } => Errno::EIO,
            }
        }
    }
}

fn kind(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
    }
}

fn file_attr(attr: &Attr) -> FileAttr {
    let access = &attr.access;
    FileAttr {
        ino: INodeNo(attr.node.ino()),
        size: attr.size,
        blocks: attr.size.div_ceil(512),
        atime: access.mtime,
        mtime: access.mtime,
        ctime: access.mtime,
        crtime: access.mtime,
        kind: kind(attr.kind),
        perm: access.perm,
        nlink: attr.nlink,
        uid: access.uid,
        gid: access.gid,
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

/// Inode number 0 in a lookup's answer is `ENOENT` that the kernel may remember.
const NO_SUCH_NAME: FileAttr = FileAttr {
    ino: INodeNo(0),
    size: 0,
    blocks: 0,
    atime: SystemTime::UNIX_EPOCH,
    mtime: SystemTime::UNIX_EPOCH,
    ctime: SystemTime::UNIX_EPOCH,
    crtime: SystemTime::UNIX_EPOCH,
    kind: FileType::RegularFile,
    perm: 0,
    nlink: 0,
    uid: 0,
    gid: 0,
    rdev: 0,
    blksize: BLOCK,
    flags: 0,
};

impl Filesystem for RoxFs {
    fn init(&mut self, _req: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Each is asked for alone: what an old kernel does not know must not cost the others.
        let mut ask = |flag| config.add_capabilities(flag).is_ok();
        self.zero_message_open = ask(InitFlags::FUSE_NO_OPEN_SUPPORT);
        self.zero_message_opendir = ask(InitFlags::FUSE_NO_OPENDIR_SUPPORT);
        ask(InitFlags::FUSE_DO_READDIRPLUS);
        ask(InitFlags::FUSE_PARALLEL_DIROPS);
        ask(InitFlags::FUSE_EXPORT_SUPPORT);
        // Both answer what is possible where this is too much.
        if let Err(most) = config.set_max_write(MAX_REQUEST) {
            let _ = config.set_max_write(most);
        }
        if let Err(most) = config.set_max_readahead(MAX_REQUEST) {
            let _ = config.set_max_readahead(most);
        }
        if let Err(most) = config.set_max_background(MAX_BACKGROUND) {
            let _ = config.set_max_background(most);
        }
        Ok(())
    }

    /// Nothing is left to wait for.
    fn destroy(&mut self) {
        self.deferred.end();
    }

    fn lookup(&self, req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let request = request::Request::Lookup(parent, name.to_owned(), reply);
        let found = self.answer(req, request);
        if let (Some(ahead), Some(found), Ok(parent)) = (&self.ahead, found, self.node(parent)) {
            ahead.was_looked_up(parent, found, &self.tree);
        }
    }

    fn forget(&self, _req: &Request, _ino: INodeNo, _nlookup: u64) {}

    fn getattr(&self, req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        self.answer(req, request::Request::GetAttr(ino, reply));
    }

    fn open(&self, _req: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.zero_message_open {
            true => reply.error(Errno::ENOSYS),
            false => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE),
        }
    }

    fn read(
        &self,
        req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let node = match self.node(ino) {
            Ok(node) => node,
            Err(error) => return reply.error(errno(&error, &self.failures)),
        };
        if node == Node::Info {
            self.answer(req, request::Request::Read(ino, offset, size, reply));
            return;
        }
        let began = Instant::now();
        let read = match self.tree.read(node, offset, size) {
            Ok(read) => read,
            Err(TreeError::TooLong) => {
                let read = LongRead::new(node, offset, size, reply);
                return self.deferred.long_reads().push(read, req.pid());
            }
            Err(error) => return reply.error(errno(&error, &self.failures)),
        };
        reply.data(&read);
        let took = began.elapsed();
        // The kernel has its copy now: pages of the shard may go, and what comes next may be prepared.
        if !read.done() {
            self.stale.let_go(node);
        }
        if let Some(ahead) = &self.ahead {
            ahead.was_read(&read, took);
        }
    }

    fn release(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    /// Would be asked at every close, also of files that were never opened here.
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn opendir(&self, _req: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR;
        match self.zero_message_opendir {
            true => reply.error(Errno::ENOSYS),
            false => reply.opened(FileHandle(0), flags),
        }
    }

    fn readdir(
        &self,
        req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        reply: ReplyDirectory,
    ) {
        self.answer(req, request::Request::ReadDir(ino, offset, reply));
    }

    fn readdirplus(
        &self,
        req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        reply: ReplyDirectoryPlus,
    ) {
        self.answer(req, request::Request::ReadDirPlus(ino, offset, reply));
    }

    fn releasedir(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        let dataset = self.tree.dataset();
        let blocks = dataset.payload_len().div_ceil(u64::from(BLOCK));
        let name_max = MAX_COMPONENT_LEN as u32;
        reply.statfs(blocks, 0, 0, dataset.records(), 0, BLOCK, name_max, BLOCK);
    }

    /// Not called: `default_permissions` makes the kernel check.
    fn access(&self, _: &Request, _: INodeNo, _: AccessFlags, reply: ReplyEmpty) {
        reply.ok();
    }

    /// There are no symbolic links.
    fn readlink(&self, _: &Request, _: INodeNo, reply: ReplyData) {
        reply.error(Errno::EINVAL);
    }

    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn listxattr(&self, _: &Request, _: INodeNo, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    /// Answered by the kernel from the file's size: there are no holes.
    fn lseek(&self, _: &Request, _: INodeNo, _: FileHandle, _: i64, _: i32, reply: ReplyLseek) {
        reply.error(Errno::ENOSYS);
    }

    fn poll(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: fuser::PollNotifier,
        _: fuser::PollEvents,
        _: fuser::PollFlags,
        reply: ReplyPoll,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn ioctl(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: fuser::IoctlFlags,
        _: u32,
        _: &[u8],
        _: u32,
        reply: ReplyIoctl,
    ) {
        reply.error(Errno::ENOTTY);
    }

    fn bmap(&self, _: &Request, _: INodeNo, _: u32, _: u64, reply: ReplyBmap) {
        reply.error(Errno::ENOSYS);
    }

    /// Locks are the kernel's own business: remote locking is not asked for.
    fn getlk(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: LockOwner,
        _: u64,
        _: u64,
        _: i32,
        _: u32,
        reply: ReplyLock,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn setlk(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: LockOwner,
        _: u64,
        _: u64,
        _: i32,
        _: u32,
        _: bool,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::ENOSYS);
    }

    // From here on: what would change something. The mount is read-only, so the kernel refuses
    // nearly all of it before it asks.

    fn setattr(
        &self,
        _: &Request,
        _: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u64>,
        _: Option<fuser::TimeOrNow>,
        _: Option<fuser::TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        reply.error(Errno::EROFS);
    }

    fn mknod(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EROFS);
    }

    fn mkdir(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EROFS);
    }

    fn unlink(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }

    fn rmdir(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }

    fn symlink(&self, _: &Request, _: INodeNo, _: &OsStr, _: &Path, reply: ReplyEntry) {
        reply.error(Errno::EROFS);
    }

    fn rename(
        &self,
        _: &Request,
        _: INodeNo,
        _: &OsStr,
        _: INodeNo,
        _: &OsStr,
        _: fuser::RenameFlags,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn link(&self, _: &Request, _: INodeNo, _: INodeNo, _: &OsStr, reply: ReplyEntry) {
        reply.error(Errno::EROFS);
    }

    fn create(
        &self,
        _: &Request,
        _: INodeNo,
        _: &OsStr,
        _: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        reply.error(Errno::EROFS);
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: &[u8],
        _: fuser::WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        reply.error(Errno::EROFS);
    }

    fn fallocate(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: u64,
        _: i32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn copy_file_range(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: u64,
        _: fuser::CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        reply.error(Errno::EROFS);
    }

    fn setxattr(
        &self,
        _: &Request,
        _: INodeNo,
        _: &OsStr,
        _: &[u8],
        _: i32,
        _: u32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn removexattr(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }
}
