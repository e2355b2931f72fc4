//! Reads of long records that have to be compared with their checksums: however little is asked for,
//! all of the record is read. One thread, which is started when there are any, answers them in turn.
//!
//! The bytes of an answer are compared themselves, not other ones earlier, so that a shard that is
//! touched all the time can be read all the same.

use super::deferred::{MOST_WAITING, OnPanic, Starts};
use super::failures::Failures;
use super::interrupt::{CHECK_INTERVAL, is_interrupted};
use super::log_and_errno;
use crate::sys::lock;
use crate::tree::{Node, Tree, TreeError};
use fuser::{Errno, ReplyData};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// A read, with what is needed to answer it.
#[derive(Debug)]
pub struct LongRead {
    node: Node,
    offset: u64,
    len: u32,
    reply: ReplyData,
}

impl LongRead {
    /// Of `len` bytes from `offset` on.
    pub fn new(node: Node, offset: u64, len: u32, reply: ReplyData) -> LongRead {
        LongRead {
            node,
            offset,
            len,
            reply,
        }
    }
}

/// The reads that wait.
#[derive(Debug, Clone)]
pub struct LongReads(Arc<LongShared>);

#[derive(Debug)]
struct LongShared {
    tree: Arc<Tree>,
    failures: Arc<Failures>,
    starts: Starts,
    state: Mutex<LongState>,
}

#[derive(Debug, Default)]
struct LongState {
    /// Each with the thread that asks.
    waiting: VecDeque<(LongRead, u32)>,
    is_answering: bool,
    has_ended: bool,
}

impl LongReads {
    /// None yet.
    pub fn new(tree: Arc<Tree>, failures: Arc<Failures>) -> LongReads {
        LongReads(Arc::new(LongShared {
            tree,
            failures,
            starts: Starts::default(),
            state: Mutex::default(),
        }))
    }

    /// Puts a read of thread `pid` aside.
    pub fn push(&self, read: LongRead, pid: u32) {
        let mut state = self.0.lock();
        if state.waiting.len() >= MOST_WAITING || state.has_ended {
            return read.reply.error(Errno::EAGAIN);
        }
        state.waiting.push_back((read, pid));
        if !state.is_answering {
            let shared = Arc::clone(&self.0);
            state.is_answering = self.0.starts.start("compare", move || shared.answer_all());
            if !state.is_answering {
                state.refuse_all(Errno::EAGAIN);
            }
        }
    }

    /// Refuses the reads that wait and all that would: the mount is to end.
    pub fn end(&self) {
        let mut state = self.0.lock();
        state.has_ended = true;
        state.refuse_all(Errno::EIO);
    }
}

impl LongShared {
    fn lock(&self) -> MutexGuard<'_, LongState> {
        lock(&self.state)
    }

    fn answer_all(&self) {
        let _guard = OnPanic(|| {
            let mut state = self.lock();
            state.is_answering = false;
            state.refuse_all(Errno::EIO);
        });
        while let Some((read, pid)) = self.next() {
            self.answer(read, pid);
        }
    }

    fn next(&self) -> Option<(LongRead, u32)> {
        let mut state = self.lock();
        let next = state.waiting.pop_front();
        state.is_answering = next.is_some();
        next
    }

    /// Answers, unless the asking program is ended first.
    fn answer(&self, read: LongRead, pid: u32) {
        let mut looked = None::<Instant>;
        let mut may_read = |_| {
            if looked.is_some_and(|looked| looked.elapsed() < CHECK_INTERVAL) {
                return true;
            }
            looked = Some(Instant::now());
            self.refuse_interrupted();
            is_interrupted(pid) != Some(true) && !self.lock().has_ended
        };
        let LongRead {
            node, offset, len, ..
        } = read;
        match self.tree.read_within(node, offset, len, &mut may_read) {
            Ok(bytes) => read.reply.data(&bytes),
            Err(TreeError::TooLong) => read.reply.error(Errno::EINTR),
            Err(error) => read.reply.error(log_and_errno(&error, &self.failures)),
        }
    }

    /// Refuses the reads of programs that are to end.
    fn refuse_interrupted(&self) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        let (interrupted, mut left): (VecDeque<_>, VecDeque<_>) = waiting
            .into_iter()
            .partition(|&(_, pid)| is_interrupted(pid) == Some(true));
        for (read, _) in interrupted {
            read.reply.error(Errno::EINTR);
        }
        let mut state = self.lock();
        // Before the reads that have come meanwhile.
        left.append(&mut state.waiting);
        state.waiting = left;
        if state.has_ended {
            state.refuse_all(Errno::EIO);
        }
    }
}

impl LongState {
    fn refuse_all(&mut self, errno: Errno) {
        for (read, _) in self.waiting.drain(..) {
            read.reply.error(errno);
        }
    }
}
