//! Nothing is written outside the directory or over another file, nor what is damaged.

use super::*;
use crate::support::parts::{Parts, Section, write_shard};
use crate::support::*;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

#[test]
fn an_existing_file_is_replaced_only_by_force() {
    let out = temp_dir();
    let (_directory, shard) = named(&[(b"d/a", b"new"), (b"d/b", b"other")]);
    write_tree(out.path(), &[("d/a", "old"), ("victim", "untouched")]);
    let (root, from) = (out.path().display(), shard.display());
    assert_eq!(
        extract_fails(&shard, out.path(), &[], FAILED),
        [format!(
            "roxfs: {root}/d/a: it exists; --force replaces it (record 0 of {from})"
        )]
    );
    assert_eq!(std::fs::read(out.path().join("d/a")).expect("read"), b"old");
    assert_eq!(
        std::fs::read(out.path().join("d/b")).expect("read"),
        b"other"
    );
    // A link is replaced as such, and what it points to is left alone.
    std::fs::remove_file(out.path().join("d/b")).expect("removed");
    symlink("../victim", out.path().join("d/b")).expect("link");
    std::fs::hard_link(out.path().join("d/a"), out.path().join("kept")).expect("link");
    run(&mut extract(&shard, out.path(), &["--force"]));
    let read = |name: &str| std::fs::read(out.path().join(name)).expect("read");
    assert_eq!([read("d/a"), read("d/b")], [&b"new"[..], b"other"]);
    assert_eq!([read("kept"), read("victim")], [&b"old"[..], b"untouched"]);
    assert_eq!(files(out.path()), ["d/a", "d/b", "kept", "victim"]);
}

#[test]
fn a_planted_link_is_not_followed() {
    let (outside, out) = (temp_dir(), temp_dir());
    write_tree(outside.path(), &[("file", "untouched")]);
    symlink(outside.path(), out.path().join("dir")).expect("link");
    symlink(outside.path().join("file"), out.path().join("file")).expect("link");
    symlink(outside.path().join("new"), out.path().join("dangling")).expect("link");
    std::fs::create_dir(out.path().join("real")).expect("made");
    symlink("..", out.path().join("real/up")).expect("link");
    let (_directory, shard) = named(&[
        (b"dangling", b"x"),
        (b"dir/escaped", b"x"),
        (b"file", b"x"),
        (b"real/up/up", b"x"),
        (b"sound", b"x"),
    ]);
    let (root, from) = (out.path().display(), shard.display());
    let link = "it is a symbolic link, expected a directory";
    let blocked = [
        format!("roxfs: {root}/dir: {link} (record 1 of {from})"),
        format!("roxfs: {root}/real/up: {link} (record 3 of {from})"),
    ];
    let exists = |name, number| {
        format!("roxfs: {root}/{name}: it exists; --force replaces it (record {number} of {from})")
    };
    let mut expected = [&blocked[..], &[exists("dangling", 0), exists("file", 2)]].concat();
    expected.sort();
    assert_eq!(extract_fails(&shard, out.path(), &[], FAILED), expected);
    std::fs::remove_file(out.path().join("sound")).expect("extracted");
    assert_eq!(
        extract_fails(&shard, out.path(), &["--force"], FAILED),
        blocked
    );
    assert_eq!(files(outside.path()), ["file"]);
    let file = std::fs::read(outside.path().join("file")).expect("read");
    assert_eq!(file, b"untouched");
    // The directory itself may be a link: who names it has chosen it.
    let door = temp_dir();
    symlink(outside.path(), door.path().join("door")).expect("link");
    run(&mut extract(&shard, &door.path().join("door/inner"), &[]));
    assert_eq!(files(outside.path()).len(), 6);
}

