//! Which names are left out: patterns as people know them from tar, rsync and .gitignore.
//!
//! The patterns are compiled and matched by the globset crate, byte by byte, so that names need
//! not be UTF-8. What a pattern is matched against is decided here.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// What file managers, editors and the file systems of cameras leave beside samples: of Jupyter, macOS, Windows and Synology.
pub const JUNK: [&str; 12] = [
    ".ipynb_checkpoints",
    ".DS_Store",
    "._*",
    "__MACOSX",
    ".Spotlight-V100",
    ".Trashes",
    ".fseventsd",
    "[Tt]humbs.db",
    "[Dd]esktop.ini",
    "$RECYCLE.BIN",
    "System Volume Information",
    "@eaDir",
];

/// A pattern of `--exclude`.
///
/// `*` and `?` match any bytes and any one byte, `[...]` one of a set, `**` as a whole component
/// any number of components; nothing else matches a `/`. `\` takes the next character as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludePattern {
    glob: Glob,
    /// Matched against paths from the start of a name, not against single components.
    rooted: bool,
    /// It ends with `/`.
    only_directories: bool,
}

/// Why a text is no pattern.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// Nothing is left of it without `/` and `.`.
    #[error("it has no component that could match")]
    Empty,
    /// Names have no such component.
    #[error("a component \"..\" matches no name")]
    Above,
    /// The crate cannot match them.
    #[error("only ASCII characters can stand in [...]")]
    ClassNotAscii,
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8; \"?\" matches any byte of a name")]
    NotUtf8,
    /// As the crate says.
    #[error("{0}")]
    Syntax(globset::ErrorKind),
}

impl ExcludePattern {
    /// Understands a pattern as it is written on a command line.
    pub fn new(text: &OsStr) -> Result<ExcludePattern, PatternError> {
        let text = text.to_str().ok_or(PatternError::NotUtf8)?;
        let only_directories = text.ends_with('/');
        let rooted = text.trim_end_matches('/').contains('/');
        let components = text.split('/').filter(|part| !matches!(*part, "" | "."));
        let components: Vec<String> = components.map(without_braces).collect::<Result<_, _>>()?;
        if components.is_empty() {
            return Err(PatternError::Empty);
        }
        if components.iter().any(|component| component == "..") {
            return Err(PatternError::Above);
        }
        let glob = glob(&components.join("/"));
        Ok(ExcludePattern {
            glob: glob.map_err(|error| PatternError::Syntax(error.kind().clone()))?,
            rooted,
            only_directories,
        })
    }

    /// Matches what lies below the directories that this one matches.
    fn below(&self) -> Result<Glob, globset::Error> {
        let text = self.glob.glob();
        // "**" at the end is one component or more, and in the middle none or more.
        let any_below = match text.split('/').next_back() {
            Some("**") => "/*/**/*",
            _ => "/**/*",
        };
        glob(&[text, any_below].concat())
    }
}

fn glob(text: &str) -> Result<Glob, globset::Error> {
    let mut glob = GlobBuilder::new(text);
    glob.literal_separator(true).backslash_escape(true).build()
}

/// A component of a pattern with `{` and `}` escaped: for tar and rsync they are characters like
/// others, for the crate they list alternatives.
fn without_braces(component: &str) -> Result<String, PatternError> {
    let mut plain = String::with_capacity(component.len());
    let mut rest = component;
    while let Some(char) = rest.chars().next() {
        let len = match char {
            '[' => class_len(rest),
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            char => char.len_utf8(),
        };
        let (part, after) = rest.split_at(len);
        if char == '[' && !part.is_ascii() {
            return Err(PatternError::ClassNotAscii);
        }
        if matches!(char, '{' | '}') {
            plain.push('\\');
        }
        plain.push_str(part);
        rest = after;
    }
    Ok(plain)
}

