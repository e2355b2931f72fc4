//! Which order is being read, and what comes next in it: pure bookkeeping, no I/O of its own.
//!
//! Only reads that the kernel cannot answer itself are seen here. Who reads what was stored ahead in
//! the kernel's cache is not seen, so in the middle of what is stored ahead one record is left out:
//! the request for it says that the reader has come so far, and the next ones are stored.

use crate::format::index::Extent;

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
}

/// How many readers are followed at once.
const STREAMS: usize = 16;
/// How many records in a row make a stream, at first, and at most: streams that end at once make it
/// more, those that go on make it less.
const FEWEST_HITS: u32 = 2;
const MOST_HITS: u32 = 32;
/// How many records the first window has.
const FIRST_WINDOW: u64 = 16;
/// Of the reads that belong to no stream, so many are left between two that are looked up by name.
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
    /// What has been stored ahead, and that it is gone on with when this position and record is read.
    from: u64,
    ahead: u64,
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
    /// Takes note of the first read of a record, and says what to store ahead now.
    pub fn observe(&mut self, record: u64, positions: &impl Positions) -> Option<Window> {
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
            return None;
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
            return None;
        }
        let window = stream.extend(positions);
        self.windows += u64::from(window.is_some());
        window
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
        self.ahead = to;
        self.marker = positions
            .record_at(self.order, marker)
            .map(|record| (marker, record));
        positions.record_at(self.order, from)?;
        Some(Window {
            order: self.order,
            from,
            to,
            marker,
        })
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
            if let Some(window) = streams.observe(record, &Reversed) {
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
}
