//! Entries of zip archives: their names, kinds and methods, and their lies.

use super::given::give;
use crate::support::zips::*;
use crate::support::*;
use roxfs::pack::PackError;
use roxfs::pack::source::{SourceError, SourceKind};
use std::process::Command;

/// Info-ZIP's field with a name in UTF-8.
fn unicode_path(of: &[u8], name: &str) -> Vec<u8> {
    let len = (5 + name.len()) as u16;
    let head = [0x75, 0x70, len as u8, (len >> 8) as u8, 1];
    [&head[..], &crc32(of).to_le_bytes(), name.as_bytes()].concat()
}

#[test]
fn names_are_what_their_writers_meant() {
    let cases: [(u16, u16, &[u8], &str); 14] = [
        (UNIX, 0, b"a/b.jpg", "a/b.jpg"),
        (UNIX, 0, b"/absolute/./x", "absolute/x"),
        (UNIX, 0, b"./a", "a"),
        (UNIX, UTF8, "ü".as_bytes(), "ü"),
        (UNIX, 0, "ü".as_bytes(), "ü"),
        // Whatever encoding a Unix system had, as in tar.
        (UNIX, 0, b"\xfc", "\\xfc"),
        (UNIX, 0, b"a\\b", "a\\\\b"),
        (FAT, 0, b"dir\\sub\\x.txt", "dir/sub/x.txt"),
        (FAT, UTF8, "dir\\ü".as_bytes(), "dir/ü"),
        // It has separators already.
        (FAT, 0, b"dir/x\\y", "dir/x\\\\y"),
        (FAT, 0, b"\x81ber", "über"),
        (FAT, UTF8, b"\x81ber", "\\x81ber"),
        // From 7-Zip and others without the mark.
        (FAT, 0, "ж".as_bytes(), "ж"),
        (10 << 8, 0, b"\xe1\x84", "ßä"),
    ];
    for (made_by, flags, name, expected) in cases {
        let entry = Entry {
            made_by,
            flags,
            ..stored(name, b"1")
        };
        let given = give(SourceKind::Zip, &zip(&[entry]));
        let [(found, _)] = &given.records[..] else {
            panic!("{name:?}: {given:?}");
        };
        assert_eq!(found, expected, "{name:?} made by {made_by}, flags {flags}");
    }
}

#[test]
fn a_name_in_the_unicode_field_counts_if_it_belongs_to_the_name() {
    for (of, expected) in [(&b"\x81"[..], "ж/x"), (b"renamed", "ü")] {
        let entry = Entry {
            made_by: FAT,
            extra: unicode_path(of, "ж/x"),
            ..stored(b"\x81", b"1")
        };
        let given = give(SourceKind::Zip, &zip(&[entry]));
        assert_eq!(given.records, [(expected.to_owned(), b"1".to_vec())]);
    }
}

#[test]
fn names_that_lead_out_of_the_archive_or_are_none_are_errors_of_their_records() {
    let names: [&[u8]; 5] = [b"../x", b"a/../../x", b"", b"a\0b", &[b'x'; 256]];
    for name in names {
        let good = stored("good", b"1");
        let given = give(SourceKind::Zip, &zip(&[stored(name, b"2"), good]));
        assert!(
            matches!(
                given.failed[..],
                [PackError::Source(SourceError::BadName { .. })]
            ),
            "{name:?}: {given:?}"
        );
        assert_eq!(given.records, [("good".to_owned(), b"1".to_vec())]);
    }
    let entry = Entry {
        made_by: FAT,
        ..stored(b"..\\x", b"2")
    };
    let given = give(SourceKind::Zip, &zip(&[entry]));
    assert!(matches!(
        given.failed[..],
        [PackError::Source(SourceError::BadName { .. })]
    ));
}

