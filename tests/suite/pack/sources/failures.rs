//! What cannot be packed: an error of one line, and the dataset stays as it was.

use super::named;
use crate::support::*;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}

/// A source with `a`, `b` (which only root may read) and `c`, and a place where anyone may write.
struct Unreadable {
    source: TempDir,
    target: Target,
}

impl Unreadable {
    /// `b` has this size.
    fn new(size: usize) -> Unreadable {
        let (source, target) = (temp_dir(), Target::new());
        let files = [
            ("a", b"1".to_vec()),
            ("b", bytes(1, size)),
            ("c", b"3".to_vec()),
        ];
        write_tree(source.path(), &files);
        set_mode(source.path(), 0o755);
        set_mode(&source.path().join("b"), 0o600);
        set_mode(target.path(), 0o777);
        Unreadable { source, target }
    }

    fn pack(&self) -> Command {
        let mut pack = roxfs_as_nobody(self.target.path());
        pack.args(["pack", "-o"]).arg(self.target.dataset());
        pack.arg(self.source.path());
        pack
    }

    fn denied(&self) -> String {
        let path = self.source.path().join("b");
        format!("{}: Permission denied (os error 13)\n", path.display())
    }
}

#[test]
fn a_file_that_cannot_be_read_ends_the_run_and_leaves_nothing() {
    // Small files are read ahead, large ones by the writer.
    for size in [10, 1 << 20] {
        let unreadable = Unreadable::new(size);
        let message = fail(&mut unreadable.pack(), 1);
        assert_eq!(message, format!("roxfs: {}", unreadable.denied()));
        assert_eq!(entries(unreadable.target.path()), ["roxfs"]);
    }
}

#[test]
fn files_that_cannot_be_read_are_listed_and_left_out_if_asked_to() {
    for size in [10, 1 << 20] {
        let unreadable = Unreadable::new(size);
        let message = fail(unreadable.pack().arg("--keep-going"), 1);
        let expected = format!("roxfs: left out: {}", unreadable.denied());
        assert!(message.starts_with(&expected), "{message}");
        assert!(message.contains("packed 2 records (2 B)"), "{message}");
        assert!(message.ends_with("1 failed and left out\n"), "{message}");
        let expected = named(&[("a", "1"), ("c", "3")]);
        assert_eq!(unreadable.target.named_records(), expected);
    }
}

#[test]
fn a_directory_that_cannot_be_read_is_left_out_too() {
    let unreadable = Unreadable::new(10);
    let secret = unreadable.source.path().join("a-secret");
    write_tree(&secret, &[("x", "1")]);
    set_mode(&secret, 0o700);
    let message = fail(unreadable.pack().arg("--keep-going"), 1);
    let expected = format!("roxfs: left out: {}: Permission denied", secret.display());
    assert!(message.contains(&expected), "{message}");
    assert!(message.contains("2 failed and left out"), "{message}");
    assert_eq!(unreadable.target.names(), ["a", "c"]);
}

#[test]
fn the_dataset_stays_valid_when_a_later_file_cannot_be_read() {
    let unreadable = Unreadable::new(10);
    let first = temp_dir();
    write_tree(first.path(), &[("0", "zero")]);
    run(&mut unreadable.target.pack(&[first.path()]));
    sh("chmod 666 \"$1\"", &[&unreadable.target.shards()[0]]);
    let before = unreadable.target.bytes();
    let message = fail(&mut unreadable.pack(), 1);
    assert!(message.ends_with(&unreadable.denied()), "{message}");
    assert!(
        unreadable.target.bytes() == before,
        "the dataset has changed"
    );
    fail(unreadable.pack().arg("--keep-going"), 1);
    assert_eq!(unreadable.target.names(), ["0", "a", "c"]);
    run(roxfs().arg("verify").arg(unreadable.target.dataset()));
}

#[test]
fn nothing_is_packed_when_every_file_fails() {
    let unreadable = Unreadable::new(10);
    std::fs::remove_file(unreadable.source.path().join("a")).expect("removed");
    std::fs::remove_file(unreadable.source.path().join("c")).expect("removed");
    let message = fail(unreadable.pack().arg("--keep-going"), 1);
    assert!(message.contains(&unreadable.denied()), "{message}");
    assert_eq!(entries(unreadable.target.path()), ["roxfs"]);
}

