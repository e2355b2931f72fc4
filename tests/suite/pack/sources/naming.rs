//! What names records get: parts of their paths, without the first ones, with those of archives before
//! them; compared with what tar does where these options mean the same.

use super::named;
use super::small;
use crate::support::*;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub const FILES: [&str; 14] = [
    ".git/config",
    "a/.git/x.jpg",
    "a/1.jpg",
    "a/1.txt",
    "a/b/1.jpg",
    "a/b/c/1.jpg",
    "a/b/c/tmp/deep/1.jpg",
    "b.txt/1.jpg",
    "tmp/1.jpg",
    "tmp/a/1.jpg",
    "top.jpg",
    "x/tmp",
    "x/{1}.jpg",
    "x/ü.jpg",
];

/// A directory `in` with all files, whose contents are their names, and `x.tar` of it, of names
/// without `./`.
pub fn tree() -> TempDir {
    let directory = temp_dir();
    let files: Vec<(String, &str)> = FILES.map(|name| (format!("in/{name}"), name)).to_vec();
    write_tree(directory.path(), &files);
    sh(
        r#"cd "$1/in"; shopt -s dotglob; tar --sort=name -cf ../x.tar -- *"#,
        &[directory.path()],
    );
    directory
}

/// The names that a source has in a dataset, in byte order; the contents have to be right.
pub fn packed(options: &[&str], source: &Path, dropped: usize) -> Vec<String> {
    let target = Target::new();
    run(target.pack(options).arg(source));
    let all = run(roxfs().args(["cat", "-i", ":"]).arg(target.dataset()));
    let mut names = target.names();
    if dropped == 0 {
        assert_eq!(String::from_utf8_lossy(&all), names.concat(), "{options:?}");
    }
    names.sort();
    names
}

