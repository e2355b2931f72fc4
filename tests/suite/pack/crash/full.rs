//! A disk that is full, at every stage of a run.

use super::{check_complete, check_whole, write_files};
use crate::support::*;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system in memory, unmounted when dropped.
pub struct Disk {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Disk {
    /// Of this many KiB.
    pub fn new(kib: u64) -> Disk {
        let directory = temp_dir();
        let path = directory.path().join("disk");
        std::fs::create_dir(&path).expect("directory");
        let disk = Disk {
            path,
            _directory: directory,
        };
        disk.mount(kib, MsFlags::empty());
        disk
    }

    fn mount(&self, kib: u64, flags: MsFlags) {
        let (kind, options) = (Some("tmpfs"), format!("size={kib}k"));
        mount(kind, &self.path, kind, flags, Some(&options[..])).expect("mounted");
    }

    /// Gives it more room.
    pub fn enlarge(&self) {
        self.mount(64 << 10, MsFlags::MS_REMOUNT);
    }

    /// A target on it.
    pub fn target(&self) -> Target {
        Target::on(&self.path)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
    }
}

/// Runs a command that fails for want of room, or does not: `false` if it has failed, in one line
/// that names the disk.
pub fn fits(command: &mut Command, disk: &Disk) -> bool {
    let output = output(command);
    if output.status.success() {
        return true;
    }
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("No space left on device"), "{message}");
    let place = disk.path().display().to_string();
    assert!(
        message.contains(&place),
        "the full disk is not named: {message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");
    false
}

/// Packs onto disks of growing sizes, from one page on; goes on when there is more room, and
/// compares with what is packed where there is room from the beginning.
fn fill(options: &[&str], before: Option<&Path>, source: &Path, steps: u64) {
    need_root();
    let room = Disk::new(64 << 10);
    let whole = room.target();
    let mut old = Vec::new();
    if let Some(before) = before {
        run(whole.pack(options).arg(before));
        old = whole.bytes();
    }
    run(whole.pack(options).arg(source));
    let after = whole.bytes();
    let pages = |shards: &[Vec<u8>]| {
        shards
            .iter()
            .map(|shard| shard.len() as u64 / 4096 + 1)
            .sum()
    };
    let (first, last): (u64, u64) = (pages(&old), pages(&after));
    let (mut failures, mut shards) = (0, Vec::new());
    for step in 0..=steps {
        let pages = first + 1 + (last + 1 - first) * step / steps;
        let disk = Disk::new(pages * 4);
        let target = disk.target();
        for (number, shard) in old.iter().enumerate() {
            let path = target.path().join(format!("d_{number:04}.rox"));
            std::fs::write(path, shard).expect("written");
        }
        let mut command = target.pack(options);
        command.arg(source);
        if fits(&mut command, &disk) {
            check_complete(&target, &after);
            continue;
        }
        failures += 1;
        shards.push(check_whole(&target, &old, &after));
        // Once more, on the disk that is still full; two copies may have been too much for it.
        if fits(command.arg("--resume"), &disk) {
            check_complete(&target, &after);
            continue;
        }
        check_whole(&target, &old, &after);
        disk.enlarge();
        run(&mut command);
        check_complete(&target, &after);
    }
    shards.dedup();
    assert!(
        failures * 2 > steps,
        "only {failures} of {steps} disks were too small"
    );
    assert!(
        shards.len() as u64 > 2 || after.len() < 3,
        "always the same shard: {shards:?}"
    );
}

#[test]
fn a_full_disk_leaves_whole_shards_and_with_more_room_the_run_is_resumed() {
    let source = temp_dir();
    write_files(source.path(), 0, 100);
    fill(&["--shard-size=30000"], None, source.path(), 40);
}

#[test]
fn a_disk_that_is_full_while_tables_are_written_leaves_no_half_shard() {
    let source = temp_dir();
    let long = "x".repeat(200);
    let files: Vec<(String, Vec<u8>)> = (0..300)
        .map(|number| (format!("{long}{number:04}"), bytes(number, 10)))
        .collect();
    write_tree(source.path(), &files);
    fill(&["--shard-size=20000"], None, source.path(), 20);
    fill(&["--single-file"], None, source.path(), 20);
}

#[test]
fn a_disk_without_room_for_the_copy_leaves_the_shard_that_is_appended_to() {
    let [first, second] = [(); 2].map(|()| temp_dir());
    write_files(first.path(), 0, 50);
    write_files(second.path(), 50, 50);
    fill(
        &["--shard-size=24000"],
        Some(first.path()),
        second.path(),
        30,
    );
}

#[test]
fn a_full_disk_is_told_for_every_kind_of_shard() {
    let source = temp_dir();
    let files = [
        ("a", 1000),
        ("b", 400_000),
        ("c", 2_000_000),
        ("d", 0),
        ("e", 300_000),
    ];
    let files = files.map(|(name, size)| (name, bytes(size as u64, size)));
    write_tree(source.path(), &files);
    for options in [&["--no-names"][..], &["--no-checksums"], &["--plain"]] {
        let options = [options, &["--shard-size=1MiB"]].concat();
        fill(&options, None, source.path(), 12);
    }
}
