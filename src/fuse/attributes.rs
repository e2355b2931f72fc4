//! Attributes of the tree as the kernel takes them.

use crate::tree::{Attr, FileKind};
use fuser::{FileAttr, FileType, INodeNo};
use std::time::SystemTime;

/// Block size for `statfs` and `st_blksize`, in bytes.
pub(super) const BLOCK_LEN: u32 = 4096;
/// The unit of `st_blocks`, in bytes: stat(3type).
const COUNTED_BLOCK_LEN: u64 = 512;

pub(super) fn file_type(kind: FileKind) -> FileType {
    match kind {
        FileKind::File => FileType::RegularFile,
        FileKind::Directory => FileType::Directory,
    }
}

/// What `stat` shows, as the kernel takes it.
pub(super) fn file_attr(attr: &Attr) -> FileAttr {
    let access = &attr.access;
    FileAttr {
        ino: INodeNo(attr.node.ino()),
        size: attr.size,
        blocks: attr.size.div_ceil(COUNTED_BLOCK_LEN),
        atime: attr.mtime,
        mtime: attr.mtime,
        ctime: attr.mtime,
        crtime: attr.mtime,
        kind: file_type(attr.kind),
        perm: access.perm,
        nlink: attr.nlink,
        uid: access.uid,
        gid: access.gid,
        rdev: 0,
        blksize: BLOCK_LEN,
        flags: 0,
    }
}

/// Inode number 0 in a lookup's answer is `ENOENT` that the kernel may remember.
pub(super) const NO_SUCH_NAME: FileAttr = FileAttr {
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
    blksize: BLOCK_LEN,
    flags: 0,
};
