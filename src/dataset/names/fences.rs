//! The names that every search compares first, kept: with them a search begins near its end.

use crate::shard::ShardError;
use std::sync::OnceLock;

/// How many names are kept.
const MOST_FENCES: u64 = 4096;
/// Positions from one to the next, at least.
const LEAST_STRIDE: u64 = 64;
/// Longer names are not kept: memory stays bounded whatever a shard says.
const LONGEST_NAME_LEN: usize = 256;

/// Writes the name at a position into a buffer.
pub type ReadKey<'a> = dyn FnMut(u64, &mut Vec<u8>) -> Result<(), ShardError> + 'a;

/// Names at regular positions, each kept when it is met first.
#[derive(Debug)]
pub struct Fences {
    stride: u64,
    names: Box<[OnceLock<Box<[u8]>>]>,
}

impl Fences {
    /// For `len` positions.
    pub fn new(len: u64) -> Fences {
        let stride = len.div_ceil(MOST_FENCES).max(LEAST_STRIDE);
        let count = len.div_ceil(stride);
        Fences {
            stride,
            names: (0..count).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Narrows the positions `low..=high`, among which is the first name that is not smaller than
    /// `key`, to those between two neighbouring fences.
    pub fn narrow(
        &self,
        low: u64,
        high: u64,
        key: &[u8],
        read: &mut ReadKey<'_>,
    ) -> Result<(u64, u64), ShardError> {
        let (first, end) = (low.div_ceil(self.stride), high.div_ceil(self.stride));
        let (mut from, mut to) = (first, end);
        let mut name = Vec::new();
        while from < to {
            let middle = from + (to - from) / 2;
            let slot = usize::try_from(middle)
                .ok()
                .and_then(|at| self.names.get(at));
            let is_smaller = match slot.and_then(OnceLock::get) {
                Some(name) => **name < *key,
                None => {
                    read(middle * self.stride, &mut name)?;
                    if let Some(slot) = slot.filter(|_| name.len() <= LONGEST_NAME_LEN) {
                        slot.get_or_init(|| name.clone().into());
                    }
                    name[..] < *key
                }
            };
            if is_smaller {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        let low = if from > first {
            (from - 1) * self.stride + 1
        } else {
            low
        };
        let high = if from < end { from * self.stride } else { high };
        Ok((low, high))
    }
}
