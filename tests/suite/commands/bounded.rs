//! What reads a whole dataset does work, and writes output, in proportion to the file: offsets that
//! go back and forth give many records the same bytes, and none of these commands may follow.

use crate::support::parts::{Parts, Section, write_shard};
use crate::support::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
const MIB: usize = 1 << 20;
/// Far more than any of these takes, and far less than it would take without a bound.
const LONG: Duration = Duration::from_secs(60);
/// Lines of faults that are shown, and the line that counts the others.
const FAULT_LINES: usize = 21;

/// A shard of 4 MiB whose end offsets are 0 and the payload's length in turns.
fn to_and_fro(records: usize) -> Parts {
    let payload = bytes(1, 4 * MIB);
    let end = |number: usize| {
        if number.is_multiple_of(2) {
            4 * MIB as i64
        } else {
            0
        }
    };
    Parts {
        ends: (0..records).map(end).collect(),
        records: records as i64,
        sections: vec![Section::new(
            b"ROXCRC32",
            records as i64,
            vec![0; 4 * records],
        )],
        ..Parts::plain(&[payload])
    }
}

/// Records of 1,000 bytes, each a small part of the payload.
fn honest() -> (Vec<Vec<u8>>, Parts) {
    let records: Vec<Vec<u8>> = (0..1000).map(|number| bytes(number, 1000)).collect();
    let parts = Parts::plain(&records);
    (records, parts)
}

/// Runs a command on damaged data; returns what it wrote.
fn damaged(command: &mut Command) -> (Vec<u8>, String) {
    let start = Instant::now();
    let output = output(command);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        output.status.code(),
        Some(DAMAGED),
        "{command:?}: {message}"
    );
    assert!(start.elapsed() < LONG, "{command:?}: {:?}", start.elapsed());
    (output.stdout, message)
}

fn bytes_below(directory: &Path) -> u64 {
    let list = std::fs::read_dir(directory).expect("listed");
    list.map(|entry| entry.expect("entry").metadata().expect("metadata").len())
        .sum()
}

#[test]
fn offsets_that_go_back_and_forth_make_no_endless_work() {
    // Read as often as they say, these would be 400 GB.
    let (_directory, path) = write_shard(&to_and_fro(200_001).bytes());
    let (out, message) = damaged(roxfs().arg("verify").arg(&path));
    // Each record once: it goes back, it has other content, or it shares its bytes with too many.
    assert!(out.starts_with(b"200,001 faults: "), "{out:?}");
    assert!(message.lines().count() <= FAULT_LINES, "{message}");
    let shares = "is bytes 0 to 4194304 again, expected bytes that few others have";
    assert!(message.contains(shares), "{message}");
    let (_, message) = damaged(roxfs().arg("ls").arg(&path));
    assert_eq!(message.lines().count(), FAULT_LINES, "{message}");
    damaged(roxfs().arg("info").arg(&path));
}

#[test]
fn no_more_is_written_than_twice_what_the_shard_has() {
    let mut parts = to_and_fro(1001);
    parts.sections.clear();
    let (directory, path) = write_shard(&parts.bytes());
    let most = 2 * 4 * MIB;
    let (out, _) = damaged(roxfs().args(["extract", "--tar"]).arg(&path));
    assert!(out.len() <= most + (64 << 10), "{}", out.len());
    assert!(out.len() > 4 * MIB, "{}", out.len());
    let target = directory.path().join("out");
    damaged(roxfs().arg("extract").arg("-o").arg(&target).arg(&path));
    assert!(bytes_below(&target) <= most as u64);
    for slice in ["::2", "::-2"] {
        let (out, _) = damaged(roxfs().args(["cat", "-i", slice]).arg(&path));
        assert!(out.len() <= most, "{}", out.len());
    }
    // Single records are given as often as asked for.
    let singles = run(roxfs().args(["cat", "-i0", "-i2", "-i4"]).arg(&path));
    assert_eq!(singles.len(), 3 * 4 * MIB);
}

/// Checks that of `honest` with these offsets changed all records but `lost` can be extracted, and
/// are what they were.
fn all_but(changed: &[(usize, i64)], lost: &[usize]) {
    let (records, mut parts) = honest();
    for &(record, end) in changed {
        parts.ends[record] = end;
    }
    let (directory, path) = write_shard(&parts.bytes());
    let target = directory.path().join("out");
    damaged(roxfs().arg("extract").arg("-o").arg(&target).arg(&path));
    let lost: BTreeSet<usize> = lost.iter().copied().collect();
    for (number, record) in records.iter().enumerate() {
        let found = std::fs::read(target.join(format!("{number:06}.bin"))).ok();
        if lost.contains(&number) {
            assert_ne!(found.as_ref(), Some(record), "record {number}");
        } else {
            assert_eq!(
                found.as_ref(),
                Some(record),
                "record {number} of {changed:?}"
            );
        }
    }
    let (_, message) = damaged(roxfs().arg("verify").arg(&path));
    assert!(message.lines().count() <= FAULT_LINES, "{message}");
}

#[test]
fn one_wrong_offset_costs_no_other_record() {
    all_but(&[(10, 999_999)], &[10, 11]);
    all_but(&[(990, 1)], &[990, 991]);
    all_but(&[(500, 502_500)], &[500, 501]);
    all_but(&[(0, 1_000_000)], &[0, 1]);
}

