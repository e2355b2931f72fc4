//! The last record of a name is kept: known only where sources can be read twice.

use super::duplicates::*;
use super::named;
use super::small;
use crate::support::*;
use std::fmt::Write;
use std::path::Path;

#[test]
fn the_last_record_of_a_name_stands_at_its_place() {
    let entries = [
        small::file("a", b"1"),
        small::file("b", b"2"),
        small::directory("d"),
        small::file("a", b"3"),
        small::file("c", b"4"),
    ];
    let (directory, paths) = archives(&[("x.tar", &entries), ("y.tar", &entries[1..2])]);
    let target = Target::new();
    let message = said(target.pack(&["--duplicates=last"]).args(&paths));
    let expected = "; 2 duplicates left out; \
                    1 empty directory: it has no place in a dataset\n";
    assert!(message.ends_with(expected), "{message}");
    let expected = [("a", "3"), ("c", "4"), ("b", "2")];
    assert_eq!(target.named_records(), named(&expected));
    let shards = target.dataset();
    std::fs::write(directory.path().join("list"), "1\n2\n./1\n").expect("written");
    write_tree(directory.path(), &[("1", "one"), ("2", "two")]);
    let list = Target::new();
    let mut pack = list.pack(&["--from=list", "--duplicates=last", "list"]);
    run(pack.current_dir(directory.path()));
    assert_eq!(list.named_records(), named(&[("2", "two"), ("1", "one")]));
    let again = Target::new();
    let mut pack = again.pack(&["--from=rox", "--duplicates=last"]);
    run(pack.arg(shards).arg(list.dataset()));
    assert_eq!(again.names(), ["a", "c", "b", "2", "1"]);
}

