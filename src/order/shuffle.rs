//! Permutations that need no memory, and have an inverse. How they are computed is specified in
//! `views.md` beside this file, byte by byte, and is fixed for ever.

/// A permutation of `0..len` that needs no memory: a Feistel network over the cells of a square that
/// has more cells than positions, walked along its cycles until they come back below `len`. The same
/// seed and length give the same permutation, for ever.
#[derive(Debug, Clone, Copy)]
pub struct Shuffle {
    len: u64,
    /// How many rows, and how many columns, the square has.
    side: u64,
    keys: [u64; ROUNDS],
}

/// Rounds of the network, by turns of rows and columns. What pairs of equal column keep of their
/// distance shows in a sum over some hundred shuffles with 6 rounds (8 to 10 standard deviations for
/// 256 to 4,096 positions), and not with 8: it takes as many shuffles as there are positions.
const ROUNDS: usize = 8;

/// The least side. With 2, the permutations of 5 positions were far from equally frequent (a
/// chi-square of 161,347 over 2,000,000 seeds, of which 119 are expected), with 4 still a little
/// (321), with 16 not measurably (110), because a walk comes through many cells.
const LEAST_SIDE: u64 = 16;

/// The golden ratio as a fraction of 2^64, by which SplitMix64 counts.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Shuffle {
    /// The permutation of `len` positions that belongs to `seed`.
    pub fn new(seed: u64, len: u64) -> Shuffle {
        let mut state = mix(seed) ^ len;
        let keys = std::array::from_fn(|_| {
            state = state.wrapping_add(GOLDEN);
            mix(state)
        });
        Shuffle {
            len,
            // More cells than positions: a network with an odd side makes even permutations alone.
            side: (len.isqrt() + 1).max(LEAST_SIDE),
            keys,
        }
    }

    /// How many positions there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What stands at `position`. Positions are below the length.
    pub fn at(&self, position: u64) -> u64 {
        self.walk(position, |mut row, mut column| {
            for keys in self.keys.chunks_exact(2) {
                row = self.add(row, self.shift(column, keys[0]));
                column = self.add(column, self.shift(row, keys[1]));
            }
            (row, column)
        })
    }

    /// The position at which `value` stands: the inverse of [`at`](Self::at).
    pub fn position_of(&self, value: u64) -> u64 {
        self.walk(value, |mut row, mut column| {
            for keys in self.keys.chunks_exact(2).rev() {
                column = self.add(column, self.side - self.shift(row, keys[1]));
                row = self.add(row, self.side - self.shift(column, keys[0]));
            }
            (row, column)
        })
    }

    /// One step in nearly all cases, 256 divided by the length where that is less: so many cells there
    /// are for each position.
    fn walk(&self, mut number: u64, step: impl Fn(u64, u64) -> (u64, u64)) -> u64 {
        if number >= self.len {
            return number;
        }
        loop {
            let (row, column) = step(number / self.side, number % self.side);
            // The last cell of the largest square is number 2^64 - 1.
            number = row * self.side + column;
            if number < self.len {
                return number;
            }
        }
    }

    /// How far a row or column is shifted, by the other: less than the side.
    fn shift(&self, other: u64, key: u64) -> u64 {
        ((u128::from(mix(other ^ key)) * u128::from(self.side)) >> 64) as u64
    }

    /// The sum of two, around the square.
    fn add(&self, place: u64, shift: u64) -> u64 {
        let sum = place + shift;
        if sum < self.side {
            sum
        } else {
            sum - self.side
        }
    }
}

/// The finalizer of SplitMix64.
fn mix(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(seed: u64, len: u64) -> Vec<u64> {
        let shuffle = Shuffle::new(seed, len);
        (0..len).map(|position| shuffle.at(position)).collect()
    }

    /// The output of the shuffle is part of what datasets are; it must never change.
    #[test]
    fn shuffles_are_fixed_for_ever() {
        assert_eq!(order(0, 10), [6, 4, 9, 5, 0, 2, 1, 8, 3, 7]);
        assert_eq!(order(7, 5), [3, 0, 4, 2, 1]);
        assert_eq!(
            order(7, 16),
            [14, 11, 7, 1, 12, 5, 10, 2, 15, 0, 9, 3, 8, 6, 4, 13]
        );
        assert_eq!(order(1, 1), [0]);
        assert_eq!(order(1, 0), [] as [u64; 0]);
        for (seed, len, position, value) in [
            (42, 1_000_000, 0, 978_899),
            (42, 1_000_000, 999_999, 393_705),
            (1, 1 << 40, 1, 369_888_745_605),
            (u64::MAX, 257, 256, 127),
            (0, u64::MAX, 0, 15_222_786_164_066_664_695),
            (u64::MAX, u64::MAX, 1, 8_025_828_227_677_839_615),
        ] {
            let shuffle = Shuffle::new(seed, len);
            assert_eq!(shuffle.at(position), value, "{seed} {len}");
            assert_eq!(shuffle.position_of(value), position, "{seed} {len}");
        }
    }

    proptest! {
        #[test]
        fn a_shuffle_is_a_permutation_and_has_an_inverse(seed: u64, len in 1u64..3000) {
            let shuffle = Shuffle::new(seed, len);
            let mut seen = vec![false; len as usize];
            for position in 0..len {
                let value = shuffle.at(position);
                prop_assert!(!std::mem::replace(&mut seen[value as usize], true));
                prop_assert_eq!(shuffle.position_of(value), position);
            }
        }

        #[test]
        fn the_inverse_of_a_long_shuffle_is_its_inverse(seed: u64, len: u64, position: u64) {
            let position = position % len.max(1);
            let shuffle = Shuffle::new(seed, len);
            prop_assert_eq!(shuffle.position_of(shuffle.at(position)), position);
            prop_assert!(shuffle.at(position) < len || len == 0);
        }
    }
}