#[test]
fn several_wrong_offsets_cost_no_other_record() {
    let up: Vec<(usize, i64)> = (0..20).map(|n| (n * 3, 999_990 - n as i64)).collect();
    let down: Vec<(usize, i64)> = (0..20).map(|n| (930 + n * 3, n as i64)).collect();
    for changed in [up, down] {
        let lost: Vec<usize> = changed.iter().flat_map(|&(n, _)| [n, n + 1]).collect();
        all_but(&changed, &lost);
    }
    // A sector of the index that reads as zeros.
    let zeros: Vec<(usize, i64)> = (800..864).map(|n| (n, 0)).collect();
    all_but(&zeros, &(800..865).collect::<Vec<_>>());
}

/// Records of no bytes whose names, as deep as names can be, have nearly all bytes in common.
fn shared_names() -> Parts {
    let names = [b"a/".repeat(2047 * 2), b"bb".to_vec()].concat();
    let ends: Vec<i64> = (0..40_000i64)
        .map(|n| (n / 2 % 900) * 2 + if n % 2 == 0 { 0 } else { 4095 })
        .chain([names.len() as i64])
        .collect();
    let count = ends.len();
    let table = ends.iter().flat_map(|end| end.to_le_bytes()).collect();
    Parts {
        sections: vec![
            Section::new(b"ROXNAMES", count as i64, [names, table].concat()),
            Section::order(&[]),
        ],
        ..Parts::plain(&vec![b""; count])
    }
}

#[test]
fn names_that_share_their_bytes_make_no_more_output_than_the_shard_has() {
    let parts = shared_names();
    let (directory, path) = write_shard(&parts.bytes());
    let file = parts.bytes().len();
    let (out, message) = damaged(roxfs().arg("ls").arg(&path));
    assert!(out.len() < file, "{} of {file}", out.len());
    assert_eq!(message.lines().count(), FAULT_LINES, "{message}");
    let (out, _) = damaged(roxfs().args(["extract", "--tar"]).arg(&path));
    assert!(out.len() < file, "{} of {file}", out.len());
    damaged(roxfs().arg("verify").arg(&path));
    let target = directory.path().join("again.rox");
    let mut pack = roxfs();
    damaged(
        pack.args(["pack", "--from", "rox", "-o"])
            .arg(&target)
            .arg(&path),
    );
}

/// Each name is the one before it and one byte more, and in order; between them stand records without
/// one.
#[test]
fn names_that_begin_with_one_another_are_listed_as_far_as_the_shard_has_them() {
    let (deep, most) = (3800, 4055);
    let ends: Vec<i64> = (deep + 1..=most).flat_map(|len| [0, len]).collect();
    let table = ends.iter().flat_map(|end| end.to_le_bytes()).collect();
    let count = ends.len() as u32;
    let order: Vec<u32> = (0..count).step_by(2).chain((1..count).step_by(2)).collect();
    let names = [b"a/".repeat(1900), vec![b'x'; (most - deep) as usize]].concat();
    let parts = Parts {
        sections: vec![
            Section::new(b"ROXNAMES", i64::from(count), [names, table].concat()),
            Section::order(&order),
        ],
        ..Parts::plain(&vec![b""; ends.len()])
    };
    let (_directory, path) = write_shard(&parts.bytes());
    let (out, message) = damaged(roxfs().args(["ls", "--format", "null"]).arg(&path));
    assert!((3801..64 << 10).contains(&out.len()), "{}", out.len());
    assert!(message.contains("bytes that few others have"), "{message}");
}

#[test]
fn the_deepest_names_are_extracted_in_time_that_grows_with_their_length() {
    let name = |number: usize| {
        let mut name = format!("{number:05}/").into_bytes();
        name.extend(b"a/".repeat(2043));
        [name, b"b".to_vec()].concat()
    };
    let names: Vec<Vec<u8>> = (0..4000).map(name).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let parts = Parts {
        sections: vec![Section::names(&names), Section::order(&[])],
        ..Parts::plain(&vec![b""; names.len()])
    };
    let (_directory, path) = write_shard(&parts.bytes());
    let start = Instant::now();
    let archive = run(roxfs().args(["extract", "--tar"]).arg(&path));
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    assert!(archive.len() > 4000 * 4095);
}

#[test]
fn names_in_no_order_without_a_table_of_it_are_damage() {
    let names: [&[u8]; 4] = [b"d", b"a", b"b", b"c"];
    let parts = Parts {
        sections: vec![Section::names(&names)],
        ..Parts::plain(&names)
    };
    let (_directory, path) = write_shard(&parts.bytes());
    let (_, message) = damaged(roxfs().arg("verify").arg(&path));
    let expected = "name at position 1 in byte order is that of record 1, smaller than the one \
                    before it, expected names that never decrease";
    assert!(message.contains(expected), "{message}");
    // Names in order need none.
    let sorted: [&[u8]; 3] = [b"a", b"b", b"c"];
    let parts = Parts {
        sections: vec![Section::names(&sorted)],
        ..Parts::plain(&sorted)
    };
    let (_directory, path) = write_shard(&parts.bytes());
    run(roxfs().arg("verify").arg(&path));
}
