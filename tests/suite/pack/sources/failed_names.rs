//! What fails keeps its name: later records of that name are refused, hard links to it have no
//! content, and a resumed run decides as one that was not interrupted.

use super::last_records::grown;
use super::named;
use super::small;
use crate::support::zips::{stored, zip};
use crate::support::*;
use std::path::Path;
use std::process::Command;

/// Packs again with the first `kept` shards, as after an interruption; returns what is said.
fn resume(whole: &Target, kept: usize, options: &[&str], sources: &[&Path]) -> (Target, String) {
    let part = Target::new();
    for shard in &whole.shards()[..kept] {
        let name = shard.file_name().expect("a name");
        std::fs::copy(shard, part.path().join(name)).expect("copied");
    }
    std::fs::write(part.path().join(".d.lock"), "first record 0\n").expect("written");
    let output = output(part.pack(options).arg("--resume").args(sources));
    (part, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Compares a run with all its continuations; returns how many there were.
fn check_resumed(options: &[&str], sources: &[&Path]) -> usize {
    let whole = Target::new();
    output(whole.pack(options).args(sources));
    let shards = whole.shards().len();
    for kept in 1..=shards {
        let (part, message) = resume(&whole, kept, options, sources);
        assert!(part.bytes() == whole.bytes(), "{kept} shards: {message}");
    }
    shards
}

/// A zip archive whose `name` is damaged.
fn damaged(path: &Path, name: &str) {
    let entries = [
        stored(name.as_bytes(), &[b'a'; 900]),
        stored(b"0", &[b'0'; 900]),
    ];
    let mut bytes = zip(&entries);
    let content = bytes.windows(9).position(|part| part == [b'a'; 9]);
    bytes[content.expect("there") + 5] = b'A';
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn a_hard_link_to_what_was_refused_has_no_content_in_a_resumed_run_either() {
    let directory = temp_dir();
    let path = directory.path().join("x.tar");
    let mut entries = vec![
        small::file("x", &[b'A'; 5000]),
        small::file("x", &[b'B'; 10]),
    ];
    entries.extend((0..8).map(|number| small::file(&format!("f{number}"), &bytes(number, 700))));
    entries.push(small::link("y", "x"));
    std::fs::write(&path, small::archive(&entries)).expect("written");
    let options = ["--keep-going", "--shard-size=2000"];
    assert!(check_resumed(&options, &[&path]) > 3);
    let whole = Target::new();
    let message = fail(whole.pack(&options).arg(&path), 1);
    assert!(message.contains(": y: a hard link to a record that was left out\n"));
    assert!(message.ends_with("; 2 failed and left out\n"), "{message}");
}

#[test]
fn what_is_refused_is_refused_again_in_a_resumed_run() {
    let mut shards = 0;
    for seed in 0..40 {
        let directory = temp_dir();
        let [zip, tar] = ["x.zip", "x.tar"].map(|name| directory.path().join(name));
        damaged(&zip, "a");
        std::fs::write(&tar, small::archive(&grown(seed))).expect("written");
        for options in [
            &["--keep-going"][..],
            &["--keep-going", "--duplicates=first"],
        ] {
            let options = [options, &["--shard-size=1500"]].concat();
            shards += check_resumed(&options, &[&zip, &tar]);
        }
    }
    assert!(shards > 100, "{shards}");
}

#[test]
fn a_resumed_run_says_by_its_exit_code_that_the_first_one_has_left_out_damaged_records() {
    let directory = temp_dir();
    let [zip, tar] = ["x.zip", "x.tar"].map(|name| directory.path().join(name));
    damaged(&zip, "a");
    std::fs::write(&tar, small::archive(&[small::file("b", &[b'b'; 1000])])).expect("written");
    let whole = Target::new();
    let options = ["--keep-going", "--shard-size=1000"];
    let mut pack = whole.pack(&[&options[..], &["--from=zip"]].concat());
    fail(pack.arg(&zip), 3);
    for (note, code) in [("damaged\n", 3), ("", 1)] {
        let lock = whole.path().join(".d.lock");
        std::fs::write(&lock, format!("first record 0\n{note}")).expect("written");
        let mut pack = whole.pack(&options);
        let message = fail(pack.arg("--resume").args([&zip, &tar]), code);
        assert!(
            message.contains(": a: the interrupted run has left it out"),
            "{message}"
        );
    }
    assert_eq!(whole.names(), ["0", "b"]);
    // One that fails says it for the next one, which goes on.
    let part = Target::new();
    let mut limited = Command::new("bash");
    // Of 1024 bytes, which the second shard has more than.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    limited.args(["-c", script, "bash"]);
    limited
        .arg(roxfs().get_program())
        .args(["pack", "-o"])
        .arg(part.dataset());
    fail(limited.args(options).args([&zip, &tar]), 1);
    let lock = std::fs::read_to_string(part.path().join(".d.lock")).expect("a lock");
    assert_eq!(lock, "first record 0\ndamaged\n");
    fail(part.pack(&options).arg("--resume").args([&zip, &tar]), 3);
}

#[test]
fn a_later_record_of_a_name_that_failed_is_told_so() {
    let directory = temp_dir();
    let [zip, tar] = ["x.zip", "x.tar"].map(|name| directory.path().join(name));
    damaged(&zip, "a");
    let entries = [small::file("a", b"2"), small::file("0", b"3")];
    std::fs::write(&tar, small::archive(&entries)).expect("written");
    let target = Target::new();
    let message = fail(target.pack(&["--keep-going"]).args([&zip, &tar]), 3);
    let taken = |name: &str, end: &str| {
        let [zip, tar] = [&zip, &tar].map(|path| path.display());
        format!("{tar}: {name}: the name \"{name}\" is taken already by {zip}: {name}{end}\n")
    };
    assert!(
        message.contains(&taken("a", ", which has failed")),
        "{message}"
    );
    assert!(message.contains(&taken("0", "")), "{message}");
    assert_eq!(target.names(), ["0"]);
}

#[test]
fn a_link_to_a_name_whose_last_record_has_failed_gets_no_earlier_content() {
    let directory = temp_dir();
    let path = directory.path().join("x.tar");
    let entries = [
        small::file("l", b"old"),
        small::file("t/x", b"left out"),
        // Refused, because what it leads to is not packed.
        small::link("l", "t/x"),
        small::link("m", "l"),
        small::file("z", b"good"),
    ];
    std::fs::write(&path, small::archive(&entries)).expect("written");
    for options in [&[][..], &["--duplicates", "last"]] {
        let target = Target::new();
        let mut pack = target.pack(&["--keep-going", "--exclude", "t"]);
        let message = fail(pack.args(options).arg(&path), 1);
        assert!(
            message.contains("m: a hard link to a record that was left out"),
            "{options:?}: {message}"
        );
        let names = target.names();
        assert!(!names.contains(&"m".to_owned()), "{options:?}: {names:?}");
    }
}

#[test]
fn a_hard_link_that_fails_keeps_its_name() {
    let directory = temp_dir();
    let path = directory.path().join("x.tar");
    let entries = [
        small::link("b", "nowhere"),
        small::file("b", b"1"),
        small::link("c", "b"),
        small::file("d", b"2"),
    ];
    std::fs::write(&path, small::archive(&entries)).expect("written");
    let target = Target::new();
    let message = fail(target.pack(&["--keep-going"]).arg(&path), 1);
    let expected =
        "the name \"b\" is taken already by an earlier record of the sources, which has failed\n";
    assert!(message.contains(expected), "{message}");
    assert!(message.ends_with("; 3 failed and left out\n"), "{message}");
    assert_eq!(target.named_records(), named(&[("d", "2")]));
}

#[test]
fn a_hard_link_to_a_duplicate_that_is_left_out_names_the_option() {
    let directory = temp_dir();
    let [first, second] = ["1.tar", "2.tar"].map(|name| directory.path().join(name));
    std::fs::write(&first, small::archive(&[small::file("d/x", b"1")])).expect("written");
    let entries = [
        small::file("e/x", b"2"),
        small::link("e/y", "e/x"),
        small::file("e/z", b"3"),
    ];
    std::fs::write(&second, small::archive(&entries)).expect("written");
    let options = ["--strip=1", "--duplicates=first"];
    let target = Target::new();
    let message = fail(target.pack(&options).args([&first, &second]), 1);
    let expected = "2.tar: e/y: a hard link to \"x\", whose content --duplicates first leaves out: \
                    an earlier record has the name\n";
    assert!(message.ends_with(expected), "{message}");
    let mut pack = target.pack(&options);
    let message = fail(pack.arg("--keep-going").args([&first, &second]), 1);
    assert!(message.contains(expected), "{message}");
    let end = "; 1 failed and left out; 1 duplicate left out\n";
    assert!(message.ends_with(end), "{message}");
    assert_eq!(target.named_records(), named(&[("x", "1"), ("z", "3")]));
}
