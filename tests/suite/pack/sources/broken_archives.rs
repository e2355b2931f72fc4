//! Archives that are cut off, damaged, or have a name twice.

use super::archives::tar;
use crate::support::*;

const BLOCK: usize = 512;

/// An archive with `a` (700 bytes) and `b` (3 MiB), and no padding behind its end mark.
fn archive(arguments: &str) -> Vec<u8> {
    let directory = temp_dir();
    let files = [("a", bytes(1, 700)), ("b", bytes(2, 3 << 20))];
    write_tree(&directory.path().join("in"), &files);
    sh(
        "cd \"$1\"; tar -b 1 -cf x.tar -C in a b",
        &[directory.path()],
    );
    match arguments {
        "" => std::fs::read(directory.path().join("x.tar")).expect("readable"),
        _ => std::fs::read(tar(directory.path(), arguments)).expect("readable"),
    }
}

/// Packs the beginning of an archive, which has to fail, and returns the message.
fn cut(archive: &[u8], len: usize, options: &[&str]) -> (Target, String) {
    let target = Target::new();
    let source = temp_dir();
    let path = source.path().join("cut.tar");
    std::fs::write(&path, &archive[..len]).expect("written");
    let message = fail(target.pack(options).arg(&path), 3);
    let start = format!("roxfs: {}: entry ", path.display());
    let what = message
        .strip_prefix(&start)
        .unwrap_or_else(|| panic!("{message}"));
    let what = what.to_owned();
    (target, what)
}

#[test]
fn an_archive_that_is_cut_off_is_an_error_that_says_where_and_leaves_nothing() {
    let archive = archive("");
    let content_of_a = BLOCK;
    let header_of_b = content_of_a + 2 * BLOCK;
    let content_of_b = header_of_b + BLOCK;
    let end = archive.len() - 2 * BLOCK;
    for (len, entry, within) in [
        (content_of_a, 1, "the content"),
        (content_of_a + 300, 1, "the content"),
        (content_of_a + 700, 1, "the padding after the content"),
        (content_of_a + 800, 1, "the padding after the content"),
        (header_of_b + 1, 2, "a header"),
        (content_of_b, 2, "the content"),
        (content_of_b + 1000, 2, "the content"),
        (content_of_b + (2 << 20), 2, "the content"),
        (end - 1, 2, "the content"),
    ] {
        let (target, what) = cut(&archive, len, &[]);
        let start = [0, header_of_b][entry - 1];
        let after = format!(
            "{entry} at byte {start}: the archive is cut off within {within}: its length is {len} \
             bytes, expected "
        );
        assert!(what.starts_with(&after), "cut at {len}: {what}");
        assert_eq!(what.lines().count(), 1, "cut at {len}: {what}");
        assert_eq!(entries(target.path()), [] as [&str; 0], "cut at {len}");
    }
    let target = Target::new();
    let message = fail_with(&mut target.pack(&["--from=tar"]), &archive[..100], 1);
    let expected = "this is no tar archive: it has 100 bytes, a tar archive at least 512\n";
    assert!(message.ends_with(expected), "{message}");
    let (_, what) = cut(&archive, 0, &[]);
    let expected = "1 at byte 0: its length is 0 bytes, expected that of a tar archive\n";
    assert_eq!(what, expected);
}

#[test]
fn an_archive_that_is_cut_off_gives_all_whole_entries_to_those_who_keep_going() {
    let archive = archive("");
    for (len, names) in [
        (BLOCK + 300, &[][..]),
        (2000, &["a"]),
        (archive.len() - 2000, &["a"]),
    ] {
        let target = Target::new();
        let mut pack = target.pack(&["--from", "tar", "--keep-going"]);
        let output = feed(&mut pack, &archive[..len]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "cut at {len}: {message}");
        assert!(
            message.contains("roxfs: left out: standard input: entry "),
            "{message}"
        );
        match names {
            [] => assert_eq!(entries(target.path()), [] as [&str; 0]),
            names => assert_eq!(target.names(), names, "cut at {len}"),
        }
    }
}

