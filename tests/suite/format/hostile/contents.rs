//! Damage that opening does not look for, because it takes time that grows with the records:
//! `verify` finds it, and everything else goes on with what is left.

use super::*;
use std::collections::BTreeSet;

const NAMES: usize = 0;
const ORDER: usize = 1;
const CHECKSUMS: usize = 2;

const RECORDS: [&[u8]; 5] = [b"cat", b"", b"dogs", b"bird", b"eel"];

/// What is damaged, what `verify` says about it, and the records that nobody can read any more.
type Case = (fn(&mut Parts), &'static [&'static str], &'static [usize]);

/// Records with everything that `verify` compares them with; the names are in order.
fn sorted() -> Parts {
    Parts {
        sections: vec![
            Section::names(&[b"a/1", b"a/2", b"b", b"c", b"d"]),
            Section::order(&[]),
            Section::checksums(&RECORDS),
        ],
        ..Parts::plain(&RECORDS)
    }
}

/// The same with names that are not in order, two of them equal.
fn unsorted() -> Parts {
    let mut parts = sorted();
    parts.sections[NAMES] = Section::names(&[b"d", b"b", b"c", b"a", b"b"]);
    parts.sections[ORDER] = Section::order(&[3, 1, 4, 2, 0]);
    parts
}

/// Checks for each damage what `verify` says, and that nothing else comes to harm.
fn found_by_verify(valid: &Parts, cases: &[Case]) {
    for (damage, expected, unreadable) in cases {
        let mut parts = valid.clone();
        damage(&mut parts);
        let (_directory, path) = write_shard(&parts.bytes());
        let found = message(roxfs().arg("verify").arg(&path), &path, DAMAGED);
        let lines: Vec<&str> = found.lines().collect();
        let expected: Vec<String> = expected
            .iter()
            .map(|line| format!("roxfs: PATH: {line}"))
            .collect();
        assert_eq!(lines, expected);
        survived(&path, &parts, &unreadable.iter().copied().collect());
    }
}

/// `info` and `ls` report the damaged records and show all the others, and a mount serves them.
fn survived(path: &Path, parts: &Parts, unreadable: &BTreeSet<usize>) {
    let code = if unreadable.is_empty() { DONE } else { DAMAGED };
    message(roxfs().arg("info").arg(path), path, code);
    let listed = output(roxfs().arg("ls").arg(path));
    assert!(
        listed
            .status
            .code()
            .is_some_and(|code| [DONE, DAMAGED].contains(&code)),
        "{listed:?}"
    );
    let mount = Mount::new(path);
    let names = std::fs::read_dir(mount.join("records"))
        .expect("listing")
        .count();
    assert_eq!(names, RECORDS.len());
    for number in 0..RECORDS.len() {
        let read = std::fs::read(mount.join(&format!("records/{number:06}.bin")));
        let expected = match unreadable.contains(&number) {
            true => Err(Some(libc::EIO)),
            false => Ok(content(parts, number)),
        };
        assert_eq!(
            read.map_err(|error| error.raw_os_error()),
            expected,
            "record {number}"
        );
    }
    assert_eq!(mount.read("raw/data"), parts.payload);
}

/// The bytes that the index gives to a record, whether that is damaged or not.
fn content(parts: &Parts, number: usize) -> Vec<u8> {
    let start = number.checked_sub(1).map_or(0, |before| parts.ends[before]);
    parts.payload[start as usize..parts.ends[number] as usize].to_vec()
}

#[test]
fn what_the_damages_start_from_is_valid() {
    accepted(&sorted());
    accepted(&unsorted());
}

