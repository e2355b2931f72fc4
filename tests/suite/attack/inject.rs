//! A short run of `scripts/attack/inject`: system calls of commands fail, spread over all there are.

use crate::support::*;
use std::process::Command;

#[test]
fn a_system_call_that_fails_leaves_whole_shards_and_a_run_that_can_be_repeated() {
    need_root();
    let mut attack = Command::new("scripts/attack/inject");
    attack.current_dir(env!("CARGO_MANIFEST_DIR"));
    attack.args(["--program", env!("CARGO_BIN_EXE_roxfs"), "--runs", "320"]);
    attack.args(["--lasting", "60", "--positions", "12", "--seconds", "90"]);
    attack.args([
        "pack",
        "plain",
        "archive",
        "append",
        "append-single",
        "resume",
    ]);
    attack.args(["extract", "extract-force", "ls", "cat", "verify", "info"]);
    attack.args(["mount", "umount", "hint"]);
    let output = output(&mut attack);
    let report = String::from_utf8_lossy(&output.stdout);
    let failure = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}{failure}");
    assert!(report.contains(": 0 found"), "{report}");
}