#[test]
fn what_is_no_file_is_passed_over_and_counted_as_in_tar() {
    let with_mode = |name: &str, mode| Entry {
        mode,
        ..stored(name, b"target")
    };
    let archive = zip(&[
        with_mode("d/", 0o040_755),
        with_mode("e", 0o040_755),
        with_mode("link", 0o120_777),
        with_mode("fifo", 0o010_644),
        with_mode("file", 0),
        Entry {
            made_by: FAT,
            // Bits that mean something else there.
            mode: 0o120_777,
            ..stored("dos", b"1")
        },
        Entry {
            made_by: FAT,
            ..stored(b"windows\\", b"")
        },
    ]);
    let (directory, target) = (temp_dir(), Target::new());
    let path = directory.path().join("x.zip");
    std::fs::write(&path, archive).expect("written");
    let message = said(&mut target.pack(&[path]));
    assert_eq!(target.names(), ["file", "dos"]);
    for part in ["; 1 skipped: not a file", "; 1 skipped: symbolic link"] {
        assert!(message.contains(part), "{message}");
    }
}

/// What a program makes of bytes.
fn filter(program: &str, arguments: &[&str], content: &[u8]) -> Vec<u8> {
    let output = feed(Command::new(program).args(arguments), content);
    assert!(output.status.success(), "{program}");
    output.stdout
}

#[test]
fn every_method_gives_its_content() {
    let content = [b"the same words again ".repeat(30_000), bytes(1, 500)].concat();
    let lzma = filter("xz", &["--format=lzma"], &content);
    // The head in an archive is another one, without the size; the end is marked.
    let lzma = [&[9, 20, 5, 0][..], &lzma[..5], &lzma[13..]].concat();
    let two = content.split_at(4000);
    let frames = [
        filter("zstd", &["-q"], two.0),
        filter("zstd", &["-q"], two.1),
    ]
    .concat();
    let entries = [
        stored("store", &content),
        deflated("deflate", &content),
        compressed("bzip2", 12, &content, filter("bzip2", &[], &content)),
        compressed("lzma", 14, &content, lzma),
        compressed("zstd", 93, &content, filter("zstd", &["-q"], &content)),
        compressed("frames", 93, &content, frames),
        compressed("xz", 95, &content, filter("xz", &["-9"], &content)),
        deflated("empty", b""),
        Entry {
            flags: 8,
            ..deflated("descriptor", &content)
        },
    ];
    let given = give(SourceKind::Zip, &zip(&entries));
    assert!(given.failed.is_empty(), "{:?}", given.failed);
    for (entry, (name, found)) in entries.iter().zip(&given.records) {
        assert_eq!(entry.name, name.as_bytes());
        let expected = if name == "empty" { &b""[..] } else { &content };
        assert!(found == expected, "{name}");
    }
    assert_eq!(given.records.len(), entries.len());
}

/// An archive with `before`, this entry and `after`.
fn between(entry: Entry) -> Vec<u8> {
    zip(&[stored("before", b"1"), entry, stored("after", b"2")])
}

