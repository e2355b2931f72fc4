//! A short run of `scripts/attack/kill`. It keeps the processors busy.

use crate::alone;
use crate::support::*;
use std::path::Path;
use std::process::Command;

#[test]
fn whoever_is_killed_nobody_hangs() {
    let _alone = alone();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/attack/kill");
    let mut attack = Command::new("timeout");
    attack
        .args(["--kill-after=30", "240"])
        .arg(script)
        .args(["--rounds", "100", "--seconds", "25", "--roxfs"])
        .arg(env!("CARGO_BIN_EXE_roxfs"));
    println!("{}", String::from_utf8_lossy(&run(&mut attack)));
}