/// The length of a class with its brackets, from its `[`; all of the text if it has no end.
fn class_len(text: &str) -> usize {
    let negation = text[1..].starts_with(['!', '^']) as usize;
    // A `]` that comes first is one of the set.
    let mut at = 1 + negation + text[1 + negation..].starts_with(']') as usize;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("[:")
            && let Some(end) = rest.find(":]")
        {
            at += end + 2;
        } else if rest.starts_with(']') {
            return at + 1;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// What is left out: everything that one of several patterns matches, and all that is below a
/// directory that one matches.
#[derive(Debug, Clone, Default)]
pub struct Exclude(Option<Arc<Sets>>);

#[derive(Debug)]
struct Sets {
    components: Kinds,
    paths: Kinds,
    /// What lies below the paths, so that a name is compared once and not with each directory above.
    below: GlobSet,
}

#[derive(Debug)]
struct Kinds {
    any: GlobSet,
    directories: GlobSet,
}

impl Exclude {
    /// Of these patterns; without any, nothing is left out.
    pub fn new(patterns: &[ExcludePattern]) -> Result<Exclude, globset::Error> {
        if patterns.is_empty() {
            return Ok(Exclude(None));
        }
        let set = |rooted, only_directories| {
            let mut set = GlobSetBuilder::new();
            let wanted = |pattern: &&ExcludePattern| {
                pattern.rooted == rooted && pattern.only_directories == only_directories
            };
            for pattern in patterns.iter().filter(wanted) {
                set.add(pattern.glob.clone());
            }
            set.build()
        };
        let kinds = |rooted| -> Result<Kinds, globset::Error> {
            Ok(Kinds {
                any: set(rooted, false)?,
                directories: set(rooted, true)?,
            })
        };
        let mut below = GlobSetBuilder::new();
        for pattern in patterns.iter().filter(|pattern| pattern.rooted) {
            below.add(pattern.below()?);
        }
        Ok(Exclude(Some(Arc::new(Sets {
            components: kinds(false)?,
            paths: kinds(true)?,
            below: below.build()?,
        }))))
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether what has this relative path is left out by itself; the directories above it are not
    /// looked at.
    pub fn has_entry(&self, path: &[u8], is_directory: bool) -> bool {
        let Some(sets) = &self.0 else { return false };
        let last = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        sets.components.has(last, is_directory) || sets.paths.has(path, is_directory)
    }

    /// Whether what has this relative path is left out, by itself or with a directory above it.
    pub fn has(&self, path: &[u8], is_directory: bool) -> bool {
        let Some(sets) = &self.0 else { return false };
        let mut components = path.split(|&byte| byte == b'/');
        let last = components.next_back().unwrap_or_default();
        components.any(|component| sets.components.has(component, true))
            || sets.components.has(last, is_directory)
            || sets.paths.has(path, is_directory)
            || sets.below.is_match(OsStr::from_bytes(path))
    }
}

impl Kinds {
    fn has(&self, path: &[u8], is_directory: bool) -> bool {
        let path = OsStr::from_bytes(path);
        self.any.is_match(path) || (is_directory && self.directories.is_match(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exclude(patterns: &[&str]) -> Exclude {
        let parsed = patterns
            .iter()
            .map(|text| ExcludePattern::new(OsStr::new(text)));
        let parsed: Vec<ExcludePattern> =
            parsed.map(|pattern| pattern.expect("a pattern")).collect();
        Exclude::new(&parsed).expect("patterns that go together")
    }

    fn has(pattern: &str, name: impl AsRef<[u8]>) -> bool {
        exclude(&[pattern]).has(name.as_ref(), false)
    }

    #[test]
    fn a_pattern_without_a_slash_matches_any_component() {
        for name in [".git", ".git/config", "a/.git", "a/.git/b/c"] {
            assert!(has(".git", name), "{name}");
        }
        for name in [".gitignore", "a.git", "a/.git2/b", "git"] {
            assert!(!has(".git", name), "{name}");
        }
        assert!(has("*.txt", "a/b.txt") && has("*.txt", "b.txt/c.jpg") && has("*", "a"));
    }

    #[test]
    fn a_pattern_with_a_slash_matches_from_the_start() {
        for pattern in ["a/b", "/a/b", "./a/b", "a//b", "a/./b"] {
            assert!(has(pattern, "a/b") && has(pattern, "a/b/c"), "{pattern}");
            assert!(!has(pattern, "x/a/b") && !has(pattern, "a/bc"), "{pattern}");
        }
        assert!(has("/a", "a/b") && !has("/a", "b/a"));
        assert!(has("a/*.jpg", "a/x.jpg") && !has("a/*.jpg", "a/b/x.jpg"));
        assert!(has("a/*/c", "a/b/c/d") && !has("a/*/c", "a/c"));
    }

    #[test]
    fn two_stars_match_any_number_of_components() {
        for name in ["a/c", "a/b/c", "a/b/b/c", "a/b/c/d"] {
            assert!(has("a/**/c", name), "{name}");
        }
        assert!(has("**/c", "c") && has("**/c", "a/b/c") && !has("**/c", "a/bc"));
        assert!(has("a/**", "a/b") && !has("a/**", "a") && !has("a/**", "ab/c"));
        assert!(!has("a**c", "a/c") && has("a**c", "abc"));
    }

    #[test]
    fn a_pattern_that_ends_with_a_slash_matches_directories() {
        assert!(has("a/", "a/b") && has("a/", "x/a/b") && !has("a/", "a") && !has("a/", "x/a"));
        assert!(has("x/a/", "x/a/b") && !has("x/a/", "x/a") && !has("/a/", "x/a/b"));
        assert!(exclude(&["a/"]).has(b"a", true));
    }

    #[test]
    fn wildcards_match_bytes_and_no_slash() {
        assert!(has("?.jpg", b"\xff.jpg") && has("*.jpg", b"\xff\n\xfe.jpg"));
        assert!(has("**/x/*.jpg", b"a\nb/\xff/x/\xfe.jpg"));
        assert!(!has("a?b", "a/b") && !has("/a[!x]b", "a/b") && !has("/a*b", "a/b"));
        assert!(has("[a-c]1", "b1") && has("[!a-c]1", "d1") && has("[^a]1", "b1"));
        assert!(has("[]x]", "]") && has("[[:digit:]{]", "{") && !has("[[:digit:]{]", "\\"));
        assert!(has(r"\*", "*") && !has(r"\*", "a") && has("é*", "éa"));
    }

    #[test]
    fn braces_and_commas_are_characters_like_others() {
        for name in ["{a,b}", "a{", "}", "a,b"] {
            assert!(has(name, name), "{name}");
        }
        assert!(!has("{a,b}", "a") && has(r"\{a", "{a") && has("[{]a", "{a"));
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (text, reason) in [
            ("", "no component"),
            ("/", "no component"),
            ("./", "no component"),
            ("a/../b", "\"..\""),
            ("[a", "unclosed character class"),
            ("a[", "unclosed character class"),
            ("[z-a]", "invalid range"),
            ("a\\", "dangling"),
            ("[é]", "ASCII"),
        ] {
            let error = ExcludePattern::new(OsStr::new(text))
                .expect_err(text)
                .to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let error = ExcludePattern::new(OsStr::from_bytes(b"\xff")).expect_err("bytes");
        assert!(error.to_string().contains("UTF-8"), "{error}");
    }

    #[test]
    fn junk_is_what_nobody_wants() {
        let junk = exclude(&JUNK);
        for name in [
            ".DS_Store",
            "cat/.ipynb_checkpoints/1-checkpoint.jpg",
            "cat/._1.jpg",
            "__MACOSX/cat/1.jpg",
            "cat/Thumbs.db",
            "cat/desktop.ini",
            "$RECYCLE.BIN/x",
        ] {
            assert!(junk.has(name.as_bytes(), false), "{name}");
        }
        for name in [
            "cat/1.jpg",
            ".git/config",
            "_.jpg",
            "DS_Store",
            "a._b",
            ".hidden",
        ] {
            assert!(!junk.has(name.as_bytes(), false), "{name}");
        }
    }

    proptest! {
        #[test]
        fn names_match_themselves_escaped(name in "[^/\0]{1,20}") {
            prop_assume!(!matches!(name.as_str(), "." | ".."));
            let escaped: String = name.chars().flat_map(|char| ['\\', char]).collect();
            prop_assert!(has(&escaped, &name));
            let longer = format!("{}x", name);
            prop_assert!(!has(&escaped, longer));
        }

        #[test]
        fn no_text_panics(text in any::<Vec<u8>>(), name in any::<Vec<u8>>()) {
            if let Ok(pattern) = ExcludePattern::new(OsStr::from_bytes(&text)) {
                let exclude = Exclude::new(&[pattern]).expect("one pattern");
                exclude.has(&name, false);
            }
        }

        #[test]
        fn a_name_is_left_out_by_itself_or_with_a_directory_above(
            patterns in prop::collection::vec("[ab*?/]{1,6}|/?([ab?]|\\*|\\*\\*)(/([ab]|\\*|\\*\\*)){0,3}/?", 1..3),
            name in "[ab]{1,2}(/[ab]{1,2}){0,4}", is_directory in any::<bool>(),
        ) {
            let parsed = patterns.iter().map(|text| ExcludePattern::new(OsStr::new(text)));
            let parsed: Vec<ExcludePattern> = parsed.filter_map(Result::ok).collect();
            let exclude = Exclude::new(&parsed).expect("patterns that go together");
            let mut above = name.match_indices('/').map(|(slash, _)| &name[..slash]);
            let expected = exclude.has_entry(name.as_bytes(), is_directory)
                || above.any(|directory| exclude.has_entry(directory.as_bytes(), true));
            prop_assert_eq!(exclude.has(name.as_bytes(), is_directory), expected);
        }

        #[test]
        fn what_is_below_something_left_out_is_left_out(
            pattern in "[ab*?/]{1,6}", name in "[ab]{1,2}(/[ab]{1,2}){0,3}",
        ) {
            let Ok(pattern) = ExcludePattern::new(OsStr::new(&pattern)) else { return Ok(()) };
            let exclude = Exclude::new(&[pattern]).expect("one pattern");
            if exclude.has(name.as_bytes(), true) {
                let below = format!("{name}/b");
                prop_assert!(exclude.has(below.as_bytes(), false));
            }
        }
    }
}
