//! Names that come twice: refused with both places, or one of them left out.

use super::named;
use super::small;
use crate::support::*;
use std::path::PathBuf;
use tempfile::TempDir;

/// Writes archives into a directory.
pub fn archives(archives: &[(&str, &[Vec<u8>])]) -> (TempDir, Vec<PathBuf>) {
    let directory = temp_dir();
    let write = |(name, entries): &(&str, &[Vec<u8>])| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(&path, small::archive(entries)).expect("written");
        path
    };
    let paths = archives.iter().map(write).collect();
    (directory, paths)
}

#[test]
fn a_name_in_two_archives_is_an_error_that_names_both() {
    let [first, second] = [b"1", b"2"].map(|content| [small::file("c/0.jpg", content)]);
    let (_directory, paths) = archives(&[("1/x.tar", &first), ("2/x.tar", &second)]);
    let [a, b] = [&paths[0], &paths[1]].map(|path| path.display());
    for (options, name, place) in [
        (&[][..], "c/0.jpg", "c/0.jpg"),
        (&["--prefix=archive"], "x/c/0.jpg", "c/0.jpg"),
        (&["--strip=1"], "0.jpg", "*/0.jpg"),
        (&["--strip=1", "--prefix=archive"], "x/0.jpg", "*/0.jpg"),
    ] {
        let target = Target::new();
        let message = fail(target.pack(options).args(&paths), 1);
        let expected =
            format!("roxfs: {b}: c/0.jpg: the name \"{name}\" is taken already by {a}: {place}\n");
        assert_eq!(message, expected, "{options:?}");
        assert_eq!(entries(target.path()), [] as [&str; 0]);
    }
}

#[test]
fn every_later_record_of_a_name_is_told_the_first_one() {
    let one = [small::file("a", b"1"), small::file("b", b"2")];
    let sources: Vec<(&str, &[Vec<u8>])> =
        vec![("1.tar", &one), ("2.tar", &one[..1]), ("3.tar", &one[..1])];
    let (_directory, paths) = archives(&sources);
    let target = Target::new();
    let message = fail(target.pack(&["--keep-going"]).args(&paths), 1);
    let first = format!("is taken already by {}: a\n", paths[0].display());
    assert_eq!(message.matches(&first).count(), 2, "{message}");
}

#[test]
fn a_name_in_an_archive_and_beside_it_is_an_error_that_names_both() {
    let (directory, paths) = archives(&[("x.tar", &[small::file("d/f", b"1")])]);
    write_tree(directory.path(), &[("in/d/f", "2")]);
    let (archive, source) = (&paths[0], directory.path().join("in"));
    let file = source.join("d/f");
    let target = Target::new();
    let message = fail(&mut target.pack(&[archive, &source]), 1);
    let [inside, beside] = [
        format!("{}: d/f", archive.display()),
        file.display().to_string(),
    ];
    let expected =
        |again, first| format!("roxfs: {again}: the name \"d/f\" is taken already by {first}\n");
    assert_eq!(message, expected(&beside, &inside));
    let message = fail(&mut target.pack(&[&source, archive]), 1);
    assert_eq!(message, expected(&inside, &beside));
}

#[test]
fn a_name_in_two_shards_is_an_error_that_names_both() {
    let source = temp_dir();
    write_tree(source.path(), &[("1/a", "1"), ("2/a", "2")]);
    let shards = ["1", "2"].map(|name| {
        let dataset = pack(&source.path().join(name), source.path(), name, &[]);
        dataset.with_file_name(format!("{name}_0000.rox"))
    });
    let target = Target::new();
    let message = fail(target.pack(&["--from=rox"]).args(&shards), 1);
    let [first, second] = shards.map(|shard| shard.display().to_string());
    let expected =
        format!("roxfs: {second}: record 0: the name \"a\" is taken already by {first}: a\n");
    assert_eq!(message, expected);
}

#[test]
fn the_first_record_of_a_name_can_be_kept() {
    let entries = [
        small::file("a", b"1"),
        small::file("b", b"2"),
        small::file("a", b"3"),
        small::link("b", "a"),
        small::link("c", "b"),
    ];
    let (_directory, paths) = archives(&[("x.tar", &entries[..4]), ("y.tar", &entries[..1])]);
    let target = Target::new();
    let message = said(target.pack(&["--duplicates=first"]).args(&paths));
    let expected = "; 3 duplicates left out\n";
    assert!(message.ends_with(expected), "{message}");
    assert_eq!(target.named_records(), named(&[("a", "1"), ("b", "2")]));
    let piped = Target::new();
    let archive = std::fs::read(&paths[0]).expect("read");
    run_with(
        &mut piped.pack(&["--duplicates=first", "--from=tar"]),
        &archive,
    );
    assert!(piped.bytes() == target.bytes());
    // The content that "b" has for the link is that of the second "a", which is not there.
    let (_directory, paths) = archives(&[("x.tar", &entries)]);
    let message = fail(
        target
            .pack(&["--duplicates=first", "--new-shard"])
            .args(&paths),
        1,
    );
    let expected = "c: a hard link to \"b\", whose content --duplicates first leaves out: \
                    an earlier record has the name\n";
    assert!(message.ends_with(expected), "{message}");
}

