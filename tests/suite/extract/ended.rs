//! Runs that end too early, killed or out of space: they leave whole files only.

use super::*;
use crate::support::*;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

#[test]
fn a_killed_run_leaves_whole_files_only() {
    let (source, target) = (temp_dir(), temp_dir());
    let content = |i: u64| bytes(i, 200_000);
    let many: Vec<_> = (0..150)
        .map(|i| (format!("{}/{i}", i % 7), content(i)))
        .collect();
    write_tree(source.path(), &many);
    let dataset = pack(source.path(), target.path(), "d", &[]);
    let out = target.path().join("out");
    let mut interrupted = 0;
    for moment in 0..20 {
        let mut child = extract(&dataset, &out, &["--force", "-q"])
            .spawn()
            .expect("started");
        // Numbers that look random, up to a time in which most runs are not done.
        std::thread::sleep(Duration::from_micros(bytes(moment, 4)[3] as u64 * 400));
        interrupted += u32::from(child.try_wait().expect("asked").is_none());
        child.kill().expect("killed");
        child.wait().expect("waited for");
        if !out.exists() {
            continue;
        }
        for file in files(&out) {
            // A file that was to replace another may wait under a temporary name.
            if Path::new(&file).extension() == Some(OsStr::new("tmp")) {
                assert!(file.contains("/.roxfs-extract."), "{file}");
                std::fs::remove_file(out.join(&file)).expect("removed");
                continue;
            }
            let expected = std::fs::read(source.path().join(&file)).expect("a record's name");
            assert!(
                std::fs::read(out.join(&file)).expect("read") == expected,
                "{file}"
            );
        }
    }
    assert!(interrupted > 0, "every run was done before it was killed");
    run(&mut extract(&dataset, &out, &["--force"]));
    assert_same_trees(source.path(), &out);
}

#[test]
fn a_killed_run_leaves_no_temporary_names() {
    let target = temp_dir();
    let records: Vec<_> = (0..150).map(|i| bytes(i, 200_000)).collect();
    let dataset = pack_records(target.path(), "d", &records, &[]);
    for moment in 0..10 {
        let out = target.path().join("out");
        let mut child = extract(&dataset, &out, &["-q"]).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(moment * 4));
        child.kill().expect("killed");
        child.wait().expect("waited for");
        if out.exists() {
            let found = files(&out);
            assert!(found.iter().all(|file| file.len() == 6), "{found:?}");
            std::fs::remove_dir_all(&out).expect("removed");
        }
    }
}

#[test]
fn a_closed_pipe_is_silent() {
    let target = temp_dir();
    let dataset = pack_records(target.path(), "d", &[bytes(1, 4 << 20)], &[]);
    let mut child = roxfs()
        .args(["extract", "--tar"])
        .arg(&dataset)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("waited for");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// A small file system of its own, unmounted when dropped.
struct Tmpfs(TempDir);

impl Tmpfs {
    fn new(options: &str) -> Tmpfs {
        let tmpfs = Tmpfs(temp_dir());
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "roxfs-test"])
            .arg(tmpfs.0.path()));
        tmpfs
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_ends_the_run_with_whole_files() {
    let target = temp_dir();
    let records: Vec<_> = (0..40).map(|i| bytes(i, 100_000)).collect();
    let dataset = pack_records(target.path(), "d", &records, &[]);
    let tmpfs = Tmpfs::new("size=1m");
    let message = fail(&mut extract(&dataset, tmpfs.0.path(), &[]), FAILED);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 2, "{message}");
    assert!(lines[0].contains("No space left on device (os error 28) (record "));
    assert!(lines[1].ends_with("; 1 failed; stopped"), "{message}");
    let left = files(tmpfs.0.path());
    assert!(left.len() >= 5, "{left:?}");
    for file in left {
        let number: usize = file.parse().expect("a record's name");
        let found = std::fs::read(tmpfs.0.path().join(file)).expect("read");
        assert!(found == records[number], "record {number}");
    }
}

#[test]
fn a_read_only_target_ends_the_run() {
    let target = temp_dir();
    let dataset = pack_records(target.path(), "d", &["x"; 30], &[]);
    let tmpfs = Tmpfs::new("size=1m,ro");
    let lines = extract_fails(&dataset, tmpfs.0.path(), &[], FAILED);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains(": Read-only file system (os error 30) (record "),
        "{lines:?}"
    );
    let new = tmpfs.0.path().join("new");
    assert_eq!(
        extract_fails(&dataset, &new, &[], FAILED),
        [format!(
            "roxfs: {}: Read-only file system (os error 30)",
            new.display()
        )]
    );
}
