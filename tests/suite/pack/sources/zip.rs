//! Zip archives as people have them: from every tool, in front of or behind other bytes, with many
//! entries, cut off and damaged.

use super::given::{Given, give};
use crate::support::zips::*;
use crate::support::*;
use roxfs::pack::source::SourceKind;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How the tools write an archive `x.zip` of all that is here.
const TOOLS: [&str; 15] = [
    "zip -qr ../x.zip .",
    "zip -qr0 ../x.zip .",
    "zip -qr9DX ../x.zip .",
    "zip -qr -Z bzip2 ../x.zip .",
    "zip -qr -fz ../x.zip .",
    "zip -qr -fd ../x.zip .",
    "zip -qr - . | cat >../x.zip",
    "echo 'a comment' | zip -qrz ../x.zip .",
    "python3 -m zipfile -c ../x.zip .",
    "7z a -bd -tzip ../x.zip .",
    "7z a -bd -tzip -mx=0 ../x.zip .",
    "7z a -bd -tzip -mm=Deflate64 -mx=9 ../x.zip .",
    "7z a -bd -tzip -mm=BZip2 ../x.zip .",
    "7z a -bd -tzip -mm=LZMA ../x.zip .",
    "7z a -bd -tzip -mcu=off ../x.zip .",
];

/// In byte order of the names.
fn files() -> Vec<(String, Vec<u8>)> {
    let names = ["a", "b/large", "b/text", "c/empty", "c/ü", "d e/[f]*"];
    let content = |name: &str| match name {
        "b/large" => bytes(1, (1 << 20) + 1),
        "b/text" => b"the same words again ".repeat(40_000),
        "c/empty" => Vec::new(),
        _ => bytes(name.len() as u64, name.len() * 700),
    };
    names.map(|name| (name.to_owned(), content(name))).to_vec()
}

/// Makes `x.zip` of `in`, in a directory.
fn archive(files: &[(String, Vec<u8>)], tool: &str) -> (TempDir, PathBuf) {
    let directory = temp_dir();
    write_tree(&directory.path().join("in"), files);
    let script = format!("cd \"$1/in\"; {{ {tool}; }} >&2");
    sh(&script, &[directory.path()]);
    let path = directory.path().join("x.zip");
    (directory, path)
}

#[test]
fn archives_of_every_tool_come_back_from_a_mount() {
    for tool in TOOLS {
        let (_directory, path) = archive(&files(), tool);
        let target = Target::new();
        run(target.pack(&["-q"]).arg(path));
        let mut found = target.named_records();
        found.sort();
        assert_eq!(found.len(), files().len(), "{tool}");
        for (found, expected) in found.iter().zip(files()) {
            // Shown with an escape.
            assert!(*found == expected, "{tool}: {}", expected.0);
        }
    }
}

#[test]
fn what_python_and_unzip_both_read_is_read() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/bench/zips");
    run(std::process::Command::new(script).arg(env!("CARGO_BIN_EXE_roxfs")));
}

#[test]
fn records_come_in_the_order_of_the_directory_as_python_reads_it() {
    let script = r#"
import sys, zipfile
for entry in zipfile.ZipFile(sys.argv[1]).infolist():
    if not entry.is_dir():
        name = entry.filename
        # Without the mark for UTF-8, Python takes every name for one of DOS.
        print(name if entry.flag_bits & 0x800 else name.encode('cp437').decode())
"#;
    for tool in [TOOLS[0], TOOLS[9]] {
        let (_directory, path) = archive(&files(), tool);
        let target = Target::new();
        run(target.pack(&["-q"]).arg(&path));
        let mut python = std::process::Command::new("python3");
        let listed = run(python.args(["-X", "utf8", "-c", script]).arg(&path));
        let listed = String::from_utf8(listed).expect("UTF-8");
        assert_eq!(target.names(), listed.lines().collect::<Vec<_>>(), "{tool}");
    }
}

