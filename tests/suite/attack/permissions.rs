//! A short run of `scripts/attack/permissions`: nobody is let in whom a shard keeps out.

use crate::support::*;
use std::path::Path;
use std::process::Command;

#[test]
fn nobody_is_let_in_whom_a_shard_keeps_out() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/attack/permissions");
    let program = env!("CARGO_BIN_EXE_roxfs");
    run(Command::new(script).args(["--rounds", "40", "--program", program]));
}
