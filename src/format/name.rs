//! Record names: relative paths as raw bytes.

use crate::text::escaped;
use std::fmt;

/// The longest name in bytes: one less than Linux' `PATH_MAX`, which counts the final NUL.
pub const MAX_LEN: usize = 4095;
/// The longest component in bytes: Linux' `NAME_MAX`.
pub const MAX_COMPONENT_LEN: usize = 255;

/// A valid record name: components joined by `/`, none empty, `.`, `..` or over 255 bytes, at
/// most 4095 bytes in all, no NUL. So it always stays below the directory it is joined to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

/// Which rule a name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No bytes: in a shard that means that the record has no name.
    #[error("it is empty")]
    Empty,
    /// Longer than [`MAX_LEN`].
    #[error("it has {0} bytes, at most 4095 are allowed")]
    TooLong(usize),
    /// A component longer than [`MAX_COMPONENT_LEN`].
    #[error("a component has {0} bytes, at most 255 are allowed")]
    ComponentTooLong(usize),
    /// A leading, trailing or doubled `/`.
    #[error("a component is empty: leading, trailing or doubled \"/\"")]
    EmptyComponent,
    /// A component `.` or `..`.
    #[error("a component is \".\" or \"..\"")]
    Dots,
    /// A NUL byte.
    #[error("it has a NUL byte")]
    Nul,
}

impl Name {
    /// Checks `bytes` against the rules.
    pub fn new(bytes: &[u8]) -> Result<Name, NameError> {
        if bytes.is_empty() {
            return Err(NameError::Empty);
        }
        if bytes.len() > MAX_LEN {
            return Err(NameError::TooLong(bytes.len()));
        }
        if bytes.contains(&0) {
            return Err(NameError::Nul);
        }
        for component in bytes.split(|&byte| byte == b'/') {
            match component {
                b"" => return Err(NameError::EmptyComponent),
                b"." | b".." => return Err(NameError::Dots),
                long if long.len() > MAX_COMPONENT_LEN => {
                    return Err(NameError::ComponentTooLong(long.len()));
                }
                _ => {}
            }
        }
        Ok(Name(bytes.into()))
    }

    /// The name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory part, empty where there is none, and the last component.
    pub fn split(&self) -> (&[u8], &[u8]) {
        match self.0.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&self.0[..slash], &self.0[slash + 1..]),
            None => (&[], &self.0),
        }
    }
}

/// For a line of output, see [`escaped`].
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(&self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_names() {
        for name in ["a", "a/b", "...", "a b\n", ".hidden/..x", "\u{fc}"] {
            assert!(Name::new(name.as_bytes()).is_ok(), "{name:?}");
        }
        assert!(Name::new(b"\xff\xfe").is_ok());
        assert!(Name::new(&[b'x'; 255]).is_ok());
    }

    #[test]
    fn what_could_leave_its_directory_or_break_a_path_is_refused() {
        let long = "x".repeat(256);
        let deep = "x/".repeat(2047) + "xx";
        let cases = [
            ("", NameError::Empty),
            ("/a", NameError::EmptyComponent),
            ("a/", NameError::EmptyComponent),
            ("a//b", NameError::EmptyComponent),
            ("..", NameError::Dots),
            ("a/../b", NameError::Dots),
            ("./a", NameError::Dots),
            ("a\0b", NameError::Nul),
            (&long, NameError::ComponentTooLong(256)),
            (&deep, NameError::TooLong(4096)),
        ];
        for (name, error) in cases {
            assert_eq!(Name::new(name.as_bytes()), Err(error), "{name:?}");
        }
    }

    #[test]
    fn a_name_is_split_at_its_last_slash() {
        let split = |name: &str| {
            let name = Name::new(name.as_bytes()).expect("valid");
            let (directory, last) = name.split();
            (directory.to_vec(), last.to_vec())
        };
        assert_eq!(split("a/b/c"), (b"a/b".to_vec(), b"c".to_vec()));
        assert_eq!(split("c"), (b"".to_vec(), b"c".to_vec()));
    }

    #[test]
    fn a_shown_name_is_one_line() {
        let name = Name::new(b"a\n\\b\x1b[1m\xff\xc3\xa9").expect("valid");
        assert_eq!(name.to_string(), "a\\n\\\\b\\x1b[1m\\xff\u{e9}");
    }
}
