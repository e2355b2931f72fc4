//! Which order is being read, and what comes next in it: pure bookkeeping, no I/O of its own.
//!
//! Only reads that the kernel cannot answer itself are seen here. Who reads what was stored ahead in
//! the kernel's cache is not seen, so in the middle of what is stored ahead one record is left out:
//! the request for it says that the reader has come so far, and the next ones are stored.

use crate::format::index::Extent;
use std::ops::Range;
use std::time::{Duration, Instant};

/// The most bytes of one record that its first read requests from disk.
const WHOLE_RECORD_MAX: u64 = 1 << 20;

/// What to request from disk for a read of `part` of `record`: the whole record (up to 1 MiB) at
/// its beginning, because who opens a record reads it; later exactly what is read, since the
/// kernel's own readahead on the mount already asks ahead in a long record.
pub fn record_window(record: Extent, part: Extent) -> Extent {
    match part.start() == record.start() {
        true => record.part(0, part.len().max(WHOLE_RECORD_MAX)),
        false => part,
    }
}

/// An order in which records may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By number, as in `records/` and `shards/`.
    Numbers,
    /// By name, as in `files/`.
    Names,
}

/// Records by their position in an order.
pub trait Positions {
    /// The record at a position; `None` past the end.
    fn record_at(&self, order: Order, position: u64) -> Option<u64>;
    /// The position of a record among the names; `None` where that order is not worth following.
    fn name_position(&self, record: u64) -> Option<u64>;
    /// How many records of average size are worth storing ahead.
    fn most_ahead(&self) -> u64;
}

/// Positions whose records are to be stored ahead, but for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// In which order.
    pub order: Order,
    /// The first position.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// The position that is left out, so that the reader is seen there.
    pub marker: u64,
    /// The first position that is to be requested from disk, and one past the last: those before
    /// have been, and some after the window are, so that the disk has work while it is stored.
    pub requested: (u64, u64),
}

/// What a read tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It belongs to an order that is followed, for which enough is stored ahead.
    Nothing,
    /// It does, and these are to be stored ahead now.
    Store(Window),
    /// It belongs to no order that is known.
    Stray,
}

/// What those who ask for one file after the other, in no order, make worth doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// Nothing.
    Nothing,
    /// To prepare all files from what is in memory.
    Memory,
    /// To read all files from disk.
    Disk,
}

/// Counts how many of all files somebody asks for in no order: after a 256th without a long pause it
/// is worth preparing the others, after an eighth reading them from disk for that, too.
#[derive(Debug)]
pub struct Patience {
    files: u64,
    needed: u64,
    seen: u64,
    last: Option<Instant>,
}

const PART: u64 = 256;
const PART_FOR_DISK: u64 = 8;
/// Some files are asked for in any case, by chance and by programs that look at the first few.
const FEWEST_STRAYS: u64 = 64;
/// After a pause this long, counting begins anew: who looks at a file now and then does not want
/// them all.
const PAUSE: Duration = Duration::from_secs(1);

impl Patience {
    /// With someone who may ask for this many files.
    pub fn new(files: u64) -> Patience {
        Patience {
            files,
            needed: (files / PART).max(FEWEST_STRAYS),
            seen: 0,
            last: None,
        }
    }

    /// Counts one that was asked for, and says what all of them make worth doing.
    pub fn count(&mut self, now: Instant) -> Worth {
        if self.last.is_some_and(|last| now - last > PAUSE) {
            self.seen = 0;
        }
        self.last = Some(now);
        self.seen += 1;
        match self.seen {
            seen if seen <= self.needed => Worth::Nothing,
            seen if seen <= self.files / PART_FOR_DISK => Worth::Memory,
            _ => Worth::Disk,
        }
    }

    /// All have been prepared. Should that not have lasted, twice as many have to be asked for
    /// before they are again.
    pub fn start_over(&mut self) {
        self.seen = 0;
        self.needed = self.needed.saturating_mul(2);
    }
}

