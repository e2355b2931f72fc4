//! File names made of record numbers, and the names of shard directories.

use crate::shard::Shard;
use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;

/// Extension of record files, unless another is asked for.
pub const EXTENSION: &str = "bin";

/// The least number of digits, so that small datasets sort and look alike.
const MIN_WIDTH: usize = 6;

/// The form of numbered names in one directory: a number of digits, then a dot and an extension.
#[derive(Debug, Clone, Copy)]
pub struct NumberedNames<'a> {
    width: usize,
    extension: &'a str,
}

impl<'a> NumberedNames<'a> {
    /// Names for `count` records, padded so that byte order is record order.
    pub fn new(count: u64, extension: &'a str) -> Self {
        let digits = count.saturating_sub(1).checked_ilog10().unwrap_or(0) as usize + 1;
        NumberedNames {
            width: digits.max(MIN_WIDTH),
            extension,
        }
    }

    /// Writes the name of record `number` over what `name` held.
    pub fn write(&self, number: u64, name: &mut Vec<u8>) {
        self.write_digits(number, name);
        name.push(b'.');
        name.extend(self.extension.as_bytes());
    }

    /// Writes the digits of the name alone.
    pub fn write_digits(&self, number: u64, name: &mut Vec<u8>) {
        use std::io::Write;
        name.clear();
        // Writing to a vector cannot fail.
        let _ = write!(name, "{number:0width$}", width = self.width);
    }

    /// The number that a name has; any padding with zeros is accepted.
    pub fn parse(&self, name: &[u8]) -> Option<u64> {
        let digits = name
            .strip_suffix(self.extension.as_bytes())?
            .strip_suffix(b".")?;
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

/// Names for the directories of `shards/`: the file's name without `.rox`. Where two shards share
/// it, the later ones get `~2`, `~3` and so on behind it.
pub fn shard_names(shards: &[Shard]) -> Vec<Vec<u8>> {
    let mut taken = HashSet::new();
    let name = |shard: &Shard| {
        let file = shard.path().file_name().unwrap_or_default().as_bytes();
        let stem = file.strip_suffix(b".rox").unwrap_or(file);
        let stem = match stem {
            b"" | b"." | b".." => file,
            _ => stem,
        };
        let mut name = stem.to_vec();
        let mut copy = 1;
        while !taken.insert(name.clone()) {
            copy += 1;
            name = [stem, format!("~{copy}").as_bytes()].concat();
        }
        name
    };
    shards.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_padded_for_the_last_record() {
        let written = |count, number| {
            let mut name = b"before".to_vec();
            NumberedNames::new(count, "bin").write(number, &mut name);
            String::from_utf8(name).expect("ASCII")
        };
        assert_eq!(written(0, 0), "000000.bin");
        assert_eq!(written(1_000_000, 42), "000042.bin");
        assert_eq!(written(1_000_001, 42), "0000042.bin");
        assert_eq!(written(u64::MAX, 7).len(), 20 + 4);
    }

    #[test]
    fn any_padding_is_understood_and_nothing_else() {
        let names = NumberedNames::new(100, "bin");
        for name in [
            "42.bin",
            "000042.bin",
            "0000000000000000000000000000042.bin",
        ] {
            assert_eq!(names.parse(name.as_bytes()), Some(42));
        }
        for name in [
            "",
            ".bin",
            "+42.bin",
            "42",
            "42.jpg",
            "4x.bin",
            "99999999999999999999.bin",
        ] {
            assert_eq!(names.parse(name.as_bytes()), None, "{name}");
        }
    }
}
