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
const LEFT_PART: u64 = 16;
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
/// Then this many parts of [`TRUST_PARTS`] of what looks available are filled, and with each further look a
/// little more.
const KEPT_PARTS: u64 = 15;
const TRUST_PARTS: u64 = 16;
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

/// Ahead of one reader one of this many parts of what may be filled is brought into memory, where not
/// everything can stay: with window, lead and what has yet to be let go of, it takes some four times as much.
const AHEAD_PART: u64 = 128;

/// And one of this many parts of it is kept of what was read last and does not stay.
const WAITING_PART: u64 = 128;

/// What to do after a look.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// What is to stay from now on.
    pub shares: ResidentShares,
    /// How many bytes may be brought into memory ahead of one reader.
    pub most_ahead: u64,
    /// How many bytes that do not stay may wait to be let go of.
    pub most_waiting: u64,
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

    /// Whether it is time to look; the first time comes when reading has begun.
    pub fn is_due(&self, has_begun: bool) -> bool {
        match self.looked {
            None => has_begun,
            Some(looked) => looked.elapsed() >= LOOK_EVERY,
        }
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
            (self.trust * KEPT_PARTS / TRUST_PARTS).max(LEAST_TRUST)
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
        let most_ahead = if shares == ResidentShares::EVERYTHING {
            u64::MAX
        } else {
            room.shared.min(room.reader) / AHEAD_PART
        };
        Change {
            shares,
            most_ahead,
            most_waiting: room.shared.min(room.reader) / WAITING_PART,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memory::Available;

    const GIB: u64 = 1 << 30;
    const LOOK: Duration = Duration::from_millis(250);
    const WHOLE: u64 = 1 << 20;

    fn follower(limit: CacheLimit) -> Follower {
        Follower {
            sizes: Sizes {
                in_mount: 12 * GIB,
                in_shards: 10 * GIB,
            },
            limit,
            looked: None,
            reader: None,
            trust: TRUST,
        }
    }

    fn available(to_both: u64) -> Available {
        Available {
            to_both,
            to_other: u64::MAX,
            to_this: u64::MAX,
        }
    }

    fn mounted() -> ResidentShares {
        ResidentShares::EVERYTHING
    }

    /// Thousandths of all records.
    fn of(share: Share) -> u64 {
        (share.of(10_000) + 5) / 10
    }

    fn first(follower: &mut Follower, available: &Available) -> Change {
        follower.decide(&mounted(), Duration::MAX, Seen::default(), available)
    }

    #[test]
    fn the_first_look_sets_what_fits_and_leaves_a_part() {
        let mut follower = follower(CacheLimit::Available);
        let change = first(&mut follower, &available(12 * GIB));
        assert_eq!(of(change.shares.in_mount), 938, "fifteen of sixteen");
        assert!(change.shares.in_shards.is_empty() && !change.is_lost);
        let least = 12 * GIB / 16 * 15 / AHEAD_PART;
        assert!((least - WHOLE..=least).contains(&change.most_ahead));
        let all = first(&mut follower, &available(100 * GIB));
        assert_eq!(all.shares, ResidentShares::EVERYTHING);
        assert_eq!(all.most_ahead, u64::MAX);
    }

    #[test]
    fn a_limit_is_not_exceeded_and_leaves_nothing_of_it_out() {
        for (limit, expected) in [(6 * GIB, 500), (3 * GIB, 250), (0, 0), (u64::MAX, 938)] {
            let mut follower = follower(CacheLimit::Bytes(limit));
            let change = first(&mut follower, &available(12 * GIB));
            assert_eq!(of(change.shares.in_mount), expected, "{limit}");
        }
        let mut none = follower(CacheLimit::Bytes(0));
        assert_eq!(first(&mut none, &available(u64::MAX)).most_ahead, 0);
    }

    #[test]
    fn what_the_reader_has_no_room_for_stays_with_the_daemon() {
        let mut follower = follower(CacheLimit::Available);
        let of_reader = Available {
            to_other: 6 * GIB,
            ..available(100 * GIB)
        };
        let shares = first(&mut follower, &of_reader).shares;
        assert_eq!(of(shares.in_mount), 469);
        assert_eq!(shares.in_shards, Share::NONE..Share::ALL);
        let of_daemon = Available {
            to_this: 6 * GIB,
            ..available(100 * GIB)
        };
        let shares = first(&mut follower, &of_daemon).shares;
        assert_eq!(shares.in_mount, Share::ALL);
        assert!(shares.in_shards.is_empty());
    }

    #[test]
    fn a_share_falls_at_once_and_rises_slowly() {
        let mut follower = follower(CacheLimit::Available);
        let mut shares = first(&mut follower, &available(13 * GIB)).shares;
        let mut look = |shares: &ResidentShares, bytes| {
            let seen = Seen::default();
            follower
                .decide(shares, LOOK, seen, &available(bytes))
                .shares
        };
        shares = look(&shares, 5 * GIB);
        assert_eq!(of(shares.in_mount), 391);
        let after_one = look(&shares, 13 * GIB);
        let rise = of(after_one.in_mount) - of(shares.in_mount);
        assert!((3..=5).contains(&rise), "a 256th: {rise}");
        let mut looks = 0;
        while of(shares.in_mount) < 993 {
            shares = look(&shares, 13 * GIB);
            looks += 1;
            assert!(looks < 256, "64 seconds are enough for all");
        }
        assert!(looks > 100, "{looks}");
    }

    #[test]
    fn a_share_that_falls_by_little_stays() {
        let mut follower = follower(CacheLimit::Available);
        let shares = first(&mut follower, &available(8 * GIB)).shares;
        let mut look = |bytes| {
            let seen = Seen::default();
            follower
                .decide(&shares, LOOK, seen, &available(bytes))
                .shares
        };
        assert_eq!(look(8 * GIB - 12 * GIB / 256), shares);
        assert!(look(8 * GIB - 12 * GIB / 64).in_mount < shares.in_mount);
    }

    #[test]
    fn what_the_kernel_has_taken_back_is_trusted_again_only_slowly() {
        let mut follower = follower(CacheLimit::Available);
        let shares = first(&mut follower, &available(8 * GIB)).shares;
        let mut look = |read, taken| {
            let seen = Seen { read, taken };
            follower.decide(&shares, LOOK, seen, &available(8 * GIB))
        };
        // Few, by number or in proportion, are chance.
        for (read, taken) in [(63, 63), (100_000, 6000)] {
            let change = look(read, taken);
            assert!(!change.is_lost && change.shares == shares);
        }
        let change = look(1000, 64);
        assert!(change.is_lost);
        let expected = of(shares.in_mount) * KEPT_PARTS / TRUST_PARTS;
        assert!(of(change.shares.in_mount).abs_diff(expected) <= 1);
        for _ in 0..100 {
            look(1000, 1000);
        }
        assert_eq!(follower.trust, LEAST_TRUST);
        let mut looks = 0;
        while follower.trust < TRUST {
            follower.decide(&shares, LOOK, Seen::default(), &available(8 * GIB));
            looks += 1;
        }
        assert!((60 * 4..=120 * 4).contains(&looks), "{looks}");
    }

    #[test]
    fn where_all_stays_nothing_is_bounded_ahead_and_little_memory_is_no_fault() {
        let mut follower = follower(CacheLimit::Available);
        for bytes in [0, 1, 11, 12, 4096, u64::MAX] {
            let change = first(&mut follower, &available(bytes));
            assert!(change.shares.in_mount <= Share::ALL, "{bytes}");
            assert!(change.shares.in_shards.end <= Share::ALL, "{bytes}");
        }
    }

    #[test]
    fn two_copies_become_one_at_once() {
        let mut follower = follower(CacheLimit::Available);
        let two = first(&mut follower, &available(100 * GIB)).shares;
        let one = follower.decide(&two, LOOK, Seen::default(), &available(16 * GIB));
        assert_eq!(one.shares.in_mount, Share::ALL);
        assert!(one.shares.in_shards.start > Share::NONE);
    }
}
