//! Lists of files, as `find` prints them.

use super::named;
use crate::support::*;
use std::path::Path;
use tempfile::TempDir;

/// A tree with names that a list ended by newlines cannot have.
fn tree() -> TempDir {
    let source = temp_dir();
    let files = [
        ("z", "1"),
        ("a/b", "22"),
        ("a/c d", "333"),
        ("new\nline", "4"),
    ];
    write_tree(source.path(), &files);
    source
}

fn list(source: &Path, options: &[&str], input: &[u8]) -> Target {
    let target = Target::new();
    run_with(target.pack(options).current_dir(source), input);
    target
}

#[test]
fn a_list_is_packed_in_its_order_or_sorted() {
    let source = tree();
    let input = b"./z\na/c d\n\n./a\n.//a/b\n";
    let given = list(source.path(), &["--from", "list"], input);
    let expected = [("z", "1"), ("a/c d", "333")];
    assert_eq!(given.named_records()[..2], named(&expected));
    assert_eq!(given.records()[2], b"22");
    let sorted = list(
        source.path(),
        &["--from", "list", "--sort"],
        b"z\na/c d\n./a/b",
    );
    let expected = [("a/b", "22"), ("a/c d", "333"), ("z", "1")];
    assert_eq!(sorted.named_records(), named(&expected));
}

#[test]
fn a_list_names_records_by_the_paths_it_has() {
    let source = tree();
    let absolute = source.path().join("a/b");
    let absolute = absolute.to_str().expect("UTF-8");
    let target = list(Path::new("/"), &["--from", "list"], absolute.as_bytes());
    let expected = absolute.trim_start_matches('/');
    assert_eq!(target.named_records(), named(&[(expected, "22")]));
}

#[test]
fn a_list_can_be_a_file_too() {
    let (source, target) = (tree(), Target::new());
    let file = source.path().join("list");
    std::fs::write(&file, "z\n").expect("written");
    run(target
        .pack(&["--from", "list", "list"])
        .current_dir(source.path()));
    assert_eq!(target.named_records(), named(&[("z", "1")]));
}

#[test]
fn what_find_prints_with_print0_is_packed_whatever_the_names() {
    let source = tree();
    let found = run(std::process::Command::new("find")
        .current_dir(source.path())
        .args([".", "-print0"]));
    let target = list(source.path(), &["--from", "list0", "--sort"], &found);
    let expected = [
        ("a/b", "22"),
        ("a/c d", "333"),
        ("new\\nline", "4"),
        ("z", "1"),
    ];
    assert_eq!(target.named_records(), named(&expected));
}

#[test]
fn a_list_can_be_shuffled() {
    let source = temp_dir();
    let files: Vec<(String, String)> = (0..100)
        .map(|n| (format!("{n:02}"), n.to_string()))
        .collect();
    write_tree(source.path(), &files);
    let input: String = files.iter().map(|(name, _)| format!("{name}\n")).collect();
    let options = ["--from", "list", "--shuffle", "1"];
    let [first, same] = [(); 2].map(|()| list(source.path(), &options, input.as_bytes()));
    assert!(first.bytes() == same.bytes());
    let mut records = first.named_records();
    assert_ne!(records, named(&files));
    records.sort();
    assert_eq!(records, named(&files));
}

#[test]
fn a_path_that_leads_nowhere_ends_the_run_or_is_left_out() {
    let source = tree();
    let input = b"z\nvanished\na/b\n";
    let target = Target::new();
    let mut pack = target.pack(&["--from", "list"]);
    let message = fail_with(pack.current_dir(source.path()), input, 1);
    assert_eq!(
        message,
        "roxfs: vanished: No such file or directory (os error 2)\n"
    );
    assert_eq!(entries(target.path()), [] as [&str; 0]);
    let message = fail_with(pack.arg("--keep-going"), input, 1);
    let left_out = "roxfs: left out: vanished: No such file or directory";
    assert!(message.starts_with(left_out), "{message}");
    assert!(message.contains("1 failed and left out"), "{message}");
    assert_eq!(target.named_records(), named(&[("z", "1"), ("a/b", "22")]));
}

#[test]
fn a_path_that_leads_upwards_cannot_be_a_name() {
    let (source, target) = (tree(), Target::new());
    let mut pack = target.pack(&["--from", "list"]);
    let message = fail_with(pack.current_dir(source.path().join("a")), b"../z\n", 1);
    let expected = "roxfs: ../z: this path cannot be the name of a record: ";
    assert!(message.starts_with(expected), "{message}");
}
