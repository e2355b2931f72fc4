//! The adapter to fuser: match, ask the tree, reply. Semantics are in `tree`.
//!
//! Every request that the kernel may send to a read-only file system is answered on purpose. Requests
//! that would change something get `EROFS`. `ENOSYS` makes the kernel stop asking (fs/fuse in the
//! kernel): it answers opens, closes, extended attributes, polling and `lseek`.
//!
//! No request keeps an answering thread for long: what takes long is put aside (`deferred`, `long`), and
//! what waits for storage while others wait for an answer is given to other threads (`turns`, `pool`).

mod answers;
mod attributes;
mod control;
mod deferred;
mod failures;
mod interrupt;
mod long;
mod pool;
mod request;
mod turns;

pub use deferred::Deferred;

use crate::ahead::Ahead;
use crate::format::name::MAX_COMPONENT_LEN;
use crate::kernel_cache::stale::Stale;
use crate::resident::Residents;
use crate::shard::ShardError;
use crate::tree::{Node, Tree, TreeError};
use answers::Answers;
use attributes::BLOCK_LEN;
use control::Control;
use failures::Failures;
use fuser::{
    AccessFlags, BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, Filesystem, FopenFlags,
    Generation, INodeNo, InitFlags, IoctlFlags, KernelConfig, LockOwner, OpenFlags, PollEvents,
    PollFlags, PollNotifier, RenameFlags, ReplyAttr, ReplyBmap, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyLock, ReplyLseek,
    ReplyOpen, ReplyPoll, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long the kernel may keep what cannot change: names and attributes of this tree.
const FOREVER: Duration = Duration::from_secs(1 << 30);
/// For what may change (`views/`, and the views in it). One request a second costs nothing, and as
/// many views are not forgotten in a second. With the time of change, the kernel lets go of what it has
/// cached of a listing (`fuse_readdir_cached` in its fs/fuse/readdir.c).
const A_MOMENT: Duration = Duration::from_secs(1);
/// For entries whose attributes could not be read: ask again at the next use.
const NOT_AT_ALL: Duration = Duration::ZERO;
/// The largest request, in bytes: the kernel's default limit of 256 pages.
const MAX_REQUEST: u32 = 1 << 20;
/// What the kernel reads ahead by itself, in bytes: as much as it reads around each page of a mapping that
/// is missed (`do_sync_mmap_readahead` in mm/filemap.c). 960 samples of 2 KiB out of `raw/data`, cold, took
/// 0.18 s and 61 MiB from disk with this, 0.24 s and 115 MiB with the kernel's 128 KiB, 0.9 s and 790 MiB
/// with 1 MiB; of a plain file 0.16 s and 115 MiB. A read of up to 128 KiB is one request all the same
/// (`io_pages` in mm/readahead.c), and sequential readers get more by what is stored ahead of them.
const READAHEAD: u32 = 64 << 10;
/// How many background requests may be under way: reads of pages, ahead or not (`fuse_send_readpages`).
/// Never reached, because those beyond would wait in the kernel unseen (`bg_queue`), with pages locked
/// (see [`kernel_cache`](crate::kernel_cache)), and the readers among them would have to wait for storage
/// one after the other. 4, 16 and 64 made no clear difference in speed.
const MAX_BACKGROUND: u16 = u16::MAX;
/// One inode number never stands for two things, so there is one generation.
const GENERATION: Generation = Generation(0);

/// A tree served to the kernel.
#[derive(Debug)]
pub struct RoxFs {
    answers: Arc<Answers>,
    control: Control,
    /// Whether the kernel takes `ENOSYS` on open (since 3.16) and opendir (5.1) as "never ask".
    zero_message_open: bool,
    zero_message_opendir: bool,
}

/// How many threads answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// Read requests from the kernel, and answer them.
    pub answering: usize,
    /// Wait for storage instead of them: at most this many.
    pub waiting: usize,
}