/// How many readers are followed at once.
const STREAMS: usize = 16;
/// How many records in a row make a stream, at first, and at most: streams that end at once make it
/// more, those that go on make it less.
const FEWEST_HITS: u32 = 2;
const MOST_HITS: u32 = 32;
/// How many records the first window has.
const FIRST_WINDOW: u64 = 16;
/// Of the reads that belong to no stream, this many are left between two that are looked up by name.
const NAME_SAMPLE: u32 = 64;

/// The orders that are being read.
#[derive(Debug)]
pub struct Streams {
    streams: Vec<Stream>,
    clock: u64,
    needed: u32,
    strangers: u32,
    /// Windows begun, and those whose marker was read.
    windows: u64,
    used: u64,
}

/// Somebody who reads in an order, perhaps.
#[derive(Debug)]
struct Stream {
    order: Order,
    /// The next position, and the record there.
    next: u64,
    expected: u64,
    hits: u32,
    /// What has been stored ahead, and that it is continued when this position and record is read.
    from: u64,
    ahead: u64,
    /// One past what has been requested from disk.
    requested: u64,
    marker: Option<(u64, u64)>,
    window: u64,
    last_use: u64,
}

impl Default for Streams {
    fn default() -> Self {
        Streams {
            streams: Vec::with_capacity(STREAMS),
            clock: 0,
            needed: FEWEST_HITS,
            strangers: 0,
            windows: 0,
            used: 0,
        }
    }
}

impl Streams {
    /// Takes note of the first read of a record, and says what follows from it.
    pub fn observe(&mut self, record: u64, positions: &impl Positions) -> Next {
        self.clock += 1;
        let clock = self.clock;
        let mut found = None;
        for stream in &mut self.streams {
            if let Some((position, is_marker)) = stream.place(record) {
                stream.next = position + 1;
                stream.hits += 1;
                stream.last_use = clock;
                found = Some((stream, is_marker));
                break;
            }
        }
        let Some((stream, is_marker)) = found else {
            self.begin(record, positions);
            return Next::Stray;
        };
        match positions.record_at(stream.order, stream.next) {
            Some(expected) => stream.expected = expected,
            None => stream.expected = u64::MAX,
        }
        if is_marker {
            self.used += 1;
            self.needed = self.needed.div_ceil(2).max(FEWEST_HITS);
            stream.window = (stream.window * 2).min(positions.most_ahead());
        } else if stream.marker.is_some() || stream.hits < self.needed {
            return Next::Nothing;
        }
        let Some(window) = stream.extend(positions) else {
            return Next::Nothing;
        };
        self.windows += 1;
        Next::Store(window)
    }

    /// Windows that were begun, and those of them whose reader has come to their middle.
    pub fn counts(&self) -> (u64, u64) {
        (self.windows, self.used)
    }

    fn begin(&mut self, record: u64, positions: &impl Positions) {
        self.strangers += 1;
        self.begin_at(Order::Numbers, record, positions);
        // Looking for a name takes as long as some reads, so few are looked for.
        if self.strangers >= NAME_SAMPLE {
            self.strangers = 0;
            if let Some(position) = positions.name_position(record) {
                self.begin_at(Order::Names, position, positions);
            }
        }
    }

    fn begin_at(&mut self, order: Order, position: u64, positions: &impl Positions) {
        let Some(expected) = positions.record_at(order, position + 1) else {
            return;
        };
        let stream = Stream {
            order,
            next: position + 1,
            expected,
            hits: 0,
            from: 0,
            ahead: 0,
            requested: 0,
            marker: None,
            window: FIRST_WINDOW.min(positions.most_ahead()),
            last_use: self.clock,
        };
        if self.streams.len() < STREAMS {
            self.streams.push(stream);
            return;
        }
        // A sampled name is kept for a while; of the others, the one that was used last long ago.
        let oldest = self.streams.iter_mut().min_by_key(|stream| stream.last_use);
        let Some(oldest) = oldest else { return };
        if oldest.marker.is_some() {
            // Stored ahead for nobody.
            self.needed = (self.needed * 2).min(MOST_HITS);
        }
        *oldest = stream;
    }
}

