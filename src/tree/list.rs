//! Listing directories: entries in a fixed order, resumed at any cookie.

use super::attr::Attr;
use super::files::Directory;
use super::ino::Node;
use super::{Tree, TreeError};
use crate::dataset::numbered::NumberedNames;
use crate::format::offsets::Extent;
use std::ops::ControlFlow;

/// One entry of a directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// File name.
    pub name: &'a [u8],
    /// Where to go on after this entry.
    pub cookie: u64,
    /// What `stat` shows; `size` is 0 where [`known`](Self::known) is false.
    pub attr: Attr,
    /// False where `attr` does not tell all, and its user has to ask again: of a directory of names, of
    /// `info.json`, and of a record whose size cannot be read, which is listed all the same.
    pub known: bool,
}

/// Entries before the first child: `.` and `..`.
const DOTS: u64 = 2;

impl Tree {
    /// Calls `each` with the entries of a directory that follow `cookie` (0 is the beginning),
    /// until it returns `false`.
    pub fn list(
        &self,
        directory: Node,
        cookie: u64,
        each: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<(), TreeError> {
        let directory = self.inner(directory);
        if let Node::Files | Node::Directory { .. } = directory {
            // Before anything is given.
            self.files.check_prepared()?;
        }
        for (place, name) in (0..).zip([&b"."[..], b".."]) {
            let node = match place {
                0 => directory,
                _ => self.parent(directory)?,
            };
            if cookie <= place && !self.emit_directory(name, place, node, each)? {
                return Ok(());
            }
        }
        let from = cookie.saturating_sub(DOTS);
        match directory {
            Node::Root => {
                let all = [
                    (&b"records"[..], Node::Records),
                    (b"raw", Node::Raw),
                    (b"shards", Node::Shards),
                    (b".roxfs", Node::Meta),
                    (b"files", Node::Files),
                ];
                let missing = usize::from(!self.files.is_present());
                self.list_fixed(&all[..all.len() - missing], from, each)
            }
            Node::Files => self.list_names(Directory::Top, from, each),
            Node::Directory { position, depth } => {
                self.list_names(Directory::Below { position, depth }, from, each)
            }
            Node::Raw => self.list_fixed(
                &[(b"data", Node::RawData), (b"index", Node::RawIndex)],
                from,
                each,
            ),
            Node::Meta => {
                // Its size is known when somebody asks for it: names are counted for it.
                if from == 0 {
                    each(&Entry {
                        name: b"info.json",
                        cookie: DOTS + 1,
                        attr: self.info_attr(0),
                        known: false,
                    });
                }
                Ok(())
            }
            Node::Shards => {
                for (number, name) in (0..).zip(&self.shard_names).skip(position(from)) {
                    if !self.emit(name, DOTS + number, Node::Shard(number), each)? {
                        break;
                    }
                }
                Ok(())
            }
            Node::Records => {
                let names = self.record_names();
                self.list_records(names, 0, self.dataset.records(), from, each);
                Ok(())
            }
            Node::Shard(shard) => {
                let (first, end) = self.shard_records(shard)?;
                self.list_records(self.shard_record_names(shard)?, first, end, from, each);
                Ok(())
            }
            Node::Record(_) | Node::RawData | Node::RawIndex | Node::Info => {
                Err(TreeError::NotADirectory)
            }
        }
    }

    fn list_fixed(
        &self,
        children: &[(&[u8], Node)],
        from: u64,
        each: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<(), TreeError> {
        for (place, (name, node)) in (DOTS..).zip(children).skip(position(from)) {
            let go_on = match node {
                Node::Files => self.emit_directory(name, place, *node, each)?,
                _ => self.emit(name, place, *node, each)?,
            };
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// Entries of a directory of names.
    fn list_names(
        &self,
        directory: Directory,
        from: u64,
        each: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<(), TreeError> {
        let mut extents = Extents::default();
        let listed = self.files.list(directory, from, &mut |child| {
            let cookie = DOTS + child.next;
            let Node::Record(number) = child.node else {
                return Ok(each(&Entry {
                    name: child.name,
                    cookie,
                    // Its directories are counted when somebody asks for it, and not for all.
                    attr: self.directory(child.node, 0),
                    known: false,
                }));
            };
            let (attr, known) = match extents.get(self, number) {
                Some((shard, extent)) => (self.record_attr(number, shard, extent.len()), true),
                None => (self.unreadable_record(number)?, false),
            };
            Ok(each(&Entry {
                name: child.name,
                cookie,
                attr,
                known,
            }))
        });
        listed.map_err(|error| match error {
            TreeError::Unfinished { next } => TreeError::Unfinished { next: DOTS + next },
            error => error,
        })
    }

    /// Records `first..end` under the names that count from `first`, skipping `from` of them.
    fn list_records(
        &self,
        names: NumberedNames<'_>,
        first: u64,
        end: u64,
        from: u64,
        each: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) {
        let start = first.saturating_add(from);
        let mut name = Vec::new();
        self.dataset
            .for_each_extent(start..end, &mut |record, shard, extent| {
                let number = record.get();
                names.write(number - first, &mut name);
                let size = extent.as_ref().map_or(0, |extent| extent.len());
                let wants_more = each(&Entry {
                    name: &name,
                    cookie: DOTS + (number - first) + 1,
                    attr: self.record_attr(number, shard, size),
                    known: extent.is_ok(),
                });
                if wants_more {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
    }

    /// A directory, without what is costly to know of it where it is one of names.
    fn emit_directory(
        &self,
        name: &[u8],
        place: u64,
        node: Node,
        each: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<bool, TreeError> {
        match node {
            Node::Files | Node::Directory { .. } => Ok(each(&Entry {
                name,
                cookie: place + 1,
                attr: self.directory(node, 0),
                known: false,
            })),
            node => self.emit(name, place, node, each),
        }
    }

    fn emit(
        &self,
        name: &[u8],
        place: u64,
        node: Node,
        each: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<bool, TreeError> {
        Ok(each(&Entry {
            name,
            cookie: place + 1,
            attr: self.attr(node)?,
            known: true,
        }))
    }
}

/// Where records lie that follow each other in number, as those of one directory of names usually
/// do: read in batches, which grow as long as that holds.
#[derive(Default)]
struct Extents {
    first: u64,
    batch: Vec<Option<(usize, Extent)>>,
}

/// The most records whose places are read at once.
const LARGEST_BATCH: u64 = 256;

impl Extents {
    /// A record's shard and place; `None` where it cannot be read.
    fn get(&mut self, tree: &Tree, number: u64) -> Option<(usize, Extent)> {
        let batch = self.batch.len() as u64;
        let place = number
            .checked_sub(self.first)
            .filter(|&place| place < batch);
        if let Some(place) = place {
            return self.batch[place as usize];
        }
        let goes_on = batch > 0 && number == self.first + batch;
        let size = if goes_on {
            LARGEST_BATCH.min(batch * 4)
        } else {
            1
        };
        self.first = number;
        self.batch.clear();
        let end = number.saturating_add(size).min(tree.dataset.records());
        tree.dataset
            .for_each_extent(number..end, &mut |_, shard, extent| {
                self.batch.push(extent.ok().map(|extent| (shard, extent)));
                ControlFlow::Continue(())
            });
        self.batch.first().copied().flatten()
    }
}

fn position(from: u64) -> usize {
    usize::try_from(from).unwrap_or(usize::MAX)
}
