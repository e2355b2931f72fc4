//! A short run of `scripts/attack/stress`: readers, listings, appends, dropped caches and unmounts at
//! once, every read compared. It drops the kernel's caches.

use crate::alone;
use crate::support::*;
use std::path::Path;
use std::process::Command;

#[test]
fn every_byte_is_right_while_everything_happens_at_once() {
    let _alone = alone();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/attack/stress");
    let mut command = Command::new(script);
    command.args(["20", "6"]);
    let printed = run(command.env("ROXFS", env!("CARGO_BIN_EXE_roxfs")));
    print!("{}", String::from_utf8_lossy(&printed));
}