impl Stream {
    /// The position of a record that this stream expects, and whether it is the marker.
    fn place(&self, record: u64) -> Option<(u64, bool)> {
        let Some((marker, marked)) = self.marker else {
            return (record == self.expected).then_some((self.next, false));
        };
        // By number, also what was not stored in time, and what others read who are near.
        let is_within = self.order == Order::Numbers && (self.from..=self.ahead).contains(&record);
        let position = match record {
            record if record == marked => marker,
            record if is_within => record,
            record if record == self.expected => self.next,
            _ => return None,
        };
        Some((position, position >= marker))
    }

    /// The next window, if there are records left.
    fn extend(&mut self, positions: &impl Positions) -> Option<Window> {
        // The window before is still being read.
        self.from = match self.marker {
            Some(_) => self.ahead.saturating_sub(self.window),
            None => self.next,
        };
        let from = self.ahead.max(self.next);
        let to = from + self.window;
        let marker = from + self.window / 2;
        let requested = (self.requested.max(from), to + self.window);
        self.ahead = to;
        self.requested = requested.1;
        self.marker = positions
            .record_at(self.order, marker)
            .map(|record| (marker, record));
        positions.record_at(self.order, from)?;
        Some(Window {
            order: self.order,
            from,
            to,
            marker,
            requested,
        })
    }
}

/// How many readers of long files are followed at once.
const LONG_STREAMS: usize = 4;
/// How far ahead of a sequential reader of a long file the disk is asked, in bytes: one request of
/// the kernel's readahead is too little to keep a disk busy.
const LONG_AHEAD: u64 = 8 << 20;
/// It is asked again when this much of that is left.
const LONG_LEFT: u64 = LONG_AHEAD / 2;

/// The sequential readers of `raw/data` and of long records, by what they read of `raw/data`.
#[derive(Debug, Default)]
pub struct LongFiles {
    streams: Vec<LongStream>,
    clock: u64,
}

#[derive(Debug)]
struct LongStream {
    from: u64,
    /// One past what has been read or requested.
    ahead: u64,
    last_use: u64,
}

