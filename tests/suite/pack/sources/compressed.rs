//! Tar archives that gzip, zstd, xz and bzip2 have compressed are read as the plain ones.

use super::given::give;
use crate::support::*;
use roxfs::pack::source::SourceKind;
use std::path::Path;
use tempfile::TempDir;

/// How the tools write compressed data: the end of a name, and a filter from standard input to
/// standard output. In pieces, each is a member of its own.
const WAYS: [(&str, &str); 22] = [
    ("tar.gz", "gzip"),
    ("tgz", "gzip -9"),
    ("TGZ", "gzip --fast"),
    ("tar.gz", "split -b 700000 --filter='gzip'"),
    (
        "tar.gz",
        "split -b 700000 --filter='gzip -1; head -c 512 /dev/zero'",
    ),
    ("tar.zst", "zstd -q"),
    ("tzst", "zstd -q -19 --no-check"),
    ("tar.zst", "zstd -q --ultra -22 --long=27"),
    ("tar.zst", "zstd -q -c --format=zstd --no-content-size"),
    ("tar.zst", "split -b 700000 --filter='zstd -q'"),
    (
        "tar.zst",
        r"split -b 700000 --filter='printf \\136\\052\\115\\030\\003\\000\\000\\000abc; zstd -q'",
    ),
    ("tar.zst", "cat >x; pzstd -q -p 3 -c x"),
    ("tar.xz", "xz"),
    ("txz", "xz -9e"),
    ("tar.xz", "xz -T2 --block-size=500000"),
    ("tar.xz", "xz --check=sha256 --x86 --lzma2=preset=1"),
    (
        "tar.xz",
        "split -b 700000 --filter='xz --check=none; head -c 8 /dev/zero'",
    ),
    ("tar.bz2", "bzip2"),
    ("tbz2", "bzip2 -1"),
    ("tbz", "split -b 700000 --filter='bzip2'"),
    ("tar.bz2", "bzip2; head -c 10000 /dev/zero"),
    (
        "tar.gz",
        "for size in 69 4 1000 9999999; do head -c $size | gzip; done",
    ),
];

/// A tar archive in a directory, with hard links, an empty and a large file.
fn plain() -> TempDir {
    let directory = temp_dir();
    let files = [
        ("a", bytes(1, 700)),
        ("b/large", bytes(2, (1 << 20) + 77)),
        ("b/text", b"the same words again ".repeat(50_000)),
        ("c/empty", Vec::new()),
    ];
    write_tree(&directory.path().join("in"), &files);
    let script = "cd \"$1/in\"; ln a h1; ln b/large h2; ln -s a l; tar -V label --sort=name -cf ../plain.tar .";
    sh(script, &[directory.path()]);
    directory
}

/// Compresses `plain.tar` of the directory.
fn compress(directory: &Path, ending: &str, filter: &str) -> std::path::PathBuf {
    let to = directory.join(format!("x.{ending}"));
    let script = format!("cd \"$1\"; cat plain.tar | ({filter}) >\"$2\"");
    sh(&script, &[directory, &to]);
    to
}

fn packed(options: &[&str], source: &Path) -> Vec<Vec<u8>> {
    let target = Target::new();
    run(target.pack(options).arg(source));
    target.bytes()
}

#[test]
fn a_compressed_archive_gives_the_shards_of_the_plain_one() {
    let directory = plain();
    let plain = directory.path().join("plain.tar");
    let options = [
        &["-q"][..],
        &["-q", "--drop-empty", "--shard-size=1MB", "--no-checksums"],
    ];
    let expected = options.map(|options| packed(options, &plain));
    assert!(expected[1].len() > 2, "several shards");
    for (ending, filter) in WAYS {
        let archive = compress(directory.path(), ending, filter);
        for (options, expected) in options.iter().zip(&expected) {
            let found = packed(options, &archive);
            assert!(found == *expected, "{ending} by {filter}: {options:?}");
        }
    }
}

#[test]
fn with_from_tar_the_name_says_nothing() {
    let directory = plain();
    let expected = packed(&["-q"], &directory.path().join("plain.tar"));
    for (ending, filter) in [WAYS[0], WAYS[5], WAYS[12], WAYS[17]] {
        let archive = compress(directory.path(), ending, filter);
        let piped = Target::new();
        let input = std::fs::read(&archive).expect("readable");
        run_with(&mut piped.pack(&["-q", "--from", "tar"]), &input);
        assert!(piped.bytes() == expected, "{filter} through a pipe");
        let renamed = directory.path().join("photos");
        std::fs::rename(archive, &renamed).expect("renamed");
        assert!(
            packed(&["-q", "--from=tar"], &renamed) == expected,
            "{filter}"
        );
    }
}

#[test]
fn a_compressed_file_that_is_named_like_no_archive_is_a_file() {
    let directory = plain();
    let archive = compress(directory.path(), "gz", "gzip");
    let target = Target::new();
    run(&mut target.pack(&[&archive]));
    let content = std::fs::read(&archive).expect("readable");
    assert_eq!(
        target.named_records(),
        [("x.gz".to_owned(), content.clone())]
    );
    let tar = archive.with_extension("tar.gz");
    std::fs::rename(archive, &tar).expect("renamed");
    let target = Target::new();
    run(target.pack(&["--from", "files"]).arg(tar));
    assert_eq!(target.named_records(), [("x.tar.gz".to_owned(), content)]);
}