#[test]
fn the_last_record_cannot_be_known_of_a_pipe_or_of_an_earlier_run() {
    let (_directory, paths) = archives(&[("x.tar", &[small::file("a", b"1")])]);
    let target = Target::new();
    let archive = std::fs::read(&paths[0]).expect("read");
    let options = ["--from=tar", "--duplicates=last"];
    let message = fail_with(&mut target.pack(&options), &archive, 1);
    let expected = "roxfs: standard input: --duplicates last reads its sources twice, which is not possible here";
    assert!(message.starts_with(expected), "{message}");
    let script = r#""$1" pack --from tar --duplicates last -o "$2/d.rox" <(cat "$3") 2>&1 || true"#;
    let program = Path::new(env!("CARGO_BIN_EXE_roxfs"));
    let message = sh(script, &[program, target.path(), &paths[0]]);
    assert!(message.contains("reads its sources twice"), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
    run(target.pack(&options).args(&paths));
    let before = target.bytes();
    let message = fail(target.pack(&options).args(&paths), 1);
    let shard = target.shards()[0].display().to_string();
    let expected = format!("the name \"a\" is taken already by record 0 of {shard}\n");
    assert!(message.ends_with(&expected), "{message}");
    assert!(target.bytes() == before, "the dataset has changed");
}

#[test]
fn a_hard_link_keeps_the_content_that_its_target_had_when_the_target_comes_again() {
    let large = bytes(1, 3 << 20);
    for first in [&b"1"[..], &large, b""] {
        let entries = [
            small::file("a", first),
            small::link("b", "a"),
            small::link("c", "b"),
            small::file("a", b"2"),
            small::link("d", "a"),
            small::file("b", b"3"),
            small::link("e", "c"),
        ];
        let (_directory, paths) = archives(&[("x.tar", &entries)]);
        for shard_size in ["1GiB", "1000"] {
            let target = Target::new();
            let options = ["--duplicates=last", "--shard-size", shard_size];
            run(target.pack(&options).args(&paths));
            // The content that "a" and "b" lose stands at its place, as the link that keeps it.
            let expected = [
                ("c", first),
                ("a", b"2"),
                ("d", b"2"),
                ("b", b"3"),
                ("e", first),
            ];
            assert!(target.named_records() == named(&expected), "{shard_size}");
        }
    }
}

/// A random archive of few names, with hard links to what is there.
pub fn grown(seed: u64) -> Vec<Vec<u8>> {
    let mut choices = bytes(seed + 1, 200).into_iter();
    let mut next = |below: usize| choices.next().map_or(0, usize::from) % below;
    let (mut there, mut entries) = (Vec::new(), Vec::new());
    for number in 0..4 + next(20) {
        let name = ["a", "b", "c/d", "c/e", "f"][next(5)];
        let target = there.get(next(5)).copied().unwrap_or(name);
        if next(2) == 0 && target != name {
            entries.push(small::link(name, target));
        } else {
            let len = [0, 1, 300, 1000, (1 << 20) + 1][next(5)];
            entries.push(small::file(name, &bytes(seed * 100 + number as u64, len)));
        }
        if !there.contains(&name) {
            there.push(name);
        }
    }
    entries
}

#[test]
fn the_last_records_are_what_tar_extracts() {
    let compare = r#"
        cd "$1"; mkdir -p tar; tar -xf x.tar -C tar
        "$2" extract -q -o out "$3"
        diff -r tar out
        find tar -type f -size 0 -delete; find tar -type d -empty -delete; mkdir -p tar
    "#;
    let program = Path::new(env!("CARGO_BIN_EXE_roxfs"));
    let mut seeds_with_links = 0;
    for seed in 0..60 {
        let grown = grown(seed);
        let (directory, paths) = archives(&[("x.tar", &grown)]);
        let target = Target::new();
        let options = ["--duplicates=last", "--shard-size=3000"];
        let message = said(target.pack(&options).args(&paths));
        seeds_with_links += u64::from(message.contains("left out"));
        sh(compare, &[directory.path(), program, &target.dataset()]);
        run(roxfs().arg("verify").arg(target.dataset()));
        let full = Target::new();
        let options = ["--duplicates=last", "--drop-empty"];
        let left = sh("find \"$1\" -type f", &[&directory.path().join("tar")]);
        let code = if left.is_empty() { 1 } else { 0 };
        let packed = output(full.pack(&options).args(&paths));
        assert_eq!(packed.status.code(), Some(code), "seed {seed}");
        if code == 0 {
            let script = "cd \"$1\"; rm -rf out; \"$2\" extract -q -o out \"$3\"; diff -r tar out";
            sh(script, &[directory.path(), program, &full.dataset()]);
        }
    }
    assert!(seeds_with_links > 40, "{seeds_with_links}");
}

#[test]
fn a_run_that_chooses_among_names_is_resumed_to_the_same_bytes() {
    for which in ["first", "last"] {
        let mut resumed = String::new();
        for seed in 0..12 {
            // Without links: to keep the first makes those to others errors.
            let mut entries: Vec<Vec<u8>> = (0..30)
                .map(|number| {
                    small::file(
                        &format!("{}", number * (seed + 3) % 17),
                        &bytes(number, 700),
                    )
                })
                .collect();
            if which == "last" {
                entries.extend(grown(seed));
            }
            let (_directory, paths) = archives(&[("x.tar", &entries)]);
            let whole = Target::new();
            let options = ["--shard-size=2000", "--duplicates", which];
            run(whole.pack(&options).args(&paths));
            for kept in 0..whole.shards().len() {
                let part = Target::new();
                for shard in &whole.shards()[..kept] {
                    let name = shard.file_name().expect("a name");
                    std::fs::copy(shard, part.path().join(name)).expect("copied");
                }
                std::fs::write(part.path().join(".d.lock"), "first record 0\n").expect("written");
                let message = said(part.pack(&options).arg("--resume").args(&paths));
                write!(resumed, "{message}").expect("text");
                assert!(
                    part.bytes() == whole.bytes(),
                    "{which} {seed} {kept}: {message}"
                );
            }
        }
        assert!(
            resumed.contains("kept from the interrupted run"),
            "{resumed}"
        );
    }
}

#[test]
fn standard_input_that_is_a_file_is_read_twice_from_where_it_is() {
    let directory = temp_dir();
    let script = "cd \"$1\"; echo 1 >a; echo 2 >b; tar -cf x.tar a b; echo 3 >a; tar -rf x.tar a
        echo before | cat - x.tar >y";
    sh(script, &[directory.path()]);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_roxfs"));
    for command in [
        "\"$3\" pack --from tar --duplicates last -o \"$2/d.rox\" <x.tar",
        "{ dd bs=7 count=1 status=none >/dev/null; \"$3\" pack --from tar --duplicates last -o \"$2/d.rox\" -; } <y",
    ] {
        let target = Target::new();
        let script = format!("cd \"$1\"; {command}");
        sh(&script, &[directory.path(), target.path(), program]);
        assert_eq!(target.named_records(), named(&[("b", "2\n"), ("a", "3\n")]));
    }
    let target = Target::new();
    let mut pack = target.pack(&["--from=tar", "--duplicates=last"]);
    let message = fail_with(&mut pack, b"", 1);
    assert!(
        message.contains("standard input: --duplicates last reads"),
        "{message}"
    );
}
