//! Shards as a source: merged, split and rewritten.

use super::named;
use crate::support::*;

/// Two datasets in several shards each, and one without names.
struct Parts {
    first: Target,
    second: Target,
    plain: Target,
}

fn parts() -> Parts {
    let part = |prefix: &str, seed: u64, options: &[&str]| {
        let (source, target) = (temp_dir(), Target::new());
        let size = |number: u64| match number {
            7 => 1_500_000,
            _ => number as usize * 37 % 500,
        };
        let files: Vec<(String, Vec<u8>)> = (0..30)
            .map(|number| {
                (
                    format!("{prefix}/{number:02}"),
                    bytes(seed + number, size(number)),
                )
            })
            .collect();
        write_tree(source.path(), &files);
        run(target.pack(options).arg(source.path()));
        target
    };
    Parts {
        first: part("b", 0, &["--shard-size=4KiB"]),
        second: part("a", 100, &["--shard-size=2KiB", "--no-checksums"]),
        plain: part("c", 200, &["--plain", "--shard-size=3KiB"]),
    }
}

/// Packs datasets anew.
fn again(datasets: &[&Target], options: &[&str]) -> Target {
    let target = Target::new();
    let sources = datasets.iter().map(|dataset| dataset.dataset());
    run(target.pack(&["--from", "rox"]).args(options).args(sources));
    target
}

#[test]
fn several_datasets_are_merged_into_one_with_their_names() {
    let parts = parts();
    let all = [&parts.first, &parts.second, &parts.plain];
    let expected: Vec<_> = all.iter().flat_map(|part| part.named_records()).collect();
    let merged = again(&all, &["--single-file"]);
    assert_eq!(entries(merged.path()), ["d.rox"]);
    assert_eq!(merged.named_records(), expected);
}

#[test]
fn a_dataset_is_split_into_small_shards_and_put_together_again() {
    let parts = parts();
    let split = again(&[&parts.first], &["--shard-size=1KiB"]);
    assert!(split.shards().len() > parts.first.shards().len());
    assert_eq!(split.named_records(), parts.first.named_records());
    let same = again(&[&split], &["--shard-size=4KiB"]);
    assert!(
        same.bytes() == parts.first.bytes(),
        "not what was packed first"
    );
}

#[test]
fn names_and_checksums_are_dropped_and_added() {
    let parts = parts();
    let nameless = again(&[&parts.first], &["--no-names", "--shard-size=4KiB"]);
    assert!(nameless.names().iter().all(String::is_empty));
    assert_eq!(nameless.records(), parts.first.records());
    let unchecked = again(&[&parts.first], &["--no-checksums", "--shard-size=2KiB"]);
    let checked = again(&[&parts.second, &unchecked], &["--shard-size=1MiB"]);
    let has_checksums = |target: &Target| {
        let has = |shard: &Vec<u8>| shard.windows(8).any(|window| window == b"ROXCRC32");
        let shards = target.bytes();
        (shards.iter().any(has), shards.iter().all(has))
    };
    assert_eq!(has_checksums(&unchecked), (false, false));
    assert_eq!(has_checksums(&checked), (true, true));
    let expected = [parts.second.named_records(), parts.first.named_records()].concat();
    assert_eq!(checked.named_records(), expected);
}

#[test]
fn plain_shards_are_written_as_if_packed_from_the_files() {
    let parts = parts();
    let plain = again(&[&parts.plain], &["--plain", "--shard-size=3KiB"]);
    assert!(plain.bytes() == parts.plain.bytes());
}

#[test]
fn shards_can_be_shuffled_and_keep_their_names() {
    let parts = parts();
    let all = [&parts.first, &parts.second];
    let [one, same, other] = ["1", "1", "2"].map(|seed| again(&all, &["--shuffle", seed]));
    assert!(one.bytes() == same.bytes());
    assert_ne!(one.names(), other.names());
    let mut expected: Vec<_> = all.iter().flat_map(|part| part.named_records()).collect();
    let mut found = one.named_records();
    assert_ne!(found, expected);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_name_in_two_datasets_is_an_error_that_says_where() {
    let parts = parts();
    let target = Target::new();
    let [first, twice] = [&parts.first, &parts.first].map(Target::dataset);
    let message = fail(target.pack(&["--from", "rox"]).arg(first).arg(twice), 1);
    // The same shard twice is no dataset.
    assert!(message.contains("d_0000.rox"), "{message}");
    let copy = again(&[&parts.first], &["--shard-size=2KiB"]);
    let datasets = [parts.first.dataset(), copy.dataset()];
    let message = fail(target.pack(&["--from", "rox"]).args(datasets), 1);
    let shard = copy.path().join("d_0000.rox");
    let start = format!(
        "roxfs: {}: record 0: the name \"b/00\" is taken",
        shard.display()
    );
    assert!(message.starts_with(&start), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_shard_is_packed_anew_while_names_clash_only_if_they_are_written() {
    let parts = parts();
    let copy = again(&[&parts.first], &[]);
    let twice = again(&[&parts.first, &copy], &["--no-names"]);
    let records = parts.first.records();
    assert_eq!(twice.records(), [&records[..], &records].concat());
}

#[test]
fn empty_records_of_shards_can_be_dropped() {
    let (source, target) = (temp_dir(), Target::new());
    write_tree(source.path(), &[("a", ""), ("b", "1"), ("c", "")]);
    run(&mut target.pack(&[source.path()]));
    let dropped = again(&[&target], &["--drop-empty"]);
    assert_eq!(dropped.named_records(), named(&[("b", "1")]));
}

#[test]
fn a_damaged_shard_is_refused_as_such() {
    let parts = parts();
    let shard = parts.first.shards()[1].clone();
    let mut bytes = std::fs::read(&shard).expect("readable");
    bytes.pop();
    std::fs::write(&shard, bytes).expect("written");
    let target = Target::new();
    let mut pack = target.pack(&["--from", "rox"]);
    let message = fail(pack.arg(parts.first.dataset()), 3);
    assert!(message.contains("d_0001.rox: "), "{message}");
}