impl RoxFs {
    /// Serves `tree`, with or without preparing anything ahead; `stale` lets go of what was served
    /// and turned out to be wrong.
    pub fn new(
        tree: Arc<Tree>,
        stale: Stale,
        residents: Residents,
        ahead: Option<Ahead>,
        threads: Threads,
    ) -> RoxFs {
        RoxFs {
            control: Control::new(Arc::clone(&tree)),
            answers: Arc::new(Answers::new(tree, stale, residents, ahead, threads)),
            zero_message_open: false,
            zero_message_opendir: false,
        }
    }

    /// The requests that wait, which can be refused when the mount is to end.
    pub fn deferred(&self) -> Deferred {
        self.answers.deferred().clone()
    }

    fn answer(&self, asker: &Request, request: request::Request) {
        self.answers.answer(request, asker.pid());
    }
}

/// How long the kernel may keep what is said of a node.
fn lifetime(tree: &Tree, node: Node) -> Duration {
    if tree.may_change(node) {
        A_MOMENT
    } else {
        FOREVER
    }
}

/// The errno of an error, chosen for each on purpose. A shard that cannot be read is logged.
fn log_and_errno(error: &TreeError, failures: &Failures) -> Errno {
    match error {
        TreeError::NotFound => Errno::ENOENT,
        TreeError::NoSuchView(error) => {
            failures.log_view(error);
            Errno::ENOENT
        }
        TreeError::Stale => Errno::ESTALE,
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

/// Operations that have one answer, whatever is asked.
macro_rules! always {
    ($answer:ident $arguments:tt: $($operation:ident($($argument:ty),*) -> $reply:ty;)*) => {$(
        fn $operation(&self, $(_: $argument,)* reply: $reply) {
            reply.$answer $arguments;
        }
    )*};
}

impl Filesystem for RoxFs {
    fn init(&mut self, _req: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // One by one: a flag that an old kernel does not know must not cost the others.
        let mut ask = |flag| config.add_capabilities(flag).is_ok();
        self.zero_message_open = ask(InitFlags::FUSE_NO_OPEN_SUPPORT);
        self.zero_message_opendir = ask(InitFlags::FUSE_NO_OPENDIR_SUPPORT);
        ask(InitFlags::FUSE_DO_READDIRPLUS);
        ask(InitFlags::FUSE_PARALLEL_DIROPS);
        ask(InitFlags::FUSE_EXPORT_SUPPORT);
        // Where this is too much, these answer how much is possible.
        if let Err(most) = config.set_max_write(MAX_REQUEST) {
            let _ = config.set_max_write(most);
        }
        // It can only become less.
        let _ = config.set_max_readahead(READAHEAD);
        if let Err(most) = config.set_max_background(MAX_BACKGROUND) {
            let _ = config.set_max_background(most);
        }
        Ok(())
    }

    /// Nothing is left to wait for.
    fn destroy(&mut self) {
        self.answers.end();
    }

    fn lookup(&self, req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.answer(
            req,
            request::Request::Lookup(parent, name.to_owned(), reply),
        );
    }

    fn forget(&self, _req: &Request, ino: INodeNo, _nlookup: u64) {
        self.answers.was_forgotten(ino);
    }

    fn getattr(&self, req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        self.answer(req, request::Request::GetAttr(ino, reply));
    }

    fn open(&self, _req: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        if self.zero_message_open {
            reply.error(Errno::ENOSYS);
        } else {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
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
        self.answer(req, request::Request::Read(ino, offset, size, reply));
    }

    fn opendir(&self, _req: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        if self.zero_message_opendir {
            reply.error(Errno::ENOSYS);
        } else {
            let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR;
            reply.opened(FileHandle(0), flags);
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

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        let dataset = self.answers.tree().dataset();
        let blocks = dataset.payload_len().div_ceil(u64::from(BLOCK_LEN));
        let name_max = MAX_COMPONENT_LEN as u32;
        let records = dataset.records();
        reply.statfs(blocks, 0, 0, records, 0, BLOCK_LEN, name_max, BLOCK_LEN);
    }

    fn ioctl(
        &self,
        req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _flags: IoctlFlags,
        cmd: u32,
        in_data: &[u8],
        _out_size: u32,
        reply: ReplyIoctl,
    ) {
        let node = Node::from_ino(ino.0);
        match self.control.answer(node, req.uid(), cmd, in_data) {
            Ok(answer) => {
                reply.ioctl(0, &answer);
                if answer.is_empty() {
                    self.answers.orders_have_changed();
                }
            }
            Err(errno) => reply.error(errno),
        }
    }

    // Nothing is open here, so there is nothing to close and nothing to write back. The kernel checks
    // permissions itself (`default_permissions`) and does not ask.
    always! { ok():
        access(&Request, INodeNo, AccessFlags) -> ReplyEmpty;
        fsync(&Request, INodeNo, FileHandle, bool) -> ReplyEmpty;
        fsyncdir(&Request, INodeNo, FileHandle, bool) -> ReplyEmpty;
        release(&Request, INodeNo, FileHandle, OpenFlags, Option<LockOwner>, bool) -> ReplyEmpty;
        releasedir(&Request, INodeNo, FileHandle, OpenFlags) -> ReplyEmpty;
    }

    // The kernel does these itself, or without, and asks no more: `flush` would come at every close,
    // also of files that were never opened here; `lseek` finds no holes, as the size tells; locks are
    // local.
    always! { error(Errno::ENOSYS):
        bmap(&Request, INodeNo, u32, u64) -> ReplyBmap;
        flush(&Request, INodeNo, FileHandle, LockOwner) -> ReplyEmpty;
        getlk(&Request, INodeNo, FileHandle, LockOwner, u64, u64, i32, u32) -> ReplyLock;
        getxattr(&Request, INodeNo, &OsStr, u32) -> ReplyXattr;
        listxattr(&Request, INodeNo, u32) -> ReplyXattr;
        lseek(&Request, INodeNo, FileHandle, i64, i32) -> ReplyLseek;
        poll(&Request, INodeNo, FileHandle, PollNotifier, PollEvents, PollFlags) -> ReplyPoll;
        setlk(&Request, INodeNo, FileHandle, LockOwner, u64, u64, i32, u32, bool) -> ReplyEmpty;
    }

    // There are no symbolic links.
    always! { error(Errno::EINVAL):
        readlink(&Request, INodeNo) -> ReplyData;
    }

    // These would change something. The mount is read-only, so the kernel refuses nearly all of them
    // itself.
    always! { error(Errno::EROFS):
        copy_file_range(
            &Request, INodeNo, FileHandle, u64, INodeNo, FileHandle, u64, u64, CopyFileRangeFlags
        ) -> ReplyWrite;
        create(&Request, INodeNo, &OsStr, u32, u32, i32) -> ReplyCreate;
        fallocate(&Request, INodeNo, FileHandle, u64, u64, i32) -> ReplyEmpty;
        link(&Request, INodeNo, INodeNo, &OsStr) -> ReplyEntry;
        mkdir(&Request, INodeNo, &OsStr, u32, u32) -> ReplyEntry;
        mknod(&Request, INodeNo, &OsStr, u32, u32, u32) -> ReplyEntry;
        removexattr(&Request, INodeNo, &OsStr) -> ReplyEmpty;
        rename(&Request, INodeNo, &OsStr, INodeNo, &OsStr, RenameFlags) -> ReplyEmpty;
        rmdir(&Request, INodeNo, &OsStr) -> ReplyEmpty;
        setattr(
            &Request, INodeNo, Option<u32>, Option<u32>, Option<u32>, Option<u64>, Option<TimeOrNow>,
            Option<TimeOrNow>, Option<SystemTime>, Option<FileHandle>, Option<SystemTime>,
            Option<SystemTime>, Option<SystemTime>, Option<BsdFileFlags>
        ) -> ReplyAttr;
        setxattr(&Request, INodeNo, &OsStr, &[u8], i32, u32) -> ReplyEmpty;
        symlink(&Request, INodeNo, &OsStr, &Path) -> ReplyEntry;
        unlink(&Request, INodeNo, &OsStr) -> ReplyEmpty;
        write(
            &Request, INodeNo, FileHandle, u64, &[u8], WriteFlags, OpenFlags, Option<LockOwner>
        ) -> ReplyWrite;
    }
}
