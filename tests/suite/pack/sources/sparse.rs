//! Sparse files, in all forms in which GNU tar writes them.

use super::archives::tar;
use super::named;
use crate::support::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const FORMS: [&str; 4] = [
    "-S --format=gnu",
    "-S --format=pax --sparse-version=0.0",
    "-S --format=pax --sparse-version=0.1",
    "-S --format=pax --sparse-version=1.0",
];

/// A file of this size with data at these offsets.
fn write_sparse(path: &Path, size: u64, data: &[(u64, usize)]) {
    let file = File::create(path).expect("created");
    file.set_len(size).expect("sized");
    for &(offset, len) in data {
        file.write_all_at(&bytes(offset + 1, len), offset)
            .expect("written");
    }
}

/// Packs `in` in each form, and compares each file with the record of its name.
fn compare(directory: &Path, expected: &[&str]) {
    let content = |name: &&str| std::fs::read(directory.join("in").join(name)).expect("readable");
    let expected: Vec<_> = expected.iter().map(|name| (*name, content(name))).collect();
    for form in FORMS {
        for options in [&[][..], &["--shard-size=64KiB"]] {
            let archive = tar(directory, form);
            let target = Target::new();
            run(target.pack(options).arg(archive));
            let found = target.named_records();
            let lengths = |records: &[(String, Vec<u8>)]| -> Vec<(String, usize)> {
                records
                    .iter()
                    .map(|(name, content)| (name.clone(), content.len()))
                    .collect()
            };
            let expected = named(&expected);
            assert_eq!(lengths(&found), lengths(&expected), "{form}");
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                let differs = found.iter().zip(expected).position(|(a, b)| a != b);
                assert_eq!(differs, None, "{form}: {name}: the first byte that differs");
            }
        }
    }
}

fn tree() -> tempfile::TempDir {
    let directory = temp_dir();
    std::fs::create_dir(directory.path().join("in")).expect("directory");
    directory
}

#[test]
fn holes_at_the_beginning_between_and_at_the_end_read_as_zeros() {
    let directory = tree();
    let file = |name: &str| directory.path().join("in").join(name);
    write_sparse(&file("begins"), 200_000, &[(131_072, 68_928)]);
    write_sparse(
        &file("between"),
        300_001,
        &[(0, 4096), (131_072, 5000), (262_144, 37_857)],
    );
    write_sparse(&file("ends"), 1_000_000, &[(0, 1)]);
    std::fs::write(file("plain"), bytes(1, 5000)).expect("written");
    compare(directory.path(), &["begins", "between", "ends", "plain"]);
}

#[test]
fn a_file_that_is_one_hole_is_a_record_of_zeros() {
    let directory = tree();
    write_sparse(&directory.path().join("in/hole"), 700_000, &[]);
    std::fs::write(directory.path().join("in/next"), "next").expect("written");
    compare(directory.path(), &["hole", "next"]);
}

#[test]
fn a_map_longer_than_a_header_has_room_for_is_read() {
    let directory = tree();
    let data: Vec<(u64, usize)> = (0..150).map(|piece| (piece * 16_384, 3000)).collect();
    write_sparse(&directory.path().join("in/many"), 150 * 16_384, &data);
    std::fs::write(directory.path().join("in/next"), "next").expect("written");
    compare(directory.path(), &["many", "next"]);
}

#[test]
fn a_sparse_file_with_a_long_name_and_a_hard_link_to_it_is_read() {
    let directory = tree();
    let long = format!("{}/{}", "d".repeat(100), "f".repeat(100));
    std::fs::create_dir(directory.path().join("in").join("d".repeat(100))).expect("directory");
    let file = directory.path().join("in").join(&long);
    write_sparse(&file, 500_000, &[(0, 100), (400_000, 10)]);
    std::fs::hard_link(&file, directory.path().join("in/link")).expect("linked");
    compare(directory.path(), &[&long, "link"]);
}

#[test]
fn a_sparse_file_that_is_cut_off_is_an_error() {
    let directory = tree();
    write_sparse(
        &directory.path().join("in/a"),
        3 << 20,
        &[(0, 4096), (2 << 20, 500_000)],
    );
    for form in FORMS {
        let archive = std::fs::read(tar(directory.path(), form)).expect("readable");
        for len in [archive.len() / 3, 300_000, 2000] {
            let target = Target::new();
            let mut pack = target.pack(&["--from", "tar"]);
            let message = fail_with(&mut pack, &archive[..len], 3);
            assert!(
                message.starts_with("roxfs: standard input: entry 2 at byte "),
                "{form}: {message}"
            );
            assert!(
                message.contains(": the archive is cut off within "),
                "{form}: {message}"
            );
            assert_eq!(entries(target.path()), [] as [&str; 0]);
        }
    }
}