#[test]
fn a_name_in_two_directories_is_an_error_that_names_both_paths() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(
        source.path(),
        &[("1/x", "1"), ("1/y", "2"), ("2/x", "3"), ("2/z", "4")],
    );
    let [first, second] = ["1", "2"].map(|name| source.path().join(name));
    let message = fail(&mut target.pack(&[&first, &second]), 1);
    let [x1, x2] = [&first, &second].map(|directory| directory.join("x"));
    let expected = format!(
        "roxfs: {}: the name \"x\" is taken already by {}\n",
        x2.display(),
        x1.display()
    );
    assert_eq!(message, expected);
    assert_eq!(entries(target.path()), [] as [&str; 0]);
    let message = fail(target.pack(&["--keep-going"]).args([first, second]), 1);
    assert!(
        message.contains(expected.trim_start_matches("roxfs: ")),
        "{message}"
    );
    let expected = named(&[("x", "1"), ("y", "2"), ("z", "4")]);
    assert_eq!(target.named_records(), expected);
}

#[test]
fn a_name_that_the_dataset_has_is_an_error_that_names_both() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(
        source.path(),
        &[("1/a", "1"), ("1/m", "2"), ("2/b", "3"), ("2/m", "4")],
    );
    let [first, second] = ["1", "2"].map(|name| source.path().join(name));
    run(&mut target.pack(&[&first]));
    let before = target.bytes();
    let message = fail(&mut target.pack(&[&second]), 1);
    let expected = format!(
        "roxfs: {}: the name \"m\" is taken already by record 1 of {}\n",
        second.join("m").display(),
        target.shards()[0].display()
    );
    assert_eq!(message, expected);
    assert!(target.bytes() == before);
    fail(target.pack(&["--keep-going"]).arg(&second), 1);
    let expected = named(&[("a", "1"), ("m", "2"), ("b", "3")]);
    assert_eq!(target.named_records(), expected);
}

#[test]
fn wrong_usage_is_told_with_exit_code_2() {
    let target = Target::new();
    for (arguments, expected) in [
        (
            &["--from", "nosuch", "x"][..],
            "expected tar, zip, lines, nul, list, list0",
        ),
        (&["--from", "fixed:0"], "1 or more"),
        (&["--from", "fixed:"], "a record has a number of bytes"),
        (&["--from", "fixed"], "expected tar"),
        (&["--shard-size", "0", "x"], "at least one byte"),
        (
            &["--single-file", "--shard-size", "1GiB", "x"],
            "cannot be used with",
        ),
        (
            &["--single-file", "--new-shard", "x"],
            "cannot be used with",
        ),
        (&["--shuffle", "x", "x"], "invalid"),
        (&[], "SOURCE"),
    ] {
        let message = fail(&mut target.pack(arguments), 2);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    let message = fail(roxfs().args(["pack", "x"]), 2);
    assert!(message.contains("--output"), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn an_empty_input_is_nothing_to_pack() {
    for kind in [
        "lines", "nul", "list", "list0", "length32", "length64", "fixed:3",
    ] {
        let target = Target::new();
        let message = fail_with(&mut target.pack(&["--from", kind]), b"", 1);
        let expected = "roxfs: nothing to pack: there are no records\n";
        assert_eq!(message, expected, "{kind}");
        assert_eq!(entries(target.path()), [] as [&str; 0], "{kind}");
    }
}

#[test]
fn sources_that_are_not_there_are_named() {
    let target = Target::new();
    for kind in ["files", "tar", "lines", "list", "length32", "rox"] {
        let message = fail(target.pack(&["--from", kind]).arg("/nosuch.rox"), 1);
        assert!(
            message.starts_with("roxfs: /nosuch.rox: "),
            "{kind}: {message}"
        );
        assert_eq!(message.lines().count(), 1, "{kind}: {message}");
    }
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1")]);
    set_mode(source.path(), 0o755);
    let program = temp_dir();
    set_mode(program.path(), 0o755);
    let missing = target.path().join("missing/d.rox");
    let message = fail(
        roxfs()
            .args(["pack", "-o"])
            .arg(&missing)
            .arg(source.path()),
        1,
    );
    let directory = target.path().join("missing").display().to_string();
    assert!(message.contains(&directory), "{message}");
    assert!(message.contains("No such file or directory"), "{message}");
    set_mode(target.path(), 0o555);
    let mut pack = roxfs_as_nobody(program.path());
    let message = fail(
        pack.args(["pack", "-o"])
            .arg(target.dataset())
            .arg(source.path()),
        1,
    );
    assert!(
        message.contains(&target.path().display().to_string()),
        "{message}"
    );
    assert!(message.contains("Permission denied"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}
