//! Sparse files: where the bytes that an archive has of them belong. GNU tar writes the map in four
//! forms: its old one, in headers, and 0.0, 0.1 and 1.0 in PAX archives, described in the appendix of
//! its manual.

use super::blocks::{BLOCK_BYTES, Block};
use crate::format::{Damage, byte_count};
use std::collections::HashMap;
use std::io::{self, Read};

/// The most pieces a file may have: a map that lies must not ask for much memory.
const MOST_PIECES: u64 = 1 << 20;
/// Digits of a number in a map.
const MOST_DIGITS: usize = 20;

/// Bytes of a sparse file that the archive has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub offset: u64,
    /// How many they are.
    pub len: u64,
}

/// Where the data of a sparse file belongs.
#[derive(Debug)]
pub struct Map {
    /// The file's size with its holes.
    pub size: u64,
    /// Ascending; what lies between is zeros.
    pieces: Vec<Segment>,
}

impl Map {
    /// A map of these pieces of a file of this size, of which the archive has `stored` bytes.
    pub fn new(size: u64, pieces: Vec<Segment>, stored: u64) -> Result<Map, Damage> {
        let (mut end, mut sum) = (0, 0);
        for &Segment { offset, len } in &pieces {
            let next = offset.checked_add(len).filter(|&next| next <= size);
            let next = next.filter(|_| offset >= end);
            end = next.ok_or_else(|| {
                Damage::new(
                    "a piece in its map of holes",
                    format!("{len} bytes at {offset}"),
                    format!("one after byte {end} and up to {size}"),
                )
            })?;
            sum += len;
        }
        // Bytes that belong nowhere are a sign that the others do not belong where the map says.
        if sum == stored {
            Ok(Map { size, pieces })
        } else {
            Err(Damage::new(
                "its content",
                byte_count(stored),
                byte_count(sum),
            ))
        }
    }

    /// The whole content: the pieces out of `data`, and zeros between them.
    pub fn reader<R: Read>(self, data: R) -> SparseReader<R> {
        SparseReader {
            map: self,
            data,
            at: 0,
            piece: 0,
        }
    }
}

/// The fields `GNU.sparse.KEY` of extended headers.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    single: HashMap<&'static str, Vec<u8>>,
    /// Of form 0.0: offsets and lengths in turn.
    numbers: Vec<u64>,
}

impl Fields {
    /// Takes a field by its key without what all have in common; says what it should have been.
    pub fn set(&mut self, key: &[u8], value: Vec<u8>) -> Result<(), &'static str> {
        match key {
            b"offset" | b"numbytes" => {
                let number = decimal(&value).ok_or("a number in its map of holes")?;
                self.numbers.push(number);
            }
            b"size" | b"realsize" if decimal(&value).is_none() => {
                return Err("a number of bytes as size with holes");
            }
            key => {
                let known = ["major", "size", "realsize", "name", "map"];
                let known = known.into_iter().find(|known| known.as_bytes() == key);
                self.single.extend(known.map(|key| (key, value)));
            }
        }
        Ok(())
    }

    /// The file's real name: the entry's own may be made up for readers that know nothing of this.
    pub fn name(&self) -> Option<&[u8]> {
        let name = self.single.get("name").map(Vec::as_slice);
        name.filter(|name| !name.is_empty())
    }

    /// The file's size with its holes, if it is a sparse file.
    pub fn size(&self) -> Option<u64> {
        let number = |key| self.single.get(key).and_then(|value| decimal(value));
        number("realsize").or_else(|| number("size"))
    }

    /// Whether the map comes before the content.
    pub fn is_before_content(&self) -> bool {
        self.single.get("major").is_some_and(|major| major == b"1")
    }

    /// The map, where these have it.
    pub fn pieces(&self) -> Result<Vec<Segment>, Damage> {
        match self.single.get("map") {
            Some(map) if map.is_empty() => Ok(Vec::new()),
            Some(map) => {
                let numbers: Option<Vec<u64>> =
                    map.split(|&byte| byte == b',').map(decimal).collect();
                pairs(&numbers.ok_or_else(|| bad_map("numbers"))?)
            }
            None => pairs(&self.numbers),
        }
    }
}

fn pairs(numbers: &[u64]) -> Result<Vec<Segment>, Damage> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    let piece = |&[offset, len]: &[u64; 2]| Segment { offset, len };
    match rest {
        [] => Ok(pairs.iter().map(piece).collect()),
        _ => Err(bad_map("a length for each offset")),
    }
}

/// A decimal number, if it is one and any offset in a file can have it.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    i64::try_from(number).is_ok().then_some(number)
}

fn bad_map(expected: &str) -> Damage {
    Damage::new("its map of holes", "damaged", expected)
}

