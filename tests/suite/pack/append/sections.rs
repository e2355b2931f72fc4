//! Names and checksums of what is appended, and of what was there before.

use super::source;
use crate::support::*;
use std::process::Command;

/// Names in random order, with empty and large files among them.
fn files() -> Vec<(String, Vec<u8>)> {
    let size = |number: u64| match number % 17 {
        0 => 0,
        1 => 9000,
        _ => number as usize * 61 % 1500,
    };
    let name = |number: u64| format!("{:02}/{number:03}", number * 7 % 13);
    let file = |number| (name(number), bytes(number, size(number)));
    (0..150).map(file).collect()
}

#[test]
fn a_dataset_that_was_appended_to_has_the_bytes_of_one_packed_at_once() {
    let (source, files) = (temp_dir(), files());
    write_tree(source.path(), &files);
    let list = |files: &[(String, Vec<u8>)]| -> String {
        files.iter().map(|(name, _)| format!("{name}\n")).collect()
    };
    for (seed, options) in [
        &["--shard-size=4KiB"][..],
        &["--shard-size=20000"],
        &["--shard-size=20000", "--no-checksums"],
        &["--shard-size=20000", "--no-names"],
        &["--shard-size=1GiB"],
        &["--single-file", "--drop-empty"],
    ]
    .iter()
    .enumerate()
    {
        let append = |target: &Target, files: &[(String, Vec<u8>)]| {
            let mut pack = target.pack(&["--from", "list"]);
            pack.args(*options).current_dir(source.path());
            run_with(&mut pack, list(files).as_bytes());
        };
        let (whole, pieces) = (Target::new(), Target::new());
        append(&whole, &files);
        let mut rest = &files[..];
        for cut in bytes(seed as u64, 5) {
            let (piece, after) = rest.split_at((usize::from(cut) % 50 + 1).min(rest.len()));
            append(&pieces, piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        if !rest.is_empty() {
            append(&pieces, rest);
        }
        assert_eq!(pieces.names(), whole.names(), "{options:?}");
        assert!(pieces.bytes() == whole.bytes(), "{options:?}: other bytes");
        assert_eq!(entries(pieces.path()), entries(whole.path()));
    }
}

/// Whether each shard has a section.
fn has(target: &Target, magic: &str) -> Vec<bool> {
    let has = |shard: &Vec<u8>| shard.windows(8).any(|window| window == magic.as_bytes());
    target.bytes().iter().map(has).collect()
}

fn lines(target: &Target, options: &[&str]) -> Command {
    let mut pack = target.pack(&["--from", "lines"]);
    pack.args(options);
    pack
}

#[test]
fn records_without_names_are_appended_to_such_as_have_some() {
    let target = Target::new();
    run(&mut target.pack(&[source(&["b", "c"]).path()]));
    run_with(&mut lines(&target, &[]), b"one\ntwo\n");
    run(&mut target.pack(&[source(&["a"]).path()]));
    assert_eq!(target.shards().len(), 1);
    assert_eq!(target.names(), ["b", "c", "", "", "a"]);
    assert_eq!(target.records()[2..4], [b"one", b"two"]);
    let message = fail(&mut target.pack(&[source(&["c"]).path()]), 1);
    assert!(
        message.contains("the name \"c\" is taken already by record 1 of"),
        "{message}"
    );
}

#[test]
fn records_with_names_and_checksums_are_appended_to_such_as_have_none() {
    let target = Target::new();
    let long = bytes(1, (2 << 20) + 1);
    let input = [&b"one\n\n"[..], &long.repeat(1)].concat();
    run_with(&mut lines(&target, &["--plain"]), &input);
    let records = target.records();
    assert_eq!(
        (has(&target, "ROXNAMES"), has(&target, "ROXCRC32")),
        (vec![false], vec![false])
    );
    run(&mut target.pack(&[source(&["a", "b"]).path()]));
    assert_eq!(
        (has(&target, "ROXNAMES"), has(&target, "ROXCRC32")),
        (vec![true], vec![true])
    );
    assert_eq!(target.names()[records.len()..], ["a", "b"]);
    assert!(target.records()[..records.len()] == records);
    let listed = run(roxfs().args(["ls", "-l"]).arg(target.dataset()));
    let listed = String::from_utf8(listed).expect("UTF-8");
    let missing = listed
        .lines()
        .filter(|line| line.split('\t').nth(3) == Some("-"));
    assert_eq!(missing.count(), 0, "records without checksums:\n{listed}");
}

#[test]
fn options_that_would_drop_what_the_last_shard_has_are_refused() {
    for option in ["--plain", "--no-names", "--no-checksums"] {
        let target = Target::new();
        run(&mut target.pack(&[source(&["a"]).path()]));
        let before = target.bytes();
        let message = fail_with(&mut lines(&target, &[option]), b"one\n", 1);
        let expected = format!(
            "roxfs: {}: it has names or checksums, which would be lost; leave out the option that \
             drops them, or begin a new shard by --new-shard\n",
            target.shards()[0].display()
        );
        assert_eq!(message, expected, "{option}");
        assert!(target.bytes() == before, "{option}");
        assert_eq!(entries(target.path()), ["d_0000.rox"], "{option}");
        run_with(&mut lines(&target, &[option, "--new-shard"]), b"one\n");
        assert_eq!(target.records().len(), 2);
        assert!(target.bytes()[0] == before[0], "{option}");
    }
}

#[test]
fn a_shard_with_names_that_has_no_room_does_not_keep_plain_records_out() {
    let target = Target::new();
    run(&mut target.pack(&[source(&["a"]).path()]));
    let full = target.bytes()[0].len().to_string();
    let options = ["--plain", "--shard-size", &full];
    run_with(&mut lines(&target, &options), b"one\n");
    assert_eq!(has(&target, "ROXNAMES"), [true, false]);
    assert_eq!(target.names(), ["a", ""]);
}
