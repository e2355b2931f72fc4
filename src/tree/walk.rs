//! All files below a directory, one after the other, in the order of the listings. Memory is that of
//! one path and the places in the directories that are open, however deep they lie.

use super::attr::Attr;
use super::ino::Node;
use super::{Kind, Tree, TreeError};

/// How many entries of a directory are read at once.
const BATCH: usize = 1024;

/// A walk over files.
#[derive(Debug)]
pub struct Walk {
    path: Vec<u8>,
    open: Vec<Open>,
    /// Files of the innermost directory that have been read: names, each with its end and attributes.
    names: Vec<u8>,
    files: Vec<(usize, Attr)>,
    given: usize,
}

/// A directory that is being walked.
#[derive(Debug)]
struct Open {
    directory: Node,
    cookie: u64,
    /// Length of its path.
    path: usize,
    /// The directory that comes after the files that have been read.
    next: Option<(Node, usize)>,
    is_done: bool,
}

impl Walk {
    /// Below `directory`; paths are relative to it.
    pub fn new(directory: Node) -> Walk {
        let mut walk = Walk {
            path: Vec::new(),
            open: Vec::new(),
            names: Vec::new(),
            files: Vec::new(),
            given: 0,
        };
        walk.enter(directory);
        walk
    }

    fn enter(&mut self, directory: Node) {
        self.open.push(Open {
            directory,
            cookie: 0,
            path: self.path.len(),
            next: None,
            is_done: false,
        });
    }

    /// The next file: its path and attributes.
    pub fn next_file(&mut self, tree: &Tree) -> Result<Option<(&[u8], Attr)>, TreeError> {
        while self.given == self.files.len() {
            let Some(open) = self.open.last_mut() else {
                return Ok(None);
            };
            self.path.truncate(open.path);
            if let Some((directory, start)) = open.next.take() {
                self.path.extend_from_slice(&self.names[start..]);
                self.path.push(b'/');
                self.enter(directory);
            } else if open.is_done {
                self.open.pop();
                continue;
            }
            self.read(tree)?;
        }
        let start = match self.given.checked_sub(1) {
            Some(before) => self.files[before].0,
            None => 0,
        };
        let (end, attr) = self.files[self.given];
        self.given += 1;
        let directory = self.open.last().map_or(0, |open| open.path);
        self.path.truncate(directory);
        self.path.extend_from_slice(&self.names[start..end]);
        Ok(Some((&self.path, attr)))
    }

    /// Reads files of the innermost directory, up to the next directory in it.
    fn read(&mut self, tree: &Tree) -> Result<(), TreeError> {
        let (names, files) = (&mut self.names, &mut self.files);
        names.clear();
        files.clear();
        self.given = 0;
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        let (cookie, next) = (&mut open.cookie, &mut open.next);
        let mut is_done = true;
        tree.list(open.directory, *cookie, &mut |entry| {
            if files.len() == BATCH || next.is_some() {
                is_done = false;
                return false;
            }
            *cookie = entry.cookie;
            let start = names.len();
            match (entry.name, entry.attr.kind) {
                (b"." | b"..", _) => {}
                (name, Kind::Directory) => {
                    names.extend_from_slice(name);
                    *next = Some((entry.attr.node, start));
                }
                (name, Kind::File) => {
                    names.extend_from_slice(name);
                    files.push((names.len(), entry.attr));
                }
            }
            true
        })?;
        open.is_done = is_done && open.next.is_none();
        Ok(())
    }
}
