//! The entries of an archive, one after the other: which headers describe one, where reading can
//! continue behind damage, and what there is behind the end mark.

use super::blocks::{BLOCK_BYTES, Blocks, cut_off};
use super::entry::{Described, TarEntry};
use super::header::{Header, HeaderKind, is_zero, text};
use super::pax::Attributes;
use super::sparse::Fields;
use super::{Fault, MOST_HEADER_BYTES, MOST_KEPT_BYTES};
use crate::format::{Damage, byte_count};
use std::io::Read;

/// What is in an archive, one after the other.
pub struct TarEntries<'a> {
    /// The archive; positioned at the content of the entry that was given last.
    pub blocks: Blocks<'a>,
    /// Number of the entry that is read, from 1.
    pub number: u64,
    /// Where its headers begin.
    pub start: u64,
    /// What there was at and behind the end mark.
    pub end: End,
    /// What a global header says of all entries behind it.
    pub global: Attributes,
    /// Whether PAX headers were met.
    pub is_pax: bool,
    /// Bytes of headers of the entry that is read.
    header_bytes: u64,
    /// The name of an entry that was given up, where it is known.
    pub lost_name: Option<Vec<u8>>,
    /// What is known of an entry that was given up within its headers.
    lost: Option<Described>,
    /// Whether a header is looked for after damage.
    pub is_searching: bool,
    /// How many blocks of zeros have come one after the other, and where the first was.
    zeros: u64,
    zeros_at: u64,
    has_ended: bool,
}

/// What there was at and behind the end mark.
#[derive(Debug, Default)]
pub struct End {
    pub is_missing: bool,
    /// How many archives follow it.
    pub joined: u64,
    /// Where the first end mark that an archive follows is.
    pub joined_at: u64,
    /// How many single blocks of zeros stood between entries.
    pub lone_blocks: u64,
    /// Where the first of them was.
    pub lone_at: u64,
    /// Bytes behind it that are no archive.
    pub trailing: u64,
    pub trailing_at: u64,
}