#[test]
fn bad_end_offsets_of_records_are_found() {
    found_by_verify(
        &sorted(),
        &[
            (
                |p| p.ends[0] = -1,
                &[
                    "record 0: end offset is -1, expected 0 or more",
                    "record 1: start offset is -1, expected 0 or more",
                ],
                &[0, 1],
            ),
            (
                |p| p.ends[0] = i64::MIN,
                &[
                    "record 0: end offset is -9223372036854775808, expected 0 or more",
                    "record 1: start offset is -9223372036854775808, expected 0 or more",
                ],
                &[0, 1],
            ),
            (
                |p| p.ends[2] = i64::MAX,
                &[
                    "record 2: end offset is 9223372036854775807, expected at most 14 (the payload length)",
                    "record 3: end offset is 11, expected 9223372036854775807 or more (where the one before it ends)",
                ],
                &[2, 3],
            ),
            (
                |p| p.ends[2] = 15,
                &[
                    "record 2: end offset is 15, expected at most 14 (the payload length)",
                    "record 3: end offset is 11, expected 15 or more (where the one before it ends)",
                ],
                &[2, 3],
            ),
            (
                |p| p.ends[1] = 2,
                &[
                    "record 1: end offset is 2, expected 3 or more (where the one before it ends)",
                    "record 2: checksum is 0xf3f466eb, expected 0xbd7f5b83",
                ],
                &[1],
            ),
            (
                |p| p.ends[2] = 2,
                &[
                    "record 2: end offset is 2, expected 3 or more (where the one before it ends)",
                    "record 3: checksum is 0xa909223d, expected 0x0ef21448",
                ],
                &[2],
            ),
            (
                |p| p.ends[2] = 6,
                &[
                    "record 2: checksum is 0x0a72a4df, expected 0xbd7f5b83",
                    "record 3: checksum is 0xe80f2764, expected 0x0ef21448",
                ],
                &[],
            ),
            (
                |p| p.ends[2] = 8,
                &[
                    "record 2: checksum is 0x439b0713, expected 0xbd7f5b83",
                    "record 3: checksum is 0xe5159418, expected 0x0ef21448",
                ],
                &[],
            ),
            (
                |p| p.ends[..3].fill(-1),
                &[
                    "record 0: end offset is -1, expected 0 or more",
                    "record 1: end offset is -1, expected 0 or more",
                    "record 2: end offset is -1, expected 0 or more",
                    "record 3: start offset is -1, expected 0 or more",
                ],
                &[0, 1, 2, 3],
            ),
            (
                |p| p.ends[..4].copy_from_slice(&[14, 0, 14, 0]),
                &[
                    "record 0: checksum is 0x4c0383fc, expected 0x895766a7",
                    "record 1: end offset is 0, expected 14 or more (where the one before it ends)",
                    "record 2: checksum is 0x4c0383fc, expected 0xbd7f5b83",
                    "record 3: end offset is 0, expected 14 or more (where the one before it ends)",
                    "record 4: checksum is 0x4c0383fc, expected 0x8ceb6ecc",
                ],
                &[1, 3],
            ),
        ],
    );
}

#[test]
fn contents_that_do_not_match_their_checksums_are_found() {
    found_by_verify(
        &sorted(),
        &[
            (
                |p| p.payload[0] ^= 1,
                &["record 0: checksum is 0x2c16f4d9, expected 0x895766a7"],
                &[],
            ),
            (
                |p| p.payload[13] ^= 0x80,
                &["record 4: checksum is 0x0e1d55b4, expected 0x8ceb6ecc"],
                &[],
            ),
            (
                |p| p.sections[CHECKSUMS].body[4] = 1,
                &["record 1: checksum is 0x00000000, expected 0x00000001"],
                &[],
            ),
            (
                |p| p.sections[CHECKSUMS].body.fill(0),
                &[
                    "record 0: checksum is 0x895766a7, expected 0x00000000",
                    "record 2: checksum is 0xbd7f5b83, expected 0x00000000",
                    "record 3: checksum is 0x0ef21448, expected 0x00000000",
                    "record 4: checksum is 0x8ceb6ecc, expected 0x00000000",
                ],
                &[],
            ),
        ],
    );
}

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

#[test]
fn of_many_faults_the_first_are_shown_and_the_others_counted() {
    let records = [[0; 1]; 30];
    let mut parts = Parts::plain(&records);
    parts.sections = vec![Section::checksums(&[[1; 1]; 30])];
    let (_directory, path) = write_shard(&parts.bytes());
    let found = message(roxfs().arg("verify").arg(&path), &path, DAMAGED);
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 21);
    assert_eq!(
        lines[19..],
        [
            "roxfs: PATH: record 19: checksum is 0x527d5351, expected 0xa016d052",
            "roxfs: PATH: 10 more faults not shown",
        ]
    );
}

#[test]
fn damage_of_one_shard_does_not_hide_that_of_the_next() {
    let directory = temp_dir();
    let mut first = sorted();
    first.payload[0] ^= 1;
    let mut last = sorted();
    last.records = -1;
    for (name, parts) in [("0", &first), ("1", &sorted()), ("2", &last)] {
        std::fs::write(
            directory.path().join(name).with_extension("rox"),
            parts.bytes(),
        )
        .expect("shard");
    }
    let found = message(
        roxfs().arg("verify").arg(directory.path()),
        directory.path(),
        DAMAGED,
    );
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(
        lines,
        [
            "roxfs: PATH/0.rox: record 0: checksum is 0x2c16f4d9, expected 0x895766a7",
            "roxfs: PATH/2.rox: footer record count is -1, expected 0 or more",
        ]
    );
}
