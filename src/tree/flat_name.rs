//! A record's name as a part of one file name, so that it can be read back. `views.md` in `order/` says
//! how it is written.

/// Takes the place of what is left out of a name that is too long: no byte is written like this.
const LEFT_OUT: &[u8] = b"%~";

/// Writes a valid name behind `out`, in `most` bytes at most.
pub(super) fn write(name: &[u8], most: usize, out: &mut Vec<u8>) {
    let len = |at: usize| written(name, at).len();
    if (0..name.len()).map(len).sum::<usize>() <= most {
        (0..name.len()).for_each(|at| out.extend(written(name, at)));
        return;
    }
    // The directory and the extension are worth most.
    let room = most.saturating_sub(LEFT_OUT.len());
    let mut head = as_many(room - room / 2, (0..name.len()).map(len));
    let mut tail = name.len() - as_many(room / 2, (0..name.len()).rev().map(len));
    // No character of UTF-8 is cut.
    while head > 0 && is_continued(name[head]) {
        head -= 1;
    }
    while name.get(tail).copied().is_some_and(is_continued) {
        tail += 1;
    }
    (0..head).for_each(|at| out.extend(written(name, at)));
    out.extend(LEFT_OUT);
    (tail..name.len()).for_each(|at| out.extend(written(name, at)));
}

/// How a byte of a name is written: so that `__` is a `/` wherever it stands.
fn written(name: &[u8], at: usize) -> &[u8] {
    let is_edge = |beside: Option<&u8>| matches!(beside, None | Some(b'/' | b'_'));
    let before = at.checked_sub(1).and_then(|before| name.get(before));
    match name[at] {
        b'/' => b"__",
        b'%' => b"%25",
        b'_' if is_edge(before) || is_edge(name.get(at + 1)) => b"%5F",
        _ => &name[at..=at],
    }
}

/// How many of the lengths fit into `room`, one after the other.
fn as_many(room: usize, lengths: impl Iterator<Item = usize>) -> usize {
    let ends = lengths.scan(0, |end, len| {
        *end += len;
        Some(*end)
    });
    ends.take_while(|&end| end <= room).count()
}

fn is_continued(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn flat(name: &[u8], most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write(name, most, &mut out);
        out
    }

    /// As `views.md` says that it is read.
    fn read_back(flat: &[u8]) -> Vec<u8> {
        let text: String = flat.iter().copied().map(char::from).collect();
        let path = text
            .replace("__", "/")
            .replace("%5F", "_")
            .replace("%25", "%");
        path.chars().map(|char| char as u8).collect()
    }

    #[test]
    fn common_names_look_like_themselves() {
        for (name, expected) in [
            ("cat/1.jpg", "cat__1.jpg"),
            (
                "n01440764/n01440764_10026.JPEG",
                "n01440764__n01440764_10026.JPEG",
            ),
            ("a__b/_c/d_/100%", "a%5F%5Fb__%5Fc__d%5F__100%25"),
            ("%5F", "%255F"),
            ("größe/日本.png", "größe__日本.png"),
        ] {
            assert_eq!(
                String::from_utf8(flat(name.as_bytes(), 255)).as_deref(),
                Ok(expected)
            );
        }
    }

    #[test]
    fn a_name_that_is_too_long_keeps_its_beginning_and_its_end() {
        let name = format!("cat/{}.jpg", "ä".repeat(200));
        let cut = String::from_utf8(flat(name.as_bytes(), 100)).expect("no character is cut");
        assert!(
            cut.starts_with("cat__ää") && cut.ends_with("ää.jpg"),
            "{cut}"
        );
        assert!(
            cut.contains("ä%~ä") && (97..=100).contains(&cut.len()),
            "{cut}"
        );
        let whole = "x".repeat(100);
        assert_eq!(flat(whole.as_bytes(), 100), whole.as_bytes());
        assert_eq!(flat(&[0x80; 300], 9), b"%~", "no UTF-8 at all");
    }

    proptest! {
        #[test]
        fn what_fits_is_read_back(name in vec(prop_oneof![3 => select(&b"ab_%/~5F2"[..]), 1 => any::<u8>()], 1..40)) {
            // A valid name has no empty component.
            prop_assume!(name.split(|&byte| byte == b'/').all(|part| !part.is_empty()));
            let flat = flat(&name, 4096);
            prop_assert!(!flat.contains(&b'/'));
            prop_assert_eq!(read_back(&flat), name);
        }

        #[test]
        fn nothing_is_longer_than_it_may_be(name: Vec<u8>, most in 2usize..60) {
            prop_assert!(flat(&name, most).len() <= most);
        }
    }
}