impl LongFiles {
    /// Takes note of a read of a file that ends at `limit`, and says what to request from disk now.
    /// Requests of one reader may come out of order, as several threads answer them.
    pub fn observe(&mut self, read: Range<u64>, limit: u64) -> Option<Range<u64>> {
        self.clock += 1;
        let (offset, end) = (read.start, read.end);
        let mut streams = self.streams.iter_mut();
        if let Some(stream) = streams.find(|s| (s.from..=s.ahead).contains(&offset)) {
            stream.last_use = self.clock;
            stream.from = stream.from.max(end.saturating_sub(LONG_AHEAD));
            let from = stream.ahead.max(end);
            if from - end > LONG_LEFT || from >= limit {
                return None;
            }
            stream.ahead = limit.min(end + LONG_AHEAD);
            return Some(from..stream.ahead);
        }
        let stream = LongStream {
            from: offset,
            ahead: end,
            last_use: self.clock,
        };
        if self.streams.len() < LONG_STREAMS {
            self.streams.push(stream);
        } else if let Some(oldest) = self.streams.iter_mut().min_by_key(|s| s.last_use) {
            *oldest = stream;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10,000 records whose names are in the opposite order.
    struct Reversed;

    const RECORDS: u64 = 10_000;

    impl Positions for Reversed {
        fn record_at(&self, order: Order, position: u64) -> Option<u64> {
            let record = match order {
                Order::Numbers => position,
                Order::Names => (RECORDS - 1).checked_sub(position)?,
            };
            (record < RECORDS).then_some(record)
        }

        fn name_position(&self, record: u64) -> Option<u64> {
            Some(RECORDS - 1 - record)
        }

        fn most_ahead(&self) -> u64 {
            256
        }
    }

    /// Reads records as a kernel does that has what was stored: returns how many were asked for.
    fn read(streams: &mut Streams, records: impl Iterator<Item = u64>) -> u64 {
        let mut stored = std::collections::HashSet::new();
        let mut requests = 0;
        for record in records {
            if stored.contains(&record) {
                continue;
            }
            requests += 1;
            if let Next::Store(window) = streams.observe(record, &Reversed) {
                let positions = (window.from..window.to).filter(|&p| p != window.marker);
                stored.extend(positions.filter_map(|p| Reversed.record_at(window.order, p)));
            }
        }
        requests
    }

    #[test]
    fn a_reader_in_order_asks_for_few_records() {
        let mut streams = Streams::default();
        let requests = read(&mut streams, 0..RECORDS);
        assert!(requests < 60, "{requests}");
        let (windows, used) = streams.counts();
        assert!(windows - used <= 1, "{windows} {used}");
    }

    #[test]
    fn a_reader_by_name_is_recognized() {
        let mut streams = Streams::default();
        let requests = read(&mut streams, (0..RECORDS).rev());
        assert!(requests < 200, "{requests}");
    }

    #[test]
    fn several_readers_are_followed_at_once() {
        let mut streams = Streams::default();
        let each = |n: u64| [n, n + 2000, n + 4000, n + 6000];
        let requests = read(&mut streams, (0..2000).flat_map(each));
        assert!(requests < 250, "{requests}");
    }

    #[test]
    fn nothing_is_stored_ahead_of_a_random_reader() {
        let mut streams = Streams::default();
        let shuffle = crate::order::Shuffle::new(1, RECORDS);
        read(&mut streams, (0..RECORDS).map(|n| shuffle.at(n)));
        assert_eq!(streams.counts(), (0, 0));
    }

    #[test]
    fn short_runs_are_given_up() {
        let mut streams = Streams::default();
        let shuffle = crate::order::Shuffle::new(1, RECORDS / 4);
        let runs = (0..RECORDS / 4).flat_map(|n| {
            let first = shuffle.at(n) * 4;
            first..first + 4
        });
        read(&mut streams, runs);
        let (windows, _) = streams.counts();
        assert!(windows < 60, "{windows}");
    }

    #[test]
    fn the_end_is_not_passed() {
        let mut streams = Streams::default();
        for record in RECORDS - 5..RECORDS {
            streams.observe(record, &Reversed);
        }
        streams.observe(RECORDS - 1, &Reversed);
    }

    #[test]
    fn a_long_file_is_requested_once_and_in_time() {
        const MIB: u64 = 1 << 20;
        let mut file = LongFiles::default();
        let mut requested = MIB;
        for turn in 0..100 {
            // Two at once may change places.
            let read = if turn == 0 { 0 } else { ((turn - 1) ^ 1) + 1 };
            if let Some(asked) = file.observe(read * MIB..(read + 1) * MIB, 100 * MIB) {
                assert!(asked.start >= requested && !asked.is_empty(), "{asked:?}");
                requested = asked.end;
            }
            let needed = (read + 4).min(100) * MIB;
            assert!(
                (needed..=100 * MIB).contains(&requested) || turn < 2,
                "{turn}"
            );
        }
    }

    #[test]
    fn nothing_is_requested_for_random_reads_of_a_long_file() {
        let mut file = LongFiles::default();
        let shuffle = crate::order::Shuffle::new(1, 1 << 20);
        let mut read = |offset| file.observe(offset..offset + 4096, u64::MAX);
        let asked = (0..1000).filter(|&n| read(shuffle.at(n) * 4096).is_some());
        assert_eq!(asked.count(), 0);
    }

    #[test]
    fn patience_ends_once_a_part_was_asked_for_without_a_pause() {
        let begin = Instant::now();
        let at = |milliseconds: u64| begin + Duration::from_millis(milliseconds);
        let mut patience = Patience::new(256 * 100);
        let mut worth = (0..10_000).map(|n| patience.count(at(n)));
        assert_eq!(worth.position(|worth| worth == Worth::Memory), Some(100));
        assert_eq!(worth.position(|worth| worth != Worth::Memory), Some(3099));
        assert!(worth.all(|worth| worth == Worth::Disk));
        patience.start_over();
        let mut again = (10_000..11_000).map(|n| patience.count(at(n)));
        assert_eq!(again.position(|worth| worth != Worth::Nothing), Some(200));
        let mut patience = Patience::new(256 * 100);
        let mut rarely = (0..1000).map(|n| patience.count(at(n * 1001)));
        assert!(rarely.all(|worth| worth == Worth::Nothing));
    }
}