/// Why a map cannot be read.
#[derive(Debug)]
pub enum MapFault {
    /// The input failed, or ended.
    Io(io::Error),
    /// It makes no sense, or has more pieces than are read.
    Damaged(Damage),
}

impl From<io::Error> for MapFault {
    fn from(error: io::Error) -> MapFault {
        MapFault::Io(error)
    }
}

/// Reads the map of form 1.0: decimal numbers, each with a newline, padded to a block.
pub fn read_map(data: &mut impl Read) -> Result<Vec<Segment>, MapFault> {
    let mut numbers = MapNumbers {
        data,
        block: [0; BLOCK_BYTES],
        used: BLOCK_BYTES,
    };
    let count = numbers.next()?;
    if count > MOST_PIECES {
        let what = "the number of pieces in its map of holes";
        let most = format!("{MOST_PIECES} or fewer");
        return Err(MapFault::Damaged(Damage::new(what, count, most)));
    }
    let mut piece = || {
        let (offset, len) = (numbers.next()?, numbers.next()?);
        Ok(Segment { offset, len })
    };
    (0..count).map(|_| piece()).collect()
}

struct MapNumbers<'a, R> {
    data: &'a mut R,
    block: Block,
    used: usize,
}

impl<R: Read> MapNumbers<'_, R> {
    fn next(&mut self) -> Result<u64, MapFault> {
        let mut digits = Vec::new();
        loop {
            if self.used == BLOCK_BYTES {
                self.data.read_exact(&mut self.block)?;
                self.used = 0;
            }
            let byte = self.block[self.used];
            self.used += 1;
            let bad = || MapFault::Damaged(bad_map("numbers, each with a newline"));
            match byte {
                b'\n' => return decimal(&digits).ok_or_else(bad),
                b'0'..=b'9' if digits.len() < MOST_DIGITS => digits.push(byte),
                _ => return Err(bad()),
            }
        }
    }
}

/// Reads a sparse file as what it stands for.
pub struct SparseReader<R> {
    map: Map,
    data: R,
    at: u64,
    piece: usize,
}

impl<R: Read> Read for SparseReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let piece = self.map.pieces.get(self.piece);
            let (start, len) = piece.map_or((self.map.size, 0), |piece| (piece.offset, piece.len));
            let room = buffer.len();
            let most = |left: u64| room.min(usize::try_from(left).unwrap_or(usize::MAX));
            if self.at < start {
                let zeros = most(start - self.at);
                buffer[..zeros].fill(0);
                self.at += zeros as u64;
                return Ok(zeros);
            }
            if piece.is_none() {
                return Ok(0);
            }
            let left = start + len - self.at;
            if left == 0 {
                self.piece += 1;
                continue;
            }
            let read = self.data.read(&mut buffer[..most(left)])?;
            self.at += read as u64;
            return Ok(read);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(size: u64, pieces: &[(u64, u64)], stored: u64) -> Result<Map, Damage> {
        let piece = |&(offset, len): &(u64, u64)| Segment { offset, len };
        Map::new(size, pieces.iter().map(piece).collect(), stored)
    }

    #[test]
    fn holes_read_as_zeros() {
        let mut found = Vec::new();
        let map = map(10, &[(2, 3), (5, 1), (10, 0)], 4).expect("valid");
        map.reader(&b"abcd"[..])
            .read_to_end(&mut found)
            .expect("read");
        assert_eq!(found, b"\0\0abcd\0\0\0\0");
    }

    #[test]
    fn maps_that_do_not_fit_the_file_or_its_content_are_refused() {
        for pieces in [
            &[(2, 3), (4, 1)][..],
            &[(8, 3)],
            &[(u64::MAX, 2)],
            &[(5, 1), (2, 1)],
            &[(0, 5), (5, 5)],
            &[(0, 3)],
            &[],
        ] {
            assert!(map(10, pieces, 4).is_err(), "{pieces:?}");
        }
    }

    #[test]
    fn a_map_of_form_1_0_fills_whole_blocks() {
        let mut block = b"2\n0\n5\n100\n3\n".to_vec();
        block.resize(BLOCK_BYTES, 0);
        block.extend(b"data");
        let mut data = &block[..];
        let pieces = read_map(&mut data).expect("a map");
        let numbers = pieces.iter().map(|piece| (piece.offset, piece.len));
        assert_eq!(numbers.collect::<Vec<_>>(), [(0, 5), (100, 3)]);
        assert_eq!(data, b"data");
        block[..12].copy_from_slice(b"99999999999\n");
        for (start, expected) in [
            (&b"99999999999"[..], "1048576 or fewer"),
            (b"1\t", "numbers"),
        ] {
            block[..start.len()].copy_from_slice(start);
            let Err(MapFault::Damaged(damage)) = read_map(&mut &block[..]) else {
                panic!("{expected}");
            };
            assert!(damage.to_string().contains(expected), "{damage}");
        }
    }
}
