//! Sequential readers of `raw/data` and of long records: the disk is asked ahead of them. One request
//! of the kernel's readahead is too little to keep a disk busy.

use super::budget::LEAD_BYTES;
use super::recent::Recent;
use super::run::{Effort, Marker, Run, Task, Way};
use std::ops::Range;
use std::sync::Arc;

/// The readers, by what they read of `raw/data`.
#[derive(Debug, Default)]
pub struct LongFiles {
    readers: Recent<LongReader>,
}

#[derive(Debug)]
struct LongReader {
    run: Arc<Run>,
    from: u64,
    /// One past what has been read or requested.
    until: u64,
}

impl LongFiles {
    /// Takes note of a read of a file that ends at `limit`, and says what to request from disk now.
    /// Requests of one reader may come out of order, as several threads answer them.
    pub fn observe(&mut self, read: Range<u64>, limit: u64) -> Option<Task> {
        let place = |reader: &LongReader| {
            let range = reader.from..=reader.until;
            range.contains(&read.start).then_some(())
        };
        let Some((reader, ())) = self.readers.find(place) else {
            self.readers.add(LongReader {
                run: Run::of_reader(Way::RawData),
                from: read.start,
                until: read.end,
            });
            return None;
        };
        reader.from = reader.from.max(read.end.saturating_sub(LEAD_BYTES));
        let from = reader.until.max(read.end);
        // It is asked again when half of the lead is left.
        if from - read.end > LEAD_BYTES / 2 || from >= limit {
            return None;
        }
        reader.run.reached.set(from);
        reader.until = limit.min(read.end + LEAD_BYTES);
        Some(Task {
            run: Arc::clone(&reader.run),
            until: reader.until,
            most: u64::MAX,
            lead: 0,
            marker: Marker::Nowhere,
            effort: Effort::Request,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Shuffle;

    #[test]
    fn a_long_file_is_requested_once_and_in_time() {
        const MIB: u64 = 1 << 20;
        let mut files = LongFiles::default();
        let mut requested = MIB;
        for turn in 0..100 {
            // Two at once may change places.
            let read = if turn == 0 { 0 } else { ((turn - 1) ^ 1) + 1 };
            if let Some(task) = files.observe(read * MIB..(read + 1) * MIB, 100 * MIB) {
                let from = task.run.reached.get();
                assert!(from >= requested && from < task.until, "{task:?}");
                requested = task.until;
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
        let mut files = LongFiles::default();
        let shuffle = Shuffle::new(1, 1 << 20);
        let mut read = |offset| files.observe(offset..offset + 4096, u64::MAX);
        let asked = (0..1000).filter(|&n| read(shuffle.at(n) * 4096).is_some());
        assert_eq!(asked.count(), 0);
    }
}
