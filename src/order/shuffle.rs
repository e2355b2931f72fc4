//! Permutations that need no memory, and have an inverse.

/// A permutation of `0..len` that needs no memory: a Feistel network over the numbers of this many
/// bits, walked along its cycles until they come back below `len`. The same seed and length give
/// the same permutation, for ever.
#[derive(Debug, Clone, Copy)]
pub struct Shuffle {
    len: u64,
    /// Bits of one half of a number.
    half: u32,
    keys: [u64; ROUNDS],
}

/// Rounds of the network. Four make a Feistel network of good round functions indistinguishable
/// from a random permutation (Luby and Rackoff); two more for the simple one here.
const ROUNDS: usize = 6;

impl Shuffle {
    /// The permutation of `len` positions that belongs to `seed`.
    pub fn new(seed: u64, len: u64) -> Shuffle {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        let mut state = seed;
        let keys = std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        });
        Shuffle {
            len,
            half: bits.div_ceil(2).max(1),
            keys,
        }
    }

    /// What stands at `position`. Positions are below the length.
    pub fn at(&self, position: u64) -> u64 {
        self.walk(position, |number| {
            self.keys.iter().fold(number, |number, &key| {
                let (left, right) = self.split(number);
                self.join(right, left ^ self.round(right, key))
            })
        })
    }

    /// The position at which `value` stands: the inverse of [`at`](Self::at).
    pub fn position_of(&self, value: u64) -> u64 {
        self.walk(value, |number| {
            self.keys.iter().rev().fold(number, |number, &key| {
                let (left, right) = self.split(number);
                self.join(right ^ self.round(left, key), left)
            })
        })
    }

    /// Fewer than 4 steps on average: the network's numbers are less than 4 times the length.
    fn walk(&self, mut number: u64, step: impl Fn(u64) -> u64) -> u64 {
        if number >= self.len {
            return number;
        }
        loop {
            number = step(number);
            if number < self.len {
                return number;
            }
        }
    }

    fn mask(&self) -> u64 {
        u64::MAX >> (u64::BITS - self.half)
    }

    fn split(&self, number: u64) -> (u64, u64) {
        (number >> self.half & self.mask(), number & self.mask())
    }

    fn join(&self, left: u64, right: u64) -> u64 {
        left << self.half | right
    }

    fn round(&self, half: u64, key: u64) -> u64 {
        mix(half ^ key) & self.mask()
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

    /// The output of the shuffle is part of what datasets are; it must never change.
    #[test]
    fn shuffles_are_fixed_for_ever() {
        let order = |seed, len| -> Vec<u64> {
            let shuffle = Shuffle::new(seed, len);
            (0..len).map(|position| shuffle.at(position)).collect()
        };
        assert_eq!(order(0, 10), [7, 5, 1, 8, 6, 3, 4, 0, 9, 2]);
        assert_eq!(
            order(7, 16),
            [15, 12, 9, 8, 14, 4, 3, 5, 13, 11, 7, 6, 2, 10, 1, 0]
        );
        assert_eq!(Shuffle::new(42, 1_000_000).at(0), 111_584);
        assert_eq!(
            Shuffle::new(u64::MAX, u64::MAX).at(1),
            7_236_160_710_442_923_418
        );
        assert_eq!(order(1, 1), [0]);
        assert_eq!(order(1, 0), [] as [u64; 0]);
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
    }
}
