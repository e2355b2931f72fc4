//! The bytes of an archive, from its beginning to its end: headers are blocks, contents are padded to
//! blocks. Knows where the reading is and what is left of a content, and nothing of what blocks mean.

use super::Fault;
use crate::format::{Damage, byte_count};
use std::io::{self, Read};

/// Size of a header, and what contents are padded to.
pub const BLOCK_BYTES: usize = 512;
/// A header, or a part of a content.
pub type Block = [u8; BLOCK_BYTES];

/// An archive that is being read.
pub struct Blocks<'a> {
    input: &'a mut dyn Read,
    /// How many bytes have been read, but for those looked at ahead.
    at: u64,
    /// Bytes that were looked at and are read next.
    ahead: Block,
    ahead_at: usize,
    ahead_end: usize,
    /// How many bytes of the current content have not been read, and its padding.
    left: u64,
    padding: u64,
    has_ended: bool,
}

impl<'a> Blocks<'a> {
    /// At the beginning of `input`.
    pub fn new(input: &'a mut dyn Read) -> Blocks<'a> {
        Blocks {
            input,
            at: 0,
            ahead: [0; BLOCK_BYTES],
            ahead_at: 0,
            ahead_end: 0,
            left: 0,
            padding: 0,
            has_ended: false,
        }
    }

    /// How many bytes have been read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether the input has ended, and with it what is being read.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Reads the next block, and says how many bytes of one there were: fewer at the end of the input.
    pub fn block(&mut self) -> io::Result<(Block, usize)> {
        let mut block = [0; BLOCK_BYTES];
        let len = self.fill(&mut block)?;
        Ok((block, len))
    }

    /// The next block, or what there is of one, without going past it.
    pub fn look_ahead(&mut self) -> io::Result<&[u8]> {
        if self.ahead_at == self.ahead_end {
            let mut block = [0; BLOCK_BYTES];
            let before = self.at;
            self.ahead_end = self.fill(&mut block)?;
            self.at = before;
            self.ahead = block;
            self.ahead_at = 0;
        }
        Ok(&self.ahead[self.ahead_at..self.ahead_end])
    }

    fn fill(&mut self, block: &mut Block) -> io::Result<usize> {
        let mut len = 0;
        while len < BLOCK_BYTES {
            match self.read_some(&mut block[len..])? {
                0 => break,
                read => len += read,
            }
        }
        Ok(len)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = &self.ahead[self.ahead_at..self.ahead_end];
        let read = match ahead.len().min(buffer.len()) {
            0 => read_again(self.input, buffer)?,
            some => {
                buffer[..some].copy_from_slice(&ahead[..some]);
                self.ahead_at += some;
                some
            }
        };
        self.at += read as u64;
        self.has_ended |= read == 0 && !buffer.is_empty();
        Ok(read)
    }

    /// A content of this many bytes comes next.
    pub fn begin_content(&mut self, size: u64) {
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK_BYTES as u64) - size;
    }

    /// How many bytes of the current content have not been read.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The rest of the current content.
    pub fn content<'b>(&'b mut self) -> ContentReader<'b, 'a> {
        ContentReader(self)
    }

    /// Passes over what is left of the current content.
    pub fn finish_content(&mut self) -> Result<(), Fault> {
        while self.left > 0 {
            let passed = self.pass_over(self.left)?;
            self.left -= passed;
            if passed == 0 {
                return Err(self.cut_off());
            }
        }
        let padding = std::mem::take(&mut self.padding);
        let passed = self.pass_over(padding)?;
        if passed == padding {
            Ok(())
        } else {
            Err(cut_off(
                self.at,
                self.at + padding - passed,
                "the padding after the content",
            ))
        }
    }

    /// The content that is read now ends before it should.
    pub fn cut_off(&mut self) -> Fault {
        let missing = std::mem::take(&mut self.left) + std::mem::take(&mut self.padding);
        cut_off(self.at, self.at.saturating_add(missing), "the content")
    }

    /// Passes over all that is left of the input, and says how much that was.
    pub fn pass_over_all(&mut self) -> io::Result<u64> {
        self.pass_over(u64::MAX)
    }

    /// Passes over this many bytes, or to the end, and says how many there were.
    fn pass_over(&mut self, bytes: u64) -> io::Result<u64> {
        match bytes {
            0 => Ok(0),
            bytes => io::copy(&mut All(self).take(bytes), &mut io::sink()),
        }
    }
}

/// Reads, be it that a signal comes meanwhile.
fn read_again(input: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// An archive of `found` bytes that should have `expected` at least.
pub fn cut_off(found: u64, expected: u64, within: &str) -> Fault {
    let what = format!("the archive is cut off within {within}: its length");
    let expected = format!("{} or more", byte_count(expected));
    Fault::CutOff(Damage::new(what, byte_count(found), expected))
}

/// All that is left of an archive.
struct All<'b, 'a>(&'b mut Blocks<'a>);

impl Read for All<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_some(buffer)
    }
}

/// What is left of a content. Ends early where the archive does.
pub struct ContentReader<'b, 'a>(&'b mut Blocks<'a>);

impl Read for ContentReader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.0.left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let read = self.0.read_some(&mut buffer[..most])?;
        self.0.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_ahead_is_read_once_all_the_same() {
        let bytes: Vec<u8> = (0..2000u32).map(|number| (number % 251) as u8).collect();
        let mut input = &bytes[..];
        let mut blocks = Blocks::new(&mut input);
        assert_eq!(blocks.look_ahead().expect("read"), &bytes[..512]);
        assert_eq!(blocks.look_ahead().expect("read"), &bytes[..512]);
        assert_eq!(blocks.at(), 0);
        blocks.begin_content(700);
        let mut content = Vec::new();
        let mut reader = blocks.content();
        reader.read_to_end(&mut content).expect("read");
        assert_eq!(content, &bytes[..700]);
        blocks.finish_content().expect("padding");
        assert_eq!(blocks.at(), 1024);
        assert_eq!(blocks.block().expect("read").0, bytes[1024..1536]);
        assert_eq!(blocks.look_ahead().expect("read"), &bytes[1536..]);
        assert_eq!(blocks.block().expect("read").1, 2000 - 1536);
        assert_eq!(blocks.block().expect("read").1, 0);
    }

    #[test]
    fn a_content_or_padding_that_is_cut_off_says_how_long_the_archive_should_be() {
        for (len, expected) in [
            (
                600,
                "within the content: its length is 600 bytes, expected 1024",
            ),
            (
                701,
                "within the padding after the content: its length is 701 bytes, expected 1024",
            ),
        ] {
            let bytes = vec![1; len];
            let mut input = &bytes[..];
            let mut blocks = Blocks::new(&mut input);
            blocks.begin_content(700);
            let Err(Fault::CutOff(damage)) = blocks.finish_content() else {
                panic!("{len} bytes are whole");
            };
            let expected = format!("the archive is cut off {expected} bytes or more");
            assert_eq!(damage.to_string(), expected);
        }
    }
}