#[test]
fn packing_again_with_the_first_records_kept_adds_what_is_new() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1"), ("c", "3")]);
    let pack = || {
        let mut pack = target.pack(&["--duplicates=first"]);
        said(pack.arg(source.path()))
    };
    pack();
    let before = target.bytes();
    let message = pack();
    assert!(
        message.starts_with("roxfs: packed 0 records (0 B) into 0 shards"),
        "{message}"
    );
    assert!(message.ends_with("; 2 duplicates left out\n"), "{message}");
    assert!(target.bytes() == before, "the dataset has changed");
    assert_eq!(entries(target.path()), ["d_0000.rox"]);
    write_tree(source.path(), &[("b", "2"), ("c", "4"), ("d", "5")]);
    let message = pack();
    assert!(message.ends_with("; 2 duplicates left out\n"), "{message}");
    let expected = [("a", "1"), ("c", "3"), ("b", "2"), ("d", "5")];
    assert_eq!(target.named_records(), named(&expected));
}

#[test]
fn first_and_last_are_those_of_the_sources_whatever_the_order_in_the_dataset() {
    let source = temp_dir();
    let mut files = Vec::new();
    for number in 0..40 {
        files.push((format!("1/{number}"), "first"));
        files.push((format!("2/{number}"), "last"));
    }
    write_tree(source.path(), &files);
    for which in ["first", "last"] {
        for order in [&["--shuffle=3"][..], &[]] {
            let target = Target::new();
            let mut pack = target.pack(order);
            let message = said(
                pack.args(["--duplicates", which, "1", "2"])
                    .current_dir(source.path()),
            );
            assert!(message.ends_with("; 40 duplicates left out\n"), "{message}");
            let records = target.records();
            assert_eq!(records.len(), 40);
            assert!(
                records.iter().all(|record| record == which.as_bytes()),
                "{which}"
            );
        }
    }
}

#[test]
fn an_empty_record_that_is_dropped_takes_no_name_whatever_the_order() {
    let source = temp_dir();
    let files = [("1/a", ""), ("2/a", "full"), ("3/a", ""), ("4/a", "late")];
    write_tree(source.path(), &files);
    for (drop, expected, code) in [(&["--drop-empty"][..], "full", 2), (&[], "", 3)] {
        // The third comes before the second, all others as they are.
        for order in [&["--shuffle=2"][..], &[]] {
            let target = Target::new();
            let mut pack = target.pack(&[drop, order].concat());
            pack.args(["--duplicates=first", "1", "2", "3", "4"]);
            let message = said(pack.current_dir(source.path()));
            let end = format!("; {code} duplicates left out\n");
            assert!(message.ends_with(&end), "{order:?}: {message}");
            assert_eq!(target.named_records(), named(&[("a", expected)]));
        }
    }
}

#[test]
fn what_is_left_out_of_the_dataset_itself_is_said_once() {
    let target = Target::new();
    write_tree(target.path(), &[("a", "1"), ("b", "2")]);
    run(target.pack(&["a"]).current_dir(target.path()));
    let mut pack = target.pack(&["--from=list", "--duplicates=last"]);
    std::fs::write(target.path().join("list"), "d_0000.rox\nb\n").expect("written");
    let message = said(pack.arg("list").current_dir(target.path()));
    assert_eq!(
        message.matches("belongs to the dataset").count(),
        1,
        "{message}"
    );
    assert_eq!(target.names(), ["a", "b"]);
}

#[test]
fn what_is_odd_about_an_archive_is_said_once() {
    let directory = temp_dir();
    let script = "cd \"$1\"; echo 1 >a; tar -cf x.tar a; head -c 1024 x.tar >cut.tar
        { gzip -c x.tar; echo more; } >more.tar.gz";
    sh(script, &[directory.path()]);
    for name in ["cut.tar", "more.tar.gz"] {
        let target = Target::new();
        let mut pack = target.pack(&["-q", "--duplicates=last"]);
        let message = said(pack.arg(directory.path().join(name)));
        assert_eq!(message.lines().count(), 1, "{message}");
        assert_eq!(target.names(), ["a"]);
    }
}
