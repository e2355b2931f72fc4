//! States that a kill leaves, made by hand, because the moment for them is short.

use super::{check_complete, write_files};
use crate::support::*;
use tempfile::TempDir;

/// A dataset of 50 files, and 50 more to append; what it is after that.
struct Append {
    second: TempDir,
    target: Target,
    after: Vec<Vec<u8>>,
}

const SHARDS: [&str; 1] = ["--shard-size=16KiB"];

fn append() -> Append {
    let [first, second] = [(); 2].map(|()| temp_dir());
    write_files(first.path(), 0, 50);
    write_files(second.path(), 50, 50);
    let [target, whole] = [(); 2].map(|()| Target::new());
    run(target.pack(&SHARDS).arg(first.path()));
    run(whole.pack(&SHARDS).arg(first.path()));
    run(whole.pack(&SHARDS).arg(second.path()));
    Append {
        second,
        target,
        after: whole.bytes(),
    }
}

#[test]
fn an_append_killed_before_it_said_where_it_begins_is_resumed() {
    let append = append();
    std::fs::write(append.target.path().join(".d.lock"), "").expect("written");
    let mut resume = append.target.pack(&SHARDS);
    run(resume.arg("--resume").arg(append.second.path()));
    check_complete(&append.target, &append.after);
}

#[test]
fn an_append_killed_after_its_last_shard_is_complete() {
    let append = append();
    let records = append.target.names().len();
    run(append.target.pack(&SHARDS).arg(append.second.path()));
    let lock = format!("first record {records}\n");
    std::fs::write(append.target.path().join(".d.lock"), lock).expect("written");
    let mut again = append.target.pack(&SHARDS);
    let message = fail(again.arg(append.second.path()), 1);
    assert!(message.contains("continue it with --resume"), "{message}");
    run(again.arg("--resume"));
    check_complete(&append.target, &append.after);
}

#[test]
fn temporary_files_of_killed_runs_are_removed_and_those_of_other_datasets_are_not() {
    let append = append();
    let others = [
        ".e_0000.rox.aaaaaa.tmp",
        "d_0000.rox.aaaaaa.tmp",
        ".d_x.rox.aaaaaa.tmp",
    ];
    let own = [".d_0000.rox.aaaaaa.tmp", ".d_0009.rox.bbbbbb.tmp"];
    for name in others.iter().chain(&own) {
        std::fs::write(append.target.path().join(name), "half").expect("written");
    }
    run(append.target.pack(&SHARDS).arg(append.second.path()));
    let names = entries(append.target.path());
    for name in others {
        assert!(names.iter().any(|found| found == name), "{name} is gone");
        std::fs::remove_file(append.target.path().join(name)).expect("removed");
    }
    check_complete(&append.target, &append.after);
}

#[test]
fn an_interrupted_run_is_resumed_at_its_own_beginning_each_time() {
    // A resumed run that fails says again where the first one had begun.
    let append = append();
    let records = append.target.names().len();
    let lock = append.target.path().join(".d.lock");
    std::fs::write(&lock, format!("first record {records}\n")).expect("written");
    let shards = append.target.shards();
    let last = &shards[shards.len() - 1];
    let whole = std::fs::read(last).expect("readable");
    std::fs::write(last, &whole[1..]).expect("written");
    let mut resume = append.target.pack(&SHARDS);
    resume.arg("--resume").arg(append.second.path());
    fail(&mut resume, 3);
    std::fs::write(last, whole).expect("written");
    let kept = std::fs::read_to_string(&lock).unwrap_or_default();
    assert_eq!(kept, format!("first record {records}\n"));
    run(&mut resume);
    check_complete(&append.target, &append.after);
}
