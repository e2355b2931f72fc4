//! Sequential readers of `raw/data` and of long records: what comes next is requested from disk and
//! stored by windows, each at the marker of the one before it. The kernel asks for little at a time
//! by itself.

use super::budget::{LONG_MARKER, LONG_WINDOW, MOST_PASSED};
use super::recent::Recent;
use super::run::{Effort, LongFile, Marker, Run, Task, Way};
use crate::dataset::resident::{RAW_BLOCK_LEN, ResidentSet};
use crate::tree::Node;
use std::ops::Range;
use std::sync::Arc;

/// The readers, by what they read.
#[derive(Debug)]
pub struct LongFiles {
    readers: Recent<LongReader>,
    resident: Arc<ResidentSet>,
}

/// Positions are bytes of its file.
#[derive(Debug)]
struct LongReader {
    run: Arc<Run>,
    file: LongFile,
    from: u64,
    /// One past what has been read.
    reached: u64,
    /// Where the last window begins and ends; before the first, the end of the first read.
    window: Range<u64>,
}

impl LongReader {
    fn new(file: LongFile, read: &Range<u64>) -> LongReader {
        LongReader {
            run: Run::of_reader(Way::LongFile(file.clone())),
            file,
            from: read.start,
            reached: read.end,
            window: read.end..read.end,
        }
    }

    /// Whether it may have read this: requests of one reader may come out of order, as several threads
    /// answer them.
    fn may_read(&self, file: &LongFile, start: u64) -> bool {
        let range = self.from..=self.window.end.max(self.reached);
        range.contains(&start) && self.file == *file
    }

    /// The window after the last, once that one's marker has been read.
    /// It begins with what the kernel asks for.
    fn next_window(&self, read: &Range<u64>, resident: &ResidentSet) -> Option<Range<u64>> {
        let start = self.window.end.max(self.reached);
        let mut start = start.checked_next_multiple_of(LONG_MARKER)?;
        let is_raw = self.file.node == Node::RawData;
        for _ in 0..MOST_PASSED {
            if !is_raw || start >= self.file.len() || !resident.has_block(start) {
                break;
            }
            start = (start + 1).next_multiple_of(RAW_BLOCK_LEN);
        }
        if read.end <= self.window.start || start >= self.file.len() {
            return None;
        }
        let len = 2 * (self.window.end - self.window.start);
        let most = resident
            .most_ahead()
            .clamp(*LONG_WINDOW.start(), *LONG_WINDOW.end());
        let end = start + len.clamp(*LONG_WINDOW.start(), most);
        Some(start..end.min(self.file.len()))
    }
}

impl LongFiles {
    /// None yet. What the kernel has of what is to stay in memory, nobody asks for.
    pub fn new(resident: Arc<ResidentSet>) -> LongFiles {
        LongFiles {
            readers: Recent::default(),
            resident,
        }
    }

