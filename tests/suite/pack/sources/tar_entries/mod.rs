//! Each kind of entry and header that packers have met in archives, made byte by byte: what comes out
//! is what GNU tar, bsdtar and Python's tarfile agree on, or an error where there is damage.

use super::made::*;
use crate::support::*;
use std::process::Output;

mod ends;
mod fields;
mod headers;
mod holes;
mod sizes;

/// What comes out of an archive.
enum Expected<'a> {
    /// These records, and nothing to say.
    Records(&'a [(&'a str, &'a [u8])]),
    /// These records, and a summary or warning that has this in it.
    Said(&'a [(&'a str, &'a [u8])], &'a str),
    /// An error with this exit code, that has this in it.
    Error(i32, &'a str),
}
use Expected::{Error, Records, Said};

fn check(cases: &[(&str, &[Vec<u8>], Expected)]) {
    for (case, parts, expected) in cases {
        let archive = parts.concat();
        let (target, output) = pack(&archive, &[]);
        let message = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        match expected {
            Records(records) => {
                assert_eq!(code, Some(0), "{case}: {message}");
                assert_eq!(message.lines().count(), 1, "{case}: {message}");
                assert!(!message.contains("; "), "{case}: {message}");
                assert_records(&target, records, case);
            }
            Said(records, what) => {
                assert_eq!(code, Some(0), "{case}: {message}");
                assert!(message.contains(what), "{case}: {message}");
                assert_records(&target, records, case);
            }
            Error(expected, what) => {
                assert_eq!(code, Some(*expected), "{case}: {message}");
                assert!(message.contains(what), "{case}: {message}");
                assert_eq!(entries(target.path()), [] as [&str; 0], "{case}");
            }
        }
    }
}

fn pack(archive: &[u8], options: &[&str]) -> (Target, Output) {
    let target = Target::new();
    let output = feed(target.pack(&["--from", "tar"]).args(options), archive);
    (target, output)
}

fn assert_records(target: &Target, expected: &[(&str, &[u8])], case: &str) {
    let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(target.names(), names, "{case}");
    for (number, (name, content)) in expected.iter().enumerate() {
        let index = number.to_string();
        let found = run(roxfs().args(["cat", "-i", &index]).arg(target.dataset()));
        assert!(found == *content, "{case}: {name}: {} bytes", found.len());
    }
}

fn a() -> Vec<u8> {
    file("a", "hello")
}

fn after() -> Vec<u8> {
    file("after", "last")
}

fn end() -> Vec<u8> {
    END.to_vec()
}

const HELLO: (&str, &[u8]) = ("a", b"hello");
const AFTER: (&str, &[u8]) = ("after", b"last");
