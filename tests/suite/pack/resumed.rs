//! Runs that are resumed: only what they have begun with, and where something is left to do.

use crate::support::*;
use std::path::Path;

#[test]
fn a_source_that_has_changed_is_not_resumed() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", "1"), ("b", "2")]);
    run(&mut target.pack(&[source.path()]));
    let mut resume = target.pack(&["--resume"]);
    resume.arg(source.path());
    run(&mut resume);
    write_tree(source.path(), &[("b", "22")]);
    let message = fail(&mut resume, 1);
    assert!(
        message.contains("record 1 is \"b\" of 1 bytes, but the source has \"b\" of 2 bytes"),
        "{message}"
    );
    std::fs::remove_file(source.path().join("b")).expect("removed");
    let message = fail(&mut resume, 1);
    assert!(
        message.contains("record 1 is \"b\" of 1 bytes, but the source has no more records"),
        "{message}"
    );
}

/// Leaves the lock of a run that was killed after its first shards.
fn as_if_killed(directory: &Path, lock: &str) {
    std::fs::write(directory.join(".d.lock"), lock).expect("lock");
}

/// Packs what comes in as lines.
const LINES: [&str; 3] = ["--from", "lines", "-q"];

#[test]
fn a_stream_that_is_another_one_is_not_resumed() {
    let target = Target::new();
    run_with(&mut target.pack(&LINES), b"aa\nbb\n");
    as_if_killed(target.path(), "first record 0\n");
    let mut resume = target.pack(&LINES);
    let message = fail_with(resume.arg("--resume"), b"aa\nxx\ncc\n", 1);
    assert!(
        message.contains("record 1 is 0x") && message.contains("it has changed since"),
        "{message}"
    );
    run_with(&mut resume, b"aa\nbb\ncc\n");
    assert_eq!(
        run(roxfs().args(["cat", "-i", ":"]).arg(target.dataset())),
        b"aabbcc"
    );
}

#[test]
fn a_nameless_run_that_has_left_out_records_is_not_resumed() {
    let target = Target::new();
    run_with(&mut target.pack(&LINES), b"aa\nbb\n");
    as_if_killed(target.path(), "first record 0\nleft out\n");
    let mut resume = target.pack(&LINES);
    let message = fail_with(resume.arg("--resume"), b"aa\nbb\ncc\n", 1);
    assert!(
        message.contains("has left out records, and there are no names"),
        "{message}"
    );
    assert_eq!(target.listed().len(), 2);
}

#[test]
fn a_nameless_dataset_that_is_complete_gets_nothing_by_resuming() {
    let source = temp_dir();
    write_tree(source.path(), &[("a", "1"), ("b", "2"), ("c", "3")]);
    for form in ["--plain", "--no-names"] {
        let target = Target::packed(&[form], source.path());
        let resume = |more: &str| {
            let mut command = target.pack(&["--resume", "--keep-going", form]);
            command.arg(source.path());
            command.args((!more.is_empty()).then(|| source.path().join(more)));
            command
        };
        run(&mut resume(""));
        assert_eq!(target.listed().len(), 3);
        // As if the first run had left out one of four records.
        let message = fail(&mut resume("a"), 1);
        assert!(
            message.contains("no run of this dataset was interrupted"),
            "{message}"
        );
        assert_eq!(target.listed().len(), 3);
        assert_eq!(entries(target.path()), ["d_0000.rox"]);
    }
}

#[test]
fn resuming_what_was_complete_does_not_make_it_look_interrupted() {
    let source = temp_dir();
    write_tree(source.path(), &[("a", "1")]);
    let target = Target::packed::<&str>(&[], source.path());
    write_tree(source.path(), &[("a", "22")]);
    fail(target.pack(&["--resume"]).arg(source.path()), 1);
    assert_eq!(entries(target.path()), ["d_0000.rox"]);
}

#[test]
fn a_single_file_is_resumed_when_its_source_has_grown() {
    let source = temp_dir();
    write_tree(source.path(), &[("a", "1")]);
    let target = Target::packed(&["--single-file"], source.path());
    write_tree(source.path(), &[("b", "22")]);
    let mut resume = target.pack(&["--single-file", "--resume"]);
    run(resume.arg(source.path()));
    assert_eq!(target.listed(), ["0\t1\ta", "1\t2\tb"]);
}

#[test]
fn resuming_what_was_not_begun_packs_all_of_it_and_what_is_complete_nothing() {
    let source = temp_dir();
    let files: Vec<(String, Vec<u8>)> = (0..40)
        .map(|number| (format!("{number:02}"), bytes(number, 1000)))
        .collect();
    write_tree(source.path(), &files);
    let options = ["--shard-size=16KiB", "--resume"];
    let whole = Target::packed(&options[..1], source.path()).bytes();
    let target = Target::new();
    for _ in 0..2 {
        run(target.pack(&options).arg(source.path()));
        assert!(target.bytes() == whole);
        assert_eq!(entries(target.path()).len(), whole.len());
    }
}
