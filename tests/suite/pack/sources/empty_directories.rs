//! Directories without records are counted: a dataset has no place for them.

use super::small;
use crate::support::*;
use std::path::Path;
use tempfile::TempDir;

/// Class directories, of which `b`, `d`, `d/e` and `d/e/f` have no file.
fn classes() -> TempDir {
    let source = temp_dir();
    let files = [("in/a/1", "1"), ("in/a-/2", "2"), ("in/c/deep/3", "3")];
    write_tree(source.path(), &files);
    sh("cd \"$1/in\"; mkdir -p b d/e/f", &[source.path()]);
    source
}

fn count_said(message: &str) -> u64 {
    let mut parts = message.trim_end().split("; ");
    let part = parts.find(|part| part.contains("empty director"));
    let Some(part) = part else { return 0 };
    let (number, text) = part.split_once(' ').expect("a number");
    assert!(
        [
            "empty directory: it has no place in a dataset",
            "empty directories: they have no place in a dataset"
        ]
        .contains(&text),
        "{message}"
    );
    number.parse().expect("a number")
}

fn empty(options: &[&str], sources: &[&str], directory: &Path) -> u64 {
    let target = Target::new();
    let mut pack = target.pack(options);
    count_said(&said(pack.args(sources).current_dir(directory)))
}

#[test]
fn empty_directories_are_counted_in_every_source_that_has_them() {
    let source = classes();
    sh(
        r#"cd "$1"; tar -cf x.tar -C in .; find in >list; find in -depth >backwards"#,
        &[source.path()],
    );
    let found = sh(
        r#"cd "$1/in"; find . -mindepth 1 -type d | while read d; do
           [ -n "$(find "$d" -type f)" ] || echo "$d"; done | wc -l"#,
        &[source.path()],
    );
    assert_eq!(found.trim(), "4");
    for (options, sources) in [
        (&[][..], &["in"][..]),
        (&[], &["x.tar"]),
        (&["--from=list"], &["list"]),
        (&["--from=list"], &["backwards"]),
        (&["--shuffle=1"], &["in"]),
        (&["--duplicates=last"], &["x.tar"]),
        (&["--prefix=archive"], &["x.tar", "in"]),
    ] {
        // With the prefix, those of the archive are others.
        let expected = if sources.len() == 2 { 8 } else { 4 };
        let found = empty(options, sources, source.path());
        assert_eq!(found, expected, "{options:?} {sources:?}");
    }
    assert_eq!(empty(&["--no-names"], &["in"], source.path()), 0);
}

#[test]
fn a_directory_is_empty_if_nothing_below_it_is_packed() {
    let source = classes();
    let packed = |options: &[&str]| empty(options, &["in"], source.path());
    assert_eq!(packed(&["--exclude=deep"]), 5, "c has nothing else");
    assert_eq!(packed(&["--exclude=/c/deep/*"]), 6, "c and c/deep");
    assert_eq!(
        packed(&["--exclude=d"]),
        1,
        "one that is left out does not count"
    );
    assert_eq!(
        packed(&["--strip=1"]),
        2,
        "e and e/f have names, b and d none"
    );
    sh(
        "cd \"$1/in\"; : >b/nothing; ln -s nowhere d/link",
        &[source.path()],
    );
    assert_eq!(packed(&[]), 3);
    assert_eq!(packed(&["--drop-empty"]), 4);
}

#[test]
fn a_directory_whose_files_the_dataset_has_already_is_not_empty() {
    let source = classes();
    for order in [&[][..], &["--shuffle=1"]] {
        let target = Target::new();
        for _ in 0..2 {
            let mut pack = target.pack(order);
            pack.args(["--duplicates=first", "in"]);
            let message = said(pack.current_dir(source.path()));
            assert_eq!(count_said(&message), 4, "{message}");
        }
    }
}

#[test]
fn a_directory_that_another_source_fills_is_not_empty() {
    let source = classes();
    write_tree(source.path(), &[("more/b/1", "1")]);
    assert_eq!(empty(&[], &["in", "more"], source.path()), 3);
    assert_eq!(empty(&[], &["more", "in"], source.path()), 2 + 1);
    let archive = |entries: &[Vec<u8>], name: &str| {
        std::fs::write(source.path().join(name), small::archive(entries)).expect("written");
    };
    archive(&[small::directory("b"), small::file("1", b"")], "1.tar");
    archive(&[small::file("b/1", b"")], "2.tar");
    assert_eq!(empty(&[], &["1.tar", "2.tar"], source.path()), 0);
    assert_eq!(empty(&[], &["2.tar", "1.tar"], source.path()), 0);
}
