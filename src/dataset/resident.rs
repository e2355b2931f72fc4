//! The resident set: which records are to stay in memory where not all can.
//!
//! With memory for half of the records, the kernel's own choice, which is to keep what was used last,
//! finds one in seven of them in memory in each random pass, and none in a pass in order. A set that is
//! fixed beforehand finds one in two. So a hash of a record's number is compared with a share, and a
//! record below it stays. When the share falls, what stays is a part of what stayed before.
//!
//! There are two places to stay in: the kernel's cache of the mount, where reading costs no request,
//! and the pages of the shard's file, where it costs no disk. Of the payload as one file (`raw/data`),
//! blocks are chosen in the same way.
//!
//! Pure bookkeeping: what the shares should be is found out elsewhere.

use crate::shard::mmap::PAGE;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Blocks of `raw/data` stay or go as a whole, so many bytes: the largest request.
pub const RAW_BLOCK_LEN: u64 = 1 << 20;
/// Where records are shorter than a page, those of this many bytes of payload stay or go together:
/// shorter ones would share each of their pages with some that go.
const GROUP_LEN: u64 = 64 << 10;
/// More records than these share their notes of what the kernel has: 4 MiB.
const MOST_NOTED: u64 = 1 << 25;
/// Notes are allocated in pieces of this many.
const PIECE: u64 = 1 << 18;

/// A part of all records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u64);

impl Share {
    /// No record.
    pub const NONE: Share = Share(0);
    /// All records.
    pub const ALL: Share = Share(1 << 32);

    /// What fits into `room` of all that takes `whole`, both in bytes.
    pub fn that_fits(room: u64, whole: u64) -> Share {
        if room >= whole {
            return Share::ALL;
        }
        let share = (u128::from(room) << 32) / u128::from(whole);
        Share(share as u64)
    }

    /// Both together, at most all.
    pub fn plus(self, other: Share) -> Share {
        Share(self.0 + other.0).min(Share::ALL)
    }

    /// This many bytes of `whole`.
    pub fn of(self, whole: u64) -> u64 {
        ((u128::from(whole) * u128::from(self.0)) >> 32) as u64
    }
}

/// What is to stay where. A record whose hash is below the first, or in the range, is to stay there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResidentShares {
    /// In the kernel's cache of the mount.
    pub in_mount: Share,
    /// In the pages of the shards.
    pub in_shards: Range<Share>,
}

impl ResidentShares {
    /// Everything stays, in both places.
    pub const EVERYTHING: ResidentShares = ResidentShares {
        in_mount: Share::ALL,
        in_shards: Share::NONE..Share::ALL,
    };

    /// Where a thing with this hash is to stay.
    fn of(&self, hash: u64) -> Stays {
        let hash = Share(hash);
        Stays {
            in_mount: hash < self.in_mount,
            in_shard: self.in_shards.contains(&hash),
        }
    }
}

/// Where a record is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stays {
    /// In the kernel's cache of the mount.
    pub in_mount: bool,
    /// In the pages of its shard.
    pub in_shard: bool,
}

/// The set, and what of it the kernel's cache of the mount should have by now.
#[derive(Debug)]
pub struct ResidentSet {
    /// This many records that follow each other stay or go together.
    group: u64,
    in_mount: AtomicU64,
    in_shards: [AtomicU64; 2],
    most_ahead: AtomicU64,
    records: Notes,
    blocks: Notes,
}

impl ResidentSet {
    /// Of this many records in this many bytes; all are to stay.
    pub fn new(records: u64, payload_len: u64) -> ResidentSet {
        let mean_len = payload_len / records.max(1);
        let group = if mean_len < PAGE {
            GROUP_LEN / mean_len.max(1)
        } else {
            1
        };
        let everything = ResidentShares::EVERYTHING;
        ResidentSet {
            group,
            in_mount: AtomicU64::new(everything.in_mount.0),
            in_shards: [everything.in_shards.start, everything.in_shards.end]
                .map(|share| AtomicU64::new(share.0)),
            most_ahead: AtomicU64::new(u64::MAX),
            records: Notes::new(records),
            blocks: Notes::new(payload_len.div_ceil(RAW_BLOCK_LEN)),
        }
    }

