//! Listing directories: entries in a fixed order, resumed at any cookie.

use super::attr::Attr;
use super::ino::Node;
use super::name::NumberedNames;
use super::{Tree, TreeError};

/// One entry of a directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// File name.
    pub name: &'a [u8],
    /// Where to go on after this entry.
    pub cookie: u64,
    /// What `stat` shows; `size` is 0 where [`known`](Self::known) is false.
    pub attr: Attr,
    /// False where the record's size cannot be read: it is listed all the same, and every use
    /// of it has to ask again, and then fails.
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
        let dots = [(&b"."[..], directory), (b"..", self.parent(directory))];
        for (place, (name, node)) in (0..).zip(dots) {
            if cookie <= place && !self.emit(name, place, node, each)? {
                return Ok(());
            }
        }
        let from = cookie.saturating_sub(DOTS);
        match directory {
            Node::Root => self.list_fixed(
                &[
                    (b"records", Node::Records),
                    (b"raw", Node::Raw),
                    (b"shards", Node::Shards),
                    (b".roxfs", Node::Meta),
                ],
                from,
                each,
            ),
            Node::Raw => self.list_fixed(
                &[(b"data", Node::RawData), (b"index", Node::RawIndex)],
                from,
                each,
            ),
            Node::Meta => self.list_fixed(&[(b"info.json", Node::Info)], from, each),
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
            if !self.emit(name, place, *node, each)? {
                break;
            }
        }
        Ok(())
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
                each(&Entry {
                    name: &name,
                    cookie: DOTS + (number - first) + 1,
                    attr: self.record_attr(number, shard, size),
                    known: extent.is_ok(),
                })
            });
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

fn position(from: u64) -> usize {
    usize::try_from(from).unwrap_or(usize::MAX)
}
