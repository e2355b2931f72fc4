//! Damage that opening does not look for, because it takes time that grows with the records:
//! `verify` finds it, and everything else continues with what is left.

use super::*;
use std::collections::BTreeSet;

pub const NAMES: usize = 0;

pub const ORDER: usize = 1;

pub const CHECKSUMS: usize = 2;

pub const RECORDS: [&[u8]; 5] = [b"cat", b"", b"dogs", b"bird", b"eel"];

/// What is damaged, what `verify` says about it, and the records that nobody can read any more.
pub type Case = (fn(&mut Parts), &'static [&'static str], &'static [usize]);

/// Records with everything that `verify` compares them with; the names are in order.
pub fn sorted() -> Parts {
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
pub fn unsorted() -> Parts {
    let mut parts = sorted();
    parts.sections[NAMES] = Section::names(&[b"d", b"b", b"c", b"a", b"b"]);
    parts.sections[ORDER] = Section::order(&[3, 1, 4, 2, 0]);
    parts
}

/// Checks for each damage what `verify` says, and that nothing else comes to harm.
pub fn found_by_verify(valid: &Parts, cases: &[Case]) {
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
pub fn survived(path: &Path, parts: &Parts, unreadable: &BTreeSet<usize>) {
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
        let expected = if unreadable.contains(&number) {
            Err(Some(libc::EIO))
        } else {
            Ok(content(parts, number))
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
pub fn content(parts: &Parts, number: usize) -> Vec<u8> {
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
