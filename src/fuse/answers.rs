//! Answering requests, in the thread that has read them or in another one; and what follows an
//! answer.

use super::deferred::Deferred;
use super::failures::Failures;
use super::long::LongRead;
use super::pool::{Job, Pool};
use super::request::{Request, Unanswered, node};
use super::turns::{Turn, Turns};
use super::{Threads, log_and_errno};
use crate::ahead::Ahead;
use crate::kernel_cache::stale::Stale;
use crate::resident::Residents;
use crate::tree::{Tree, TreeError};
use fuser::{Errno, INodeNo, ReplyData};
use std::sync::Arc;
use std::time::Instant;

/// All that answering needs.
#[derive(Debug)]
pub struct Answers {
    tree: Arc<Tree>,
    stale: Stale,
    residents: Residents,
    ahead: Option<Ahead>,
    deferred: Deferred,
    failures: Arc<Failures>,
    turns: Turns,
}

impl Answers {
    /// From `tree`, by this many threads.
    pub fn new(
        tree: Arc<Tree>,
        stale: Stale,
        residents: Residents,
        ahead: Option<Ahead>,
        threads: Threads,
    ) -> Answers {
        let failures = Arc::new(Failures::default());
        let pool = Pool::new(threads.waiting);
        Answers {
            deferred: Deferred::new(Arc::clone(&tree), Arc::clone(&failures), pool),
            tree,
            stale,
            residents,
            ahead,
            failures,
            turns: Turns::new(threads.answering),
        }
    }

    /// The tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The requests that wait.
    pub fn deferred(&self) -> &Deferred {
        &self.deferred
    }

    /// Orders were handed over, or taken back.
    pub fn orders_have_changed(&self) {
        if let Some(ahead) = &self.ahead {
            ahead.orders_have_changed();
        }
    }

    /// The kernel has forgotten an inode.
    pub fn was_forgotten(&self, ino: INodeNo) {
        if let Ok(node) = node(ino) {
            self.residents.was_forgotten(node);
        }
    }

    /// Nothing is left to answer: the mount has ended.
    pub fn end(&self) {
        self.deferred.end();
        self.residents.end();
    }

    /// Answers a request of thread `pid`, or has it answered. To be called by the threads that read
    /// requests.
    pub fn answer(self: &Arc<Self>, request: Request, pid: u32) {
        let turn = self.turns.begin();
        if !turn.may_hold_up() || !self.may_wait(&request) {
            return self.answer_now(request, pid, Some(turn));
        }
        let handed = Handed {
            answers: Arc::clone(self),
            request,
            pid,
        };
        if let Err(handed) = self.deferred.pool().push(handed) {
            handed.answer();
        }
    }

    /// Whether a request may have to wait for storage. Names and attributes are in parts of the
    /// shards of which it would take as long to find out as to read them.
    fn may_wait(&self, request: &Request) -> bool {
        match request {
            Request::Read(ino, offset, len, _) => {
                node(*ino).is_ok_and(|node| self.tree.may_wait_for_storage(node, *offset, *len))
            }
            Request::Lookup(..)
            | Request::GetAttr(..)
            | Request::ReadDir(..)
            | Request::ReadDirPlus(..) => true,
        }
    }

    /// Answers, or puts aside what takes long for another reason than storage.
    /// The turn, if there is one, ends with the answer: what comes after does not wait for storage.
    fn answer_now(&self, request: Request, pid: u32, turn: Option<Turn<'_>>) {
        match request {
            Request::Read(ino, offset, len, reply) => {
                let bytes = (ino, offset, len);
                self.read(bytes, reply, pid, turn);
            }
            request => self.look_up(request, pid, turn),
        }
    }

    /// All but reads.
    fn look_up(&self, request: Request, pid: u32, turn: Option<Turn<'_>>) {
        let began = Instant::now();
        let parent = match &request {
            Request::Lookup(parent, ..) => node(*parent).ok(),
            _ => None,
        };
        let found = |node| {
            if let Some(ahead) = &self.ahead {
                ahead.is_found(node, &self.tree);
            }
        };
        let answered = request.answer(&self.tree, &self.failures, &found);
        self.turns.took(began.elapsed());
        drop(turn);
        match (answered, parent, &self.ahead) {
            (Ok(Some(found)), Some(parent), Some(ahead)) => {
                ahead.was_looked_up(parent, found, &self.tree);
            }
            (Ok(_), ..) => {}
            (Err(unanswered), ..) => self.deferred.push(unanswered, pid),
        }
    }

    fn read(
        &self,
        (ino, offset, len): (INodeNo, u64, u32),
        reply: ReplyData,
        pid: u32,
        turn: Option<Turn<'_>>,
    ) {
        let node = match node(ino) {
            Ok(node) => node,
            Err(error) => return reply.error(log_and_errno(&error, &self.failures)),
        };
        let began = Instant::now();
        let read = match self.tree.read(node, offset, len) {
            Ok(read) => read,
            Err(TreeError::NotPrepared(what)) => {
                let unanswered = Unanswered {
                    request: Request::Read(ino, offset, len, reply),
                    waits_for: Some(what),
                };
                return self.deferred.push(unanswered, pid);
            }
            Err(TreeError::TooLong) => {
                let read = LongRead::new(node, offset, len, reply);
                return self.deferred.long_reads().push(read, pid);
            }
            Err(error) => return reply.error(log_and_errno(&error, &self.failures)),
        };
        reply.data(&read);
        let took = began.elapsed();
        self.turns.took(took);
        drop(turn);
        // The kernel has its copy now: what is not to stay may go, and what comes next may be prepared.
        if !read.done() {
            self.stale.let_go(node);
        }
        self.residents.was_read(&read, pid);
        if let Some(ahead) = &self.ahead {
            ahead.was_read(&read, took);
        }
    }
}

/// A request that is answered in the pool.
#[derive(Debug)]
pub struct Handed {
    answers: Arc<Answers>,
    request: Request,
    pid: u32,
}

impl Job for Handed {
    fn answer(self) {
        self.answers.answer_now(self.request, self.pid, None);
    }

    fn refuse(self, errno: Errno) {
        self.request.refuse(errno);
    }

    fn pid(&self) -> u32 {
        self.pid
    }
}