#[test]
fn a_zip_archive_is_a_file_and_cannot_come_from_a_pipe() {
    let (_directory, path) = archive(&files(), TOOLS[0]);
    let bytes = std::fs::read(&path).expect("readable");
    let target = Target::new();
    let message = fail_with(&mut target.pack(&["--from", "zip"]), &bytes, 1);
    let expected = "roxfs: standard input: a zip archive has its directory at the end and is read \
                    from a file, not from a pipe; save it in a file first\n";
    assert_eq!(message, expected);
    assert_eq!(entries(target.path()), [] as [&str; 0]);
    let file = std::fs::File::open(&path).expect("opened");
    run(target.pack(&["-q", "--from", "zip", "-"]).stdin(file));
    let named = Target::new();
    std::fs::rename(&path, path.with_extension("")).expect("renamed");
    run(named
        .pack(&["-q", "--from", "zip"])
        .arg(path.with_extension("")));
    assert!(target.bytes() == named.bytes());
}

#[test]
fn archives_are_packed_among_directories_and_files_and_can_be_shuffled() {
    let (directory, path) = archive(&files()[..2], TOOLS[8]);
    let upper = directory.path().join("X.ZIP");
    std::fs::rename(path, &upper).expect("renamed");
    write_tree(
        &directory.path().join("more"),
        &[("m", "1"), ("x.zip", "2")],
    );
    let target = Target::new();
    run(target
        .pack(&[directory.path().join("more"), upper.clone()])
        .arg("-q"));
    assert_eq!(target.names(), ["m", "x.zip", "a", "b/large"]);
    let shuffled = Target::new();
    run(shuffled.pack(&["-q", "--shuffle=3"]).arg(&upper));
    let mut found = shuffled.named_records();
    found.sort();
    assert_eq!(found, files()[..2]);
}

#[test]
fn a_run_over_a_damaged_archive_keeps_whole_shards_and_is_resumed() {
    let contents: Vec<(String, Vec<u8>)> = (0..30)
        .map(|number| (format!("{number:02}"), bytes(number, 1000)))
        .collect();
    let entries: Vec<Entry> = contents
        .iter()
        .map(|(name, content)| deflated(name, content))
        .collect();
    let directory = temp_dir();
    let path = directory.path().join("x.zip");
    let write = |entries: &[Entry]| std::fs::write(&path, zip(entries)).expect("written");
    let options = ["-q", "--shard-size=4KiB"];
    write(&entries);
    let whole = Target::new();
    run(whole.pack(&options).arg(&path));
    assert_eq!(whole.named_records(), contents);
    let mut damaged = entries.clone();
    damaged[20].crc ^= 1;
    write(&damaged);
    let target = Target::new();
    fail(target.pack(&options).arg(&path), 3);
    let kept = target.bytes();
    assert!(kept.len() > 2 && whole.bytes().starts_with(&kept));
    write(&entries);
    run(target.pack(&options).arg("--resume").arg(&path));
    assert!(target.bytes() == whole.bytes(), "--resume");
}

fn one() -> Vec<(String, Vec<u8>)> {
    vec![("a".to_owned(), b"content".to_vec())]
}

#[test]
fn other_bytes_before_and_behind_an_archive_are_no_part_of_it() {
    let archive = zip_of(&[deflated("a", b"content")], 1, b"a comment");
    let many = [b'x'; 5000];
    for (before, behind) in [(0, 0), (1, 0), (5000, 0), (0, 4), (0, 5000), (5000, 5000)] {
        let bytes = [&many[..before], &archive, &many[..behind]].concat();
        let given = give(SourceKind::Zip, &bytes);
        assert_eq!(given.records, one(), "{before}, {behind}: {given:?}");
        assert!(given.failed.is_empty() && given.error.is_none());
    }
}

