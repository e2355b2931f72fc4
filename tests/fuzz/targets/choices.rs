//! Bytes as a sequence of choices; behind their end every choice is 0, which is the simplest one.

/// What is left of the bytes.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices(bytes)
    }

    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `count`, at most 256.
    pub fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) * count / 256
    }

    /// True once in this many times; false behind the end.
    pub fn one_in(&mut self, times: u8) -> bool {
        self.byte() > 255 - 255 / times
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn rest(&mut self) -> &'a [u8] {
        self.bytes(usize::MAX)
    }

    /// A value of a field: small, at a limit, or anything.
    pub fn field(&mut self) -> i64 {
        match self.below(8) {
            0..4 => i64::from(self.byte()),
            4 => -i64::from(self.byte()),
            5 => (1 << self.below(63)) - 1 + self.below(3) as i64,
            6 => i64::MAX - i64::from(self.byte()),
            _ => {
                let mut eight = [0; 8];
                let bytes = self.bytes(8);
                eight[..bytes.len()].copy_from_slice(bytes);
                i64::from_le_bytes(eight)
            }
        }
    }
}