#[test]
fn an_entry_that_cannot_be_unpacked_is_an_error_of_its_record() {
    let content = b"the same words again ".repeat(30_000);
    let good = || deflated("x", &content);
    let (len, crc) = (content.len() as u32, crc32(&content));
    let wrong_crc = format!("its checksum (CRC-32) is {crc:#010x}, expected 0x00000007");
    let fewer = format!("{len} bytes come out, {} are announced", len + 1);
    let huge = format!("{len} bytes come out, {} are announced", 1 << 30);
    let raw = format!("{} bytes come out, {len} are announced", good().data.len());
    let large_xz = filter("xz", &["--lzma2=preset=0,dict=512MiB"], &content);
    let cases: [(Entry, u8, &str); 15] = [
        (Entry { flags: 1, ..good() }, 1, "it is encrypted"),
        (
            Entry {
                flags: 0x41,
                ..good()
            },
            1,
            "it is encrypted",
        ),
        (
            Entry {
                method: 99,
                ..good()
            },
            1,
            "it is compressed by method 99 (AES)",
        ),
        (
            Entry {
                method: 98,
                ..good()
            },
            1,
            "it is compressed by method 98 (PPMD)",
        ),
        (
            Entry {
                method: 777,
                ..good()
            },
            1,
            "it is compressed by method 777",
        ),
        (Entry { crc: 7, ..good() }, 3, &wrong_crc),
        (
            Entry {
                size: len + 1,
                ..good()
            },
            3,
            &fewer,
        ),
        (
            Entry {
                size: 1 << 30,
                ..good()
            },
            3,
            &huge,
        ),
        (
            Entry { size: 9, ..good() },
            3,
            "more than the 9 bytes announced come out",
        ),
        (
            Entry { size: 0, ..good() },
            3,
            "more than the 0 bytes announced come out",
        ),
        (
            Entry {
                data: vec![7; 90],
                ..good()
            },
            3,
            "",
        ),
        (
            Entry {
                data: good().data[..90].to_vec(),
                ..good()
            },
            3,
            "its data are cut off",
        ),
        (
            Entry {
                method: STORE,
                ..good()
            },
            3,
            &raw,
        ),
        (
            Entry {
                local_name: Some(b"other".to_vec()),
                ..good()
            },
            3,
            "its own header names it \"other\"",
        ),
        (
            compressed("x", 95, &content, large_xz),
            1,
            "it needs a dictionary of memory",
        ),
    ];
    for (entry, code, expected) in cases {
        let directory = temp_dir();
        let path = directory.path().join("x.zip");
        std::fs::write(&path, between(entry)).expect("written");
        let target = Target::new();
        let message = fail(&mut target.pack(&[&path]), code.into());
        let what = match code {
            3 => format!(
                "roxfs: {}: x: the entry is damaged: {expected}",
                path.display()
            ),
            _ => format!("roxfs: {}: x: {expected}", path.display()),
        };
        assert!(message.starts_with(&what), "{message}\nexpected {what}");
        assert_eq!(entries(target.path()), [] as [&str; 0]);
        let message = fail(target.pack(&["--keep-going"]).arg(&path), code.into());
        assert!(message.contains("1 failed and left out"), "{message}");
        assert_eq!(
            target.named_records(),
            super::named(&[("before", "1"), ("after", "2")])
        );
    }
}

#[test]
fn entries_that_share_their_bytes_are_damaged() {
    let kernel = deflated("a", &vec![0; 100_000]);
    let alias = |name: &str| Entry {
        offset: Some(0),
        local_name: Some(Vec::new()),
        data: Vec::new(),
        size: 0,
        ..stored(name, b"")
    };
    // Twice the same local header.
    let twice = zip(&[
        kernel.clone(),
        Entry {
            size: kernel.size,
            crc: kernel.crc,
            ..alias("a")
        },
    ]);
    // The first one's data reach over the second one, as in bombs of quoted headers.
    let inner = zip(&[stored("inner", b"payload")]);
    let local = inner.len() - 22 - 46 - 5;
    let outer = Entry {
        data: inner[..local].to_vec(),
        size: local as u32,
        crc: crc32(&inner[..local]),
        ..stored("o", b"")
    };
    let quoted = zip(&[
        outer,
        Entry {
            offset: Some(30 + 1),
            ..stored("inner", b"payload")
        },
    ]);
    for (archive, damaged) in [(twice, 2), (quoted, 1)] {
        let given = give(SourceKind::Zip, &archive);
        assert!(given.error.is_none(), "{given:?}");
        assert_eq!(given.failed.len(), damaged, "{:?}", given.failed);
        for error in &given.failed {
            assert!(
                error.is_damage() && error.to_string().contains("overlap"),
                "{error}"
            );
        }
    }
}

#[test]
fn an_entry_whose_place_is_nowhere_is_damaged() {
    for offset in [1, 50, 1000, u32::MAX - 1] {
        let archive = zip(&[Entry {
            offset: Some(offset),
            ..stored("a", b"1")
        }]);
        let given = give(SourceKind::Zip, &archive);
        assert!(
            matches!(&given.failed[..], [error] if error.is_damage()),
            "{offset}: {given:?}"
        );
    }
}