#[test]
fn a_directory_of_another_length_than_announced_is_damaged() {
    let entry = deflated("a", b"content");
    for count in [0, 2, 0xffff] {
        let given = give(
            SourceKind::Zip,
            &zip_of(std::slice::from_ref(&entry), count, b""),
        );
        let error = given.error.expect("refused");
        let expected = format!("entries in its directory: 1, expected {count}");
        assert!(
            error.is_damage() && error.to_string().ends_with(&expected),
            "{error}"
        );
        assert!(given.records.is_empty());
    }
}

/// An archive of many empty files, as Python writes it.
fn many(directory: &Path, count: usize) -> PathBuf {
    let path = directory.join("x.zip");
    let script = format!(
        r#"
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    for number in range({count}):
        archive.writestr('%d/%d' % (number % 100, number), b'')
"#
    );
    run(std::process::Command::new("python3")
        .args(["-c", &script])
        .arg(&path));
    path
}

#[test]
fn more_than_65535_entries_are_read_with_zip64_and_without() {
    let directory = temp_dir();
    let path = many(directory.path(), 66_000);
    let archive = std::fs::read(path).expect("readable");
    for before in [0, 1, 100_000] {
        let given = give(
            SourceKind::Zip,
            &[&vec![b'x'; before], &archive[..]].concat(),
        );
        assert!(given.error.is_none(), "{:?}", given.error);
        assert!(given.failed.is_empty(), "{:?}", given.failed[0]);
        assert_eq!(given.records.len(), 66_000);
    }
    // The number overflows in archives of old tools.
    let entries: Vec<Entry> = (0..66_000)
        .map(|number| stored(format!("{number}"), b""))
        .collect();
    let given = give(
        SourceKind::Zip,
        &zip_of(&entries, (66_000 - 65_536) as u16, b""),
    );
    assert_eq!(given.records.len(), 66_000);
}

#[test]
fn sizes_of_zip64_are_read() {
    let (mut entry, content) = (stored("a", b"content"), 7u64);
    // Both sizes stand in the field of zip64, in the directory.
    entry.extra = [
        &[1, 0, 16, 0][..],
        &content.to_le_bytes(),
        &content.to_le_bytes(),
    ]
    .concat();
    let mut bytes = zip(&[entry]);
    let central = bytes
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .expect("there");
    bytes[central + 20..central + 28].fill(0xff);
    let given = give(SourceKind::Zip, &bytes);
    assert_eq!(given.records, one(), "{given:?}");
}

#[test]
fn a_part_of_an_archive_in_several_files_is_refused_with_what_to_do() {
    let directory = temp_dir();
    write_tree(&directory.path().join("in"), &[("a", bytes(1, 200_000))]);
    sh("cd \"$1\"; zip -qrs 64k x.zip in", &[directory.path()]);
    let path = directory.path().join("x.zip");
    let message = fail(&mut Target::new().pack(&[&path]), 1);
    let expected = format!(
        "roxfs: {0}: it is part 4 of a zip archive in several files; join them: zip -s 0 {0} --out \
         whole.zip\n",
        path.display()
    );
    assert_eq!(message, expected);
}

#[test]
fn an_archive_that_is_a_bomb_and_says_so_is_packed_in_little_memory() {
    let content = vec![0; 300 << 20];
    let entry = deflated("zeros", &content);
    assert!(entry.data.len() < 1 << 20);
    let lie = Entry {
        size: 1000,
        ..entry.clone()
    };
    let directory = temp_dir();
    for (entry, code) in [(entry, 0), (lie, 3)] {
        let path = directory.path().join("x.zip");
        std::fs::write(&path, zip(&[entry])).expect("written");
        let target = Target::new();
        let script = "ulimit -v $3; exec \"$1\" pack -q -o \"$2\" \"$4\"";
        let mut command = std::process::Command::new("bash");
        command.args(["-c", script, "bash", env!("CARGO_BIN_EXE_roxfs")]);
        command.arg(target.dataset()).arg("400000").arg(&path);
        let output = output(&mut command);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        let written: u64 = target.bytes().iter().map(|shard| shard.len() as u64).sum();
        assert_eq!(written > 300 << 20, code == 0, "{written} bytes");
    }
}

