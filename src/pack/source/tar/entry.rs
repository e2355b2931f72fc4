//! An entry out of its last header and what those before it say: its name, how many bytes of content it
//! has, and where in the file they belong.

use super::Fault;
use super::MOST_KEPT_BYTES;
use super::blocks::{BLOCK_BYTES, Block, cut_off};
use super::entries::TarEntries;
use super::header::{Header, HeaderFormat, HeaderKind, is_zero, more_pieces};
use super::pax::Attributes;
use super::sparse::{Fields, Map, MapFault, read_map};
use crate::format::Damage;
use std::io;

/// An entry, whose content is read next.
#[derive(Debug)]
pub struct TarEntry {
    pub kind: HeaderKind,
    /// Its name, as the archive has it.
    pub name: Vec<u8>,
    /// Where a link leads.
    pub link: Vec<u8>,
    /// The bytes of the content that the archive has.
    pub size: u64,
    /// Where they belong, in a sparse file.
    pub sparse: Option<Map>,
}

/// What the headers before that of an entry say of it.
#[derive(Debug, Default)]
pub struct Described {
    pub name: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub attributes: Attributes,
    /// Bytes that are kept of them.
    pub kept: u64,
    /// Whether there were any.
    pub is_begun: bool,
    /// Whether a fault has been given for the entry.
    pub is_lost: bool,
}

impl TarEntries<'_> {
    /// An entry out of its last header and what those before it say; its content comes next.
    pub fn entry(
        &mut self,
        header: &Header,
        kind: HeaderKind,
        described: Described,
    ) -> Result<TarEntry, Fault> {
        let own = described.attributes;
        let global = &self.global;
        let name = own.sparse.name().map(<[u8]>::to_vec).or(own.path);
        let name = name.or(described.name).or_else(|| global.path.clone());
        let link = own.link.or(described.link).or_else(|| global.link.clone());
        let mut entry = TarEntry {
            kind,
            name: name.unwrap_or_else(|| header.name()),
            link: link.unwrap_or_else(|| header.link().to_vec()),
            size: 0,
            sparse: None,
        };
        entry.size = match (kind, own.size.or(global.size)) {
            (HeaderKind::SymbolicLink | HeaderKind::Directory | HeaderKind::Special, _) => 0,
            (HeaderKind::HardLink, _) => match own.size {
                Some(size) => size,
                None => self.hard_link_size(header)?,
            },
            (_, Some(size)) => size,
            (_, None) => header.size().map_err(|damage| self.lose_way(damage))?,
        };
        // Old tars mark a directory by a slash at the end of its name, and may give it a size.
        if kind == HeaderKind::File && entry.name.ends_with(b"/") {
            entry.kind = HeaderKind::Directory;
            if entry.size > 0 && self.header_follows(true)? {
                entry.size = 0;
            }
        }
        let begun = match entry.kind {
            HeaderKind::OldSparse => self.old_sparse(header, &mut entry),
            HeaderKind::File => self.sparse(&own.sparse, &mut entry),
            _ => {
                self.blocks.begin_content(entry.size);
                Ok(())
            }
        };
        match begun {
            Ok(()) => Ok(entry),
            Err(fault) => {
                self.lost_name = Some(entry.name);
                Err(fault)
            }
        }
    }

    /// How much content a hard link has. POSIX allows it in PAX archives. Before that, and in archives of
    /// GNU tar, there is none whatever the size says; and some writers of PAX archives (that of Go)
    /// leave the size of the file there as well. So there is none where a header follows.
    fn hard_link_size(&mut self, header: &Header) -> Result<u64, Fault> {
        let size = header.size().map_err(|damage| self.lose_way(damage))?;
        let zeros_end_archive = !self.is_pax;
        if size == 0
            || header.format() != HeaderFormat::Posix
            || self.header_follows(zeros_end_archive)?
        {
            return Ok(0);
        }
        Ok(size)
    }

    /// Whether a header comes next, or the end; `zeros` says what a block of zeros is.
    fn header_follows(&mut self, zeros: bool) -> Result<bool, Fault> {
        let next = self.blocks.look_ahead()?;
        if next.is_empty() {
            return Ok(true);
        }
        Ok(match Block::try_from(next) {
            Ok(block) if is_zero(&block) => zeros,
            Ok(block) => Header::new(block).is_ok(),
            Err(_) => false,
        })
    }

    /// Reads the map of the old GNU form, which comes before the content.
    fn old_sparse(&mut self, header: &Header, entry: &mut TarEntry) -> Result<(), Fault> {
        let (mut pieces, mut is_extended, real_size) =
            header.sparse().map_err(|damage| self.lose_way(damage))?;
        let mut map_bytes = 0;
        while is_extended {
            map_bytes += BLOCK_BYTES as u64;
            if map_bytes > MOST_KEPT_BYTES {
                self.is_searching = true;
                return Err(Fault::TooLong {
                    limit: MOST_KEPT_BYTES,
                });
            }
            let (block, len) = self.blocks.block()?;
            if len < BLOCK_BYTES {
                let (at, missing) = (self.blocks.at(), (BLOCK_BYTES - len) as u64);
                return Err(cut_off(at, at + missing, "a map of holes"));
            }
            let more = more_pieces(&block, &mut pieces);
            is_extended = more.map_err(|damage| self.lose_way(damage))?;
        }
        self.blocks.begin_content(entry.size);
        let map = Map::new(real_size, pieces, entry.size);
        entry.sparse = Some(map.map_err(Fault::Damaged)?);
        Ok(())
    }

    /// Reads the map of a sparse file in a PAX archive, if it is one.
    fn sparse(&mut self, fields: &Fields, entry: &mut TarEntry) -> Result<(), Fault> {
        self.blocks.begin_content(entry.size);
        let Some(size) = fields.size() else {
            return Ok(());
        };
        let pieces = if fields.is_before_content() {
            match read_map(&mut self.blocks.content()) {
                Err(MapFault::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(if self.blocks.has_ended() {
                        self.blocks.cut_off()
                    } else {
                        Fault::Damaged(Damage::new(
                            "its map of holes",
                            "longer than its content",
                            "a part of that",
                        ))
                    });
                }
                Err(MapFault::Io(error)) => return Err(error.into()),
                Err(MapFault::Damaged(damage)) => return Err(Fault::Damaged(damage)),
                Ok(pieces) => pieces,
            }
        } else {
            fields.pieces().map_err(Fault::Damaged)?
        };
        let map = Map::new(size, pieces, self.blocks.left());
        entry.sparse = Some(map.map_err(Fault::Damaged)?);
        Ok(())
    }
}
