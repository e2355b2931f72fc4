//! What is to stay where, by the room that there is: arithmetic.

use crate::dataset::resident::{ResidentShares, Share};

/// Where the kernel's cache of the mount would need more than this many times the bytes of the shards,
/// because each record there has pages of its own, the shards' pages come first.
const MANY_TIMES: u64 = 2;

/// Bytes that all records take.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// In the kernel's cache of the mount, which has whole pages of each.
    pub in_mount: u64,
    /// In the pages of the shards.
    pub in_shards: u64,
}

/// Bytes that may be filled. What the mount's cache has is charged to the program that reads, what the
/// shards' pages have to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// By both together.
    pub shared: u64,
    /// By readers.
    pub reader: u64,
    /// By the daemon.
    pub daemon: u64,
}

/// Shares that fit.
///
/// One copy of as much as there is room for comes before two copies of anything, and the kernel's cache
/// of the mount, where a read costs no request, before the shards' pages.
pub fn that_fit(sizes: Sizes, room: Room) -> ResidentShares {
    if sizes.in_mount / MANY_TIMES > sizes.in_shards {
        let shards = sizes.in_shards.min(room.shared).min(room.daemon);
        let mount = room.reader.min(room.shared - shards);
        return ResidentShares {
            in_mount: Share::that_fits(mount, sizes.in_mount),
            in_shards: Share::NONE..Share::that_fits(shards, sizes.in_shards),
        };
    }
    let mount = sizes.in_mount.min(room.shared).min(room.reader);
    let shards = room.daemon.min(room.shared - mount);
    let in_mount = Share::that_fits(mount, sizes.in_mount);
    let in_shards = if shards >= sizes.in_shards {
        Share::NONE..Share::ALL
    } else {
        in_mount..in_mount.plus(Share::that_fits(shards, sizes.in_shards))
    };
    ResidentShares {
        in_mount,
        in_shards,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LARGE: Sizes = Sizes {
        in_mount: 1200,
        in_shards: 1000,
    };

    fn fit(sizes: Sizes, room: [u64; 3]) -> (u64, u64, u64) {
        let [shared, reader, daemon] = room;
        let shares = that_fit(
            sizes,
            Room {
                shared,
                reader,
                daemon,
            },
        );
        // In thousandths, rounded.
        let part = |share: Share| (share.of(10_000) + 5) / 10;
        let in_shards = shares.in_shards;
        (
            part(shares.in_mount),
            part(in_shards.start),
            part(in_shards.end),
        )
    }

    #[test]
    fn two_copies_stay_where_there_is_room_for_both() {
        assert_eq!(fit(LARGE, [2200, 9999, 9999]), (1000, 0, 1000));
    }

    #[test]
    fn with_less_the_shards_go_first() {
        assert_eq!(fit(LARGE, [2199, 9999, 9999]), (1000, 1000, 1000));
        assert_eq!(fit(LARGE, [600, 9999, 9999]), (500, 500, 500));
        assert_eq!(fit(LARGE, [0, 9999, 9999]), (0, 0, 0));
    }

    #[test]
    fn what_a_reader_has_no_room_for_stays_in_the_shards() {
        assert_eq!(fit(LARGE, [5000, 600, 9999]), (500, 0, 1000));
        assert_eq!(fit(LARGE, [1000, 600, 9999]), (500, 500, 900));
        assert_eq!(fit(LARGE, [5000, 9999, 500]), (1000, 1000, 1000));
    }

    #[test]
    fn records_shorter_than_pages_stay_in_the_shards_first() {
        let small = Sizes {
            in_mount: 41_000,
            in_shards: 1000,
        };
        assert_eq!(fit(small, [500, 9999, 9999]), (0, 0, 500));
        assert_eq!(fit(small, [5100, 9999, 9999]), (100, 0, 1000));
        assert_eq!(fit(small, [90_000, 90_000, 90_000]), (1000, 0, 1000));
    }

    /// Up to so many bytes.
    fn bytes() -> impl Strategy<Value = u64> {
        prop_oneof![0..10_000u64, 0..1u64 << 50, Just(u64::MAX)]
    }

    proptest! {
        #[test]
        fn what_fits_never_exceeds_the_room(
            mount in 0..1u64 << 50,
            shards in 0..1u64 << 50,
            shared in bytes(),
            reader in bytes(),
            daemon in bytes(),
        ) {
            let sizes = Sizes { in_mount: mount, in_shards: shards };
            let shares = that_fit(sizes, Room { shared, reader, daemon });
            let in_mount = shares.in_mount.of(mount);
            let from = shares.in_shards.start.of(shards);
            let in_shards = shares.in_shards.end.of(shards) - from;
            // Rounded.
            prop_assert!(in_mount <= reader);
            prop_assert!(in_shards <= daemon.saturating_add(1));
            prop_assert!(in_mount + in_shards <= shared.saturating_add(1));
        }

        #[test]
        fn with_more_room_no_less_stays_in_the_mount(
            mount in 1..1u64 << 50,
            shards in 1..1u64 << 50,
            room in bytes(),
            more in bytes(),
        ) {
            let sizes = Sizes { in_mount: mount, in_shards: shards };
            let fit = |shared| that_fit(sizes, Room { shared, reader: shared, daemon: shared });
            let (less, more) = (fit(room), fit(room.saturating_add(more)));
            prop_assert!(less.in_mount <= more.in_mount);
        }
    }

    #[test]
    fn an_empty_dataset_fits_into_no_memory() {
        let empty = Sizes {
            in_mount: 0,
            in_shards: 0,
        };
        assert_eq!(fit(empty, [0, 0, 0]), (1000, 0, 1000));
    }
}
