//! Shards that have lost their end, their beginning, or got something behind it, as an interrupted
//! copy leaves them: none may pass for a whole one.

use super::*;
use roxfs::shard::Shard;
use std::fs::File;

fn shards() -> [Parts; 5] {
    let mut unknown = full();
    let section = Section::new(b"NEWTHING", 99, b"whatever".to_vec());
    unknown.sections.insert(1, section);
    let sections = full().sections;
    [
        plain(),
        typed(),
        full(),
        unknown,
        Parts {
            sections,
            ..typed()
        },
    ]
}

/// Fails the test unless the file is refused as a damaged one.
fn assert_damaged(path: &Path, what: &str) {
    let error = Shard::open(path).expect_err(what);
    assert!(error.is_damage(), "{what}: {error}");
}

#[test]
fn a_shard_cut_at_any_length_is_refused() {
    for parts in shards() {
        let (_directory, path) = write_shard(&parts.bytes());
        let file = File::options().write(true).open(&path).expect("shard");
        Shard::open(&path).expect("whole");
        for len in (0..parts.bytes().len() as u64).rev() {
            file.set_len(len).expect("cut");
            assert_damaged(&path, &format!("cut to {len} bytes"));
        }
    }
}

#[test]
fn a_cut_shard_ends_each_command_with_the_code_for_damage() {
    for parts in shards() {
        let bytes = parts.bytes();
        for len in [0, 1, 23, 24, 31, 32, bytes.len() / 2, bytes.len() - 1] {
            let (_directory, path) = write_shard(&bytes[..len]);
            for command in ["info", "ls", "verify"] {
                let found = message(roxfs().arg(command).arg(&path), &path, DAMAGED);
                assert!(
                    found.starts_with("roxfs: PATH: f"),
                    "{command}, {len} bytes: {found}"
                );
                assert_eq!(found.lines().count(), 1, "{command}, {len} bytes: {found}");
            }
        }
    }
}

#[test]
fn a_shard_without_its_beginning_is_refused() {
    for parts in shards() {
        let bytes = parts.bytes();
        for missing in 1..=bytes.len() {
            let (_directory, path) = write_shard(&bytes[missing..]);
            assert_damaged(&path, &format!("without its first {missing} bytes"));
        }
    }
}

#[test]
fn a_shard_with_something_behind_it_is_refused() {
    for parts in shards() {
        for more in 1..=64 {
            let (_directory, path) = write_shard(&[parts.bytes(), vec![0; more]].concat());
            assert_damaged(&path, &format!("with {more} bytes behind it"));
        }
    }
}

/// A file that was to be written front to back into space reserved for it, and was not.
#[test]
fn a_shard_whose_end_is_zeros_is_refused() {
    for parts in shards() {
        let whole = parts.bytes();
        for zeros in 1..=whole.len() {
            let mut bytes = whole.clone();
            bytes[whole.len() - zeros..].fill(0);
            let (_directory, path) = write_shard(&bytes);
            assert_damaged(&path, &format!("with {zeros} zeros at its end"));
        }
    }
}
