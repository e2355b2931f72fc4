//! A short run of `scripts/attack/targets`: a plain directory, exFAT, and mounts of rclone.

use crate::support::*;
use std::process::Command;

#[test]
fn exfat_and_rclone_get_the_shards_of_a_plain_directory_or_a_word_at_once() {
    need_root();
    let mut attack = Command::new("scripts/attack/targets");
    attack.current_dir(env!("CARGO_MANIFEST_DIR"));
    attack.args(["--program", env!("CARGO_BIN_EXE_roxfs"), "--kills", "3"]);
    attack.args(["directory", "exfat-fuse", "rclone-off", "rclone-writes"]);
    let output = output(&mut attack);
    let report = String::from_utf8_lossy(&output.stdout);
    let failure = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}{failure}");
    // Where it cannot be packed, files are extracted all the same.
    let rows = [
        "rclone-off no no no no no no no no ok ok ok",
        "exfat-fuse ok ok",
    ];
    let words = report.split_whitespace().collect::<Vec<_>>().join(" ");
    for row in rows {
        assert!(words.contains(row), "{report}");
    }
}
