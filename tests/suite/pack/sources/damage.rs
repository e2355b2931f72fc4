//! Compressed data with damage of many kinds at once: no panic, no end of reading that does not
//! come, and no other content without an error where a checksum covers it.

use super::given::give;
use crate::support::zips::{compressed, zip};
use crate::support::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestRunner};
use roxfs::pack::source::SourceKind;
use std::process::Command;

/// A change: what, where, and by which byte.
type Change = (u8, Index, u8);

fn damage(bytes: &mut Vec<u8>, changes: &[Change]) {
    for (kind, place, byte) in changes {
        let place = place.index(bytes.len() + 1);
        let end = bytes.len().min(place + usize::from(*byte));
        match kind % 6 {
            0 if place < bytes.len() => bytes[place] ^= 1 << (byte % 8),
            1 if place < bytes.len() => bytes[place] = *byte,
            2 => bytes.truncate(place),
            3 => bytes.insert(place, *byte),
            4 => drop(bytes.drain(place..end)),
            _ => bytes[place..end].fill(0xff),
        }
    }
}

/// Damages archives in many ways, and gives them to a check with the content they had.
fn check(kind: SourceKind, whole: &[u8], content: &[u8], what: &str) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(0x726f_7866),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let changes = vec(any::<Change>(), 1..4);
    let result = runner.run(&changes, |changes| {
        let mut bytes = whole.to_vec();
        damage(&mut bytes, &changes);
        let given = give(kind, &bytes);
        let is_told = given.error.is_some() || !given.failed.is_empty();
        let is_same = given.records.iter().all(|(_, found)| found == content);
        prop_assert!(is_told || is_same, "{given:?}");
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{what}: {error}"));
}

fn content() -> Vec<u8> {
    let words = ["alpha", "beta", "gamma", "delta"];
    let choices = bytes(5, 400);
    let word = |byte: &u8| words[usize::from(byte % 4)].as_bytes().to_vec();
    let text: Vec<Vec<u8>> = choices.iter().map(word).collect();
    [text.join(&b' '), bytes(6, 300)].concat()
}

fn filter(command: &str, input: &[u8]) -> Vec<u8> {
    let output = feed(Command::new("sh").args(["-c", command]), input);
    assert!(output.status.success(), "{command}");
    output.stdout
}

#[test]
fn damaged_compressed_archives_give_no_other_content_without_an_error() {
    let directory = temp_dir();
    write_tree(&directory.path().join("in"), &[("a", content())]);
    sh("cd \"$1\"; tar -b 1 -cf x.tar -C in a", &[directory.path()]);
    let plain = std::fs::read(directory.path().join("x.tar")).expect("readable");
    for command in [
        "gzip",
        "zstd -q",
        "zstd -q -19",
        "xz",
        "xz --x86 --lzma2=dict=4KiB,lc=1,lp=3",
        "xz --delta=dist=3 --lzma2",
        "bzip2",
    ] {
        let whole = filter(command, &plain);
        check(SourceKind::Tar, &whole, &content(), command);
    }
}

#[test]
fn damaged_entries_of_every_method_give_no_other_content_without_an_error() {
    let content = content();
    let lzma = filter("xz --format=lzma", &content);
    let lzma = [&[9, 20, 5, 0][..], &lzma[..5], &lzma[13..]].concat();
    let methods = [
        (8, crate::support::zips::deflate(&content)),
        // Without distances beyond 32 KiB it is the same.
        (9, crate::support::zips::deflate(&content)),
        (12, filter("bzip2", &content)),
        (14, lzma),
        (93, filter("zstd -q --no-check", &content)),
        (95, filter("xz --check=none", &content)),
    ];
    for (method, data) in methods {
        let archive = zip(&[compressed("a", method, &content, data)]);
        assert_eq!(
            give(SourceKind::Zip, &archive).records.len(),
            1,
            "method {method}"
        );
        check(
            SourceKind::Zip,
            &archive,
            &content,
            &format!("method {method}"),
        );
    }
}
