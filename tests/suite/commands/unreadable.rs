//! What a disk that fails does to commands that describe: they say so, and do not leave out in
//! silence what they could not read.

use crate::support::parts::{Parts, Section, write_shard};
use crate::support::*;
use std::process::Command;

/// `roxfs` with this argument on a shard, of whose reads those from number `from` on fail.
fn failing(command: &str, from: usize) -> Option<std::process::Output> {
    let names: [&[u8]; 3] = [b"a", b"b", b"c"];
    let parts = Parts {
        sections: vec![Section::names(&names), Section::order(&[])],
        ..Parts::plain(&[&b"x"[..], b"yy", b"zzz"])
    };
    let (directory, path) = write_shard(&parts.bytes());
    let log = directory.path().join("log");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-o"])
        .arg(&log)
        // The loader of the program reads too.
        .arg("-P")
        .arg(&path)
        .arg(format!("-einject=pread64:error=EIO:when={from}+"))
        .args([env!("CARGO_BIN_EXE_roxfs"), command])
        .arg(&path);
    let output = output(&mut strace);
    let log = std::fs::read_to_string(&log).expect("log");
    log.contains("(INJECTED)").then_some(output)
}

#[test]
fn each_read_that_fails_is_said_and_ends_in_failure() {
    for command in ["info", "ls", "verify"] {
        let mut from = 1;
        while let Some(output) = failing(command, from) {
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(
                message.contains("Input/output error"),
                "{command} from read {from}: {message}"
            );
            assert_eq!(
                output.status.code(),
                Some(1),
                "{command} from read {from}: {message}"
            );
            from += 1;
        }
        assert!(from > 5, "{command} made {from} reads");
    }
}