/// The files that a script leaves in a new directory `out`, by their paths, in byte order.
pub fn left_by(script: &str, directory: &Path) -> Vec<String> {
    let list = r#"cd "$1"; rm -rf out; mkdir out; "#.to_owned()
        + script
        + "; cd out; find . -type f -printf '%P\\n' | LC_ALL=C sort";
    let listed = sh(&list, &[directory]);
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn stripped_names_are_those_of_tar_and_short_ones_are_counted() {
    let directory = tree();
    sh(
        r#"cd "$1"; rm -r in/a/.git in/tmp in/a/b/1.jpg in/x in/b.txt; rm x.tar
           cd in; shopt -s dotglob; tar --sort=name -cf ../x.tar -- *"#,
        &[directory.path()],
    );
    for (strip, short) in [(0, 0), (1, 1), (2, 4), (3, 4)] {
        let script = format!("tar -xf x.tar -C out --strip-components={strip}");
        let expected = left_by(&script, directory.path());
        for source in ["in", "x.tar"] {
            let target = Target::new();
            let source = directory.path().join(source);
            let strip = format!("--strip={strip}");
            let message = said(target.pack(&[&strip]).arg(source));
            let mut names = target.names();
            names.sort();
            assert_eq!(names, expected, "{strip}");
            let count = match short {
                0 => "",
                1 => "; 1 left out by --strip",
                _ => "; 4 left out by --strip",
            };
            assert!(message.trim_end().ends_with(count), "{strip}: {message}");
            assert_eq!(message.contains("--strip"), short > 0, "{message}");
        }
    }
}

#[test]
fn archives_that_use_the_same_names_are_packed_with_their_own_names_before_them() {
    let directory = temp_dir();
    let mut archives = Vec::new();
    for number in ["0000", "0001"] {
        let path = directory.path().join(format!("train-{number}.tar"));
        let content = number.as_bytes();
        let entries = [small::file("0.jpg", content), small::link("1.jpg", "0.jpg")];
        std::fs::write(&path, small::archive(&entries)).expect("written");
        archives.push(path);
    }
    write_tree(directory.path(), &[("more/m", "m"), ("f", "f")]);
    let others = ["more", "f"].map(|name| directory.path().join(name));
    let target = Target::new();
    run(target
        .pack(&["--prefix", "archive"])
        .args(&archives)
        .args(others));
    let expected = [
        ("train-0000/0.jpg", "0000"),
        ("train-0000/1.jpg", "0000"),
        ("train-0001/0.jpg", "0001"),
        ("train-0001/1.jpg", "0001"),
        ("m", "m"),
        ("f", "f"),
    ];
    assert_eq!(target.named_records(), named(&expected));
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let directory = temp_dir();
    std::fs::write(directory.path().join("x.tar"), small::archive(&[])).expect("written");
    let target = Target::new();
    for (options, reason) in [
        (&["--exclude=[a"][..], "unclosed character class"),
        (&["--exclude="], "no component that could match"),
        (&["--exclude=a/../b"], "\"..\" matches no name"),
        (&["--strip=-1"], "invalid value '-1'"),
        (&["--prefix=other"], "[possible values: archive]"),
        (
            &["--duplicates=all"],
            "[possible values: first, last, refuse]",
        ),
        (&["--duplicates=first", "--plain"], "cannot be used with"),
        (&["--from=lines", "--strip=1"], "--strip is about names"),
        (&["--from=nul", "--exclude=a"], "--exclude is about names"),
        (
            &["--from=fixed:2", "--exclude-junk"],
            "--exclude-junk is about names",
        ),
        (
            &["--from=length32", "--duplicates=last"],
            "--duplicates is about names",
        ),
        (
            &["--from=lines", "--prefix=archive"],
            "--prefix is about names",
        ),
        (&["--from=files", "--prefix=archive"], "goes with archives"),
        (
            &["--from=tar", "--prefix=archive", "-"],
            "standard input has none",
        ),
    ] {
        let mut pack = target.pack(options);
        if options.last() != Some(&"-") {
            pack.arg(directory.path().join("x.tar"));
        }
        let message = fail(&mut pack, 2);
        assert!(message.contains(reason), "{options:?}: {message}");
        assert_eq!(entries(target.path()), [] as [&str; 0]);
    }
    let pattern = OsStr::from_bytes(b"--exclude=\xff");
    let message = fail(target.pack(&[pattern]).arg(directory.path()), 2);
    assert!(message.contains("it is not UTF-8"), "{message}");
}

#[test]
fn a_hard_link_whose_target_shares_its_name_with_another_entry_is_an_error() {
    let directory = temp_dir();
    let path = directory.path().join("x.tar");
    let entries = [
        small::file("x/a", b"1"),
        small::link("x/b", "x/a"),
        small::file("y/a", b"2"),
        small::link("y/c", "y/a"),
        small::link("y/d", "x/a"),
    ];
    std::fs::write(&path, small::archive(&entries)).expect("written");
    let target = Target::new();
    let options = ["--strip=1", "--duplicates=last"];
    let message = fail(target.pack(&options).arg(&path), 1);
    let expected =
        "y/d: a hard link to \"x/a\": with --strip another entry has its name \"a\" by now\n";
    assert!(message.ends_with(expected), "{message}");
    fail(target.pack(&options).arg("--keep-going").arg(&path), 1);
    let expected = [("b", "1"), ("a", "2"), ("c", "2")];
    assert_eq!(target.named_records(), named(&expected));
}

#[test]
fn nothing_left_to_pack_is_an_error_that_says_why() {
    let directory = tree();
    for (option, how) in [
        ("--exclude=*", "excluded"),
        ("--exclude=**", "excluded"),
        ("--strip=100", "left out by --strip"),
    ] {
        for source in ["in", "x.tar"] {
            let target = Target::new();
            let source: PathBuf = directory.path().join(source);
            let message = fail(target.pack(&[option]).arg(source), 1);
            let start = "roxfs: nothing to pack: everything is left out: ";
            let reason = message.strip_prefix(start).unwrap_or_default();
            let (number, found) = reason.split_once(' ').unwrap_or_default();
            assert!(
                number.parse().is_ok_and(|number: u64| number > 0),
                "{message}"
            );
            assert_eq!(found, format!("{how}\n"));
            assert_eq!(entries(target.path()), [] as [&str; 0]);
        }
    }
}
