//! Names that are one file where the case of letters does not count.

use crate::format::name::Name;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The records of a run by what their names have in common with others, kept as hashes of 64 bits,
/// keyed at random.
#[derive(Debug, Default)]
pub struct Folded {
    hasher: RandomState,
    records: HashMap<u64, u64>,
}

impl Folded {
    /// Notes the name of record `number`; returns the number of the record that has had a name which
    /// differs from it in the case of letters at most.
    pub fn claim(&mut self, name: &Name, number: u64) -> Option<u64> {
        let mut hasher = self.hasher.build_hasher();
        for chunk in name.as_bytes().utf8_chunks() {
            let upper: String = chunk.valid().chars().map(upper).collect();
            hasher.write(upper.as_bytes());
            hasher.write(chunk.invalid());
        }
        match *self.records.entry(hasher.finish()).or_insert(number) {
            first if first == number => None,
            first => Some(first),
        }
    }
}

/// The capital of a letter where that is one letter too, and not one of ASCII for another one: what
/// tables of file systems have in common.
fn upper(letter: char) -> char {
    let mut capitals = letter.to_uppercase();
    match (capitals.next(), capitals.next()) {
        (Some(capital), None) if capital.is_ascii() == letter.is_ascii() => capital,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_alone_are_found() {
        let mut folded = Folded::default();
        let mut claim =
            |name: &[u8], number| folded.claim(&Name::new(name).expect("valid"), number);
        assert_eq!(claim("a/Überzug.jpg".as_bytes(), 0), None);
        assert_eq!(claim("A/\u{fc}BERZUG.JPG".as_bytes(), 1), Some(0));
        assert_eq!(claim("a/\u{131}".as_bytes(), 2), None);
        assert_eq!(claim(b"a/I", 3), None);
        assert_eq!(claim(b"a/\xffx", 4), None);
        assert_eq!(claim(b"a/\xffX", 5), Some(4));
        assert_eq!(claim(b"a/\xfex", 6), None);
    }
}
