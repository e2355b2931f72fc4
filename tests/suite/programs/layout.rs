//! Names and what they stand for: several paths to one record, names that are not there, and the
//! files that describe the mount.

use super::{SHARDS, Sample, errno, record_path};
use crate::support::*;
use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device and inode number: two paths with the same are one file.
fn identity(path: &Path) -> (u64, u64) {
    let stat = std::fs::metadata(path);
    let stat = stat.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (stat.dev(), stat.ino())
}

#[test]
fn a_record_is_one_file_under_records_and_under_its_shard() {
    let sample = Sample::new();
    let mut number = 0;
    for (shard, lengths) in SHARDS.iter().enumerate() {
        let directory = sample.mount.join(&format!("shards/{shard}"));
        let names = sh(r#"ls "$1""#, &[&directory]);
        assert_eq!(names.lines().count(), lengths.len(), "shard {shard}");
        for (local, name) in names.lines().enumerate() {
            assert_eq!(name, format!("{local:06}.bin"));
            let path = directory.join(name);
            let record = record_path(&sample.mount, number);
            assert_eq!(identity(&path), identity(&record), "record {number}");
            assert!(std::fs::read(&path).expect("read") == sample.records[number]);
            number += 1;
        }
    }
    assert_eq!(number, sample.records.len());
}

#[test]
fn a_record_is_found_with_any_number_of_zeros() {
    let sample = Sample::new();
    let record = identity(&record_path(&sample.mount, 12));
    for name in ["12.bin", "012.bin", "00000000000000000000000000000012.bin"] {
        let path = sample.mount.join("records").join(name);
        assert_eq!(identity(&path), record, "{name}");
    }
    let in_shard = sample.mount.join("shards/6/2.bin");
    assert_eq!(identity(&in_shard), record);
    // None of them is listed.
    let listed = std::fs::read_dir(sample.mount.join("records")).expect("listed");
    assert_eq!(listed.count(), sample.records.len());
}

#[test]
fn a_name_that_is_not_there_is_not_found_however_often_it_is_asked_for() {
    let sample = Sample::new();
    let names = [
        "nosuch",
        "000016.bin",
        "000017.bin",
        "999999.bin",
        "18446744073709551615.bin",
        "18446744073709551616.bin",
        "000000",
        "000000.jpg",
        "000000.bin~",
        "000000.BIN",
        ".bin",
        "-1.bin",
        "+1.bin",
        " 1.bin",
        "0x1.bin",
        "RECORDS",
        "\u{ff}",
        "*",
    ];
    let directories = [
        "", "records", "raw", "shards", "shards/0", "shards/6", ".roxfs",
    ];
    for directory in directories {
        let directory = sample.mount.join(directory);
        for name in names.iter().chain([&"x".repeat(255).as_str()]) {
            for time in ["first", "second"] {
                let path = directory.join(name);
                assert_eq!(
                    errno(std::fs::metadata(&path)),
                    Some(Errno::ENOENT),
                    "{} the {time} time",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn a_missing_name_does_not_hide_those_that_are_there() {
    let sample = Sample::new();
    for (number, record) in sample.records.iter().enumerate() {
        let missing = sample.mount.join(&format!("records/{number:06}"));
        assert_eq!(errno(std::fs::metadata(missing)), Some(Errno::ENOENT));
        assert!(std::fs::read(record_path(&sample.mount, number)).expect("read") == *record);
    }
}

#[test]
fn a_path_that_makes_no_sense_is_refused_as_anywhere_else() {
    let sample = Sample::new();
    let cases = [
        ("records/000000.bin/x", Errno::ENOTDIR),
        ("raw/data/", Errno::ENOTDIR),
        ("raw/data/..", Errno::ENOTDIR),
        ("records/../nosuch", Errno::ENOENT),
    ];
    for (path, expected) in cases {
        let found = errno(std::fs::metadata(sample.mount.join(path)));
        assert_eq!(found, Some(expected), "{path}");
    }
    assert_eq!(
        errno(std::fs::read(sample.mount.join("records"))),
        Some(Errno::EISDIR)
    );
    assert_eq!(
        errno(std::fs::read_dir(record_path(&sample.mount, 0))),
        Some(Errno::ENOTDIR)
    );
    assert_eq!(
        errno(std::fs::read_link(record_path(&sample.mount, 0))),
        Some(Errno::EINVAL)
    );
}

#[test]
fn a_shard_has_no_records_of_the_next_one() {
    let sample = Sample::new();
    for (shard, lengths) in SHARDS.iter().enumerate() {
        let count = lengths.len();
        let missing = sample.mount.join(&format!("shards/{shard}/{count:06}.bin"));
        assert_eq!(errno(std::fs::metadata(missing)), Some(Errno::ENOENT));
    }
}

#[test]
fn a_name_of_more_bytes_than_statfs_says_is_too_long() {
    let sample = Sample::new();
    for name in ["x".repeat(256), format!("{:0252}.bin", 7)] {
        let path = sample.mount.join("records").join(name);
        let found = errno(std::fs::metadata(path));
        assert_eq!(found, Some(Errno::ENAMETOOLONG));
    }
}

#[test]
fn a_directory_has_two_links_and_one_for_each_directory_in_it() {
    let sample = Sample::new();
    for path in ["", "records", "raw", "shards", "shards/6", ".roxfs"] {
        let path = sample.mount.join(path);
        let entries = std::fs::read_dir(&path).expect("listed");
        let kinds = entries.map(|entry| entry.expect("entry").file_type().expect("kind"));
        let directories = kinds.filter(|kind| kind.is_dir()).count() as u64;
        let links = std::fs::metadata(&path).expect("stat").nlink();
        assert_eq!(links, 2 + directories, "{}", path.display());
    }
}

#[test]
fn info_json_counts_what_is_mounted() {
    let sample = Sample::new();
    let info: serde_json::Value =
        serde_json::from_slice(&sample.mount.read(".roxfs/info.json")).expect("JSON");
    let payload = sample.records.concat().len();
    assert_eq!(info["records"], sample.records.len());
    assert_eq!(info["payload_bytes"], payload);
    let shards = info["shards"].as_array().expect("a list of shards");
    assert_eq!(shards.len(), SHARDS.len());
    let mut first = 0;
    let mut file_bytes = 0;
    for (number, (shard, lengths)) in shards.iter().zip(SHARDS).enumerate() {
        let file = sample.shards.path().join(format!("{number}.rox"));
        let len = std::fs::metadata(&file).expect("shard").len();
        assert_eq!(shard["path"], file.to_str().expect("UTF-8 path"));
        assert_eq!(shard["first_record"], first);
        assert_eq!(shard["records"], lengths.len());
        assert_eq!(shard["payload_bytes"], lengths.iter().sum::<usize>());
        assert_eq!(shard["file_bytes"], len);
        first += lengths.len();
        file_bytes += len;
    }
    assert_eq!(info["file_bytes"], file_bytes);
}

#[test]
fn the_file_system_is_full_with_the_records() {
    let sample = Sample::new();
    let payload = sample.records.concat().len() as u64;
    for path in ["", "records/000004.bin", "raw"] {
        let found = statvfs(&sample.mount.join(path)).expect("statvfs");
        let bytes = found.blocks() * found.fragment_size();
        assert!((payload..payload + 4096).contains(&bytes), "{bytes}");
        assert_eq!(found.files(), sample.records.len() as u64);
        assert_eq!((found.blocks_free(), found.blocks_available()), (0, 0));
        assert_eq!((found.files_free(), found.files_available()), (0, 0));
        assert_eq!(found.name_max(), 255);
        assert!(found.flags().contains(FsFlags::ST_RDONLY));
    }
}

#[test]
fn blocks_cover_each_file_and_no_more() {
    let sample = Sample::new();
    for name in sample.files() {
        let stat = std::fs::metadata(sample.mount.join(&name)).expect("stat");
        let len = sample.plain_bytes(&name).len() as u64;
        assert_eq!(stat.size(), len, "{name}");
        assert!((len..len + 4096).contains(&(stat.blocks() * 512)), "{name}");
        assert_eq!((stat.nlink(), stat.blksize()), (1, 4096), "{name}");
    }
}
