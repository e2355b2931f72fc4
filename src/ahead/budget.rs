//! How much is prepared ahead of readers: every limit of it, once, with its unit and what chose it.
//!
//! Figures are ratios of speed to the value that stands here, medians of four rounds of
//! `scripts/bench/compare` with `BEFORE` as the other one: 20,000 records of 10 KB, two cores, Linux 6.18.
//! *Warm* is from the page cache, *cold* from the disk. Where none is given, the value was reasoned and
//! not measured.

use crate::shard;
use std::ops::RangeInclusive;
use std::time::Duration;

// What one task may take.

/// How many bytes are requested or stored ahead of one reader, about. 1 MiB: 0.88 in order, warm; 64 MiB:
/// 0.92 at random, cold.
pub const LEAD_BYTES: u64 = 8 << 20;
/// The same in records.
pub const LEAD_RECORDS: RangeInclusive<u64> = 2..=512;
/// Records of more bytes are stored as long files are, in parts.
pub const LARGEST_STORED: u64 = shard::LARGE_RECORD;
/// Where what was requested has not come when it is to be stored, twice as much is requested ahead of that
/// reader from then on, up to this many times as much: what the disk is to be busy with is how much it
/// gives times how long it takes.
pub const MOST_STRETCHED: u64 = 8;
/// How many records past a reader that has overtaken it the worker continues.
pub const LEAD_AFTER_OVERTAKING: u64 = 4;
/// After this many records in a row that the kernel has no inode of, nothing more of a task is stored:
/// nobody has listed them.
pub const UNKNOWN_IN_A_ROW: u32 = 4;
/// How many tasks may wait. More are dropped: their reader has come further by then.
pub const QUEUE: usize = 8;
/// For how long the records of one task wait, in all, until no reader's request waits to be read.
pub const STORE_PATIENCE: Duration = Duration::from_millis(1);

/// Answers that take longer, in the mean of the last few, come from disk: those from memory take 5 to 40 µs.
pub const FROM_DISK: Duration = Duration::from_micros(80);

// Readers in an order.

/// How many readers of records, and how many of long files, are followed at once.
pub const READERS: usize = 16;
/// The first window at such a place has this part of the records that one of the reader before has.
pub const TRUSTED_PART: u64 = 8;
/// In a list that was handed over, a record is looked for up to so many positions behind what is prepared, and
/// so many in all, which takes 20 µs at most: workers that read a list together are not further apart. Those before are
/// forgotten.
pub const NEAR: u64 = 8192;
pub const FAR: u64 = 1 << 16;
/// How many views and orders handed over are followed: those of 8 workers with a split each, of this epoch and
/// the next. Each read that belongs to no reader is looked for in all of them.
pub const CHOSEN_ORDERS: usize = 16;
/// In an order that somebody has chosen, each reader that comes to a marker counts this much, and each lookup
/// at another place that is taken for the next place of one of them takes one. So a reader that looks
/// names up at random has next to nothing prepared.
pub const MARKER_TRUST: u32 = 2;
/// And no more than this in all.
pub const MOST_TRUST: u32 = 16;
/// How many records in a row make a reader: readers that stop at once make it more, those that
/// continue make it less.
pub const HITS: RangeInclusive<u32> = 2..=32;
/// A record that has been read may begin a reader for so many reads: as several take turns.
pub const SUSPECTED_FOR: u64 = 2 * READERS as u64;
/// How many records the first window has; each further one has twice as many, up to the lead. 128 made no
/// difference beyond the spread.
pub const FIRST_WINDOW: u64 = 16;
/// Of the reads that belong to no reader, this many are left between two that are searched for in
/// orders that take a search, which costs as much as some reads.
pub const SEARCHED_EVERY: u32 = 64;

// Readers of long files, which the kernel asks for in pieces of its readahead, 128 KiB. Times are of
// 2.5 GB of `raw/data` from the page cache, two cores that have nothing else to do, `dd` by 1 MiB and
// the sum of a mapping: 0.98 and 0.95 s with nothing stored ahead, 0.67 and 0.73 s with a readahead
// of 1 MiB, which reads seven times the bytes that are looked at where a mapping is read at random.

