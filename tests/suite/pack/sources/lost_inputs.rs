//! An input of which the rest is lost is left out where that is asked for, and the others are packed.

use crate::support::*;
use std::path::PathBuf;
use tempfile::TempDir;

/// Archives of `a` and `z`, and between them one that is none or damaged, by its number.
fn between() -> (TempDir, Vec<(PathBuf, i32)>) {
    let directory = temp_dir();
    let files = [
        ("a/a", bytes(1, 700)),
        ("m/m", bytes(2, 90_000)),
        ("z/z", bytes(3, 700)),
    ];
    write_tree(directory.path(), &files);
    let script =
        "cd \"$1\"; for d in a m z; do tar -C $d -cf $d.tar $d; (cd $d; zip -q ../$d.zip $d); done
        for c in gzip zstd xz bzip2; do $c -c <m.tar >whole; head -c 60000 whole >$c.tar.gz; done
        head -c 40000 m.zip >cut.zip; : >empty.zip; echo text >text.zip
        zstd -q --long=31 --zstd=wlog=31 <m.tar >large.tar.zst
        printf 'Rar!\\x1a\\x07\\x01' >rar.tar";
    sh(script, &[directory.path()]);
    let names = [
        ("gzip.tar.gz", 3),
        ("zstd.tar.gz", 3),
        ("xz.tar.gz", 3),
        ("bzip2.tar.gz", 3),
        ("cut.zip", 3),
        ("empty.zip", 1),
        ("text.zip", 1),
        ("large.tar.zst", 1),
        ("rar.tar", 1),
    ];
    let paths = names.map(|(name, code)| (directory.path().join(name), code));
    (directory, paths.to_vec())
}

#[test]
fn a_lost_archive_is_left_out_and_the_others_are_packed_where_the_run_keeps_going() {
    let (directory, lost) = between();
    for ending in ["tar", "zip"] {
        let good = ["a", "z"].map(|name| directory.path().join(format!("{name}.{ending}")));
        for (path, code) in &lost {
            let sources = [&good[0], path, &good[1]];
            let target = Target::new();
            let message = fail(target.pack(&["--keep-going"]).args(sources), *code);
            let start = format!("roxfs: left out: {}: ", path.display());
            assert!(message.contains(&start), "{message}");
            assert!(message.contains("; 1 failed and left out"), "{message}");
            assert_eq!(target.names(), ["a", "z"], "{}", path.display());
            // Without that it ends the run as before.
            let target = Target::new();
            let message = fail(target.pack(&["-q"]).args(sources), *code);
            let start = format!("roxfs: {}: ", path.display());
            assert!(message.starts_with(&start), "{message}");
            assert_eq!(entries(target.path()), [] as [&str; 0]);
        }
    }
}

#[test]
fn several_lost_archives_are_counted_and_the_worst_of_them_gives_the_exit_code() {
    let (directory, lost) = between();
    let paths: Vec<&PathBuf> = lost.iter().map(|(path, _)| path).collect();
    let good = ["a.tar", "z.tar"].map(|name| directory.path().join(name));
    for options in [
        &["--keep-going"][..],
        &["--keep-going", "--duplicates=last"],
    ] {
        let target = Target::new();
        let mut pack = target.pack(options);
        let message = fail(pack.arg(&good[0]).args(&paths).arg(&good[1]), 3);
        let count = format!("; {} failed and left out", paths.len());
        assert!(message.contains(&count), "{message}");
        assert_eq!(target.names(), ["a", "z"]);
    }
    let zips = ["a.zip", "cut.zip", "text.zip", "z.zip"].map(|name| directory.path().join(name));
    let target = Target::new();
    let mut pack = target.pack(&["--keep-going", "--shuffle=1", "--from=zip"]);
    let message = fail(pack.args(zips), 3);
    assert!(message.contains("; 2 failed and left out"), "{message}");
    let mut names = target.names();
    names.sort();
    assert_eq!(names, ["a", "z"]);
}

#[test]
fn hundreds_of_zip_archives_need_few_open_files() {
    let directory = temp_dir();
    let script =
        "cd \"$1\"; for n in $(seq -w 300); do echo $n >$n; zip -q -Z bzip2 $n.zip $n; rm $n; done";
    sh(script, &[directory.path()]);
    for options in ["", "--shuffle=1", "--keep-going"] {
        let target = Target::new();
        let script = format!(
            "ulimit -n 64; \"$3\" pack -q --from zip {options} -o \"$2/d.rox\" \"$1\"/*.zip 2>&1"
        );
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_roxfs"));
        let said = sh(&script, &[directory.path(), target.path(), program]);
        assert_eq!(said, "", "{options}");
        assert_eq!(target.names().len(), 300, "{options}");
    }
}

#[test]
fn that_no_more_files_may_be_opened_is_not_said_of_single_records() {
    let directory = temp_dir();
    let files: Vec<(String, Vec<u8>)> = (0..9)
        .map(|number| (format!("in/{number}"), bytes(number, 400_000)))
        .collect();
    write_tree(directory.path(), &files);
    for limit in 3..14 {
        let target = Target::new();
        let script = format!(
            "ulimit -n {limit}; \"$3\" pack --keep-going -o \"$2/d.rox\" \"$1\"/in 2>&1 || true"
        );
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_roxfs"));
        let said = sh(&script, &[directory.path(), target.path(), program]);
        assert!(!said.contains("left out"), "{limit}: {said}");
    }
}
