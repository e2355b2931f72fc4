//! Names, paths and other texts from outside, for a line of output.
//!
//! What has no visible form of its own is written as an escape: control characters, which command
//! a terminal; format characters, of which some turn the direction of a line, so that it reads as
//! what it is not; characters of no width; and the separators of lines and paragraphs.

use serde::Serialize;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Beside control characters all that Unicode 16 has of the general categories Cf (format), Zl and
/// Zp (separators of lines and paragraphs), and of the property `Default_Ignorable_Code_Point`
/// (UnicodeData.txt and DerivedCoreProperties.txt); in ascending order.
const HIDDEN: [(char, char); 25] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character has no visible form of its own, or changes that of others.
pub fn is_hidden(char: char) -> bool {
    if char.is_ascii() {
        return char.is_ascii_control();
    }
    let after = HIDDEN.partition_point(|&(first, _)| first <= char);
    let within = after
        .checked_sub(1)
        .is_some_and(|range| char <= HIDDEN[range].1);
    char.is_control() || within
}

/// Bytes with hidden characters, `\` and invalid UTF-8 written as escapes, so that a name never
/// spans lines, breaks columns, commands a terminal, or reads as another one. Reversible: `\\`,
/// `\n`, `\t`, `\r`, and `\xNN` for any other byte.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(&'a [u8]);

/// Shows a name.
pub fn escaped(bytes: &[u8]) -> Escaped<'_> {
    Escaped(bytes)
}

/// Shows a path.
pub fn printable(path: &Path) -> Escaped<'_> {
    Escaped(path.as_os_str().as_bytes())
}

/// A path as one argument of a command that is typed in a shell, quoted where it has to be.
pub fn quoted(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    // What begins with it would be an option.
    let start = if bytes.starts_with(b"-") { "./" } else { "" };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./+,:@%=-".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return format!("{start}{}", escaped(bytes));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(is_hidden) => {
            format!("'{start}{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let byte = |byte: &u8| {
                if is_plain(byte) {
                    char::from(*byte).to_string()
                } else {
                    format!("\\x{byte:02x}")
                }
            };
            let text: String = bytes.iter().map(byte).collect();
            // An escape has two digits at most, so that one behind it is a character of its own.
            format!("$'{start}{text}'")
        }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for char in chunk.valid().chars() {
                match char {
                    '\\' => f.write_str("\\\\")?,
                    char => write_visible(f, char)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// A text that is put together already, with what of it is hidden written as escapes; what was
/// escaped before stays as it is. For messages whose parts come from libraries and other programs.
#[derive(Debug, Clone, Copy)]
pub struct Visible<T>(pub T);

impl<T: fmt::Display> fmt::Display for Visible<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        struct Filter<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl Write for Filter<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                text.chars()
                    .try_for_each(|char| write_visible(self.0, char))
            }
        }
        write!(Filter(f), "{}", self.0)
    }
}

fn write_visible(f: &mut fmt::Formatter<'_>, char: char) -> fmt::Result {
    match char {
        '\n' => f.write_str("\\n"),
        '\t' => f.write_str("\\t"),
        '\r' => f.write_str("\\r"),
        char if is_hidden(char) => {
            let mut utf8 = [0; 4];
            char.encode_utf8(&mut utf8)
                .bytes()
                .try_for_each(|byte| write!(f, "\\x{byte:02x}"))
        }
        char => fmt::Write::write_char(f, char),
    }
}

/// A value as JSON whose strings have hidden characters as `\uNNNN`: the same to every parser.
pub fn json(value: &impl Serialize, pretty: bool) -> serde_json::Result<String> {
    let plain = if pretty {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    // Those below U+0020 are escaped already, or are between values; others are only in strings.
    let is_raw = |char: char| char >= '\u{7f}' && is_hidden(char);
    if !plain.contains(is_raw) {
        return Ok(plain);
    }
    let mut escaped = String::with_capacity(plain.len());
    for char in plain.chars() {
        if is_raw(char) {
            let mut utf16 = [0; 2];
            for unit in char.encode_utf16(&mut utf16) {
                escaped += &format!("\\u{unit:04x}");
            }
        } else {
            escaped.push(char)
        }
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_be_typed_in_a_shell() {
        for (path, expected) in [
            (&b"a/b-1.tar.gz"[..], "a/b-1.tar.gz"),
            (b"-x", "./-x"),
            (b"", "''"),
            (b"a b", "'a b'"),
            (b"-a b", "'./-a b'"),
            (b"it's $HOME", r"'it'\''s $HOME'"),
            ("ü".as_bytes(), "'ü'"),
            (b"a\nb'", r"$'a\x0ab\x27'"),
            (b"\xff", r"$'\xff'"),
        ] {
            use std::ffi::OsStr;
            assert_eq!(quoted(Path::new(OsStr::from_bytes(path))), expected);
        }
    }

    #[test]
    fn the_ranges_are_ascending() {
        assert!(HIDDEN.iter().all(|(first, last)| first <= last));
        assert!(HIDDEN.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn what_turns_hides_or_commands_is_hidden() {
        let kinds = [
            "\u{0}\u{1b}\u{7f}\u{85}\u{9b}\u{9f}",
            "\u{200e}\u{200f}\u{61c}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}",
            "\u{2066}\u{2067}\u{2068}\u{2069}",
            "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{180e}\u{3164}\u{fe0f}",
            "\u{2028}\u{2029}\u{fff9}\u{1d173}\u{e0001}\u{e0041}\u{e0100}",
        ];
        for char in kinds.iter().flat_map(|kind| kind.chars()) {
            assert!(is_hidden(char), "{char:?}");
        }
        for char in "aZ~ \\é漢\u{a0}א\u{301}\u{e000}\u{fffd}😀\u{110be}\u{2070}".chars() {
            assert!(!is_hidden(char), "{char:?}");
        }
    }

    #[test]
    fn a_text_that_was_escaped_is_not_escaped_twice() {
        let text = format!("{}: \u{1b}[1m\u{202e}\n", escaped(b"a\\\n"));
        let expected = "a\\\\\\n: \\x1b[1m\\xe2\\x80\\xae\\n";
        assert_eq!(Visible(text).to_string(), expected);
    }

    #[test]
    fn json_is_the_same_to_a_parser() {
        let text = "a\u{202e}b\u{7f}\u{9b}\u{e0041}\u{1b}\n\u{e9}";
        for pretty in [true, false] {
            let json = json(&[text], pretty).expect("JSON");
            assert!(!json.chars().any(|char| char != '\n' && is_hidden(char)));
            let parsed: Vec<String> = serde_json::from_str(&json).expect("parsed");
            assert_eq!(parsed, [text]);
        }
    }
}
