//! What `stat` shows of each node.

use super::access::Access;
use super::named::Place;
use super::node::Node;
use super::{Tree, TreeError};
use crate::format::offsets::Extent;
use crate::shard::Stat;
use std::time::{Duration, SystemTime};

/// Whether a node is a file or a directory; the tree has nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
}

/// What `stat` shows of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr {
    /// Which node.
    pub node: Node,
    /// File or directory.
    pub kind: FileKind,
    /// Bytes; 0 for a directory.
    pub size: u64,
    /// Number of links: for a directory 2 and one for each directory in it.
    pub nlink: u32,
    /// Permissions and owner.
    pub access: Access,
    /// Modification time.
    pub mtime: SystemTime,
}

impl Tree {
    /// What `stat` shows of a node.
    pub fn attr(&self, node: Node) -> Result<Attr, TreeError> {
        match self.behind_root(node) {
            Node::Record(number) => {
                let (shard, extent) = self.record_extent(number)?;
                Ok(self.record_attr(number, shard, extent.len()))
            }
            Node::RawData => Ok(self.common_file(node, self.raw_data_len())),
            Node::RawIndex => Ok(self.common_file(node, self.raw_index_len())),
            // It has paths and sizes of all shards.
            Node::Info => Ok(self.common_file(node, self.info()?.len() as u64)),
            directory @ (Node::Root | Node::Raw | Node::Meta) => {
                let entries = self.fixed_entries(directory);
                let directories = entries.filter(|entry| entry.node.kind() == FileKind::Directory);
                Ok(self.directory(node, directories.count()))
            }
            Node::Records => Ok(self.directory(node, 0)),
            // One link says that directories in it are not counted: they become more.
            Node::Views => Ok(Attr {
                nlink: 1,
                mtime: self.views.changed().unwrap_or(self.snapshot.newest),
                ..self.directory(node, 0)
            }),
            Node::View(id) => self.views.get(id).map(|_| self.directory(node, 0)),
            Node::Shards => Ok(self.directory(node, self.snapshot.shards().len())),
            Node::Shard(number) => {
                let shard = usize::try_from(number).ok();
                let shard = shard.and_then(|shard| self.snapshot.shards().get(shard));
                Ok(Attr {
                    mtime: shard.ok_or(TreeError::NotFound)?.mtime,
                    ..self.directory(node, 0)
                })
            }
            Node::Files => self.named_directory(node, Place::TOP),
            Node::NamedDirectory { position, depth } => {
                self.named_directory(node, Place { position, depth })
            }
        }
    }

    /// The same as far as a listing tells it, and whether that is all: without counting the directories
    /// in a directory of names, without the size of `info.json`, for which names are counted, and of a
    /// record that cannot be read.
    pub(super) fn listed_attr(&self, node: Node) -> Result<(Attr, bool), TreeError> {
        match self.behind_root(node) {
            Node::Files | Node::NamedDirectory { .. } => Ok((self.directory(node, 0), false)),
            Node::Info => Ok((self.common_file(node, 0), false)),
            Node::Record(number) => self.listed_record(number, self.record_extent(number).ok()),
            Node::Root
            | Node::Records
            | Node::Views
            | Node::View(_)
            | Node::Raw
            | Node::RawData
            | Node::RawIndex
            | Node::Shards
            | Node::Shard(_)
            | Node::Meta => Ok((self.attr(node)?, true)),
        }
    }

    pub(super) fn record_attr(&self, number: u64, shard: usize, size: u64) -> Attr {
        let shard = &self.snapshot.shards()[shard];
        Attr {
            node: Node::Record(number),
            kind: FileKind::File,
            size,
            nlink: 1,
            access: shard.access,
            mtime: shard.mtime,
        }
    }

    /// A record that lies at this place of a shard, and whether its size is known: one that cannot be
    /// read is listed all the same.
    pub(super) fn listed_record(
        &self,
        number: u64,
        place: Option<(usize, Extent)>,
    ) -> Result<(Attr, bool), TreeError> {
        if let Some((shard, extent)) = place {
            return Ok((self.record_attr(number, shard, extent.len()), true));
        }
        let record = self.record(number)?;
        let (shard, _) = self.dataset.locate(record).ok_or(TreeError::NotFound)?;
        Ok((self.record_attr(number, shard, 0), false))
    }

    /// A file that tells something of all shards.
    fn common_file(&self, node: Node, size: u64) -> Attr {
        Attr {
            node,
            kind: FileKind::File,
            size,
            nlink: 1,
            access: self.snapshot.common_access,
            mtime: self.snapshot.newest,
        }
    }

    fn directory(&self, node: Node, directories: usize) -> Attr {
        let directories = u32::try_from(directories).unwrap_or(u32::MAX);
        Attr {
            node: self.as_root(node),
            kind: FileKind::Directory,
            size: 0,
            nlink: directories.saturating_add(2),
            access: self.snapshot.directory_access,
            mtime: self.snapshot.newest,
        }
    }

    /// A directory of names. One link is how file systems say that they have not counted.
    fn named_directory(&self, node: Node, place: Place) -> Result<Attr, TreeError> {
        let directories = self.files.subdirectories(place)?;
        Ok(Attr {
            nlink: directories.map_or(1, |directories| directories.saturating_add(2)),
            ..self.directory(node, 0)
        })
    }
}

/// When a shard was modified; a time that `SystemTime` cannot express becomes 1970.
pub(super) fn modification_time(shard: &Stat) -> SystemTime {
    let whole = Duration::from_secs(shard.mtime.unsigned_abs());
    let base = if shard.mtime < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    let rest = Duration::from_nanos(shard.mtime_nsec.clamp(0, 999_999_999) as u64);
    base.and_then(|base| base.checked_add(rest))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_kept() {
        let shard = Stat {
            mode: 0o444,
            uid: 1,
            gid: 1,
            mtime: -5,
            mtime_nsec: 1,
        };
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(5) + Duration::from_nanos(1);
        assert_eq!(modification_time(&shard), before);
    }
}