#[test]
fn an_archive_without_an_end_mark_is_packed_with_a_warning() {
    let archive = archive("");
    let end = archive.len() - 2 * BLOCK;
    for (len, names) in [
        (3 * BLOCK, &["a"][..]),
        (end, &["a", "b"]),
        (end + 100, &["a", "b"]),
    ] {
        let target = Target::new();
        let message = run_with(&mut target.pack(&["-q", "--from", "tar"]), &archive[..len]);
        assert!(
            message.contains("standard input: it has no end mark"),
            "{message}"
        );
        assert_eq!(target.names(), names);
    }
}

#[test]
fn an_archive_that_ends_with_its_mark_is_whole_whatever_follows() {
    let archive = archive("");
    let one_block = &archive[..archive.len() - BLOCK];
    let padded = [&archive[..], &[0; 20 * BLOCK]].concat();
    for whole in [one_block, &archive, &padded] {
        let target = Target::new();
        let message = run_with(&mut target.pack(&["-q", "--from", "tar"]), whole);
        assert_eq!(message, "");
        assert_eq!(target.names(), ["a", "b"]);
    }
}

#[test]
fn whole_shards_of_an_archive_that_was_cut_off_stay_and_the_whole_one_is_resumed() {
    let directory = temp_dir();
    let files: Vec<(String, Vec<u8>)> = (0..40)
        .map(|number| (format!("{number:02}"), bytes(number, 1000)))
        .collect();
    write_tree(&directory.path().join("in"), &files);
    let path = tar(directory.path(), "--format=gnu");
    let archive = std::fs::read(&path).expect("readable");
    let options = ["--shard-size=4KiB"];
    let whole = Target::new();
    run(whole.pack(&options).arg(&path));
    let (target, what) = cut(&archive, 20 * 3 * BLOCK + 1000, &options);
    assert!(what.contains("the archive is cut off within "), "{what}");
    let kept = target.bytes();
    assert!(
        (3..whole.bytes().len()).contains(&kept.len()),
        "{} shards",
        kept.len()
    );
    assert!(whole.bytes().starts_with(&kept), "not whole shards");
    run(roxfs().arg("verify").arg(target.dataset()));
    let names = entries(target.path());
    assert!(
        !names.iter().any(|name| name.ends_with(".tmp")),
        "{names:?}"
    );
    run(target.pack(&options).arg("--resume").arg(&path));
    assert!(
        target.bytes() == whole.bytes(),
        "--resume has written other bytes"
    );
    assert_eq!(entries(target.path()), entries(whole.path()));
}

#[test]
fn a_header_whose_checksum_is_wrong_is_an_error() {
    for format in ["gnu", "pax"] {
        let mut archive = archive(&format!("--format={format}"));
        let header = archive.windows(5).position(|name| name == b"./b\0\0");
        archive[header.expect("a header") + 2] ^= 1;
        let target = Target::new();
        let message = fail_with(&mut target.pack(&["--from", "tar"]), &archive, 3);
        let expected = "roxfs: standard input: entry 3 at byte ";
        assert!(message.starts_with(expected), "{format}: {message}");
        let expected = ": the checksum of its header";
        assert!(message.contains(expected), "{format}: {message}");
        assert_eq!(entries(target.path()), [] as [&str; 0]);
    }
}