    /// Takes note of a read of a part of a file, and says what to prepare now. The disk is asked for two
    /// more windows: with one, 2.5 GB of `raw/data` from a cold disk took 1.90 s instead of 1.70 s.
    pub fn observe(&mut self, file: LongFile, read: Range<u64>) -> Option<Task> {
        let may_read = |reader: &LongReader| reader.may_read(&file, read.start).then_some(());
        let Some((reader, ())) = self.readers.find(may_read) else {
            self.readers.add(LongReader::new(file, &read));
            return None;
        };
        reader.reached = reader.reached.max(read.end);
        reader.run.reached.set(reader.reached);
        reader.run.passed.set(reader.reached);
        let behind = reader.reached.saturating_sub(*LONG_WINDOW.end());
        reader.from = reader.from.max(behind);
        let window = reader.next_window(&read, &self.resident)?;
        reader.window = window.clone();
        Some(Task {
            run: Arc::clone(&reader.run),
            from: 0,
            until: window.end,
            most_requested: u64::MAX,
            most: u64::MAX,
            lead: 2 * (window.end - window.start),
            marker: Marker::At(window.start),
            effort: Effort::RequestAndStore,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ahead::budget::LONG_LEAD_AFTER_OVERTAKING;
    use crate::ahead::fake::Fake;
    use crate::ahead::worker::Worker;
    use crate::dataset::resident::{ResidentShares, Share};
    use crate::order::Shuffle;
    use std::collections::HashSet;

    const READAHEAD: u64 = 128 << 10;

    fn long_files() -> LongFiles {
        LongFiles::new(Arc::new(ResidentSet::new(1, 1 << 40)))
    }

    fn file(len: u64) -> LongFile {
        LongFile {
            node: Node::RawData,
            place: 0..len,
        }
    }

    /// A reader in order, with its worker at its side: returns how many requests it makes.
    fn read_in_order(len: u64, worker: &mut Worker<Fake>) -> u64 {
        let (mut files, mut requests, mut at) = (long_files(), 0, 0);
        let mut cached = HashSet::new();
        while at < len {
            if cached.contains(&at) {
                at += LONG_MARKER;
                continue;
            }
            requests += 1;
            let read = at..len.min(at + READAHEAD);
            cached.extend(read.clone().step_by(LONG_MARKER as usize));
            if let Some(task) = files.observe(file(len), read) {
                worker.prepare(&task).expect("the mount is there");
            }
            for part in worker.store.parts.drain(..) {
                assert!(part.start % LONG_MARKER == 0 && part.end <= len, "{part:?}");
                cached.extend(part.step_by(LONG_MARKER as usize));
            }
        }
        requests
    }

    #[test]
    fn of_a_file_that_is_read_in_order_little_is_asked_for() {
        let mut worker = Worker::new(Fake::default());
        for len in [1 << 20, 100 << 20, (100 << 20) + 1234] {
            let windows = len / LONG_WINDOW.end() + 8;
            let requests = read_in_order(len, &mut worker);
            assert!(requests <= windows, "{requests} for {len} bytes");
        }
        let requested = std::mem::take(&mut worker.store.requested);
        assert!(requested.iter().all(|bytes| !bytes.is_empty()));
    }

    #[test]
    fn blocks_that_the_kernel_should_have_are_passed_over() {
        let blocks = 200;
        let len = blocks * RAW_BLOCK_LEN;
        let set = ResidentSet::new(blocks, len);
        let half = Share::that_fits(1, 2);
        set.set_shares(&ResidentShares {
            in_mount: half,
            in_shards: half..half,
        });
        let stay: Vec<u64> = (0..blocks)
            .filter(|block| set.byte(block * RAW_BLOCK_LEN).in_mount)
            .collect();
        stay.iter().for_each(|&block| {
            set.blocks().set(block);
        });
        let mut files = LongFiles::new(Arc::new(set));
        let mut worker = Worker::new(Fake::default());
        let mut cached: HashSet<u64> = HashSet::new();
        let mut requests = 0;
        for at in (0..len).step_by(LONG_MARKER as usize) {
            if stay.contains(&(at / RAW_BLOCK_LEN)) || cached.contains(&at) {
                continue;
            }
            requests += 1;
            let read = at..len.min(at + READAHEAD);
            cached.extend(read.clone().step_by(LONG_MARKER as usize));
            let Some(task) = files.observe(file(len), read) else {
                continue;
            };
            let start = task.until.min(task.run.reached.get());
            assert!(start <= task.until);
            if let Marker::At(marker) = task.marker {
                assert!(
                    !stay.contains(&(marker / RAW_BLOCK_LEN)),
                    "nobody asks for it"
                );
            }
            worker.prepare(&task).expect("the mount is there");
            for part in worker.store.parts.drain(..) {
                cached.extend(part.step_by(LONG_MARKER as usize));
            }
        }
        let by_itself = (blocks - stay.len() as u64) * RAW_BLOCK_LEN / READAHEAD;
        assert!(requests < by_itself / 4, "{requests} of {by_itself}");
    }

    #[test]
    fn what_a_reader_that_is_faster_has_read_is_left_to_it() {
        let mut files = long_files();
        let mut worker = Worker::new(Fake::default());
        let mut task = None;
        for read in 0..160 {
            let read = read * READAHEAD..(read + 1) * READAHEAD;
            task = files.observe(file(1 << 30), read).or(task);
        }
        let mut task = task.expect("it reads in order");
        let reached = task.run.reached.get();
        task.until = reached + 2 * LONG_LEAD_AFTER_OVERTAKING;
        task.run.stored.set(reached - 1);
        worker.prepare(&task).expect("the mount is there");
        let first = worker.store.parts.first().expect("stored");
        assert!(first.start >= reached, "{first:?}, read up to {reached}");
    }

    #[test]
    fn nothing_is_prepared_for_random_reads_of_a_long_file() {
        let mut files = long_files();
        let shuffle = Shuffle::new(1, 1 << 20);
        let mut read = |offset| files.observe(file(1 << 32), offset..offset + 4096);
        let asked = (0..1000).filter(|&n| read(shuffle.at(n) * 4096).is_some());
        assert_eq!(asked.count(), 0);
    }
}
