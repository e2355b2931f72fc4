//! Which records are left out by their names, and what names the others get; compared with what tar
//! and rsync do where these options mean the same.

use super::named;
use super::small;
use crate::support::*;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const FILES: [&str; 14] = [
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
fn tree() -> TempDir {
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
fn packed(options: &[&str], source: &Path, dropped: usize) -> Vec<String> {
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
fn left_by(script: &str, directory: &Path) -> Vec<String> {
    let list = r#"cd "$1"; rm -rf out; mkdir out; "#.to_owned()
        + script
        + "; cd out; find . -type f -printf '%P\\n' | LC_ALL=C sort";
    let listed = sh(&list, &[directory]);
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn patterns_mean_what_they_mean_to_tar() {
    let directory = tree();
    let archive = directory.path().join("x.tar");
    let cases: [(&[&str], &str); 9] = [
        (&[".git"], "--exclude=.git"),
        (&["*.txt"], "--exclude=*.txt"),
        (&["tmp"], "--exclude=tmp"),
        (&["?.jpg", "x"], "--exclude=?.jpg --exclude=x"),
        (&["{1}.jpg"], "--exclude={1}.jpg"),
        (
            &["[!t]*.jpg"],
            "--no-wildcards-match-slash --exclude=[!t]*.jpg",
        ),
        (&["/tmp"], "--anchored --exclude=tmp"),
        (
            &["a/*.jpg"],
            "--anchored --no-wildcards-match-slash --exclude=a/*.jpg",
        ),
        (
            &["a/*/c"],
            "--anchored --no-wildcards-match-slash --exclude=a/*/c",
        ),
    ];
    for (patterns, options) in cases {
        let script = format!("set -f; LC_ALL=C tar -xf x.tar -C out {options}; set +f");
        let expected = left_by(&script, directory.path());
        assert!(expected.len() < FILES.len(), "{options} leaves nothing out");
        let options: Vec<&str> = patterns
            .iter()
            .flat_map(|text| ["--exclude", text])
            .collect();
        assert_eq!(packed(&options, &archive, 0), expected, "{patterns:?}");
        let source = directory.path().join("in");
        assert_eq!(packed(&options, &source, 0), expected, "{patterns:?}");
    }
}

#[test]
fn patterns_mean_what_they_mean_to_rsync() {
    let directory = tree();
    for pattern in [
        ".git", "tmp/", "/tmp", "/a/b/", "*.txt/", "/a/**", "/a/*/c", "/x/tmp/",
    ] {
        let script = format!("rsync -r --exclude='{pattern}' in/ out/");
        let expected = left_by(&script, directory.path());
        for source in ["in", "x.tar"] {
            let source = directory.path().join(source);
            let found = packed(&["--exclude", pattern], &source, 0);
            assert_eq!(found, expected, "{pattern} {}", source.display());
        }
    }
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
fn patterns_see_names_before_they_are_stripped_and_prefixed() {
    let directory = temp_dir();
    let archive = small::archive(&[
        small::directory("data"),
        small::file("data/a/1", b"1"),
        small::file("data/b/1", b"2"),
        small::file("data/2", b"3"),
        small::link("data/a/link", "./data/a/1"),
    ]);
    let path = directory.path().join("set.one.TAR.gz");
    std::fs::write(&path, archive).expect("written");
    let target = Target::new();
    let options = [
        "--from=tar",
        "--prefix=archive",
        "--strip=1",
        "--exclude=/data/b",
    ];
    let message = said(target.pack(&options).arg(&path));
    assert!(message.trim_end().ends_with("; 1 excluded"), "{message}");
    let expected = [
        ("set.one/a/1", "1"),
        ("set.one/2", "3"),
        ("set.one/a/link", "1"),
    ];
    assert_eq!(target.named_records(), named(&expected));
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
fn excluded_directories_are_not_looked_into() {
    need_root();
    let (directory, user) = (temp_dir(), temp_dir());
    write_tree(
        directory.path(),
        &[("in/a/1", "1"), ("in/lost+found/2", "2")],
    );
    let script = r#"chmod 755 "$1"; chmod 0 "$1/in/lost+found"; chmod 777 "$2""#;
    sh(script, &[directory.path(), user.path()]);
    let pack = |options: &[&str]| {
        let mut pack = roxfs_as_nobody(user.path());
        pack.args(["pack", "-o"])
            .arg(user.path().join("d.rox"))
            .args(options);
        pack.arg(directory.path().join("in"));
        pack
    };
    let message = fail(&mut pack(&[]), 1);
    assert!(message.contains("Permission denied"), "{message}");
    for pattern in ["lost+found", "lost+found/", "/lost+found", "l*"] {
        let message = said(&mut pack(&["--exclude", pattern, "--duplicates=first"]));
        let expected = "; 1 directory excluded with all below it";
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(Target::on(user.path()).names(), ["a/1"]);
}

#[test]
fn what_a_pattern_leaves_out_is_counted() {
    let directory = tree();
    for (options, source, expected) in [
        (
            ["--exclude=tmp", "--exclude=*.txt"],
            "in",
            "; 2 excluded; 3 directories excluded with all below them\n",
        ),
        (
            ["--exclude=tmp", "--exclude=*.txt"],
            "x.tar",
            "; 6 excluded\n",
        ),
        (["--exclude=nothing", "--exclude=/1.jpg"], "in", " s)\n"),
    ] {
        let target = Target::new();
        let message = said(target.pack(&options).arg(directory.path().join(source)));
        let end = expected.trim_start_matches(" s)");
        assert!(message.ends_with(end), "{message}");
        assert_eq!(message.contains("excluded"), expected.contains("excluded"));
    }
}

#[test]
fn junk_is_left_out_of_every_source() {
    let directory = temp_dir();
    let junk = [
        ".DS_Store",
        "cat/._1.jpg",
        "cat/.ipynb_checkpoints/1-checkpoint.jpg",
        "__MACOSX/cat/._1.jpg",
        "dog/@eaDir/1.jpg/SYNOPHOTO_THUMB_S.jpg",
        "dog/Thumbs.db",
        "dog/desktop.ini",
    ];
    let samples = [".git/config", "cat/.hidden.jpg", "cat/1.jpg", "dog/1.jpg"];
    let all: Vec<(String, &str)> = junk
        .iter()
        .chain(&samples)
        .map(|name| (format!("in/{name}"), *name))
        .collect();
    write_tree(directory.path(), &all);
    sh(
        r#"cd "$1"; tar -cf x.tar -C in .; find in >list"#,
        &[directory.path()],
    );
    let source = |name: &str| directory.path().join(name);
    assert_eq!(packed(&["--exclude-junk"], &source("in"), 0), samples);
    assert_eq!(packed(&["--exclude-junk"], &source("x.tar"), 0), samples);
    let (whole, list) = (Target::new(), Target::new());
    let mut pack = list.pack(&["--exclude-junk", "--from=list", "--strip=1", "list"]);
    run(pack.current_dir(directory.path()));
    let mut names = list.names();
    names.sort();
    assert_eq!(names, samples);
    run(&mut whole.pack(&[source("in")]));
    let shards = whole.dataset();
    assert_eq!(
        packed(&["--exclude-junk", "--from=rox"], &shards, 0),
        samples
    );
}

#[test]
fn names_that_are_not_utf8_are_matched_byte_by_byte() {
    let directory = temp_dir();
    let source = directory.path().join("in");
    let names: [&[u8]; 4] = [b"\xff.jpg", b"\xff\xfe/22.jpg", b"a\nb/c.txt", b"a.jpg"];
    let files: Vec<(&[u8], &str)> = names.iter().map(|name| (*name, "")).collect();
    write_tree(&source, &files);
    for (pattern, expected) in [
        ("?.jpg", &["\\xff\\xfe/22.jpg", "a\\nb/c.txt"][..]),
        ("??", &["\\xff.jpg", "a.jpg", "a\\nb/c.txt"]),
        ("**/*.txt", &["\\xff.jpg", "\\xff\\xfe/22.jpg", "a.jpg"]),
    ] {
        let target = Target::new();
        run(target.pack(&["--exclude", pattern]).arg(&source));
        let mut names = target.names();
        names.sort();
        assert_eq!(names, expected, "{pattern}");
    }
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
fn a_hard_link_to_what_is_excluded_is_an_error_and_never_another_record() {
    let directory = temp_dir();
    let path = directory.path().join("x.tar");
    let entries = [
        small::file("val/1", b"one"),
        small::link("train/1", "val/1"),
        small::file("train/2", b"two"),
        small::link("val/2", "train/2"),
        small::link("val/3", "train/2"),
    ];
    std::fs::write(&path, small::archive(&entries)).expect("written");
    let pack = |options: &[&str]| {
        let target = Target::new();
        let mut pack = target.pack(options);
        pack.arg(&path);
        (target, pack)
    };
    let (_target, mut strict) = pack(&["--exclude=val"]);
    let expected = format!(
        "roxfs: {}: train/1: a hard link to \"val/1\", which --exclude or --strip leaves out with the content\n",
        path.display()
    );
    assert_eq!(fail(&mut strict, 1), expected);
    let (target, mut lenient) = pack(&["--exclude=val", "--keep-going"]);
    let message = fail(&mut lenient, 1);
    assert!(
        message.contains("; 1 failed and left out; 3 excluded"),
        "{message}"
    );
    assert_eq!(target.named_records(), named(&[("train/2", "two")]));
    let (target, mut other) = pack(&["--exclude=train/1", "--strip=1", "--duplicates=first"]);
    run(&mut other);
    // "val/2" is no other content than "2" has already, so that links to it go on working.
    let expected = [("1", "one"), ("2", "two"), ("3", "two")];
    assert_eq!(target.named_records(), named(&expected));
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
