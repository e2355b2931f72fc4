//! Directories and files named on the command line.

use super::named;
use crate::support::*;
use std::os::unix::fs::symlink;
use std::path::Path;

/// In byte order of their names.
fn tree() -> Vec<(String, Vec<u8>)> {
    let names = ["B", "a-b", "a.b", "a/x", "a/y/z", "a0", "big", "empty", "ü"];
    let content = |seed: usize| match names[seed] {
        "big" => bytes(1, 3 << 20),
        "empty" => Vec::new(),
        _ => bytes(seed as u64, seed * 1000 + 1),
    };
    let content = (0..names.len()).map(content);
    names.map(str::to_owned).into_iter().zip(content).collect()
}

#[test]
fn a_directory_comes_back_from_a_mount_with_its_names() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &tree());
    run(&mut target.pack(&[source.path()]));
    assert_eq!(target.named_records(), tree());
}

#[test]
fn files_come_back_in_the_order_in_which_they_are_given() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &tree());
    let given = ["a0", "a/y/z", "B", "big", "empty"];
    run(&mut target.pack(&given.map(|name| source.path().join(name))));
    let content = |name: &str| std::fs::read(source.path().join(name)).expect("readable");
    let expected = given.map(|name| {
        let last = name.rsplit('/').next().unwrap_or(name);
        (last, content(name))
    });
    assert_eq!(target.named_records(), named(&expected));
}

#[test]
fn an_archive_is_a_record_like_any_other_with_from_files() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("in/a", "1")]);
    sh("tar -C \"$1\" -cf \"$1/x.tar\" in", &[source.path()]);
    let archive = source.path().join("x.tar");
    run(&mut target.pack(&[Path::new("--from=files"), &archive]));
    let content = std::fs::read(&archive).expect("readable");
    assert_eq!(target.named_records(), named(&[("x.tar", content)]));
}

#[test]
fn a_directory_is_no_archive_whatever_its_name() {
    let (source, target) = (temp_dir(), Target::new());
    let directory = source.path().join("x.tar");
    write_tree(&directory, &[("a", "1")]);
    run(&mut target.pack(&[directory]));
    assert_eq!(target.named_records(), named(&[("a", "1")]));
}

#[test]
fn a_directory_in_small_shards_reads_as_one() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &tree());
    run(target.pack(&["--shard-size=3000"]).arg(source.path()));
    assert!(target.shards().len() > 3, "{:?}", target.shards());
    assert_eq!(target.named_records(), tree());
}

#[test]
fn links_are_followed_or_passed_over_and_counted() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("d/a", "1"), ("b", "22")]);
    symlink("b", source.path().join("file")).expect("link");
    symlink("d", source.path().join("linked")).expect("link");
    symlink("nowhere", source.path().join("dangling")).expect("link");
    let mode = nix::sys::stat::Mode::S_IRUSR;
    nix::unistd::mkfifo(&source.path().join("fifo"), mode).expect("FIFO");
    let message = said(target.pack(&["--no-follow"]).arg(source.path()));
    assert_eq!(target.named_records(), named(&[("b", "22"), ("d/a", "1")]));
    let skipped = "1 skipped: not a file; 3 skipped: symbolic link";
    assert!(message.contains(skipped), "{message}");

    let followed = Target::new();
    let message = said(&mut followed.pack(&[source.path()]));
    let expected = [("b", "22"), ("d/a", "1"), ("file", "22"), ("linked/a", "1")];
    assert_eq!(followed.named_records(), named(&expected));
    let skipped = "1 skipped: not a file; 1 skipped: symbolic link";
    assert!(message.contains(skipped), "{message}");
}

#[test]
fn empty_records_are_kept_unless_they_are_dropped_and_then_counted() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", ""), ("b", "1"), ("c", "")]);
    run(&mut target.pack(&[source.path()]));
    let all = [("a", ""), ("b", "1"), ("c", "")];
    assert_eq!(target.named_records(), named(&all));
    let dropped = Target::new();
    let message = said(dropped.pack(&["--drop-empty"]).arg(source.path()));
    assert_eq!(dropped.named_records(), named(&[("b", "1")]));
    assert!(message.contains("2 empty, left out"), "{message}");
}

#[test]
fn names_and_checksums_can_be_left_out() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &tree());
    run(&mut target.pack(&[source.path()]));
    let without = |options: &[&str]| {
        let target = Target::new();
        run(target.pack(options).arg(source.path()));
        target
    };
    let contents: Vec<Vec<u8>> = tree().into_iter().map(|(_, content)| content).collect();
    let bytes = |target: &Target, magic: &[u8]| {
        let shard = &target.bytes()[0];
        shard.windows(8).any(|window| window == magic)
    };
    for (options, names, checksums) in [
        (&[][..], true, true),
        (&["--no-names"], false, true),
        (&["--no-checksums"], true, false),
        (&["--plain"], false, false),
        (&["--no-names", "--no-checksums"], false, false),
    ] {
        let target = without(options);
        assert_eq!(bytes(&target, b"ROXNAMES"), names, "{options:?}");
        assert_eq!(bytes(&target, b"ROXCRC32"), checksums, "{options:?}");
        assert_eq!(target.records(), contents, "{options:?}");
        let listed = target
            .names()
            .iter()
            .filter(|name| !name.is_empty())
            .count();
        assert_eq!(
            listed,
            if names { contents.len() } else { 0 },
            "{options:?}"
        );
    }
}

#[test]
fn the_summary_has_records_bytes_and_shards_and_quiet_says_nothing() {
    let (source, target) = (temp_dir(), Target::new());
    let files: Vec<(String, Vec<u8>)> = (0..1234)
        .map(|number| (format!("{number:04}"), bytes(number, 100)))
        .collect();
    write_tree(source.path(), &files);
    let message = said(target.pack(&["--shard-size=64KiB"]).arg(source.path()));
    let start = "roxfs: packed 1,234 records (120.51 KiB) into 3 shards in ";
    assert!(message.starts_with(start), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    let quiet = Target::new();
    let output = output(quiet.pack(&["--quiet"]).arg(source.path()));
    assert!(output.status.success());
    assert_eq!((output.stdout, output.stderr), (Vec::new(), Vec::new()));
}

#[test]
fn a_shuffled_order_is_a_permutation_that_depends_on_the_seed_alone() {
    let source = temp_dir();
    let files: Vec<(String, Vec<u8>)> = (0..200)
        .map(|number| (format!("{number:03}"), bytes(number, number as usize)))
        .collect();
    write_tree(source.path(), &files);
    let shuffled = |seed: &str| {
        let target = Target::new();
        let options = ["--shard-size=4KiB", "--shuffle", seed];
        run(target.pack(&options).arg(source.path()));
        target
    };
    let [first, same, other] = ["7", "7", "8"].map(shuffled);
    assert!(first.bytes() == same.bytes(), "one seed, other bytes");
    assert_ne!(first.names(), other.names());
    for target in [first, other] {
        let mut records = target.named_records();
        assert_ne!(records, files, "it is in order");
        records.sort();
        assert_eq!(records, files, "a record has lost its name, or is lost");
    }
}
