//! An input whose next bytes can be looked at, and of which it is known how many are used up.

use std::io::{self, BufRead, Read};

/// A buffered input.
pub struct Peeked {
    inner: Box<dyn BufRead + Send>,
    /// What has been looked at and not been read yet.
    ahead: Vec<u8>,
    /// How much of `ahead` has been read.
    used: usize,
    at: u64,
}

impl Peeked {
    /// At the beginning of `inner`.
    pub fn new(inner: Box<dyn BufRead + Send>) -> Peeked {
        Peeked {
            inner,
            ahead: Vec::new(),
            used: 0,
            at: 0,
        }
    }

    /// How many bytes have been read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next `count` bytes, or all there are up to the end; a pipe gives them in pieces.
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        self.ahead.drain(..self.used);
        self.used = 0;
        if let Some(missing) = count.checked_sub(self.ahead.len()) {
            let limited = Read::take(&mut self.inner, missing as u64);
            { limited }.read_to_end(&mut self.ahead)?;
        }
        let end = count.min(self.ahead.len());
        Ok(&self.ahead[..end])
    }

    /// Reads zeros, up to another byte or the end.
    pub fn pass_zeros(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.fill_buf()?;
            let zeros = buffer.iter().take_while(|&&byte| byte == 0).count();
            let all = zeros == buffer.len();
            self.consume(zeros);
            if zeros == 0 || !all {
                return Ok(());
            }
        }
    }
}

impl Read for Peeked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Peeked {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used < self.ahead.len() {
            Ok(&self.ahead[self.used..])
        } else {
            self.inner.fill_buf()
        }
    }

    fn consume(&mut self, count: usize) {
        self.at += count as u64;
        if self.used < self.ahead.len() {
            self.used += count
        } else {
            self.inner.consume(count)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    /// Gives one byte at a time, as a pipe may.
    struct Drops(&'static [u8]);

    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn what_was_looked_at_is_read_all_the_same() {
        let mut input = Peeked::new(Box::new(BufReader::new(Drops(b"abc\0\0\0defg"))));
        assert_eq!(input.peek(2).expect("read"), b"ab");
        assert_eq!(input.peek(4).expect("read"), b"abc\0");
        let mut three = [0; 3];
        input.read_exact(&mut three).expect("read");
        assert_eq!((&three, input.at()), (b"abc", 3));
        input.pass_zeros().expect("read");
        assert_eq!(input.peek(9).expect("read"), b"defg");
        assert_eq!(input.peek(2).expect("read"), b"de");
        let mut rest = Vec::new();
        input.read_to_end(&mut rest).expect("read");
        assert_eq!((rest.as_slice(), input.at()), (&b"defg"[..], 10));
        assert_eq!(input.peek(9).expect("read"), b"");
    }
}
