//! Names, their order and their end offsets, damaged: `verify` finds it, and everything else continues
//! with what is left.

use super::contents::*;
use super::*;
use std::collections::BTreeSet;

#[test]
fn bad_end_offsets_of_names_are_found() {
    const FIRST: usize = 9;
    const SECOND: usize = FIRST + 8;
    found_by_verify(
        &sorted(),
        &[
            (
                |p| p.sections[NAMES].set_i64(FIRST, -1),
                &[
                    "record 0: end offset of its name is -1, expected 0 or more",
                    "record 1: start offset of its name is -1, expected 0 or more",
                ],
                &[],
            ),
            (
                |p| p.sections[NAMES].set_i64(FIRST, i64::MAX),
                &[
                    "record 0: end offset of its name is 9223372036854775807, expected at most 9 (the length of all names)",
                    "record 1: end offset of its name is 6, expected 9223372036854775807 or more (where the one before it ends)",
                ],
                &[],
            ),
            (
                |p| p.sections[NAMES].set_i64(FIRST, 10),
                &[
                    "record 0: end offset of its name is 10, expected at most 9 (the length of all names)",
                    "record 1: end offset of its name is 6, expected 10 or more (where the one before it ends)",
                ],
                &[],
            ),
            (
                |p| p.sections[NAMES].set_i64(SECOND, 2),
                &[
                    "record 1: end offset of its name is 2, expected 3 or more (where the one before it ends)",
                    "name at position 2 in byte order is that of record 2, smaller than the one before it, expected names that never decrease",
                ],
                &[],
            ),
            (
                |p| p.sections[NAMES].set_i64(FIRST, 2),
                &[
                    "record 0: name is \"a/\" (a component is empty: leading, trailing or doubled \"/\"), expected a valid relative path",
                    "name at position 1 in byte order is that of record 1, smaller than the one before it, expected names that never decrease",
                ],
                &[],
            ),
        ],
    );
}

#[test]
fn names_that_break_the_rules_are_found() {
    fn rename(parts: &mut Parts, name: &[u8]) {
        parts.sections[NAMES] = Section::names(&[name, b"z", b"zz", b"zzz", b"zzzz"]);
    }
    found_by_verify(
        &sorted(),
        &[
            (
                |p| rename(p, b"../x"),
                &[
                    "record 0: name is \"../x\" (a component is \".\" or \"..\"), expected a valid relative path",
                ],
                &[],
            ),
            (
                |p| rename(p, b"a/./x"),
                &[
                    "record 0: name is \"a/./x\" (a component is \".\" or \"..\"), expected a valid relative path",
                ],
                &[],
            ),
            (
                |p| rename(p, b"/a"),
                &[
                    "record 0: name is \"/a\" (a component is empty: leading, trailing or doubled \"/\"), expected a valid relative path",
                ],
                &[],
            ),
            (
                |p| rename(p, b"a/"),
                &[
                    "record 0: name is \"a/\" (a component is empty: leading, trailing or doubled \"/\"), expected a valid relative path",
                ],
                &[],
            ),
            (
                |p| rename(p, b"a//b"),
                &[
                    "record 0: name is \"a//b\" (a component is empty: leading, trailing or doubled \"/\"), expected a valid relative path",
                ],
                &[],
            ),
            (
                |p| rename(p, b"a\0b"),
                &[
                    "record 0: name is \"a\\x00b\" (it has a NUL byte), expected a valid relative path",
                ],
                &[],
            ),
            (
                |p| rename(p, b"\x1b[2J\xff/.."),
                &[
                    "record 0: name is \"\\x1b[2J\\xff/..\" (a component is \".\" or \"..\"), expected a valid relative path",
                ],
                &[],
            ),
            (
                |p| rename(p, &[b'x'; 4096]),
                &["record 0: name is 4096 bytes long, expected at most 4095 bytes"],
                &[],
            ),
        ],
    );
}

#[test]
fn an_order_that_is_not_that_of_the_names_is_found() {
    found_by_verify(
        &unsorted(),
        &[
            (
                |p| p.sections[ORDER] = Section::order(&[3, 1, 4, 2, 5]),
                &["order entry 4 is 5, expected at most 4"],
                &[],
            ),
            (
                |p| p.sections[ORDER] = Section::order(&[u32::MAX; 5]),
                &[
                    "order entry 0 is 4294967295, expected at most 4",
                    "order entry 1 is 4294967295, expected at most 4",
                    "order entry 2 is 4294967295, expected at most 4",
                    "order entry 3 is 4294967295, expected at most 4",
                    "order entry 4 is 4294967295, expected at most 4",
                ],
                &[],
            ),
            (
                |p| p.sections[ORDER] = Section::order(&[3, 1, 1, 2, 0]),
                &["order entry 2 is 1 again, expected each record once"],
                &[],
            ),
            (
                |p| p.sections[ORDER] = Section::order(&[0, 1, 2, 3, 4]),
                &[
                    "name at position 1 in byte order is that of record 1, smaller than the one before it, expected names that never decrease",
                    "name at position 3 in byte order is that of record 3, smaller than the one before it, expected names that never decrease",
                ],
                &[],
            ),
            (
                |p| p.sections[ORDER] = Section::order(&[3, 4, 1, 2, 0]),
                &[
                    "name at position 2 in byte order is that of record 1, equal to the one before it, expected equal names by number",
                ],
                &[],
            ),
            (
                |p| p.sections[ORDER] = Section::order(&[]),
                &[
                    "name at position 1 in byte order is that of record 1, smaller than the one before it, expected names that never decrease",
                    "name at position 3 in byte order is that of record 3, smaller than the one before it, expected names that never decrease",
                ],
                &[],
            ),
        ],
    );
}

#[test]
fn a_component_that_is_too_long_is_found() {
    let mut parts = sorted();
    let name = [b"a/".as_slice(), &[b'x'; 256]].concat();
    parts.sections[NAMES] = Section::names(&[name.as_slice(), b"b", b"c", b"d", b"e"]);
    let (_directory, path) = write_shard(&parts.bytes());
    let found = message(roxfs().arg("verify").arg(&path), &path, DAMAGED);
    let name = String::from_utf8(name).expect("ASCII");
    let rule = "a component has 256 bytes, at most 255 are allowed";
    assert_eq!(
        found,
        format!(
            "roxfs: PATH: record 0: name is \"{name}\" ({rule}), expected a valid relative path\n"
        )
    );
    survived(&path, &parts, &BTreeSet::new());
}
