//! `--include`, `--exclude` and junk: what patterns match and leave out.

use super::named;
use super::naming::*;
use super::small;
use crate::support::*;

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
