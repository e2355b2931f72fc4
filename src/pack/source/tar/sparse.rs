//! Sparse files in PAX archives, which GNU tar writes in three forms (0.0, 0.1 and 1.0, described
//! in the appendix of its manual). The old GNU form is read by the tar crate itself.

use std::collections::HashMap;
use std::io::{self, Read};
use tar::Entry;

/// The most pieces a file may have: a map that lies must not ask for much memory.
const MOST_PIECES: u64 = 1 << 20;
/// Size of a tar block, to which the map of form 1.0 is padded.
const BLOCK: usize = 512;

/// Where the data of a sparse file belongs.
pub struct Map {
    name: Option<Vec<u8>>,
    size: u64,
    /// Offset and length of each piece, ascending; what lies between is zeros.
    pieces: Vec<(u64, u64)>,
}

impl Map {
    /// The map of an entry; `None` if it is not sparse. Of form 1.0, reads it from the content.
    pub fn of<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Option<Map>> {
        let fields = match entry.pax_extensions()? {
            Some(extensions) => sparse_fields(extensions)?,
            None => return Ok(None),
        };
        let number = |key: &str| fields.single.get(key).and_then(|value| parse(value));
        let size = number("realsize").or_else(|| number("size"));
        let Some(size) = size else {
            return Ok(None);
        };
        let pieces = match (number("major"), fields.single.get("map")) {
            (Some(1), _) => read_map(entry)?,
            (_, Some(map)) => pairs(map.split(|&byte| byte == b',').map(parse))?,
            _ => pairs(fields.numbers.iter().copied().map(Some))?,
        };
        let map = Map {
            name: fields.single.get("name").cloned(),
            size,
            pieces,
        };
        map.check()?;
        Ok(Some(map))
    }

    /// The file's real name: the entry's own may be made up for readers that know nothing of this.
    pub fn name<R: Read>(&self, entry: &Entry<'_, R>) -> Vec<u8> {
        self.name
            .clone()
            .unwrap_or_else(|| entry.path_bytes().into_owned())
    }

    /// The file's size with its holes.
    pub fn size(&self) -> u64 {
        self.size
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

    fn check(&self) -> io::Result<()> {
        let mut end = 0;
        for &(offset, len) in &self.pieces {
            let next = offset.checked_add(len).filter(|&next| next <= self.size);
            end = next.filter(|_| offset >= end).ok_or_else(bad_map)?;
        }
        Ok(())
    }
}

/// The fields `GNU.sparse.KEY` of a PAX header; `offset` and `numbytes` come many times.
#[derive(Default)]
struct Fields {
    single: HashMap<String, Vec<u8>>,
    numbers: Vec<u64>,
}

fn sparse_fields(extensions: tar::PaxExtensions<'_>) -> io::Result<Fields> {
    let mut fields = Fields::default();
    for extension in extensions {
        let extension = extension?;
        let key = extension.key().unwrap_or_default();
        let Some(key) = key.strip_prefix("GNU.sparse.") else {
            continue;
        };
        let value = extension.value_bytes();
        match key {
            "offset" | "numbytes" => fields.numbers.push(parse(value).ok_or_else(bad_map)?),
            _ => {
                fields.single.insert(key.to_owned(), value.to_vec());
            }
        }
    }
    Ok(fields)
}

fn parse(number: &[u8]) -> Option<u64> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

fn bad_map() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the map of a sparse file makes no sense",
    )
}

fn pairs(numbers: impl Iterator<Item = Option<u64>>) -> io::Result<Vec<(u64, u64)>> {
    let numbers: Option<Vec<u64>> = numbers.collect();
    let numbers = numbers.ok_or_else(bad_map)?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|&[offset, len]| (offset, len)).collect()),
        _ => Err(bad_map()),
    }
}

/// The map of form 1.0: decimal numbers, each with a newline, padded to a block.
fn read_map(data: &mut impl Read) -> io::Result<Vec<(u64, u64)>> {
    let mut blocks = Blocks {
        data,
        block: [0; BLOCK],
        used: BLOCK,
    };
    let count = blocks.number()?;
    if count > MOST_PIECES {
        return Err(bad_map());
    }
    (0..count)
        .map(|_| Ok((blocks.number()?, blocks.number()?)))
        .collect()
}

struct Blocks<'a, R> {
    data: &'a mut R,
    block: [u8; BLOCK],
    used: usize,
}

impl<R: Read> Blocks<'_, R> {
    fn number(&mut self) -> io::Result<u64> {
        let mut digits = Vec::new();
        loop {
            if self.used == BLOCK {
                self.data.read_exact(&mut self.block)?;
                self.used = 0;
            }
            let byte = self.block[self.used];
            self.used += 1;
            match byte {
                b'\n' => return parse(&digits).ok_or_else(bad_map),
                b'0'..=b'9' if digits.len() < 20 => digits.push(byte),
                _ => return Err(bad_map()),
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
            let piece = self.map.pieces.get(self.piece).copied();
            let (start, len) = piece.unwrap_or((self.map.size, 0));
            if self.at < start {
                let zeros = buffer
                    .len()
                    .min(usize::try_from(start - self.at).unwrap_or(usize::MAX));
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
            let most = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = self.data.read(&mut buffer[..most])?;
            self.at += read as u64;
            return Ok(read);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(size: u64, pieces: &[(u64, u64)]) -> Map {
        Map {
            name: None,
            size,
            pieces: pieces.to_vec(),
        }
    }

    #[test]
    fn holes_read_as_zeros() {
        let mut found = Vec::new();
        let map = map(10, &[(2, 3), (5, 1), (10, 0)]);
        map.check().expect("valid");
        map.reader(&b"abcd"[..])
            .read_to_end(&mut found)
            .expect("read");
        assert_eq!(found, b"\0\0abcd\0\0\0\0");
    }

    #[test]
    fn maps_that_overlap_or_go_beyond_the_file_are_refused() {
        for pieces in [
            &[(2, 3), (4, 1)][..],
            &[(8, 3)],
            &[(u64::MAX, 2)],
            &[(5, 1), (2, 1)],
        ] {
            assert!(map(10, pieces).check().is_err(), "{pieces:?}");
        }
    }

    #[test]
    fn a_map_of_form_1_0_fills_whole_blocks() {
        let mut block = b"2\n0\n5\n100\n3\n".to_vec();
        block.resize(BLOCK, 0);
        block.extend(b"data");
        let mut data = &block[..];
        assert_eq!(read_map(&mut data).expect("a map"), [(0, 5), (100, 3)]);
        assert_eq!(data, b"data");
        assert!(read_map(&mut &b"99999999999\n"[..]).is_err());
    }
}
