//! End offsets: of records in the payload, and of names in a names section. Both tables have the
//! same form, so both are decoded here.

use super::{Damage, OFFSET_LEN};
use std::ops::Range;

/// A checked byte range: `start <= end <= limit` of the table it was decoded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    start: u64,
    end: u64,
}

impl Extent {
    /// First byte.
    pub fn start(self) -> u64 {
        self.start
    }

    /// One past the last byte.
    pub fn end(self) -> u64 {
        self.end
    }

    /// Number of bytes.
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether it has no bytes.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Both extents and what lies between them.
    pub fn join(self, other: Extent) -> Extent {
        Extent {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The part `[offset, offset + len)` of this extent, cut at its end.
    pub fn part(self, offset: u64, len: u64) -> Extent {
        let start = self.start.saturating_add(offset).min(self.end);
        let end = start.saturating_add(len).min(self.end);
        Extent { start, end }
    }
}

/// A table of end offsets: what it indexes, how long that is, and where the table is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndOffsets {
    of: OffsetsOf,
    at: u64,
    count: u64,
    limit: u64,
}

/// What a table of end offsets cuts into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetsOf {
    /// The payload, into records.
    Records,
    /// The bytes of a names section, into names.
    Names,
}

impl EndOffsets {
    /// A table of `count` offsets at byte `at` of the file, over `limit` bytes. The caller has
    /// checked that `at + 8 * count` lies in the file.
    pub(crate) fn new(of: OffsetsOf, at: u64, count: u64, limit: u64) -> Self {
        EndOffsets {
            of,
            at,
            count,
            limit,
        }
    }

    /// Number of entries.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Length in bytes of what the offsets point into.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// All that the offsets point into.
    pub fn whole(&self) -> Extent {
        Extent {
            start: 0,
            end: self.limit,
        }
    }

    /// The file range that [`extents`](Self::extents) needs for entries `range`: their offsets,
    /// and the one before the first, which is where the first one begins.
    pub fn file_range(&self, range: Range<u64>) -> Range<u64> {
        let first = range.start.saturating_sub(1);
        self.at + first * OFFSET_LEN..self.at + range.end * OFFSET_LEN
    }

    /// Decodes the entries from `first` on, out of the bytes of [`file_range`](Self::file_range).
    /// Every entry is checked against the one before it and the limit; an entry out of bounds
    /// does not hide the ones that follow.
    pub fn extents<'a>(
        &self,
        first: u64,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Result<Extent, Damage>> + use<'a> {
        let table = *self;
        let mut offsets = bytes.chunks_exact(OFFSET_LEN as usize).map(decode);
        let mut start = match first {
            0 => 0,
            _ => offsets.next().unwrap_or(0),
        };
        offsets.zip(first..).map(move |(end, entry)| {
            let extent = table.check(entry, start, end);
            start = end;
            extent
        })
    }

    fn check(&self, entry: u64, start: i64, end: i64) -> Result<Extent, Damage> {
        let limit = self.limit;
        let what = || match self.of {
            OffsetsOf::Records => format!("record {entry}: end offset"),
            OffsetsOf::Names => format!("record {entry}: end offset of its name"),
        };
        let (Ok(from), Ok(to)) = (u64::try_from(start), u64::try_from(end)) else {
            let (found, what) = if end < 0 {
                (end, what())
            } else {
                (start, what().replace("end offset", "start offset"))
            };
            return Err(Damage::new(what, found, "0 or more"));
        };
        if to > limit {
            let whole = match self.of {
                OffsetsOf::Records => "the payload length",
                OffsetsOf::Names => "the length of all names",
            };
            return Err(Damage::new(
                what(),
                end,
                format!("at most {limit} ({whole})"),
            ));
        }
        if from > to {
            let expected = format!("{start} or more (where the one before it ends)");
            return Err(Damage::new(what(), end, expected));
        }
        Ok(Extent {
            start: from,
            end: to,
        })
    }

    /// Checks that the last offset is exactly the limit: nothing of it belongs to no entry.
    pub fn check_last(&self, last: Extent) -> Result<(), Damage> {
        if last.end == self.limit {
            return Ok(());
        }
        let (what, whole) = match self.of {
            OffsetsOf::Records => ("last end offset", "the payload length"),
            OffsetsOf::Names => ("last end offset of the names", "the length of all names"),
        };
        let expected = format!("{} ({whole})", self.limit);
        Err(Damage::new(what, last.end, expected))
    }
}

fn decode(bytes: &[u8]) -> i64 {
    super::i64_at(bytes, 0).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(limit: u64, count: u64) -> EndOffsets {
        EndOffsets::new(OffsetsOf::Records, 100, count, limit)
    }

    fn bytes(ends: &[i64]) -> Vec<u8> {
        ends.iter().flat_map(|end| end.to_le_bytes()).collect()
    }

    #[test]
    fn extents_tile_the_payload() {
        let ends = bytes(&[3, 3, 7]);
        let extents: Vec<Extent> = table(7, 3)
            .extents(0, &ends)
            .map(|e| e.expect("ok"))
            .collect();
        let lens: Vec<u64> = extents.iter().map(|extent| extent.len()).collect();
        assert_eq!(lens, [3, 0, 4]);
        assert!(table(7, 3).check_last(extents[2]).is_ok());
        assert!(table(8, 3).check_last(extents[2]).is_err());
    }

    #[test]
    fn a_middle_entry_needs_the_offset_before_it() {
        let table = table(7, 3);
        assert_eq!(table.file_range(0..1), 100..108);
        assert_eq!(table.file_range(2..3), 108..124);
        let ends = bytes(&[3, 7]);
        let found: Vec<_> = table.extents(2, &ends).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].as_ref().map(|e| (e.start(), e.end())), Ok((3, 7)));
    }

    #[test]
    fn each_bad_offset_is_named_and_the_rest_still_read() {
        let ends = bytes(&[3, 2, 9, -1, 5, 7]);
        let found: Vec<String> = table(7, 6)
            .extents(0, &ends)
            .map(|extent| extent.map_or_else(|e| e.to_string(), |e| e.len().to_string()))
            .collect();
        assert_eq!(
            found,
            [
                "3",
                "record 1: end offset is 2, expected 3 or more (where the one before it ends)",
                "record 2: end offset is 9, expected at most 7 (the payload length)",
                "record 3: end offset is -1, expected 0 or more",
                "record 4: start offset is -1, expected 0 or more",
                "2"
            ]
        );
    }

    #[test]
    fn a_part_never_leaves_its_extent() {
        let extent = Extent { start: 10, end: 20 };
        assert_eq!(extent.part(2, 3), Extent { start: 12, end: 15 });
        assert_eq!(extent.part(8, 9), Extent { start: 18, end: 20 });
        assert!(extent.part(10, 1).is_empty());
        assert!(extent.part(u64::MAX, u64::MAX).is_empty());
    }
}
