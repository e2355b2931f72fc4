//! Shard arguments with `*`, `?` or `[`, and the paths that match them.
//!
//! Patterns and names are bytes, as the kernel has them. `*` matches any characters of a name, `?` one,
//! `[a-z]` one of these and `[!a-z]` or `[^a-z]` one of the others; `**` as a whole component stands for any
//! directories, or none. A byte that is not part of UTF-8 counts as a character. A name that begins
//! with a dot is matched only by a pattern that does.

use crate::sys::files::{self, or_here};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Whether `path` has characters that only patterns need.
pub fn is_pattern(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes.iter().any(|byte| b"*?[".contains(byte))
}

/// A pattern, in its components.
#[derive(Debug)]
pub struct PathPattern {
    components: Vec<Component>,
    is_absolute: bool,
    /// It ends with a slash.
    only_directories: bool,
}

#[derive(Debug)]
enum Component {
    Literal(Vec<u8>),
    Wild(Vec<Token>),
    /// `**`
    AnyDirectories,
}

/// What one character of a name, or any number of them, is compared with.
#[derive(Debug)]
enum Token {
    Char(u32),
    AnyChar,
    AnySequence,
    /// First and last character of each range, and whether these are the ones that do not match.
    Class(Vec<(u32, u32)>, bool),
}

/// What could not be looked at.
pub type PathError = (PathBuf, io::Error);

impl PathPattern {
    /// Reads a pattern; an error says why it is none.
    pub fn parse(pattern: &Path) -> Result<PathPattern, &'static str> {
        let bytes = pattern.as_os_str().as_bytes();
        let components = bytes.split(|&byte| byte == b'/');
        let components = components.filter(|component| !component.is_empty());
        Ok(PathPattern {
            components: components.map(Component::parse).collect::<Result<_, _>>()?,
            is_absolute: bytes.starts_with(b"/"),
            only_directories: bytes.ends_with(b"/"),
        })
    }

    /// All paths that match, in any order.
    pub fn expand(&self) -> Result<Vec<PathBuf>, PathError> {
        let start = if self.is_absolute { "/" } else { "" };
        let mut found = Vec::new();
        let mut pending = vec![(PathBuf::from(start), 0)];
        while let Some((path, depth)) = pending.pop() {
            match self.components.get(depth) {
                None if self.only_directories && !path.is_dir() => {}
                None => found.push(path),
                Some(Component::Literal(name)) => {
                    let next = path.join(OsStr::from_bytes(name));
                    // What is missing in the middle has no entries.
                    if depth + 1 < self.components.len() || exists(&next)? {
                        pending.push((next, depth + 1));
                    }
                }
                Some(Component::Wild(tokens)) => {
                    let matching = entries(&path, |name| matches(tokens, name))?;
                    pending.extend(matching.into_iter().map(|path| (path, depth + 1)));
                }
                Some(Component::AnyDirectories) => {
                    let directories = directories_below(path)?.into_iter();
                    pending.extend(directories.map(|path| (path, depth + 1)));
                }
            }
        }
        Ok(found)
    }
}

impl Component {
    fn parse(component: &[u8]) -> Result<Component, &'static str> {
        if component == b"**" {
            return Ok(Component::AnyDirectories);
        }
        let chars = chars(component);
        let mut tokens = Vec::new();
        let mut rest = &chars[..];
        while let [first, after @ ..] = rest {
            rest = after;
            tokens.push(match u8::try_from(*first) {
                Ok(b'*') if matches!(tokens.last(), Some(Token::AnySequence)) => {
                    return Err("\"**\" is a component of its own, as in \"a/**/b\"");
                }
                Ok(b'*') => Token::AnySequence,
                Ok(b'?') => Token::AnyChar,
                Ok(b'[') => {
                    let (class, after) = class(rest).ok_or("a \"[\" without its \"]\"")?;
                    rest = after;
                    class
                }
                _ => Token::Char(*first),
            });
        }
        if tokens.iter().all(|token| matches!(token, Token::Char(_))) {
            Ok(Component::Literal(component.to_vec()))
        } else {
            Ok(Component::Wild(tokens))
        }
    }
}

