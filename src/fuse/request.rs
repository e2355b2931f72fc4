//! Requests about names, which may take longer than an answering thread may be kept: as values, so
//! that they can be put aside.

use super::attributes::{NO_SUCH_NAME, file_attr, file_type};
use super::failures::Failures;
use super::{FOREVER, GENERATION, NOT_AT_ALL, lifetime, log_and_errno};
use crate::tree::{Attr, Node, Preparation, Tree, TreeError};
use fuser::{Errno, INodeNo, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEntry};
use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;

/// A request, with what is needed to answer it.
#[derive(Debug)]
pub enum Request {
    /// A name in a directory.
    Lookup(INodeNo, OsString, ReplyEntry),
    /// Attributes.
    GetAttr(INodeNo, ReplyAttr),
    /// Entries behind a cookie.
    ReadDir(INodeNo, u64, ReplyDirectory),
    /// Entries behind a cookie, with attributes.
    ReadDirPlus(INodeNo, u64, ReplyDirectoryPlus),
    /// Bytes from an offset on, and how many.
    Read(INodeNo, u64, u32, ReplyData),
}

/// A request that has not been answered, and why.
#[derive(Debug)]
pub struct Unanswered {
    /// The request, from where it continues.
    pub request: Request,
    /// The preparation that it waits for; none, if it only needs more time.
    pub waits_for: Option<Preparation>,
}

impl Request {
    /// Answers, unless that takes too long. Returns the node that was looked up, of which `found` is told
    /// before the answer.
    pub fn answer(
        self,
        tree: &Tree,
        failures: &Failures,
        found: &dyn Fn(Node),
    ) -> Result<Option<Node>, Unanswered> {
        match self {
            Request::Lookup(parent, name, reply) => match lookup(tree, parent, &name) {
                Ok(attr) => {
                    found(attr.node);
                    reply.entry(&lifetime(tree, attr.node), &file_attr(&attr), GENERATION);
                    return Ok(Some(attr.node));
                }
                Err(TreeError::NoSuchView(error)) => {
                    failures.log_view(&error);
                    reply.entry(&FOREVER, &NO_SUCH_NAME, GENERATION);
                }
                Err(TreeError::NotFound) => reply.entry(&FOREVER, &NO_SUCH_NAME, GENERATION),
                Err(error) => return Request::Lookup(parent, name, reply).fail(&error, failures),
            },
            Request::GetAttr(ino, reply) => match node(ino).and_then(|node| tree.attr(node)) {
                Ok(attr) => reply.attr(&lifetime(tree, attr.node), &file_attr(&attr)),
                Err(error) => return Request::GetAttr(ino, reply).fail(&error, failures),
            },
            Request::ReadDir(ino, cookie, mut reply) => match list(tree, ino, cookie, &mut reply) {
                Ok(()) => reply.ok(),
                Err(error) => return Request::ReadDir(ino, cookie, reply).fail(&error, failures),
            },
            Request::ReadDirPlus(ino, cookie, mut reply) => {
                match list_plus(tree, ino, cookie, &mut reply) {
                    Ok(()) => reply.ok(),
                    Err(error) => {
                        return Request::ReadDirPlus(ino, cookie, reply).fail(&error, failures);
                    }
                }
            }
            Request::Read(ino, offset, len, reply) => {
                match node(ino).and_then(|node| tree.read(node, offset, len)) {
                    Ok(bytes) => reply.data(&bytes),
                    Err(error) => {
                        return Request::Read(ino, offset, len, reply).fail(&error, failures);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Answers with an error.
    pub fn refuse(self, errno: Errno) {
        match self {
            Request::Lookup(.., reply) => reply.error(errno),
            Request::GetAttr(_, reply) => reply.error(errno),
            Request::ReadDir(.., reply) => reply.error(errno),
            Request::ReadDirPlus(.., reply) => reply.error(errno),
            Request::Read(.., reply) => reply.error(errno),
        }
    }

    /// Answers with an error, or returns the request, if all it needs is time.
    fn fail(mut self, error: &TreeError, failures: &Failures) -> Result<Option<Node>, Unanswered> {
        let waits_for = match (error, &mut self) {
            (TreeError::NotPrepared(what), _) => Some(*what),
            (
                TreeError::Unfinished { next },
                Request::ReadDir(_, cookie, _) | Request::ReadDirPlus(_, cookie, _),
            ) => {
                *cookie = *next;
                None
            }
            _ => {
                self.refuse(log_and_errno(error, failures));
                return Ok(None);
            }
        };
        Err(Unanswered {
            request: self,
            waits_for,
        })
    }
}

/// The node of an inode number.
pub fn node(ino: INodeNo) -> Result<Node, TreeError> {
    Node::from_ino(ino.0).ok_or(TreeError::NotFound)
}

fn lookup(tree: &Tree, parent: INodeNo, name: &OsStr) -> Result<Attr, TreeError> {
    tree.lookup(node(parent)?, name.as_bytes())
}

fn list(
    tree: &Tree,
    ino: INodeNo,
    cookie: u64,
    reply: &mut ReplyDirectory,
) -> Result<(), TreeError> {
    tree.list(node(ino)?, cookie, &mut |entry| {
        let ino = INodeNo(entry.attr.node.ino());
        let name = OsStr::from_bytes(entry.name);
        continue_unless(reply.add(ino, entry.cookie, file_type(entry.attr.kind), name))
    })
}

fn list_plus(
    tree: &Tree,
    ino: INodeNo,
    cookie: u64,
    reply: &mut ReplyDirectoryPlus,
) -> Result<(), TreeError> {
    tree.list(node(ino)?, cookie, &mut |entry| {
        let ino = INodeNo(entry.attr.node.ino());
        let name = OsStr::from_bytes(entry.name);
        let ttl = if entry.attr_is_complete {
            lifetime(tree, entry.attr.node)
        } else {
            NOT_AT_ALL
        };
        let attr = file_attr(&entry.attr);
        continue_unless(reply.add(ino, entry.cookie, name, &ttl, &attr, GENERATION))
    })
}

/// A reply that is full ends a listing.
fn continue_unless(is_full: bool) -> ControlFlow<()> {
    if is_full {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}