#[test]
fn a_name_that_an_archive_has_twice_is_an_error_that_names_both() {
    let directory = temp_dir();
    write_tree(&directory.path().join("in"), &[("a", "1"), ("b", "2")]);
    sh(
        "cd \"$1\"; tar -cf x.tar -C in a b; tar -rf x.tar -C in ./a",
        &[directory.path()],
    );
    let path = directory.path().join("x.tar");
    let target = Target::new();
    let message = fail(&mut target.pack(&[&path]), 1);
    let expected = format!(
        "roxfs: {}: ./a: the name \"a\" is taken already by ",
        path.display()
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
    let message = fail(target.pack(&["--keep-going"]).arg(&path), 1);
    assert!(message.contains("1 failed and left out"), "{message}");
    assert_eq!(target.names(), ["a", "b"]);
}

#[test]
fn an_entry_that_leads_out_of_the_archive_is_an_error() {
    let directory = temp_dir();
    write_tree(directory.path(), &[("in/a", "1"), ("b", "2")]);
    sh(
        "cd \"$1/in\"; tar -P -cf ../x.tar a ../b",
        &[directory.path()],
    );
    let path = directory.path().join("x.tar");
    let target = Target::new();
    let message = fail(&mut target.pack(&[&path]), 1);
    let what = "../b: this path cannot be the name of a record: ";
    let expected = format!("roxfs: {}: {what}", path.display());
    assert!(message.starts_with(&expected), "{message}");
    let message = fail(target.pack(&["--keep-going"]).arg(&path), 1);
    assert!(message.contains("1 failed and left out"), "{message}");
    assert_eq!(target.names(), ["a"]);
}

/// An entry of this kind whose content is these bytes.
fn entry(kind: tar::EntryType, name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = [header.as_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// An attribute of a PAX header whose value has this many bytes.
fn attribute(key: &str, len: usize) -> Vec<u8> {
    let value = "x".repeat(len);
    let digits = (len + 20).to_string().len();
    let total = digits + " =\n".len() + key.len() + len;
    format!("{total} {key}={value}\n").into_bytes()
}

#[test]
fn headers_that_would_fill_memory_are_refused_with_their_place() {
    use tar::EntryType;
    const MIB: usize = 1 << 20;
    let end = [0; 2 * BLOCK];
    let file = entry(EntryType::Regular, "a", &bytes(3, 3 * MIB));
    let label = entry(EntryType::Regular, "", b"");
    let pad = vec![b'x'; 5 * MIB];
    let kinds = [
        entry(EntryType::GNULongName, "././@LongLink", &pad),
        entry(EntryType::GNULongLink, "././@LongLink", &pad),
        entry(EntryType::XHeader, "pax", &attribute("path", 5 * MIB)),
        [
            entry(EntryType::GNULongName, "././@LongLink", &pad[..3 * MIB]),
            entry(EntryType::XHeader, "pax", &attribute("linkpath", 3 * MIB)),
        ]
        .concat(),
    ];
    let all = entry(EntryType::XHeader, "pax", &attribute("comment", 65 * MIB));
    let kinds = kinds.map(|headers| (headers, 4 * MIB));
    for (headers, limit) in kinds.into_iter().chain([(all, 64 * MIB)]) {
        let archive = [&file[..], &headers, &label, &end].concat();
        let target = Target::new();
        let source = temp_dir();
        let path = source.path().join("x.tar");
        std::fs::write(&path, &archive).expect("written");
        let message = fail(target.pack(&[] as &[&str]).arg(&path), 3);
        let expected = format!(
            "roxfs: {}: entry 2 at byte {}: its headers (long name, attributes, map of holes) have \
             more than {limit} bytes, expected at most these\n",
            path.display(),
            file.len()
        );
        assert_eq!(message, expected);
        assert_eq!(entries(target.path()), [] as [&str; 0]);
    }
}

#[test]
fn headers_of_a_length_that_others_write_are_read() {
    use tar::EntryType;
    let archive = [
        entry(
            EntryType::XGlobalHeader,
            "global",
            &attribute("comment", 70 << 20),
        ),
        entry(EntryType::XHeader, "pax", &attribute("comment", 5 << 20)),
        entry(EntryType::GNULongName, "././@LongLink", b"b\0"),
        entry(EntryType::Regular, "a", b"content"),
        vec![0; 2 * BLOCK],
    ]
    .concat();
    let target = Target::new();
    let source = temp_dir();
    let path = source.path().join("x.tar");
    std::fs::write(&path, &archive).expect("written");
    run(target.pack(&[] as &[&str]).arg(&path));
    let listed = run(roxfs().arg("ls").arg(target.path()));
    assert_eq!(String::from_utf8_lossy(&listed), "0\t7\tb\n");
}