/// Two small entries, the second one with a descriptor.
fn small() -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let contents = [b"alpha beta alpha beta ".repeat(9), bytes(3, 40)];
    let archive = zip(&[
        deflated("a", &contents[0]),
        Entry {
            flags: 8,
            ..stored("d/b", &contents[1])
        },
    ]);
    let [first, second] = contents;
    (
        archive,
        vec![("a".to_owned(), first), ("d/b".to_owned(), second)],
    )
}

#[test]
fn a_cut_anywhere_is_an_error() {
    let (archive, records) = small();
    assert_eq!(give(SourceKind::Zip, &archive).records, records);
    for len in 0..archive.len() {
        let given = give(SourceKind::Zip, &archive[..len]);
        let error = given.error.unwrap_or_else(|| panic!("cut at {len}"));
        assert!(len < 2 || error.is_damage(), "cut at {len}: {error}");
        assert!(given.records.is_empty());
    }
}

/// Contents have a checksum. What has none: a name may have changed in both places, or a mode.
fn is_honest(given: &Given, records: &[(String, Vec<u8>)]) -> bool {
    let content = |(_, content): &(String, Vec<u8>)| content.clone();
    let expected: Vec<Vec<u8>> = records.iter().map(content).collect();
    let mut found = given.records.iter().map(content);
    let all = given.records.len() == records.len();
    found.all(|found| expected.contains(&found)) && (all || given.records.len() < 2)
}

#[test]
fn a_flipped_bit_never_gives_other_content_without_an_error() {
    let (archive, records) = small();
    let mut silent = Vec::new();
    for place in 0..8 * archive.len() {
        let mut flipped = archive.clone();
        flipped[place / 8] ^= 1 << (place % 8);
        let given = give(SourceKind::Zip, &flipped);
        assert!(is_honest(&given, &records), "bit {place}: {given:?}");
        let is_told = given.error.is_some() || !given.failed.is_empty();
        if !is_told && given.records != records {
            silent.push(place / 8);
        }
    }
    // Modes that say that a file is none: it is passed over, and counted.
    silent.dedup();
    let directory = archive.windows(4).position(|four| four == b"PK\x01\x02");
    let start = directory.expect("there");
    let second = start + 46 + 1;
    let modes = [start + 41, second + 41];
    assert!(
        silent.iter().all(|place| modes.contains(place)),
        "{silent:?}"
    );
}

#[test]
fn an_archive_that_cannot_be_read_is_refused_before_anything_is_written() {
    let (directory, path) = archive(&files(), TOOLS[0]);
    let source = directory.path();
    let target = Target::new();
    run(target.pack(&["-q", "--shard-size=1"]).arg(&path));
    let before = target.bytes();
    for (name, expected) in [
        ("in", "Is a directory"),
        ("gone.zip", "No such file or directory"),
    ] {
        let mut pack = target.pack(&["--from=zip", "--shard-size=1", "--keep-going", "x.zip"]);
        let message = fail(pack.arg(name).current_dir(source), 1);
        let start = format!("roxfs: {name}: {expected}");
        assert!(message.starts_with(&start), "{message}");
        assert!(target.bytes() == before, "{name}");
    }
    let script = "chmod 755 \"$1\"; cp \"$1/x.zip\" \"$1/y.zip\"; chmod 0 \"$1/y.zip\"; mkdir -m 777 \"$1/out\"";
    sh(script, &[source]);
    let mut pack = roxfs_as_nobody(source);
    pack.args([
        "pack",
        "--shard-size=1",
        "-o",
        "out/d.rox",
        "x.zip",
        "y.zip",
    ]);
    let message = fail(pack.current_dir(source), 1);
    assert!(
        message.starts_with("roxfs: y.zip: Permission denied"),
        "{message}"
    );
    assert_eq!(entries(&source.join("out")), [] as [&str; 0]);
}
