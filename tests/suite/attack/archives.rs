//! What other programs read of tar archives: `scripts/bench/archives` over the built program.

use crate::support::*;
use std::process::Command;

#[test]
fn what_gnu_tar_bsdtar_and_python_all_read_is_read_with_the_same_names_and_contents() {
    need_root();
    let mut compare = Command::new("scripts/bench/archives");
    compare.current_dir(env!("CARGO_MANIFEST_DIR"));
    compare.args(["--program", env!("CARGO_BIN_EXE_roxfs")]);
    let output = output(&mut compare);
    let report = String::from_utf8_lossy(&output.stdout);
    let failure = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}{failure}");
    // Were peers missing, nothing would be compared.
    let compared = report.lines().filter(|line| line.ends_with(" =")).count();
    assert!(compared >= 75, "{report}{failure}");
}
