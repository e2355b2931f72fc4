//! A short run of `scripts/attack/append-rights`: random rights, appended to, against the kernel.

use crate::support::*;
use std::process::Command;

#[test]
fn nobody_may_read_more_of_a_random_shard_that_was_appended_to() {
    need_root();
    let mut attack = Command::new("scripts/attack/append-rights");
    attack.current_dir(env!("CARGO_MANIFEST_DIR"));
    attack.args([
        "--program",
        env!("CARGO_BIN_EXE_roxfs"),
        "--cases",
        "60",
        "--seconds",
        "300",
    ]);
    let report = String::from_utf8(run(&mut attack)).expect("UTF-8");
    assert!(report.contains("60 cases, "), "{report}");
}
