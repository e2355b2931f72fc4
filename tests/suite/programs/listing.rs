//! Directories as readers walk them: from any position, several at once, with kinds and numbers.

use super::{Sample, script};
use crate::support::*;
use std::path::Path;

/// Enough that the kernel has to ask many times for one listing.
const RECORDS: usize = 5_000;

/// Mounts one shard of many small records.
fn many() -> Sample {
    Sample::of(&[&[3; RECORDS]])
}

fn check(what: &str, sample: &Sample) {
    for directory in ["records", "shards/0"] {
        let directory = sample.mount.join(directory);
        let listed = script("listing.py", &[Path::new(what), &directory]);
        assert_eq!(listed.trim(), RECORDS.to_string());
    }
}

#[test]
fn a_listing_goes_on_from_any_position() {
    check("resume", &many());
}

#[test]
fn a_listing_begun_in_the_middle_needs_no_earlier_one() {
    let sample = many();
    let later = Mount::new(sample.shards.path());
    let [known, new] = [&sample.mount, &later].map(|mount| mount.join("records"));
    let listed = script("listing.py", &[Path::new("jump"), &known, &new]);
    assert_eq!(listed.trim(), RECORDS.to_string());
}

#[test]
fn two_readers_of_one_directory_each_get_all_of_it() {
    check("together", &many());
}

#[test]
fn a_reader_that_stops_early_leaves_nothing_behind() {
    check("abandon", &many());
}

#[test]
fn four_processes_list_the_same_directory_at_once() {
    let sample = many();
    let listings = sh(
        r#"for reader in 1 2 3 4; do ls -i "$1" | sha256sum & readers+=($!); done
           for reader in "${readers[@]}"; do wait "$reader"; done"#,
        &[&sample.mount.join("records")],
    );
    let listings: Vec<&str> = listings.lines().collect();
    assert_eq!(listings, vec![listings[0]; 4]);
    let names = sh(r#"ls "$1""#, &[&sample.mount.join("records")]);
    let expected = (0..RECORDS).map(|number| format!("{number:06}.bin\n"));
    assert_eq!(names, expected.collect::<String>());
}

#[test]
fn every_entry_has_its_kind_and_inode_number() {
    let sample = Sample::new();
    for directory in ["", "records", "raw", "shards", "shards/6", ".roxfs"] {
        script(
            "listing.py",
            &[Path::new("kinds"), &sample.mount.join(directory)],
        );
    }
}

#[test]
fn listing_while_names_are_looked_up_gives_each_name_once() {
    let sample = many();
    let records = sample.mount.join("records");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in (0..RECORDS).rev() {
                let path = records.join(format!("{number}.bin"));
                assert_eq!(std::fs::metadata(path).expect("stat").len(), 3);
            }
        });
        for _ in 0..5 {
            let names = std::fs::read_dir(&records).expect("listed");
            let names: std::collections::BTreeSet<_> = names
                .map(|entry| entry.expect("entry").file_name())
                .collect();
            assert_eq!(names.len(), RECORDS);
        }
    });
}
