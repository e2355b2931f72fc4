//! What is said when a disk is full, and what is not.

use super::full::{Disk, fits};
use crate::support::*;

#[test]
fn a_full_disk_is_not_a_file_that_can_be_left_out() {
    need_root();
    let source = temp_dir();
    write_tree(
        source.path(),
        &[
            ("a", bytes(1, 1000)),
            ("b", bytes(2, 1 << 20)),
            ("c", vec![1]),
        ],
    );
    for options in [&["--keep-going"][..], &["--keep-going", "--plain"]] {
        let disk = Disk::new(256);
        let target = disk.target();
        assert!(!fits(target.pack(options).arg(source.path()), &disk));
        assert_eq!(entries(target.path()), [] as [&str; 0], "{options:?}");
    }
}

#[test]
fn a_disk_too_small_for_a_long_line_is_named() {
    need_root();
    let directory = temp_dir();
    let lines = directory.path().join("lines");
    let long: Vec<u8> = bytes(1, 20 << 20).iter().map(|byte| byte | 0x80).collect();
    std::fs::write(&lines, long).expect("written");
    let disk = Disk::new(4 << 10);
    let target = disk.target();
    assert!(!fits(target.pack(&["--from", "lines"]).arg(lines), &disk));
    assert_eq!(entries(target.path()), [] as [&str; 0]);
}

#[test]
fn a_disk_without_room_for_the_lock_is_named() {
    need_root();
    let source = temp_dir();
    write_tree(source.path(), &[("a", "1")]);
    let disk = Disk::new(16);
    let target = disk.target();
    std::fs::write(target.path().join("other"), vec![0; 16 << 10]).expect("fills it");
    assert!(!fits(&mut target.pack(&[source.path()]), &disk));
    std::fs::remove_file(target.path().join("other")).expect("removed");
    run(&mut target.pack(&[source.path()]));
    assert_eq!(entries(target.path()), ["d_0000.rox"]);
}