impl<'a> TarEntries<'a> {
    /// The entries of what `input` has.
    pub fn new(input: &'a mut dyn Read) -> TarEntries<'a> {
        TarEntries {
            blocks: Blocks::new(input),
            number: 0,
            start: 0,
            end: End::default(),
            global: Attributes::default(),
            is_pax: false,
            header_bytes: 0,
            lost_name: None,
            lost: None,
            is_searching: false,
            zeros: 0,
            zeros_at: 0,
            has_ended: false,
        }
    }

    /// The next entry; `None` at the end. After a fault that [one entry](Fault::concerns_one_entry)
    /// has, the next call continues behind it.
    pub fn next(&mut self) -> Result<Option<TarEntry>, Fault> {
        let read = self.read_entry();
        self.has_ended |= matches!(read, Ok(None) | Err(Fault::CutOff(_)));
        read
    }

    /// The content of the current entry ends before it should.
    pub fn cut_off(&mut self) -> Fault {
        self.has_ended = true;
        self.blocks.cut_off()
    }

    fn read_entry(&mut self) -> Result<Option<TarEntry>, Fault> {
        if self.has_ended {
            return Ok(None);
        }
        self.blocks.finish_content()?;
        let mut described = match self.lost.take() {
            Some(lost) => lost,
            None => self.begin_entry(),
        };
        loop {
            let header = if described.is_begun {
                match self.following_header() {
                    Err(fault) if described.is_lost && fault.concerns_one_entry() => {
                        described = self.begin_entry();
                        continue;
                    }
                    header => header?,
                }
            } else {
                match self.first_header()? {
                    Some(header) => header,
                    None => return Ok(None),
                }
            };
            let kind = header.kind();
            let Some(read) = self.describing_header(&header, kind, &mut described) else {
                if described.is_lost {
                    self.pass_over_lost(&header, kind, described)?;
                    described = self.begin_entry();
                    continue;
                }
                return self.entry(&header, kind, described).map(Some);
            };
            match read {
                Err(fault) if !fault.concerns_one_entry() => return Err(fault),
                // The way to the next header is known, so only the entry is lost.
                Err(fault) if !described.is_lost && !self.is_searching => {
                    described.is_lost = true;
                    described.is_begun = true;
                    self.lost = Some(described);
                    return Err(fault);
                }
                Err(_) if described.is_lost && self.is_searching => described = self.begin_entry(),
                Err(fault) if self.is_searching => return Err(fault),
                Ok(()) | Err(_) => self.blocks.finish_content()?,
            }
        }
    }

    /// Reads a header that describes entries which follow; `None` where it is that of an entry.
    fn describing_header(
        &mut self,
        header: &Header,
        kind: HeaderKind,
        described: &mut Described,
    ) -> Option<Result<(), Fault>> {
        match kind {
            HeaderKind::LongName | HeaderKind::LongLink | HeaderKind::Extended => {
                described.is_begun = true;
                Some(self.describe(header, kind, described))
            }
            HeaderKind::Global => Some(self.describe_all(header)),
            HeaderKind::AccessList => Some(self.begin_header(header)),
            _ => None,
        }
    }

    fn begin_entry(&mut self) -> Described {
        self.number += 1;
        self.header_bytes = 0;
        self.start = self.blocks.at();
        Described::default()
    }

    fn pass_over_lost(
        &mut self,
        header: &Header,
        kind: HeaderKind,
        described: Described,
    ) -> Result<(), Fault> {
        match self.entry(header, kind, described) {
            Err(fault) if !fault.concerns_one_entry() => Err(fault),
            _ if self.is_searching => Ok(()),
            _ => self.blocks.finish_content(),
        }
    }

    /// The first header of an entry, be it behind an end mark; `None` at the end.
    fn first_header(&mut self) -> Result<Option<Header>, Fault> {
        loop {
            let at = self.blocks.at();
            let (block, len) = self.blocks.block()?;
            if len < BLOCK_BYTES {
                return self.met_end(at, &block[..len]).map(|()| None);
            }
            if is_zero(&block) {
                if self.zeros == 0 {
                    self.zeros_at = at;
                }
                self.zeros += 1;
                continue;
            }
            match Header::new(block) {
                Ok(header) => {
                    self.found_header();
                    self.start = at;
                    return Ok(Some(header));
                }
                Err(_) if self.is_searching => self.zeros = 0,
                Err(_) if self.zeros > 0 => {
                    self.end.trailing_at = at;
                    self.end.trailing = BLOCK_BYTES as u64 + self.blocks.pass_over_all()?;
                    return Ok(None);
                }
                Err(wrong) => {
                    let what = match at {
                        0 => "its header, if this is a tar archive at all,",
                        _ => "its header",
                    };
                    return Err(self.lose_way(wrong.damage(what)));
                }
            }
        }
    }

    /// The header after one that describes the same entry.
    fn following_header(&mut self) -> Result<Header, Fault> {
        let at = self.blocks.at();
        let (block, len) = self.blocks.block()?;
        if len < BLOCK_BYTES {
            let found = at + len as u64;
            return Err(cut_off(
                found,
                at + BLOCK_BYTES as u64,
                "the headers of an entry",
            ));
        }
        if is_zero(&block) {
            (self.zeros, self.zeros_at) = (1, at);
            let what = "what follows its long name or attributes";
            let damage = Damage::new(what, "a block of zeros", "a header");
            return Err(Fault::Damaged(damage));
        }
        Header::new(block)
            .map_err(|wrong| self.lose_way(wrong.damage(&format!("its header at byte {at}"))))
    }

    /// Where the next header is cannot be known any more.
    pub fn lose_way(&mut self, damage: Damage) -> Fault {
        self.is_searching = true;
        Fault::Damaged(damage)
    }

    fn found_header(&mut self) {
        let zeros = std::mem::take(&mut self.zeros);
        let was_searching = std::mem::take(&mut self.is_searching);
        if zeros == 0 || was_searching {
            return;
        }
        let end = &mut self.end;
        let (count, first_at) = match zeros {
            1 => (&mut end.lone_blocks, &mut end.lone_at),
            _ => (&mut end.joined, &mut end.joined_at),
        };
        if *count == 0 {
            *first_at = self.zeros_at;
        }
        *count += 1;
    }

    /// The input has ended with a part of a block, where a header could have been.
    fn met_end(&mut self, at: u64, rest: &[u8]) -> Result<(), Fault> {
        let is_blank = rest.iter().all(|&byte| byte == 0);
        let len = rest.len() as u64;
        if self.zeros > 0 && !is_blank {
            (self.end.trailing, self.end.trailing_at) = (len, at);
        }
        if self.zeros > 0 || self.is_searching {
            return Ok(());
        }
        if !is_blank {
            return Err(cut_off(at + len, at + BLOCK_BYTES as u64, "a header"));
        }
        if at == 0 {
            let damage = Damage::new("its length", byte_count(len), "that of a tar archive");
            return Err(Fault::CutOff(damage));
        }
        self.end.is_missing = true;
        Ok(())
    }

    /// The content of a header that describes an entry comes next.
    fn begin_header(&mut self, header: &Header) -> Result<(), Fault> {
        let size = header.size().map_err(|damage| self.lose_way(damage))?;
        self.blocks.begin_content(size);
        self.header_bytes = self.header_bytes.saturating_add(BLOCK_BYTES as u64 + size);
        let limit = MOST_HEADER_BYTES;
        if self.header_bytes <= limit {
            Ok(())
        } else {
            Err(Fault::TooLong { limit })
        }
    }

    fn describe(
        &mut self,
        header: &Header,
        kind: HeaderKind,
        described: &mut Described,
    ) -> Result<(), Fault> {
        let begun = self.begin_header(header);
        if kind == HeaderKind::Extended {
            begun?;
            self.is_pax = true;
            let attributes = &mut described.attributes;
            return attributes.read(&mut self.blocks, &mut described.kept);
        }
        described.kept = described.kept.saturating_add(self.blocks.left());
        if described.kept > MOST_KEPT_BYTES {
            return Err(Fault::TooLong {
                limit: MOST_KEPT_BYTES,
            });
        }
        begun?;
        let mut content = Vec::new();
        self.blocks.content().read_to_end(&mut content)?;
        if self.blocks.left() > 0 {
            return Err(self.blocks.cut_off());
        }
        content.truncate(text(&content).len());
        match kind {
            HeaderKind::LongName => described.name = Some(content),
            _ => described.link = Some(content),
        }
        Ok(())
    }

    /// A global header may have any length: of it less than of others is kept.
    fn describe_all(&mut self, header: &Header) -> Result<(), Fault> {
        let size = header.size().map_err(|damage| self.lose_way(damage))?;
        self.blocks.begin_content(size);
        self.is_pax = true;
        let read = self.global.read(&mut self.blocks, &mut 0);
        self.global.sparse = Fields::default();
        read
    }
}
