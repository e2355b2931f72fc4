//! System calls that read: at any place and length, through the page cache and past it, mapped,
//! by handle; and those that ask or advise.

use super::{SHARDS, Sample, errno, numbers, record_path, script};
use crate::support::*;
use nix::errno::Errno;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::unistd::{Whence, lseek};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A file opened twice: for reads through the page cache, and for reads past it, which arrive at
/// roxfs with just the offset and length that they were made with.
fn open_both(path: &Path) -> [File; 2] {
    [0, libc::O_DIRECT].map(|flags| {
        let mut options = File::options();
        options.read(true).custom_flags(flags);
        options.open(path).expect("opened")
    })
}

/// Asserts that one `pread` of a range gives what of it lies in the file.
fn check_range(file: &File, expected: &[u8], range: Range<usize>) {
    let mut buffer = vec![0; range.len()];
    let read = file.read_at(&mut buffer, range.start as u64);
    let read = read.unwrap_or_else(|error| panic!("{range:?}: {error}"));
    let end = range.end.min(expected.len());
    let expected = &expected[range.start.min(end)..end];
    // Not by assert_eq: megabytes of bytes tell nobody anything.
    assert!(buffer[..read] == *expected, "{range:?}: {read} bytes");
}

/// Where shards begin in the joined payload, and where the last one ends.
fn shard_edges() -> Vec<usize> {
    let shards = SHARDS.iter();
    let ends = shards.scan(0, |end, lengths| {
        *end += lengths.iter().sum::<usize>();
        Some(*end)
    });
    [0].into_iter().chain(ends).collect()
}

#[test]
fn reads_across_any_shards_are_whole() {
    let sample = Sample::new();
    let expected = sample.records.concat();
    let edges = shard_edges();
    assert_eq!(edges.last(), Some(&expected.len()));
    let margins = [(0, 0), (1, 1), (0, 1), (1, 0), (4097, 4095)];
    for file in open_both(&sample.mount.join("raw/data")) {
        for (place, &first) in edges.iter().enumerate() {
            for &last in &edges[place..] {
                for (before, after) in margins {
                    check_range(&file, &expected, first.saturating_sub(before)..last + after);
                }
            }
        }
    }
}

#[test]
fn index_entries_are_right_from_any_byte_on() {
    let sample = Sample::new();
    let expected = sample.plain_bytes("raw/index");
    for file in open_both(&sample.mount.join("raw/index")) {
        for start in 0..=expected.len() + 1 {
            for len in [1, 7, 8, 9, 17, 1000] {
                check_range(&file, &expected, start..start + len);
            }
        }
    }
}

#[test]
fn records_are_right_at_any_place_and_end_where_they_end() {
    let sample = Sample::new();
    for (number, record) in sample.records.iter().enumerate() {
        let len = record.len();
        let inside = numbers(number as u64, 20);
        let inside = inside.iter().map(|place| *place as usize % len.max(1));
        let starts: Vec<usize> = inside.chain([0, len / 2, len, len + 1, 1 << 40]).collect();
        for file in open_both(&record_path(&sample.mount, number)) {
            for &start in &starts {
                for size in [0, 1, 4096, 70_001] {
                    check_range(&file, record, start..start + size);
                }
            }
            let mut byte = [0];
            assert_eq!(file.read_at(&mut byte, i64::MAX as u64 - 1).ok(), Some(0));
        }
    }
}

#[test]
fn threads_that_read_the_same_file_do_not_disturb_each_other() {
    let sample = Sample::new();
    let expected = sample.records.concat();
    let [cached, direct] = open_both(&sample.mount.join("raw/data"));
    std::thread::scope(|scope| {
        for (seed, file) in (0..).zip([&cached, &cached, &direct, &direct]) {
            let expected = &expected;
            scope.spawn(move || {
                for number in numbers(seed, 200) {
                    let start = number as usize % expected.len();
                    let size = (number >> 40) as usize % 200_000;
                    check_range(file, expected, start..start + size);
                }
            });
        }
    });
}