/// Reads what follows a `[`; returns what follows its `]` too.
fn class(chars: &[u32]) -> Option<(Token, &[u32])> {
    let is = |char: Option<&u32>, expected: u8| char == Some(&u32::from(expected));
    let negated = is(chars.first(), b'!') || is(chars.first(), b'^');
    let chars = chars.get(usize::from(negated)..)?;
    // One that comes first is an ordinary character.
    let end = 1 + chars.iter().skip(1).position(|char| is(Some(char), b']'))?;
    let (mut members, after) = (chars.get(..end)?, chars.get(end + 1..)?);
    let mut ranges = Vec::new();
    while let Some((&first, rest)) = members.split_first() {
        (ranges, members) = match rest {
            [dash, last, rest @ ..] if is(Some(dash), b'-') => {
                ranges.push((first, *last));
                (ranges, rest)
            }
            rest => {
                ranges.push((first, first));
                (ranges, rest)
            }
        };
    }
    Some((Token::Class(ranges, negated), after))
}

/// The characters of a name; bytes that are not UTF-8 are numbers behind the last character.
fn chars(bytes: &[u8]) -> Vec<u32> {
    let mut chars = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chars.extend(chunk.valid().chars().map(u32::from));
        let behind = |byte: &u8| u32::from(char::MAX) + 1 + u32::from(*byte);
        chars.extend(chunk.invalid().iter().map(behind));
    }
    chars
}

fn matches(tokens: &[Token], name: &[u8]) -> bool {
    if name.starts_with(b".") && !matches!(tokens.first(), Some(Token::Char(0x2e))) {
        return false;
    }
    let name = chars(name);
    let (mut token, mut at) = (0, 0);
    // The last `*`, and where what it matches ends for now.
    let mut star = None;
    while at < name.len() {
        match tokens.get(token) {
            Some(Token::AnySequence) => {
                star = Some((token, at));
                token += 1;
            }
            Some(one) if one.matches(name[at]) => {
                token += 1;
                at += 1;
            }
            _ => match &mut star {
                Some((star, end)) => {
                    *end += 1;
                    (token, at) = (*star + 1, *end);
                }
                None => return false,
            },
        }
    }
    let rest = tokens.get(token..).unwrap_or_default();
    rest.iter().all(|token| matches!(token, Token::AnySequence))
}

impl Token {
    fn matches(&self, char: u32) -> bool {
        match self {
            Token::Char(expected) => char == *expected,
            Token::AnyChar | Token::AnySequence => true,
            Token::Class(ranges, negated) => {
                let is_in = |(first, last): &(u32, u32)| (*first..=*last).contains(&char);
                ranges.iter().any(is_in) != *negated
            }
        }
    }
}

/// Whether there is something, be it a link to nothing.
fn exists(path: &Path) -> Result<bool, PathError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err((path.to_owned(), error)),
    }
}

fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Entries of a directory by their names; none where it is no directory.
fn entries(directory: &Path, is_wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<PathBuf>, PathError> {
    let here = or_here(directory);
    let io = |error| (here.to_owned(), error);
    let list = match files::entries(here) {
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        list => list.map_err(io)?,
    };
    let mut found = Vec::new();
    for entry in list {
        let (name, _) = entry.map_err(io)?;
        if is_wanted(name.as_bytes()) {
            found.push(directory.join(name));
        }
    }
    Ok(found)
}

/// A directory and all below it, but those that a link leads back to. Names with a dot before them
/// are passed over.
fn directories_below(directory: PathBuf) -> Result<Vec<PathBuf>, PathError> {
    let mut found = Vec::new();
    let mut pending = vec![(directory, Vec::new())];
    while let Some((directory, mut above)) = pending.pop() {
        let identity = match or_here(&directory).metadata() {
            Ok(metadata) if metadata.is_dir() => (metadata.dev(), metadata.ino()),
            _ => continue,
        };
        if above.contains(&identity) {
            continue;
        }
        above.push(identity);
        let below = entries(&directory, |name| !name.starts_with(b"."))?;
        pending.extend(below.into_iter().map(|path| (path, above.clone())));
        found.push(directory);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn is_match(pattern: &[u8], name: &[u8]) -> bool {
        match Component::parse(pattern).expect("a pattern") {
            Component::Wild(tokens) => matches(&tokens, name),
            Component::Literal(literal) => literal == name,
            Component::AnyDirectories => true,
        }
    }

    #[test]
    fn names_are_matched_by_characters() {
        for (pattern, name, expected) in [
            (&b"d_*.rox"[..], &b"d_0000.rox"[..], true),
            (b"d_*.rox", b"d_.rox", true),
            (b"d_*.rox", b"d_0.rox2", false),
            (b"*a*b*", b"xxaxxbxa", true),
            (b"*a*b", b"xxaxxbxa", false),
            (b"?", "é".as_bytes(), true),
            (b"?", b"\xff", true),
            (b"?", b"\xff\xfe", false),
            (b"?\xff*", b"a\xffb", true),
            (b"[a-c]", b"b", true),
            (b"[!a-c]", b"b", false),
            (b"[^a-c]", b"b", false),
            (b"[^a-c]", b"d", true),
            (b"[a^]", b"^", true),
            (b"[!a-c]", b"\xff", true),
            (b"[]-]", b"]", true),
            (b"[a-]", b"-", true),
            ("[à-ü]".as_bytes(), "é".as_bytes(), true),
            (b"[!]a]", b"]", false),
            (b"[**]", b"*", true),
            (b"*.x", b".x", false),
            (b"*", b".hidden", false),
            (b"[.]hidden", b".hidden", false),
            (b".*", b".hidden", true),
            (b"a{b,c}?", b"a{b,c}d", true),
            (b"\\*", b"\\x", true),
        ] {
            assert_eq!(is_match(pattern, name), expected, "{pattern:?} {name:?}");
        }
    }

    #[test]
    fn a_pattern_with_many_stars_takes_no_time() {
        let pattern = b"*a".repeat(100);
        assert!(!is_match(&pattern, &[b'a'; 99]));
        assert!(!is_match(&pattern, &[&[b'a'; 250][..], b"b"].concat()));
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for bad in ["a[", "[!]", "[]", "a/[/b]", "x**", "***"] {
            PathPattern::parse(Path::new(bad)).expect_err(bad);
        }
    }

    #[test]
    fn paths_are_found_in_directories_that_match() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let root = directory.path();
        let name = |bytes| root.join(OsStr::from_bytes(bytes));
        for path in ["a/x", "a/b/x", ".h/x", "a/b/.x"] {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        std::fs::write(name(b"\xff.x"), "").expect("written");
        symlink("..", root.join("a/up")).expect("linked");
        symlink("gone", root.join("a/b/dangling")).expect("linked");
        let found = |pattern: &str| {
            let pattern = PathPattern::parse(&root.join(pattern)).expect("a pattern");
            let mut found = pattern.expand().expect("expanded");
            found.sort();
            found
        };
        let paths =
            |names: &[&str]| -> Vec<PathBuf> { names.iter().map(|name| root.join(name)).collect() };
        assert_eq!(found("*/x"), paths(&["a/x"]));
        assert_eq!(found("**/x"), paths(&["a/b/x", "a/x"]));
        assert_eq!(found("a/**/[b]*/x"), paths(&["a/b/x"]));
        assert_eq!(found("*.x"), [name(b"\xff.x")]);
        assert_eq!(found("*/b/dang*"), paths(&["a/b/dangling"]));
        assert_eq!(found("a/*/"), paths(&["a/b", "a/up"]));
        assert_eq!(found("a/x/*"), paths(&[]));
        assert_eq!(found("*/gone/?"), paths(&[]));
    }
}
