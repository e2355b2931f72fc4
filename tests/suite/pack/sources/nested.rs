//! Archives within an archive, which `--prefix archive` reads too: which ones are, and what becomes of
//! the others.

use super::named;
use super::small;
use crate::support::*;
use std::path::PathBuf;
use tempfile::TempDir;

/// An archive of these entries, in a directory.
fn outer(entries: &[Vec<u8>]) -> (TempDir, PathBuf) {
    let directory = temp_dir();
    let path = directory.path().join("outer.tar");
    std::fs::write(&path, small::archive(entries)).expect("written");
    (directory, path)
}

/// An archive of one file.
fn one(name: &str, content: &str) -> Vec<u8> {
    small::archive(&[small::file(name, content.as_bytes())])
}

/// What packing says, and the records there are.
fn packed(path: &PathBuf, options: &[&str]) -> (String, Vec<(String, Vec<u8>)>) {
    let target = Target::new();
    let message = said(target.pack(options).arg("--prefix=archive").arg(path));
    (message, target.named_records())
}

#[test]
fn archives_within_an_archive_are_known_by_names_in_letters_of_any_case() {
    let (_directory, path) = outer(&[
        small::file("n1.tar", &one("a", "1")),
        small::file("in/n2.TAR", &one("a", "2")),
        small::file("n3.TGZ", &one("a", "3")),
        small::file("in/.tar", &one("a", "4")),
        small::file("empty.tar", &small::archive(&[])),
        small::file("plain", b"5"),
    ]);
    let (message, records) = packed(&path, &[]);
    let expected = [
        ("n1/a", "1"),
        ("in/n2/a", "2"),
        ("n3/a", "3"),
        ("in/.tar/a", "4"),
        ("outer/plain", "5"),
    ];
    assert_eq!(records, named(&expected));
    assert!(!message.contains("as files"), "{message}");
}

#[test]
fn what_has_the_name_of_an_archive_and_cannot_be_read_as_one_is_packed_as_a_file_with_a_warning() {
    let compressed = b"\x1f\x8b\x08\0 and so on";
    let text = "buy milk\n".repeat(200);
    let inner = [
        small::file("deep.tar", b"no archive"),
        small::file("a", b"1"),
    ];
    let (_directory, path) = outer(&[
        small::file("n.tar.gz", compressed),
        small::file("notes.tar", text.as_bytes()),
        small::file("nothing.tar", b""),
        small::file("n1.tar", &small::archive(&inner)),
        small::file("x.zip", b"PK"),
    ]);
    let (message, records) = packed(&path, &[]);
    let expected = [
        ("outer/n.tar.gz", &compressed[..]),
        ("outer/notes.tar", text.as_bytes()),
        ("outer/nothing.tar", b""),
        ("n1/deep.tar", b"no archive"),
        ("n1/a", b"1"),
        ("outer/x.zip", b"PK"),
    ];
    assert_eq!(records, named(&expected));
    let names = "packed as files: n.tar.gz, notes.tar, nothing.tar, n1/deep.tar\n";
    assert!(message.contains(names), "{message}");
    assert_eq!(message.matches("as files").count(), 1, "{message}");
}

#[test]
fn an_archive_within_an_archive_that_is_damaged_behind_its_first_header_is_an_error() {
    let whole = one("a", &"1".repeat(2000));
    let (_directory, path) = outer(&[small::file("n1.tar", &whole[..1500])]);
    let target = Target::new();
    let message = fail(target.pack(&["--prefix=archive"]).arg(&path), 3);
    assert!(message.contains("n1.tar: entry 1 at byte 0"), "{message}");
    assert!(message.contains("cut off"), "{message}");
}

#[test]
fn a_hard_link_to_an_archive_whose_entries_are_read_is_passed_over() {
    let (_directory, path) = outer(&[
        small::file("n1.tar", &one("a", "1")),
        small::link("n2.tar", "n1.tar"),
        small::link("n3", "n2.tar"),
        small::file("notes.tar", b"none"),
        small::link("n4", "notes.tar"),
    ]);
    let (message, records) = packed(&path, &[]);
    let expected = [
        ("n1/a", "1"),
        ("outer/notes.tar", "none"),
        ("outer/n4", "none"),
    ];
    assert_eq!(records, named(&expected));
    assert!(message.contains("; 2 "), "{message}");
}

#[test]
fn an_archive_within_an_archive_that_a_pattern_matches_is_left_out() {
    let (_directory, path) = outer(&[
        small::file("in/n1.tar", &one("a", "1")),
        small::file("n2.tar", &one("a", "2")),
        small::file(
            "n3.tar",
            &small::archive(&[small::file("n4.tar", &one("a", "4"))]),
        ),
        small::file("plain", b"3"),
    ]);
    for (pattern, expected) in [
        ("*.tar", &[("outer/plain", "3")][..]),
        (
            "in",
            &[("n2/a", "2"), ("n3/n4/a", "4"), ("outer/plain", "3")],
        ),
        (
            "n3/n4.tar",
            &[("in/n1/a", "1"), ("n2/a", "2"), ("outer/plain", "3")],
        ),
    ] {
        let (message, records) = packed(&path, &["--exclude", pattern]);
        assert_eq!(records, named(expected), "{pattern}");
        assert!(message.contains(" excluded"), "{pattern}: {message}");
        assert!(!message.contains("as files"), "{pattern}: {message}");
    }
}