    /// What is to stay where.
    pub fn shares(&self) -> ResidentShares {
        let get = |share: &AtomicU64| Share(share.load(Ordering::Relaxed));
        ResidentShares {
            in_mount: get(&self.in_mount),
            in_shards: get(&self.in_shards[0])..get(&self.in_shards[1]),
        }
    }

    /// From now on this is to stay.
    pub fn set_shares(&self, shares: &ResidentShares) {
        let set = |share: &AtomicU64, to: Share| share.store(to.0, Ordering::Relaxed);
        set(&self.in_mount, shares.in_mount);
        set(&self.in_shards[0], shares.in_shards.start);
        set(&self.in_shards[1], shares.in_shards.end);
    }

    /// How many bytes may be brought into memory ahead of one reader: beside what is to stay there has to
    /// be room for what is on its way.
    pub fn most_ahead(&self) -> u64 {
        self.most_ahead.load(Ordering::Relaxed)
    }

    /// From now on it is so many.
    pub fn set_most_ahead(&self, bytes: u64) {
        self.most_ahead.store(bytes, Ordering::Relaxed);
    }

    /// Where a record is to stay.
    pub fn record(&self, record: u64) -> Stays {
        self.record_by(&self.shares(), record)
    }

    /// Where it would be with these shares.
    pub fn record_by(&self, shares: &ResidentShares, record: u64) -> Stays {
        shares.of(hash(record / self.group))
    }

    /// Where the block of `raw/data` that has this byte is to stay.
    pub fn byte(&self, offset: u64) -> Stays {
        self.byte_by(&self.shares(), offset)
    }

    /// Where it would be with these shares.
    pub fn byte_by(&self, shares: &ResidentShares, offset: u64) -> Stays {
        shares.of(hash(!(offset / RAW_BLOCK_LEN)))
    }

    /// Whether the kernel's cache of the mount should have a record by now.
    pub fn has_record(&self, record: u64) -> bool {
        self.record(record).in_mount && self.records.contains(record)
    }

    /// Whether it should have the block of `raw/data` that has this byte.
    pub fn has_block(&self, offset: u64) -> bool {
        self.byte(offset).in_mount && self.blocks.contains(offset / RAW_BLOCK_LEN)
    }

    /// What the kernel's cache of the mount should have of the records.
    pub fn records(&self) -> &Notes {
        &self.records
    }

    /// The same of the blocks of `raw/data`.
    pub fn blocks(&self) -> &Notes {
        &self.blocks
    }
}

/// The finalizer of MurmurHash3, 64 bits, of which the upper half is taken.
fn hash(key: u64) -> u64 {
    // Zero would stay zero.
    let mut hash = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    hash >> 32
}

/// One bit for each of some things, in bounded memory: of more things than bits, several share one.
#[derive(Debug)]
pub struct Notes {
    bits: u64,
    pieces: Vec<OnceLock<Box<[AtomicU64]>>>,
}

impl Notes {
    fn new(things: u64) -> Notes {
        let bits = things.clamp(1, MOST_NOTED);
        let pieces = (0..bits.div_ceil(PIECE)).map(|_| OnceLock::new());
        Notes {
            bits,
            pieces: pieces.collect(),
        }
    }

    fn place(&self, thing: u64) -> (usize, usize, u64) {
        let bit = thing % self.bits;
        let in_piece = bit % PIECE;
        let piece = (bit / PIECE) as usize;
        (piece, (in_piece / 64) as usize, 1 << (in_piece % 64))
    }

    /// Notes that the kernel has it; returns whether that was noted before.
    pub fn set(&self, thing: u64) -> bool {
        let (piece, word, bit) = self.place(thing);
        let piece = self.pieces[piece].get_or_init(|| {
            let words = (0..PIECE / 64).map(|_| AtomicU64::new(0));
            words.collect()
        });
        piece[word].fetch_or(bit, Ordering::Relaxed) & bit != 0
    }

    /// Whether it is noted.
    pub fn contains(&self, thing: u64) -> bool {
        let (piece, word, bit) = self.place(thing);
        let piece = self.pieces[piece].get();
        piece.is_some_and(|piece| piece[word].load(Ordering::Relaxed) & bit != 0)
    }

