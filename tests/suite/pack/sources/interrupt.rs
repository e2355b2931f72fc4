//! SIGINT: whole shards stay, and the run is continued.

use crate::support::*;
use std::process::Command;

/// Records of 100 bytes with their lengths before them.
fn stream(records: std::ops::Range<u64>) -> Vec<u8> {
    let record = |seed| [&100u32.to_le_bytes()[..], &bytes(seed, 100)].concat();
    records.flat_map(record).collect()
}

fn pack(target: &Target) -> Command {
    target.pack(&["--from=length32", "--shard-size=2000"])
}

/// Gives a run so much of a stream that it has more than `shards` shards, and interrupts it while
/// it waits for more.
fn interrupted(target: &Target, mut command: Command, part: &[u8], shards: usize) {
    let mut running = Running::start(&mut command);
    running.write(part);
    wait_until("there are shards", || target.shards().len() > shards);
    let (code, message) = running.interrupt();
    assert_eq!(code, Some(1), "{message}");
    assert!(
        message.starts_with("roxfs: interrupted: packed "),
        "{message}"
    );
    let end = "; whole shards stay; continue with --resume\n";
    assert!(message.ends_with(end), "{message}");
    run(roxfs().arg("verify").arg(target.dataset()));
    let names = entries(target.path());
    assert!(
        !names.iter().any(|name| name.ends_with(".tmp")),
        "{names:?}"
    );
}

#[test]
fn an_interrupted_run_keeps_its_whole_shards_and_is_resumed_to_the_same_bytes() {
    let all = stream(0..200);
    let whole = Target::new();
    run_with(&mut pack(&whole), &all);
    let target = Target::new();
    interrupted(&target, pack(&target), &stream(0..100), 3);
    assert!(whole.bytes().starts_with(&target.bytes()));
    let message = fail_with(&mut pack(&target), &all, 1);
    let expected = "an earlier run was interrupted; continue it with --resume";
    assert!(message.contains(expected), "{message}");
    let message = run_with(pack(&target).arg("--resume"), &all);
    assert!(
        message.contains(" kept from the interrupted run"),
        "{message}"
    );
    assert!(target.bytes() == whole.bytes());
    assert_eq!(entries(target.path()), entries(whole.path()));
}

#[test]
fn a_run_that_is_interrupted_before_it_has_a_shard_leaves_nothing() {
    let target = Target::new();
    let mut running = Running::start(&mut pack(&target));
    running.write(&stream(0..3));
    let begun = || {
        entries(target.path())
            .iter()
            .any(|name| name.ends_with(".tmp"))
    };
    wait_until("a shard is begun", begun);
    let (code, message) = running.interrupt();
    assert_eq!(code, Some(1), "{message}");
    assert!(message.starts_with("roxfs: interrupted: "), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn an_interrupted_append_is_resumed_to_the_same_bytes() {
    let (first, second) = (stream(0..30), stream(30..150));
    let whole = Target::new();
    run_with(&mut pack(&whole), &first);
    run_with(&mut pack(&whole), &second);
    let target = Target::new();
    run_with(&mut pack(&target), &first);
    let shards = target.shards().len();
    interrupted(&target, pack(&target), &stream(30..100), shards + 1);
    run_with(pack(&target).arg("--resume"), &second);
    assert!(target.bytes() == whole.bytes());
}

#[test]
fn an_append_that_is_interrupted_before_it_has_a_shard_can_be_resumed() {
    let (first, second) = (stream(0..30), stream(30..150));
    let whole = Target::new();
    run_with(&mut pack(&whole), &first);
    run_with(&mut pack(&whole), &second);
    let target = Target::new();
    run_with(&mut pack(&target), &first);
    let before = target.bytes();
    let mut running = Running::start(&mut pack(&target));
    running.write(&stream(30..32));
    let begun = || {
        entries(target.path())
            .iter()
            .any(|name| name.ends_with(".tmp"))
    };
    wait_until("a shard is begun", begun);
    let (code, message) = running.interrupt();
    assert_eq!(code, Some(1), "{message}");
    assert!(target.bytes() == before);
    run_with(pack(&target).arg("--resume"), &second);
    assert!(target.bytes() == whole.bytes());
}

#[test]
fn an_interrupted_append_is_not_forgotten_by_a_run_that_could_not_begin() {
    let (first, second) = (stream(0..30), stream(30..150));
    let whole = Target::new();
    run_with(&mut pack(&whole), &first);
    run_with(&mut pack(&whole), &second);
    let target = Target::new();
    run_with(&mut pack(&target), &first);
    let shards = target.shards().len();
    interrupted(&target, pack(&target), &stream(30..100), shards + 1);
    let [shard, away] = ["d_0000.rox", "away"].map(|name| target.path().join(name));
    std::fs::rename(&shard, &away).expect("renamed");
    let message = fail_with(pack(&target).arg("--resume"), &second, 1);
    assert!(message.contains("d_0000.rox"), "{message}");
    std::fs::rename(&away, &shard).expect("renamed");
    run_with(pack(&target).arg("--resume"), &second);
    assert!(target.bytes() == whole.bytes());
}