/// A record whose beginning is read by fewer bytes may be one of which nothing else is read.
pub const LEAST_OF_LONG: u64 = 128 << 10;
/// How many bytes the first window has, and the largest: each further one has twice as many. With 4 MiB
/// at most 0.73 and 0.75 s, with 8 MiB 0.69 and 0.74 s, with 16 MiB 0.68 and 0.72 s.
pub const LONG_WINDOW: RangeInclusive<u64> = 512 << 10..=LEAD_BYTES;
/// How many bytes are stored at once. With 128 KiB 0.76 and 0.74 s.
pub const LONG_PART: u64 = 1 << 20;
/// How many bytes past a reader that has overtaken it the worker continues. Closer than that the two do
/// the same work: 128 KiB (and parts of as many) 0.99 and 1.07 s, 512 KiB 0.84 and 0.87 s.
pub const LONG_LEAD_AFTER_OVERTAKING: u64 = 2 << 20;
/// How many bytes are left out of a window, so that a reader that comes there is seen: a page.
pub const LONG_MARKER: u64 = shard::PAGE;

/// Of records that follow each other and that the kernel should have, this many are passed over to find
/// what a reader asks for next. It is a bound of the time that it may take.
pub const MOST_PASSED: u64 = 1024;

// Readers at random.

/// Once one of this many files was read at random, the others are prepared from what is in memory. 16:
/// 0.90 at random, warm.
pub const PART_FOR_MEMORY: u64 = 256;
/// Once one of this many was, the disk is read for that, too. So a reader of fewer has nothing read that it
/// does not ask for, and with [`MOST_FROM_DISK`] a reader of all still finds five of six records in
/// memory (of a part `s` at the beginning: 1/6 + 1.5 s² are not found).
pub const PART_FOR_DISK: u64 = 16;
/// Then never more than this many times what it has asked for is read from disk for a reader, wherever it
/// stops.
///
/// And no more time is spent on that than it has waited for the disk, since long records come hardly faster in
/// order than at random, and the disk that reads ahead does not read for it. With a third of that time
/// a whole pass over 8,000 records of 110 KB, cold, was 0.8 times as fast, and one over a fifth of them
/// as fast.
pub const MOST_FROM_DISK: u64 = 3;
/// As many bytes are read from disk at once, about: a reader waits behind them.
const FROM_DISK_AT_ONCE: u64 = 512 << 10;
/// Of those that are, one of this many is not stored: a read of it is seen, and stands for as many reads of
/// the others, which are not.
pub const MARKED_EVERY: u64 = 32;
/// This many files are asked for in any case, by chance and by programs that look at the first few.
pub const FEWEST_AT_RANDOM: u64 = 64;
/// After a pause this long, counting begins anew: a program that looks at a file now and then does not
/// want them all.
pub const PAUSE: Duration = Duration::from_secs(1);
/// For each file that is read at random, this many others are stored, at most. 8: 0.87 at random, cold;
/// 512: 0.99.
const RECORDS_PER_READ: u64 = 64;
/// And not many more bytes than these.
const BYTES_PER_READ: u64 = 2 << 20;
/// When this many of those had to be read from disk, that is no chance.
pub const COLD_RECORDS: u32 = 8;

// Names.

/// What the kernel keeps of a file that it knows, in bytes: `fuse_inode` and `dentry` of
/// /proc/slabinfo, and what is lost between them.
pub const BYTES_PER_NAME: u64 = 1200;
/// Names may fill this part of the memory there is.
pub const NAMES_SHARE: u64 = 8;

/// How long it takes until a process lists names.
pub const LISTING_BEGINS: Duration = Duration::from_millis(4);
/// Over so many lookups goes the mean of the time between two.
pub const PACE_OF: u32 = 8;
/// How many names of an order that is followed are listed at once, first and at most.
pub const NAMES_AT_ONCE: RangeInclusive<u64> = 2048..=16384;
/// So many windows before their reader comes there.
pub const NAMES_IN_TIME: u64 = 8;
/// Of so many orders it is known what was listed: of all that are followed, and of those that come next.
pub const LISTED_ORDERS: usize = 4 * CHOSEN_ORDERS;
/// After so many processes in a row that could not list anything, no more is started for orders.
pub const MOST_FAILURES: u32 = 3;
/// When so many names that were listed are looked up all the same, the kernel has forgotten them.
pub const MISSING_NAMES: u32 = 64;

/// How many records of this mean length are stored ahead of one reader, where at most so many bytes may
/// be.
pub fn lead_records(mean_len: u64, most: u64) -> u64 {
    (LEAD_BYTES.min(most) / mean_len.max(1)).clamp(*LEAD_RECORDS.start(), *LEAD_RECORDS.end())
}

/// How many records of this mean length, in bytes, are read from disk at once for readers at random.
pub fn from_disk_at_once(mean_len: u64) -> u64 {
    (FROM_DISK_AT_ONCE / mean_len.max(1)).clamp(1, RECORDS_PER_READ)
}

/// How many records of this mean length, in bytes, one read at random has stored.
pub fn records_per_read(mean_len: u64) -> u64 {
    (BYTES_PER_READ / mean_len.max(1)).clamp(1, RECORDS_PER_READ)
}
