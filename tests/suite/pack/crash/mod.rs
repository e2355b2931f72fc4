//! Packing that ends at a bad moment: killed, or out of space. What is there stays whole, and the
//! next run completes it to the bytes of a run that nothing has happened to.

mod full;
mod full_messages;
mod kills;
mod states;

use crate::support::*;
use std::path::Path;

/// Writes this many files of up to 3,000 bytes into a directory, some of them empty.
fn write_files(directory: &Path, first: u64, count: u64) {
    let size = |number: u64| number as usize * 131 % 3000;
    let file = |number| {
        (
            format!("{:02}/{number:04}", number % 20),
            bytes(number, size(number)),
        )
    };
    let files: Vec<(String, Vec<u8>)> = (first..first + count).map(file).collect();
    write_tree(directory, &files);
}

/// What a reader may see at any moment: whole shards, each with the bytes it has `before` or
/// `after` the run, and none missing that was there before. Returns how many there are.
fn check_whole(target: &Target, before: &[Vec<u8>], after: &[Vec<u8>]) -> usize {
    let found = target.bytes();
    assert!(found.len() >= before.len(), "a shard is gone");
    for (number, shard) in found.iter().enumerate() {
        let old = before.get(number).is_some_and(|old| old == shard);
        let new = after.get(number).is_some_and(|new| new == shard);
        assert!(
            old || new,
            "shard {number} is neither as before nor as after the run"
        );
    }
    if !found.is_empty() {
        run(roxfs().arg("verify").arg(target.dataset()));
    }
    found.len()
}

/// The dataset is what an undisturbed run leaves, and nothing is beside it.
fn check_complete(target: &Target, after: &[Vec<u8>]) {
    assert!(
        target.bytes() == after,
        "not the bytes of an undisturbed run"
    );
    assert_eq!(
        entries(target.path()).len(),
        after.len(),
        "something was left behind"
    );
}