#[test]
fn hostile_names_are_reported_and_the_others_extracted() {
    let root = temp_dir();
    let out = root.path().join("a/out");
    let absolute = root.path().join("absolute");
    let long = [b'x'; 4096];
    let (_directory, shard) = named(&[
        (b"../x", b"0"),
        (absolute.as_os_str().as_bytes(), b"1"),
        (b"a/../../b", b"2"),
        (b"good", b"3"),
        (b"nul\0", b"4"),
        (&long, b"5"),
        (b"also/good", b"6"),
    ]);
    let lines = extract_fails(&shard, &out, &[], DAMAGED);
    let from = shard.display();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(
        lines[0],
        format!(
            "roxfs: {from}: record 0: name is \"../x\" (a component is \".\" or \"..\"), \
             expected a valid relative path"
        )
    );
    assert_eq!(
        lines[4],
        format!("roxfs: {from}: record 5: name is 4096 bytes long, expected at most 4095 bytes")
    );
    assert_eq!(files(root.path()), ["a/out/also/good", "a/out/good"]);
}

#[test]
fn names_that_clash_are_errors_with_and_without_force() {
    let (_directory, shard) = named(&[
        (b"twice", b"same"),
        (b"file", b"f"),
        (b"twice", b"same"),
        (b"file/below", b"b"),
        (b"dir/below", b"b"),
        (b"dir", b"d"),
    ]);
    let from = shard.display();
    let target = temp_dir();
    for (out, arguments) in [("plain", &[][..]), ("force", &["--force"])] {
        let out = target.path().join(out);
        // Which of two comes first is left to the threads.
        assert_eq!(extract_fails(&shard, &out, arguments, FAILED).len(), 3);
        assert_eq!(files(&out).len(), 3);
    }
    let tar = output(roxfs().args(["extract", "--tar", "-q"]).arg(&shard));
    assert_eq!(tar.status.code(), Some(FAILED));
    assert_eq!(
        String::from_utf8(tar.stderr).expect("UTF-8"),
        format!(
            "roxfs: record 2 of {from}: name is \"twice\", which another record has\n\
             roxfs: record 3 of {from}: name is \"file/below\", but \"file\" is another record\n\
             roxfs: record 5 of {from}: name is \"dir\", which is a directory of other records\n"
        )
    );
}

#[test]
fn a_wrong_checksum_leaves_no_file() {
    let large = bytes(5, (2 << 20) + 3);
    let records: [&[u8]; 3] = [b"sound", b"broken", &large];
    let mut parts = Parts {
        sections: vec![
            Section::names(&[b"a", b"b", b"c"]),
            Section::checksums(&records),
        ],
        ..Parts::plain(&records)
    };
    parts.payload[5] ^= 1;
    *parts.payload.last_mut().expect("not empty") ^= 1;
    let found = [1, 2].map(|record: usize| {
        let from = [0, 5, 11][record];
        crc32c::crc32c(&parts.payload[from..from + records[record].len()])
    });
    let (directory, shard) = write_shard(&parts.bytes());
    let from = shard.display();
    let line = |record: usize| {
        let expected = crc32c::crc32c(records[record]);
        let found = found[record - 1];
        format!(
            "roxfs: {from}: record {record}: checksum is {found:#010x}, expected {expected:#010x}"
        )
    };
    let out = directory.path().join("out");
    assert_eq!(
        extract_fails(&shard, &out, &[], DAMAGED),
        [line(1), line(2)]
    );
    assert_eq!(files(&out), ["a"]);
    let tar = output(roxfs().args(["extract", "--tar", "-q"]).arg(&shard));
    assert_eq!(tar.status.code(), Some(DAMAGED));
    let archive = directory.path().join("x.tar");
    std::fs::write(&archive, tar.stdout).expect("written");
    assert_eq!(sh("tar tf \"$1\"", &[&archive]), "a\n");
}

#[test]
fn many_failures_are_counted_and_not_all_shown() {
    let records: Vec<String> = (0..50).map(|i| i.to_string()).collect();
    let target = temp_dir();
    let dataset = pack_records(target.path(), "d", &records, &[]);
    let out = target.path().join("out");
    run(&mut extract(&dataset, &out, &[]));
    let message = fail(&mut extract(&dataset, &out, &[]), FAILED);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 22, "{message}");
    assert_eq!(lines[20], "roxfs: 30 more failures not shown");
    assert!(lines[21].ends_with("; 50 failed"), "{message}");
}