#[test]
fn files_have_data_up_to_their_end_and_no_holes() {
    let sample = Sample::new();
    for name in sample.files() {
        let len = sample.plain_bytes(&name).len() as i64;
        let file = File::open(sample.mount.join(&name)).expect("opened");
        let seek = |offset, whence| lseek(&file, offset, whence);
        assert_eq!(seek(0, Whence::SeekEnd), Ok(len), "{name}");
        assert_eq!(seek(-len, Whence::SeekEnd), Ok(0), "{name}");
        assert_eq!(seek(-len - 1, Whence::SeekEnd), Err(Errno::EINVAL));
        assert_eq!(seek(len, Whence::SeekData), Err(Errno::ENXIO), "{name}");
        assert_eq!(seek(len, Whence::SeekHole), Err(Errno::ENXIO), "{name}");
        for place in [0, len / 2, len - 1] {
            if (0..len).contains(&place) {
                assert_eq!(seek(place, Whence::SeekData), Ok(place), "{name}");
                assert_eq!(seek(place, Whence::SeekHole), Ok(len), "{name}");
            }
        }
    }
}

#[test]
fn advice_is_taken_and_changes_no_byte() {
    let sample = Sample::new();
    for name in sample.files() {
        let file = File::open(sample.mount.join(&name)).expect("opened");
        let expected = sample.plain_bytes(&name);
        for advice in [
            PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL,
            PosixFadviseAdvice::POSIX_FADV_RANDOM,
            PosixFadviseAdvice::POSIX_FADV_NOREUSE,
            PosixFadviseAdvice::POSIX_FADV_WILLNEED,
            PosixFadviseAdvice::POSIX_FADV_DONTNEED,
            PosixFadviseAdvice::POSIX_FADV_NORMAL,
        ] {
            assert_eq!(posix_fadvise(&file, 0, 0, advice), Ok(()), "{name}");
            check_range(&file, &expected, 0..expected.len() + 1);
        }
    }
}

#[test]
fn files_can_be_mapped_shared_and_private() {
    let sample = Sample::new();
    let mapped = script("map.py", &sample.paths());
    let full = sample.files().len() - sample.records.iter().filter(|r| r.is_empty()).count();
    assert_eq!(mapped.trim(), full.to_string());
}

#[test]
fn readers_may_lock() {
    let sample = Sample::new();
    sh(
        r#"flock --shared "$1/records/000002.bin" flock --nonblock --shared "$1/records/000002.bin" true
           flock --exclusive "$1/raw/data" true
           ! flock --exclusive "$1/raw/data" flock --nonblock "$1/raw/data" true"#,
        &[sample.mount.path()],
    );
}

#[test]
fn a_record_cannot_be_run() {
    let directory = temp_dir();
    let dataset = pack_records(directory.path(), "d", &["#!/bin/true\n"], &[]);
    let mount = Mount::new(&dataset);
    let started = std::process::Command::new(record_path(&mount, 0)).spawn();
    assert_eq!(errno(started), Some(Errno::EACCES));
}

#[test]
fn a_file_handle_opens_in_a_mount_that_has_never_seen_the_file() {
    need_root();
    let sample = Sample::new();
    // A new mount knows no inode but its root: what a server does after a restart.
    let later = Mount::new(sample.shards.path());
    let last = record_path(&sample.mount, sample.records.len() - 1);
    let opened = script("handles.py", &[sample.mount.path(), later.path(), &last]);
    let expected = sample.records.len() + 2 + SHARDS.len() + 5;
    assert_eq!(opened.trim(), expected.to_string());
}

#[test]
fn an_inode_number_is_the_same_in_every_mount() {
    let sample = Sample::new();
    let later = Mount::new(sample.shards.path());
    for name in sample.files() {
        let ino = |mount: &Mount| std::fs::metadata(mount.join(&name)).expect("stat").ino();
        assert_eq!(ino(&sample.mount), ino(&later), "{name}");
    }
}
