//! `--from rox`: from one form to the other, and what shards keep where nothing is asked for.

use super::{dataset, forms, pack};
use crate::support::*;

/// Packs datasets anew with these options.
fn again(datasets: &[&Target], options: &[&str]) -> Target {
    let target = Target::new();
    let sources = datasets.iter().map(|dataset| dataset.dataset());
    run(target.pack(&["--from", "rox"]).args(options).args(sources));
    target
}

/// The refusal to do so.
fn refused(datasets: &[&Target], options: &[&str]) -> String {
    let target = Target::new();
    let sources = datasets.iter().map(|dataset| dataset.dataset());
    let said = fail(
        target.pack(&["--from", "rox"]).args(options).args(sources),
        1,
    );
    assert_eq!(entries(target.path()), [""; 0], "{said}");
    said
}

#[test]
fn a_dataset_is_converted_and_back_to_the_same_bytes() {
    let (source, first) = (temp_dir(), Target::new());
    let size = |number: usize| {
        if number == 7 {
            300_000
        } else {
            number * 37 % 500
        }
    };
    let files: Vec<(String, Vec<u8>)> = (0..40)
        .map(|number| {
            (
                format!("{}/{number:02}", number % 3),
                bytes(9, size(number)),
            )
        })
        .collect();
    write_tree(source.path(), &files);
    run(first.pack(&["--shard-size=4KiB"]).arg(source.path()));
    let limit = "--shard-size=4KiB";
    let typed = again(&[&first], &["--footer=02", "--dtype=uint16", limit]);
    let shards = typed.shards().len();
    assert!(shards > 3);
    assert_eq!(forms(&typed.dataset()), vec!["ROXXEL02 uint16"; shards]);
    assert_eq!(typed.named_records(), first.named_records());
    let checksums = |target: &Target| {
        let listed = run(roxfs().args(["ls", "-l"]).arg(target.dataset()));
        let listed = String::from_utf8(listed).expect("UTF-8");
        let checksum = |line: &str| line.split('\t').nth(3).expect("a checksum").to_owned();
        listed.lines().map(checksum).collect::<Vec<_>>()
    };
    assert_eq!(checksums(&typed), checksums(&first));
    assert!(!checksums(&typed).contains(&"-".to_owned()));
    let back = again(&[&typed], &["--footer=01", limit]);
    assert!(back.bytes() == first.bytes());
    // Nothing asked for: as it is.
    assert!(again(&[&typed], &[limit]).bytes() == typed.bytes());
    assert!(again(&[&typed], &["--footer=02", limit]).bytes() == typed.bytes());
}

#[test]
fn shards_of_several_forms_are_packed_anew_only_in_one_that_is_asked_for() {
    let plain = dataset(&[], "a");
    let bytes = dataset(&["--footer=02"], "bb");
    let words = dataset(&["--footer=02", "--dtype=uint16"], "ccc");
    for (datasets, options) in [
        ([&plain, &words], &[][..]),
        ([&plain, &bytes], &[]),
        ([&bytes, &words], &[]),
        ([&bytes, &words], &["--footer=02"]),
        ([&words, &plain], &["--footer=02"]),
    ] {
        let said = refused(&datasets, options);
        let shard = |target: &Target| target.shards()[0].display().to_string();
        let first = format!(
            "roxfs: {} is {}, and ",
            shard(datasets[0]),
            forms(&datasets[0].dataset())[0]
        );
        assert!(said.starts_with(&first), "{said}");
        assert!(said.contains(&shard(datasets[1])), "{said}");
        for (options, form) in [
            (&["--footer=01"][..], "ROXXEL01"),
            (&["--footer=02", "--dtype=int32"], "ROXXEL02 int32"),
        ] {
            let merged = again(&datasets, options);
            assert_eq!(forms(&merged.dataset()), [form]);
            assert_eq!(merged.records().len(), 2);
        }
    }
    // Without an element type bytes are bytes.
    let merged = again(&[&plain, &bytes], &["--footer=02"]);
    assert_eq!(forms(&merged.dataset()), ["ROXXEL02 uint8"]);
}

#[test]
fn shards_with_an_element_type_are_not_appended_to_such_as_have_another() {
    let words = dataset(&["--footer=02", "--dtype=uint16"], "w");
    for (options, form) in [(&[][..], "ROXXEL01"), (&["--footer=02"], "ROXXEL02 uint8")] {
        let target = dataset(options, "a");
        let before = target.bytes();
        let mut append = target.pack(&["--from", "rox"]);
        let said = fail(append.arg(words.dataset()), 1);
        let expected = format!(
            "{}: it is {form}, and {} is ROXXEL02 uint16; append in its form (",
            target.shards()[0].display(),
            words.shards()[0].display(),
        );
        assert!(said.contains(&expected), "{said}");
        assert!(target.bytes() == before);
    }
    let target = dataset(&[], "a");
    let mut append = target.pack(&["--from", "rox", "--footer=01"]);
    run(append.arg(words.dataset()));
    assert_eq!(forms(&target.dataset()), ["ROXXEL01"]);
    // What has no element type asks for none.
    let plain = dataset(&[], "b");
    run(words.pack(&["--from", "rox"]).arg(plain.dataset()));
    assert_eq!(forms(&words.dataset()), ["ROXXEL02 uint16"]);
    pack(&words, &[], "cc");
    assert_eq!(words.names(), ["w", "b", "cc"]);
}