#[test]
fn a_compressed_archive_that_is_cut_off_keeps_whole_shards_and_is_resumed() {
    let directory = plain();
    for (ending, filter) in [WAYS[0], WAYS[9], WAYS[14], WAYS[17]] {
        let archive = compress(directory.path(), ending, filter);
        let whole = std::fs::read(&archive).expect("readable");
        let options = ["-q", "--shard-size=1KB"];
        let expected = packed(&options, &archive);
        let target = Target::new();
        std::fs::write(&archive, &whole[..whole.len() - 9]).expect("written");
        let message = fail(target.pack(&options).arg(&archive), 3);
        let program = filter
            .split([' ', '\''])
            .find(|word| ["gzip", "zstd", "xz", "bzip2"].contains(word));
        let start = format!(
            "roxfs: {}: the {} data are cut off after ",
            archive.display(),
            program.expect("a program")
        );
        assert!(message.starts_with(&start), "{filter}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        let kept = target.bytes();
        assert!(!kept.is_empty() && expected.starts_with(&kept), "{filter}");
        std::fs::write(&archive, &whole).expect("written");
        run(target.pack(&options).arg("--resume").arg(&archive));
        assert!(target.bytes() == expected, "{filter}: --resume");
    }
}

/// A small archive, and its two records.
fn small() -> (TempDir, Vec<(String, Vec<u8>)>) {
    let directory = temp_dir();
    let files = vec![
        ("a".to_owned(), b"alpha beta alpha beta ".repeat(9)),
        ("b".to_owned(), bytes(7, 60)),
    ];
    write_tree(&directory.path().join("in"), &files);
    sh(
        "cd \"$1/in\"; tar -b 1 --mtime=@1 --sort=name -cf ../plain.tar a b",
        &[directory.path()],
    );
    (directory, files)
}

const SMALL_WAYS: [&str; 4] = ["gzip", "zstd -q", "xz", "bzip2"];

#[test]
fn a_cut_anywhere_is_damage() {
    let (directory, files) = small();
    for filter in SMALL_WAYS {
        let archive = compress(directory.path(), "tar.z", filter);
        let whole = std::fs::read(archive).expect("readable");
        assert_eq!(give(SourceKind::Tar, &whole).records, files, "{filter}");
        for len in 0..whole.len() {
            let mut given = give(SourceKind::Tar, &whole[..len]);
            let error = given.error.or_else(|| given.failed.pop());
            let error = error.unwrap_or_else(|| panic!("{filter} cut at {len}"));
            // Without its magic it is no archive.
            assert!(
                len < 10 || error.is_damage(),
                "{filter} cut at {len}: {error}"
            );
            let message = error.to_string();
            assert!(
                len < 6 || message.contains("cut off"),
                "{filter} cut at {len}: {message}"
            );
        }
    }
}

#[test]
fn a_flipped_bit_never_gives_other_records_without_an_error() {
    let (directory, files) = small();
    for filter in SMALL_WAYS {
        let archive = compress(directory.path(), "tar.z", filter);
        let whole = std::fs::read(archive).expect("readable");
        for place in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            let given = give(SourceKind::Tar, &flipped);
            let is_whole = given.records == files;
            assert!(
                given.error.is_some() || !given.failed.is_empty() || is_whole,
                "{filter}, bit {place}: {given:?}"
            );
        }
    }
}

#[test]
fn a_header_that_claims_a_large_window_gets_no_memory() {
    let directory = plain();
    let cases = [
        (
            "tar.zst",
            "zstd -q --long=31",
            "it needs a window of 2.0 GiB of memory, at most 128.0 MiB are given; decompress it by \
             another program: zstd -dc --long=31 ",
        ),
        (
            "tar.xz",
            "xz --lzma2=preset=0,dict=1GiB",
            "it needs a dictionary of memory, at most 132.0 MiB are given; decompress it by another \
             program: xz -dc ",
        ),
    ];
    for (ending, filter, expected) in cases {
        let archive = compress(directory.path(), ending, filter);
        let target = Target::new();
        let message = fail(&mut target.pack(&[&archive]), 1);
        let start = format!("roxfs: {}: {expected}", archive.display());
        assert!(message.starts_with(&start), "{message}");
        assert_eq!(entries(target.path()), [] as [&str; 0]);
    }
}

#[test]
fn what_follows_whole_data_is_passed_over_with_a_word() {
    let directory = plain();
    let expected = packed(&["-q"], &directory.path().join("plain.tar"));
    for filter in SMALL_WAYS {
        let archive = compress(
            directory.path(),
            "tar.gz",
            &format!("{filter}; echo garbage"),
        );
        let target = Target::new();
        let message = said(target.pack(&["-q"]).arg(&archive));
        let program = filter.split(' ').next().expect("a program");
        let start = format!(
            "roxfs: {}: after its end, 8 bytes that {program} has not written are passed over\n",
            archive.display()
        );
        assert_eq!(message, start);
        assert!(target.bytes() == expected, "{filter}");
    }
}

#[test]
fn a_member_that_is_damaged_at_its_beginning_is_no_end() {
    let directory = plain();
    let archive = compress(
        directory.path(),
        "tar.gz",
        "split -b 700000 --filter='gzip'",
    );
    let mut bytes = std::fs::read(&archive).expect("readable");
    let second = bytes[3..]
        .windows(3)
        .position(|three| three == b"\x1f\x8b\x08");
    bytes[3 + second.expect("a member")] = 0x1e;
    std::fs::write(&archive, bytes).expect("written");
    let target = Target::new();
    let message = fail(&mut target.pack(&[&archive]), 3);
    assert!(message.contains(": the gzip data end after "), "{message}");
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}
