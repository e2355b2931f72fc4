//! What a mount says while it is served: it never waits for its reader, and says each thing once.

use crate::support::*;
use std::fs::File;
use std::io::{PipeReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use tempfile::TempDir;

const RECORDS: usize = 20;

/// A mount in the foreground; ended when dropped.
struct Foreground {
    child: Child,
    directory: TempDir,
}

impl Foreground {
    fn new(messages: Stdio, options: &[&str]) -> Foreground {
        let directory = temp_dir();
        let records: Vec<Vec<u8>> = (0..RECORDS).map(|n| bytes(n as u64, 100_000)).collect();
        pack_records(directory.path(), "d", &records, &["--shard-size", "1MB"]);
        std::fs::create_dir(directory.path().join("mnt")).expect("mount point");
        let mut command = roxfs();
        command.args(["mount", "-f"]).args(options);
        command
            .arg(directory.path().join("d.rox"))
            .arg(directory.path().join("mnt"));
        let child = command.stderr(messages).spawn().expect("started");
        let mount = Foreground { child, directory };
        wait_until("it is mounted", || is_mounted(&mount.path("mnt")));
        mount
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Reads a record; whether it failed as it has to.
    fn is_refused(&self, number: usize) -> bool {
        let read = std::fs::read(self.path(&format!("mnt/records/{number}.bin")));
        read.is_err_and(|error| error.raw_os_error() == Some(libc::EIO))
    }

    /// Writes into a shard.
    fn spoil(&self, shard: &str) {
        let file = File::options()
            .write(true)
            .open(self.path(shard))
            .expect("shard");
        let end = file.metadata().expect("size").len();
        file.write_all_at(b"other", end - 5).expect("written");
    }

    fn end(mut self) {
        unmount(&self.path("mnt"));
        wait_until("it ends", || {
            self.child.try_wait().expect("a child").is_some()
        });
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = roxfs()
            .args(["umount", "-l"])
            .arg(self.path("mnt"))
            .output();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pipe that is full.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    let flags = rustix::fs::fcntl_getfl(&writer).expect("flags");
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).expect("flags");
    while writer.write(b"full").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).expect("flags");
    (reader, writer.into())
}

#[test]
fn a_mount_whose_messages_nobody_reads_is_served_and_ends() {
    let (reader, messages) = full_pipe();
    let mount = Foreground::new(messages, &[]);
    mount.spoil("d_0000.rox");
    for _ in 0..2000 {
        assert!(mount.is_refused(0));
    }
    let whole = std::fs::read(mount.path(&format!("mnt/records/{}.bin", RECORDS - 1)));
    assert!(whole.expect("read") == bytes(RECORDS as u64 - 1, 100_000));
    mount.end();
    drop(reader);
}

/// The lines of a log that name a file.
fn lines_of(log: &Path, file: &str) -> Vec<String> {
    let log = std::fs::read_to_string(log).expect("log");
    let lines = log.lines().filter(|line| line.contains(file));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_shard_that_fails_again_and_again_is_a_few_lines_in_the_log() {
    let directory = temp_dir();
    let log = directory.path().join("log");
    let mount = Foreground::new(File::create(&log).expect("file").into(), &[]);
    mount.spoil("d_0000.rox");
    mount.spoil("d_0001.rox");
    let before = lines_of(&log, "d_0000.rox").len();
    for turn in 0..1200 {
        assert!(mount.is_refused(turn % 5));
    }
    assert!(mount.is_refused(12));
    mount.end();
    let lines = lines_of(&log, "d_0000.rox");
    // Each read may be more than one request.
    assert!((3..=6).contains(&(lines.len() - before)), "{lines:?}");
    assert!(
        lines[0].contains("it has changed since it was opened: its bytes "),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("(10 requests have failed like this)"),
        "{lines:?}"
    );
    assert!(!lines_of(&log, "d_0001.rox").is_empty());
}

/// A mount in the background has left the directory that a relative path was given in.
#[test]
fn a_mount_in_the_background_names_its_shards_by_absolute_paths() {
    let directory = temp_dir();
    pack_records(directory.path(), "d", &[b"content"], &[]);
    let mountpoint = directory.path().join("mnt");
    std::fs::create_dir(&mountpoint).expect("mount point");
    run(roxfs()
        .current_dir(&directory)
        .args(["mount", "d.rox", "mnt"]));
    let info = std::fs::read(mountpoint.join(".roxfs/info.json"));
    run(roxfs().args(["umount", "-l"]).arg(&mountpoint));
    let info: serde_json::Value = serde_json::from_slice(&info.expect("read")).expect("JSON");
    let shard = directory.path().join("d_0000.rox");
    assert_eq!(info["shards"][0]["path"], shard.to_str().expect("UTF-8"));
}