    /// The kernel does not have it any more; returns whether it was noted.
    pub fn clear(&self, thing: u64) -> bool {
        let (piece, word, bit) = self.place(thing);
        let piece = self.pieces[piece].get();
        piece.is_some_and(|piece| piece[word].fetch_and(!bit, Ordering::Relaxed) & bit != 0)
    }

    /// Nothing is known any more of what the kernel has.
    pub fn clear_all(&self) {
        for piece in self.pieces.iter().filter_map(OnceLock::get) {
            for word in piece {
                word.store(0, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(in_mount: (u64, u64), in_shards: Range<Share>) -> ResidentSet {
        let set = ResidentSet::new(100_000, 1_000_000_000);
        set.set_shares(&ResidentShares {
            in_mount: Share::that_fits(in_mount.0, in_mount.1),
            in_shards,
        });
        set
    }

    #[test]
    fn a_share_is_that_part_of_all_records() {
        for (part, expected) in [(0, 0), (1, 25_000), (2, 50_000), (4, 100_000)] {
            let set = set((part, 4), Share::NONE..Share::NONE);
            let stay = (0..100_000).filter(|&record| set.record(record).in_mount);
            let count = stay.count() as i64;
            assert!((count - expected).abs() < 1000, "{part}: {count}");
        }
    }

    #[test]
    fn what_stays_with_less_room_has_stayed_with_more() {
        let (less, more) = (
            set((1, 5), Share::NONE..Share::NONE),
            set((1, 2), Share::NONE..Share::NONE),
        );
        let mut records = 0..100_000;
        assert!(
            records.all(|record| { !less.record(record).in_mount || more.record(record).in_mount })
        );
    }

    #[test]
    fn shards_keep_what_the_mount_does_not() {
        let half = Share::that_fits(1, 2);
        let set = set((1, 2), half..Share::ALL);
        let mut records = 0..100_000;
        assert!(records.all(|record| {
            let stays = set.record(record);
            stays.in_mount != stays.in_shard
        }));
    }

    #[test]
    fn short_records_that_share_pages_stay_together() {
        let set = ResidentSet::new(1_000_000, 100_000_000);
        set.set_shares(&ResidentShares {
            in_mount: Share::that_fits(1, 2),
            in_shards: Share::NONE..Share::NONE,
        });
        let stays: Vec<bool> = (0..1_000_000).map(|r| set.record(r).in_mount).collect();
        let changes = stays.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!((300..1600).contains(&changes), "{changes}");
    }

    proptest! {
        #[test]
        fn sets_are_nested(less in 0..=1000u64, more in 0..=1000u64, record: u64, offset: u64) {
            let (less, more) = (less.min(more), less.max(more));
            let set = set((1, 1), Share::NONE..Share::NONE);
            let by = |part| ResidentShares {
                in_mount: Share::that_fits(part, 1000),
                in_shards: Share::NONE..Share::that_fits(part, 1000),
            };
            let stays = |part| (set.record_by(&by(part), record), set.byte_by(&by(part), offset));
            let (few, many) = (stays(less), stays(more));
            prop_assert!(!few.0.in_mount || many.0.in_mount);
            prop_assert!(!few.1.in_mount || many.1.in_mount);
            prop_assert_eq!(few.0.in_mount, few.0.in_shard);
            prop_assert_eq!(few.1.in_mount, few.1.in_shard);
        }
    }

    #[test]
    fn notes_are_kept_and_taken_back() {
        let notes = Notes::new(1 << 20);
        let things = [0, 1, 63, 64, PIECE - 1, PIECE, (1 << 20) - 1];
        for thing in things {
            assert!(!notes.contains(thing) && !notes.clear(thing) && !notes.set(thing));
            assert!(notes.contains(thing) && notes.set(thing));
        }
        assert!(notes.clear(64) && !notes.contains(64) && notes.contains(63));
        notes.clear_all();
        assert!(things.iter().all(|&thing| !notes.contains(thing)));
    }

    #[test]
    fn notes_of_any_number_of_things_are_bounded() {
        let notes = Notes::new(u64::MAX);
        notes.set(u64::MAX);
        assert!(notes.contains(u64::MAX) && notes.pieces.len() as u64 == MOST_NOTED / PIECE);
        let none = Notes::new(0);
        assert!(!none.set(0) && none.contains(0));
    }
}
