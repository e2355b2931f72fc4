//! A list of numbers that grows at its end and is forgotten from its front, in memory that all lists
//! share a limit of.

use memmap2::MmapMut;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of memory that are taken and given back at once: little to have for nothing, and some thousand
/// numbers for each call of the system.
pub(super) const CHUNK_LEN: usize = 64 << 10;

/// There is no more memory for numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// Memory for numbers of all lists.
#[derive(Debug)]
pub struct Memory {
    limit: u64,
    used: AtomicU64,
}

impl Memory {
    /// This many bytes.
    pub fn new(limit: u64) -> Arc<Memory> {
        let used = AtomicU64::new(0);
        Arc::new(Memory { limit, used })
    }

    /// How many bytes there are.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How many of them are taken.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// Memory for some numbers, straight from the system, so that it has it back as soon as it is not needed.
#[derive(Debug)]
pub struct Chunk {
    bytes: MmapMut,
    memory: Arc<Memory>,
}

impl Chunk {
    fn new(memory: &Arc<Memory>) -> Result<Chunk, Full> {
        let more = |used: u64| {
            let used = used.checked_add(CHUNK_LEN as u64)?;
            (used <= memory.limit).then_some(used)
        };
        let taken = memory
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map_err(|_| Full)?;
        match MmapMut::map_anon(CHUNK_LEN) {
            Ok(bytes) => Ok(Chunk {
                bytes,
                memory: Arc::clone(memory),
            }),
            Err(_) => {
                memory.give_back();
                Err(Full)
            }
        }
    }
}

impl Memory {
    fn give_back(&self) {
        self.used.fetch_sub(CHUNK_LEN as u64, Ordering::Relaxed);
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.memory.give_back();
    }
}

/// How a number is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// In 4 bytes.
    Narrow,
    /// In 8 bytes.
    Wide,
}

impl Width {
    fn bytes(self) -> usize {
        match self {
            Width::Narrow => 4,
            Width::Wide => 8,
        }
    }

    /// How many numbers a chunk has.
    fn per_chunk(self) -> u64 {
        (CHUNK_LEN / self.bytes()) as u64
    }
}

/// Numbers at positions from 0 on, of which the first may have been forgotten.
#[derive(Debug)]
pub struct List {
    width: Width,
    memory: Arc<Memory>,
    chunks: VecDeque<Chunk>,
    /// The position where the first chunk begins.
    base: u64,
    /// The first and one past the last position that is kept.
    kept: Range<u64>,
}

impl List {
    /// Of numbers below `bound`, none yet.
    pub fn new(bound: u64, memory: &Arc<Memory>) -> List {
        let is_narrow = bound <= 1 << 32;
        List {
            width: if is_narrow {
                Width::Narrow
            } else {
                Width::Wide
            },
            memory: Arc::clone(memory),
            chunks: VecDeque::new(),
            base: 0,
            kept: 0..0,
        }
    }

    /// The positions that are kept.
    pub fn kept(&self) -> Range<u64> {
        self.kept.clone()
    }

    /// Adds all of these at the end, or nothing.
    pub fn append(&mut self, numbers: &[u64]) -> Result<(), Full> {
        let count = numbers.len() as u64;
        let end = self.kept.end.checked_add(count).ok_or(Full)?;
        let needed = (end - self.base).div_ceil(self.width.per_chunk()) as usize;
        let missing = needed.saturating_sub(self.chunks.len());
        self.chunks.try_reserve(missing).map_err(|_| Full)?;
        let had = self.chunks.len();
        for _ in 0..missing {
            match Chunk::new(&self.memory) {
                Ok(chunk) => self.chunks.push_back(chunk),
                Err(full) => {
                    self.chunks.truncate(had);
                    return Err(full);
                }
            }
        }
        for (position, &number) in (self.kept.end..).zip(numbers) {
            self.set(position, number);
        }
        self.kept.end = end;
        Ok(())
    }

    /// Forgets what lies before a position. Returns its memory, which takes some time to give back.
    pub fn forget_before(&mut self, position: u64) -> VecDeque<Chunk> {
        self.kept.start = position.clamp(self.kept.start, self.kept.end);
        if self.kept.is_empty() {
            self.base = self.kept.end;
            return std::mem::take(&mut self.chunks);
        }
        let behind = (self.kept.start - self.base) / self.width.per_chunk();
        self.base += behind * self.width.per_chunk();
        self.chunks.drain(..behind as usize).collect()
    }

    /// The number at a position.
    pub fn get(&self, position: u64) -> Option<u64> {
        if !self.kept.contains(&position) {
            return None;
        }
        let (chunk, index) = self.place(position);
        let bytes = &self.chunks.get(chunk)?.bytes;
        match self.width {
            Width::Narrow => {
                let number = bytes.as_chunks().0.get(index)?;
                Some(u32::from_ne_bytes(*number).into())
            }
            Width::Wide => {
                let number = bytes.as_chunks().0.get(index)?;
                Some(u64::from_ne_bytes(*number))
            }
        }
    }

