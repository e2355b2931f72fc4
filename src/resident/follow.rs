//! Follows the memory there is, and says how much of it the dataset may fill.

use super::shares::{self, Room, Sizes};
use crate::dataset::Dataset;
use crate::dataset::resident::{ResidentShares, Share};
use crate::sys::memory;
use std::time::{Duration, Instant};

/// How much memory records may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLimit {
    /// What is available on the machine and in control groups.
    Available,
    /// The same, but not more than this many bytes.
    Bytes(u64),
}

/// Of what is available, one part of this many is left: for what is on its way through memory, and
/// because the kernel begins to take back before all of it is used.
const LEFT_PART: u64 = 12;
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A share that falls by less than one of this many parts of all is left as it is: what the kernel
/// counts as used moves a little all the time.
const LEAST_FALL: u64 = 128;
/// In a second a share rises by one of this many parts of all at most.
const RISE_PART: u64 = 64;
/// This many records, and one of this many that were read, have to have been read again that should
/// have been in memory: then the kernel has taken memory back that looked available.
const LEAST_TAKEN: u64 = 64;
const TAKEN_PART: u64 = 16;
/// Then so many eighths of what looks available are filled, and after a second one of this many parts
/// more.
const KEPT_EIGHTHS: u64 = 7;
const LEAST_TRUST: u64 = TRUST / 8;
const TRUST: u64 = 1 << 10;
const TRUST_PER_LOOK: u64 = TRUST >> 9;

/// What has been seen of memory.
#[derive(Debug)]
pub struct Follower {
    sizes: Sizes,
    limit: CacheLimit,
    looked: Option<Instant>,
    /// Of the process that has read last.
    reader: Option<memory::Groups>,
    /// How much of what looks available is filled, in parts of [`TRUST`].
    trust: u64,
}

/// How records were read since the last look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Records that were asked for.
    pub read: u64,
    /// Those of them that should have been in memory.
    pub taken: u64,
}

/// Ahead of one reader one of this many parts of what may be filled is brought into memory, where not all
/// can stay: with window, lead and what has yet to be let go of, it takes some four times as much.
const AHEAD_PART: u64 = 128;

/// What to do after a look.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// What is to stay from now on.
    pub shares: ResidentShares,
    /// How many bytes may be brought into memory ahead of one reader.
    pub most_ahead: u64,
    /// What the kernel has is not known any more.
    pub is_lost: bool,
}

impl Follower {
    /// Of the memory for the records of `dataset`.
    pub fn new(dataset: &Dataset, limit: CacheLimit) -> Follower {
        Follower {
            sizes: Sizes {
                in_mount: dataset.page_cache_len(),
                in_shards: dataset.payload_len(),
            },
            limit,
            looked: None,
            reader: None,
            trust: TRUST,
        }
    }

    /// Whether it is time to look.
    pub fn is_due(&self) -> bool {
        self.looked
            .is_none_or(|looked| looked.elapsed() >= LOOK_EVERY)
    }

    /// Looks at the memory that is there for this process and for that of a reader, whose number is given;
    /// 0 if it cannot be seen.
    pub fn look(&mut self, now: &ResidentShares, reader: u32, seen: Seen) -> Change {
        let since = self.looked.map_or(Duration::MAX, |looked| looked.elapsed());
        self.looked = Some(Instant::now());
        // The last one may have ended.
        if let Some(groups) = memory::Groups::of(reader) {
            self.reader = Some(groups);
        }
        let available = memory::available_with(self.reader.as_ref());
        self.decide(now, since, seen, &available)
    }

    fn decide(
        &mut self,
        now: &ResidentShares,
        since: Duration,
        seen: Seen,
        available: &memory::Available,
    ) -> Change {
        let is_lost = seen.taken >= LEAST_TAKEN && seen.taken >= seen.read / TAKEN_PART;
        self.trust = if is_lost {
            (self.trust * KEPT_EIGHTHS / 8).max(LEAST_TRUST)
        } else {
            (self.trust + TRUST_PER_LOOK).min(TRUST)
        };
        let room = self.room(available);
        let fits = shares::that_fit(self.sizes, room);
        let is_first = since == Duration::MAX;
        let shares = if is_first {
            fits
        } else {
            step(now, fits, since)
        };
        let most_ahead = if shares.in_mount == Share::ALL {
            u64::MAX
        } else {
            room.shared.min(room.reader) / AHEAD_PART
        };
        Change {
            shares,
            most_ahead,
            is_lost,
        }
    }

    fn room(&self, available: &memory::Available) -> Room {
        let most = match self.limit {
            CacheLimit::Available => u64::MAX,
            CacheLimit::Bytes(bytes) => bytes,
        };
        let fill = |bytes: u64| {
            let fill = bytes - bytes.div_ceil(LEFT_PART);
            (fill / TRUST).saturating_mul(self.trust)
        };
        Room {
            shared: fill(available.to_both).min(most),
            reader: fill(available.to_other),
            daemon: fill(available.to_this),
        }
    }
}

/// From what stays now to what fits: down at once, up slowly.
fn step(now: &ResidentShares, fits: ResidentShares, since: Duration) -> ResidentShares {
    let millis = u64::try_from(since.as_millis())
        .unwrap_or(u64::MAX)
        .min(1000 * RISE_PART);
    let rise = Share::that_fits(millis, 1000 * RISE_PART);
    let little = Share::that_fits(1, LEAST_FALL);
    let one = |now: Share, fits: Share| {
        if fits >= now {
            now.plus(rise).min(fits)
        } else if fits.plus(little) > now {
            now
        } else {
            fits
        }
    };
    let in_mount = one(now.in_mount, fits.in_mount);
    if fits.in_shards.start == Share::NONE {
        let shards = one(now.in_shards.end, fits.in_shards.end);
        return ResidentShares {
            in_mount,
            in_shards: Share::NONE..shards,
        };
    }
    // What the mount has is not kept twice.
    ResidentShares {
        in_mount,
        in_shards: in_mount..fits.in_shards.end.max(in_mount),
    }
}
