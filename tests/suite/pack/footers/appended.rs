//! A dataset keeps its form when it is appended to.

use super::{dataset, forms, pack, source};
use crate::support::*;

const FORMS: [(&[&str], &str); 3] = [
    (&["--footer=01"], "ROXXEL01"),
    (&["--footer=02", "--dtype=uint16"], "ROXXEL02 uint16"),
    (&["--footer=02", "--dtype=int8"], "ROXXEL02 int8"),
];

#[test]
fn a_dataset_keeps_its_form_in_the_last_shard_and_in_new_ones() {
    for (options, form) in FORMS {
        let target = dataset(options, "a");
        pack(&target, &[], "bb");
        assert_eq!(forms(&target.dataset()), [form]);
        pack(&target, options, "ccc");
        assert_eq!(forms(&target.dataset()), [form]);
        pack(&target, &["--new-shard"], "dddd");
        pack(&target, &["--shard-size=1"], "eeeee");
        assert_eq!(forms(&target.dataset()), [form; 3]);
        assert_eq!(target.names(), ["a", "bb", "ccc", "dddd", "eeeee"]);
        assert_eq!(target.records().len(), 5);
    }
}

#[test]
fn the_element_type_need_not_be_said_again() {
    let target = dataset(&["--footer=02", "--dtype=uint16"], "a");
    pack(&target, &["--footer=02"], "bb");
    assert_eq!(forms(&target.dataset()), ["ROXXEL02 uint16"]);
}

#[test]
fn another_form_than_the_dataset_has_is_refused_and_nothing_changes() {
    for (first, found) in FORMS {
        for (second, asked) in FORMS {
            if first == second {
                continue;
            }
            for more in [&[][..], &["--shard-size=1"], &["--single-file"]] {
                let single = more.contains(&"--single-file");
                let target = if single {
                    dataset(&[first, more].concat(), "a")
                } else {
                    dataset(first, "a")
                };
                let before = target.bytes();
                let source = source("bb");
                let said = fail(target.pack(second).args(more).arg(source.path()), 1);
                let start = format!(
                    "roxfs: {}: it is {found}, and {asked} is asked for; append in its form ({}",
                    target.shards()[0].display(),
                    first.join(" ").replace('=', " "),
                );
                assert!(said.starts_with(&start), "{said}");
                assert_eq!(said.contains("--new-shard"), !single, "{said}");
                assert!(target.bytes() == before);
                assert_eq!(entries(target.path()).len(), 1);
            }
        }
    }
}

#[test]
fn a_new_shard_of_another_form_makes_a_mixed_dataset_that_reads_as_one() {
    let target = Target::new();
    let names = ["a", "bb", "ccc"];
    for ((options, _), name) in FORMS.iter().zip(names) {
        pack(&target, &[options, &["--new-shard"][..]].concat(), name);
    }
    assert_eq!(forms(&target.dataset()), FORMS.map(|(_, form)| form));
    // The last shard's form counts.
    pack(&target, &[], "dddd");
    assert_eq!(forms(&target.dataset()), FORMS.map(|(_, form)| form));
    assert_eq!(target.names(), ["a", "bb", "ccc", "dddd"]);
    let expected: Vec<Vec<u8>> = (1..5).map(|len| bytes(len, 20)).collect();
    assert_eq!(target.records(), expected);
    let mount = Mount::new(&target.dataset());
    assert_eq!(mount.read("raw/data"), expected.concat());
    assert_eq!(entries(&mount.join("files")), ["a", "bb", "ccc", "dddd"]);
}

#[test]
fn rollover_counts_the_footer_that_is_written() {
    let records = [[1; 10], [2; 10]];
    let input = records.concat();
    let two_of_01 = 2 * (10 + 8) + 24;
    for (footer, limit, shards) in [
        ("01", two_of_01, 1),
        ("01", two_of_01 - 1, 2),
        ("02", two_of_01 + 8, 1),
        ("02", two_of_01 + 7, 2),
    ] {
        let target = Target::new();
        let mut pack = target.pack(&["--plain", "--from=fixed:10", "--footer", footer]);
        run_with(pack.arg(format!("--shard-size={limit}")), &input);
        assert_eq!(target.shards().len(), shards, "{footer} {limit}");
        assert_eq!(target.records(), records);
    }
}
