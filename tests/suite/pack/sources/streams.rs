//! Records cut out of one stream of bytes.

use crate::support::*;

fn packed(kind: &str, input: &[u8]) -> Vec<Vec<u8>> {
    let target = Target::new();
    run_with(&mut target.pack(&["--from", kind]), input);
    assert!(target.names().iter().all(String::is_empty), "names");
    target.records()
}

/// Records of many sizes, empty ones and one of more than a megabyte among them, without the
/// bytes that end a record in a stream.
fn records() -> Vec<Vec<u8>> {
    let sizes = [0, 1, 0, 511, 4096, 70_000, (1 << 20) + 1, 3, 0];
    let record = |(seed, &size): (usize, &usize)| {
        let mut record = bytes(seed as u64, size);
        record
            .iter_mut()
            .for_each(|byte| *byte = (*byte).max(b'\r'));
        record
    };
    sizes.iter().enumerate().map(record).collect()
}

fn ended_by(byte: u8) -> Vec<u8> {
    let ended = |record: Vec<u8>| [record, vec![byte]].concat();
    records().into_iter().flat_map(ended).collect()
}

fn with_lengths(width: usize) -> Vec<u8> {
    let with_length = |record: Vec<u8>| {
        let length = (record.len() as u64).to_le_bytes();
        [&length[..width], &record].concat()
    };
    records().into_iter().flat_map(with_length).collect()
}

#[test]
fn lines_are_records_without_their_newlines() {
    assert_eq!(packed("lines", &ended_by(b'\n')), records());
    assert_eq!(packed("lines", b"a\r\n\0\nb"), [&b"a\r"[..], b"\0", b"b"]);
}

#[test]
fn records_that_nul_ends_may_have_newlines() {
    assert_eq!(packed("nul", &ended_by(0)), records());
    assert_eq!(packed("nul", b"a\nb\0c\n"), [&b"a\nb"[..], b"c\n"]);
}

#[test]
fn lengths_of_32_and_64_bits_stand_before_records() {
    assert_eq!(packed("length32", &with_lengths(4)), records());
    assert_eq!(packed("length64", &with_lengths(8)), records());
}

#[test]
fn records_of_one_size_need_nothing_between_them() {
    let input = bytes(1, 3 << 20);
    for size in [1 << 10, (1 << 20) + (1 << 19)] {
        let expected: Vec<&[u8]> = input.chunks(size).collect();
        assert_eq!(packed(&format!("fixed:{size}"), &input), expected);
    }
    assert_eq!(packed("fixed:1KiB", &input).len(), 3 << 10);
}

#[test]
fn a_stream_can_be_a_file_or_several_and_one_of_them_standard_input() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("1", "a\nb"), ("2", "c\n")]);
    let [first, second] = ["1", "2"].map(|name| source.path().join(name));
    let mut pack = target.pack(&["--from", "lines"]);
    run_with(pack.arg(first).arg("-").arg(second), b"x\ny\n");
    assert_eq!(target.records(), [b"a", b"b", b"x", b"y", b"c"]);
}

#[test]
fn empty_records_of_a_stream_can_be_dropped() {
    let target = Target::new();
    let mut pack = target.pack(&["--from", "lines", "--drop-empty"]);
    let message = run_with(&mut pack, b"\na\n\nb\n\n");
    assert_eq!(target.records(), [b"a", b"b"]);
    assert!(message.contains("3 empty, left out"), "{message}");
}

#[test]
fn a_very_long_record_of_unknown_length_comes_back_whole() {
    // More than is kept in memory.
    let mut long = bytes(1, (16 << 20) + 12_345);
    long.iter_mut().for_each(|byte| *byte = (*byte).max(b'\r'));
    for (kind, end) in [("lines", b"\n"), ("nul", b"\0")] {
        let input = [b"before", &end[..], &long, end, b"after"].concat();
        for options in [&[][..], &["--no-checksums"]] {
            let target = Target::new();
            run_with(target.pack(&["--from", kind]).args(options), &input);
            assert_eq!(entries(target.path()), ["d_0000.rox"]);
            let records = target.records();
            let lengths: Vec<usize> = records.iter().map(Vec::len).collect();
            assert_eq!(lengths, [6, long.len(), 5], "{kind} {options:?}");
            assert!(records[1] == long, "{kind} {options:?}");
        }
    }
}

#[test]
fn a_stream_that_ends_within_a_record_says_in_which() {
    let large = (2u32 << 20).to_le_bytes();
    let cases: [(&str, Vec<u8>, u64); 6] = [
        ("fixed:4", b"abcdef".to_vec(), 1),
        ("fixed:3MiB", bytes(1, 4 << 20), 1),
        ("length32", b"\x01\0\0\0a\x02\0".to_vec(), 1),
        ("length32", b"\x01\0\0\0a\0\0\0\0\x02\0\0\0b".to_vec(), 2),
        ("length32", [&large[..], &bytes(1, 1_500_000)].concat(), 0),
        ("length64", [&[0xff; 8][..], b"a"].concat(), 0),
    ];
    for (kind, input, record) in cases {
        let target = Target::new();
        let message = fail_with(&mut target.pack(&["--from", kind]), &input, 1);
        let expected =
            format!("roxfs: standard input: record {record}: it ends within this record\n");
        assert_eq!(message, expected, "{kind}");
        assert_eq!(entries(target.path()), [] as [&str; 0], "{kind}");
    }
}

#[test]
fn a_stream_that_ends_within_a_record_is_an_error_even_if_others_may_be_left_out() {
    let target = Target::new();
    let input = [
        &b"\x01\0\0\0a"[..],
        &(2u32 << 20).to_le_bytes(),
        &bytes(1, 1_500_000),
    ]
    .concat();
    let mut pack = target.pack(&["--from", "length32", "--keep-going"]);
    let message = fail_with(&mut pack, &input, 1);
    let expected = "standard input: record 1: it ends within this record\n";
    assert!(message.ends_with(expected), "{message}");
}

#[test]
fn a_stream_cannot_be_shuffled() {
    for kind in ["lines", "length32", "fixed:1", "tar"] {
        let target = Target::new();
        let mut pack = target.pack(&["--from", kind, "--shuffle", "1"]);
        let output = feed(&mut pack, b"a\nb\nc\n");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{kind}: {message}");
        assert!(message.contains("cannot be shuffled"), "{kind}: {message}");
        assert_eq!(entries(target.path()), [] as [&str; 0]);
    }
}
