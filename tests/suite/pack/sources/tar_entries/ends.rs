//! What follows the end mark, and damage that is passed over.

use super::holes::old_sparse;
use super::*;

#[test]
fn what_follows_the_end_mark_is_read_or_told() {
    let zeros = |blocks: usize| vec![0; blocks * BLOCK];
    let both: &[(&str, &[u8])] = &[HELLO, AFTER];
    let joined = "standard input: an end mark at byte 1024 is followed by more entries, which are packed too; archives that follow an end mark: 1\n";
    let lone = "standard input: a block of zeros at byte 1024 is followed by more entries, which are packed too; such blocks: 1\n";
    check(&[
        ("joined", &[a(), end(), after(), end()], Said(both, joined)),
        (
            "joined, padded",
            &[a(), zeros(18), after(), zeros(18)],
            Said(both, joined),
        ),
        (
            "joined, each with a label",
            &[label(), a(), end(), label(), after(), end()],
            Said(both, "archives that follow an end mark: 1"),
        ),
        (
            "joined three times",
            &[a(), end(), after(), end(), file("third", "3"), end()],
            Said(
                &[HELLO, AFTER, ("third", b"3")],
                "archives that follow an end mark: 2",
            ),
        ),
        (
            "a lone block",
            &[a(), zeros(1), after(), end()],
            Said(both, lone),
        ),
        (
            "a lone block, then joined",
            &[a(), zeros(1), after(), end(), file("third", "3"), end()],
            Said(
                &[HELLO, AFTER, ("third", b"3")],
                "an end mark at byte 2560 is followed",
            ),
        ),
        (
            "one block at the end",
            &[a(), after(), zeros(1)],
            Records(both),
        ),
        ("twenty", &[a(), after(), zeros(20)], Records(both)),
        (
            "none",
            &[a(), after()],
            Said(both, "standard input: it has no end mark"),
        ),
        (
            "other bytes",
            &[a(), end(), b"garbage".repeat(100)],
            Said(
                &[HELLO],
                "standard input: 700 bytes after its end mark, from byte 2048 on, are no archive and left out\n",
            ),
        ),
        (
            "less than a block of them",
            &[a(), end(), b"garbage".to_vec()],
            Said(
                &[HELLO],
                "standard input: 7 bytes after its end mark, from byte 2048 on",
            ),
        ),
        (
            "many of them",
            &[a(), end(), vec![b'x'; 3 << 20]],
            Said(&[HELLO], "standard input: 3145728 bytes after its end mark"),
        ),
    ]);
}

#[test]
fn damage_is_told_and_the_rest_is_for_those_who_keep_going() {
    let bad = |size: usize| Made::new("bad").size(size).header().into_iter().enumerate();
    let bad = |size| {
        bad(size)
            .map(|(at, byte)| if at == 1 { b'x' } else { byte })
            .collect::<Vec<u8>>()
    };
    let content = bytes(1, 3000);
    let no_records = || Made::new("x").kind(b'x').content("nonsense");
    type Case<'a> = (&'a str, Vec<Vec<u8>>, &'a [(&'a str, &'a [u8])], &'a str);
    let cases: [Case; 8] = [
        (
            "a checksum",
            vec![a(), bad(0), after(), end()],
            &[HELLO, AFTER],
            "entry 2 at byte 1024: the checksum of its header is \"006404\\x00 \", expected 006433",
        ),
        (
            "and a content behind it",
            vec![a(), bad(3000), padded(&content), after(), end()],
            &[HELLO, AFTER],
            "entry 2 at byte 1024: the checksum",
        ),
        (
            "the first header",
            vec![bad(5), padded(b"lost!"), after(), end()],
            &[AFTER],
            "entry 1 at byte 0: the checksum",
        ),
        (
            "attributes",
            vec![a(), no_records(), file("lost", &content), after(), end()],
            &[HELLO, AFTER],
            "entry 2 at byte 1024: a record of its extended header",
        ),
        (
            "attributes, then a long name",
            vec![
                no_records(),
                long(b'L', "x"),
                file("lost", &content),
                after(),
                end(),
            ],
            &[AFTER],
            "entry 1 at byte 0: a record",
        ),
        (
            "a long name of 5 MB",
            vec![
                a(),
                long(b'L', vec![b'x'; 5 << 20]),
                file("lost", &content),
                after(),
                end(),
            ],
            &[HELLO, AFTER],
            "entry 2 at byte 1024: its headers (long name, attributes, map of holes) have more than 4194304 bytes",
        ),
        (
            "a map of holes",
            vec![
                a(),
                old_sparse(100, &[(512, 512)], &content),
                after(),
                end(),
            ],
            &[HELLO, AFTER],
            "entry 2 at byte 1024: a piece",
        ),
        (
            "a long name and the end",
            vec![a(), long(b'L', "x"), end()],
            &[HELLO],
            "entry 2 at byte 1024: what follows its long name or attributes is a block of zeros, expected a header",
        ),
    ];
    for (case, parts, expected, what) in cases {
        let archive = parts.concat();
        let (target, output) = pack(&archive, &[]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{case}: {message}");
        assert!(
            message.starts_with(&format!("roxfs: standard input: {what}")),
            "{case}: {message}"
        );
        assert_eq!(message.lines().count(), 1, "{case}: {message}");
        assert_eq!(entries(target.path()), [] as [&str; 0], "{case}");
        let (target, output) = pack(&archive, &["--keep-going"]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{case}: {message}");
        assert!(
            message.starts_with(&format!("roxfs: left out: standard input: {what}")),
            "{case}: {message}"
        );
        assert!(
            message.ends_with("; 1 failed and left out\n"),
            "{case}: {message}"
        );
        assert_records(&target, expected, case);
    }
}

#[test]
fn a_hard_link_finds_its_content_behind_a_large_entry_that_is_cut_off() {
    let large = bytes(1, 5 << 20);
    let link = Made::new("c").kind(b'1').link("b").header();
    // The large one ends within, and the archives are joined: what follows is its content.
    let first = [a(), file("large", &large)].concat();
    let directory = temp_dir();
    let paths = [
        directory.path().join("1.tar"),
        directory.path().join("2.tar"),
    ];
    std::fs::write(&paths[0], &first[..first.len() - (1 << 20)]).expect("written");
    let second = [file("b", "the content"), link, end()].concat();
    std::fs::write(&paths[1], second).expect("written");
    for shard_size in ["1GiB", "1000"] {
        let target = Target::new();
        let options = ["--keep-going", "--shard-size", shard_size];
        let message = fail(target.pack(&options).args(&paths), 3);
        assert!(message.contains("within the content"), "{message}");
        let content: &[u8] = b"the content";
        assert_records(
            &target,
            &[HELLO, ("b", content), ("c", content)],
            shard_size,
        );
    }
}