    /// The first of these positions that has this number.
    pub fn find(&self, number: u64, positions: Range<u64>) -> Option<u64> {
        let mut from = positions.start.max(self.kept.start);
        let end = positions.end.min(self.kept.end);
        while from < end {
            let (chunk, index) = self.place(from);
            let chunk_end = self.base + (chunk as u64 + 1) * self.width.per_chunk();
            let count = (chunk_end.min(end) - from) as usize;
            let bytes = &self.chunks.get(chunk)?.bytes;
            let found = match self.width {
                Width::Narrow => {
                    let wanted = u32::try_from(number).ok()?.to_ne_bytes();
                    let numbers = bytes.as_chunks().0.get(index..index + count)?;
                    numbers.iter().position(|number| *number == wanted)
                }
                Width::Wide => {
                    let wanted = number.to_ne_bytes();
                    let numbers = bytes.as_chunks().0.get(index..index + count)?;
                    numbers.iter().position(|number| *number == wanted)
                }
            };
            if let Some(behind) = found {
                return Some(from + behind as u64);
            }
            from += count as u64;
        }
        None
    }

    fn set(&mut self, position: u64, number: u64) {
        let (chunk, index) = self.place(position);
        let Some(chunk) = self.chunks.get_mut(chunk) else {
            return;
        };
        match self.width {
            // It is below the bound.
            Width::Narrow => chunk.bytes.as_chunks_mut().0[index] = (number as u32).to_ne_bytes(),
            Width::Wide => chunk.bytes.as_chunks_mut().0[index] = number.to_ne_bytes(),
        }
    }

    /// The chunk of a position, and its place in that. It is not before the first chunk.
    fn place(&self, position: u64) -> (usize, usize) {
        let behind = position - self.base;
        let per_chunk = self.width.per_chunk();
        ((behind / per_chunk) as usize, (behind % per_chunk) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHUNK: u64 = CHUNK_LEN as u64;

    #[test]
    fn memory_follows_what_is_kept_and_falls_to_nothing() {
        let memory = Memory::new(u64::MAX);
        let mut list = List::new(1 << 32, &memory);
        assert_eq!(memory.used(), 0);
        let per_chunk = CHUNK / 4;
        list.append(&vec![u32::MAX.into(); per_chunk as usize])
            .expect("room");
        assert_eq!(memory.used(), CHUNK);
        list.append(&[5]).expect("room");
        assert_eq!(memory.used(), 2 * CHUNK);
        assert_eq!(list.get(per_chunk - 1), Some(u32::MAX.into()));
        drop(list.forget_before(per_chunk - 1));
        assert_eq!(memory.used(), 2 * CHUNK);
        assert_eq!(list.get(per_chunk - 2), None);
        drop(list.forget_before(per_chunk));
        assert_eq!((memory.used(), list.get(per_chunk)), (CHUNK, Some(5)));
        drop(list.forget_before(u64::MAX));
        assert_eq!(
            (memory.used(), list.kept()),
            (0, per_chunk + 1..per_chunk + 1)
        );
        list.append(&[6]).expect("room");
        assert_eq!(list.get(per_chunk + 1), Some(6));
        drop(list);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn where_memory_is_full_nothing_of_a_part_is_taken() {
        let memory = Memory::new(2 * CHUNK + 1);
        let mut list = List::new(1 << 33, &memory);
        let per_chunk = CHUNK as usize / 8;
        list.append(&vec![1 << 32; per_chunk]).expect("room");
        assert_eq!(list.append(&vec![2; 2 * per_chunk]), Err(Full));
        assert_eq!((memory.used(), list.kept()), (CHUNK, 0..per_chunk as u64));
        list.append(&vec![2; per_chunk]).expect("room");
        assert_eq!(list.append(&[3]), Err(Full));
        drop(list.forget_before(per_chunk as u64));
        list.append(&[3]).expect("room again");
    }

    proptest! {
        #[test]
        fn a_list_is_what_was_appended_without_what_was_forgotten(
            bound in prop::sample::select(vec![10, 1 << 32, 1 << 40]),
            steps in prop::collection::vec((0..20_000_u64, any::<u16>()), 1..12),
        ) {
            let memory = Memory::new(u64::MAX);
            let mut list = List::new(bound, &memory);
            let (mut all, mut front) = (Vec::new(), 0);
            for (count, forgotten) in steps {
                let len = all.len() as u64;
                let more: Vec<u64> = (len..len + count).map(|n| n * n * 97 % bound).collect();
                list.append(&more).expect("room");
                all.extend(more);
                front = (front + u64::from(forgotten)).min(all.len() as u64);
                drop(list.forget_before(front));
                prop_assert_eq!(list.kept(), front..all.len() as u64);
                for position in [0, front.saturating_sub(1), front, front + 1, front + 16_383, front + 16_384] {
                    let expected = all.get(position as usize).filter(|_| position >= front);
                    prop_assert_eq!(list.get(position), expected.copied());
                    if let Some(&number) = expected {
                        let first = (front..).find(|&at| all[at as usize] == number);
                        prop_assert_eq!(list.find(number, 0..u64::MAX), first);
                        prop_assert_eq!(list.find(number, position..position + 1), Some(position));
                        prop_assert_eq!(list.find(bound, 0..u64::MAX), None);
                    }
                }
            }
            drop(list.forget_before(u64::MAX));
            prop_assert_eq!(memory.used(), 0);
        }
    }
}
