//! Mounts that are unmounted in any case.

use super::*;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use tempfile::TempDir;

/// A mounted dataset, unmounted when dropped, also when the test fails.
pub struct Mount {
    path: PathBuf,
    _directory: TempDir,
}

impl Mount {
    /// Mounts `dataset` in a new directory.
    pub fn new(dataset: &Path) -> Mount {
        Mount::with(&[], &[dataset])
    }

    /// Mounts several shard arguments with options.
    pub fn with(options: &[&str], shards: &[&Path]) -> Mount {
        let directory = temp_dir();
        let path = directory.path().join("mnt");
        std::fs::create_dir(&path).expect("mount point");
        // From here on the guard unmounts, even if mounting fails half way.
        let mount = Mount {
            path,
            _directory: directory,
        };
        run(roxfs()
            .arg("mount")
            .args(options)
            .args(shards)
            .arg(&mount.path));
        mount
    }

    /// The mount point.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in the mount.
    pub fn join(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    /// Reads a whole file of the mount.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let path = self.join(path);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The number of the process that serves it.
    pub fn daemon(&self) -> u32 {
        daemon_of(&self.path).expect("a daemon serves the mount")
    }

    /// Unmounts it in the ordinary way, which has to work, and waits for the daemon's end.
    pub fn unmount(self) {
        unmount(&self.path);
        wait_until("the daemon ends", || daemon_of(&self.path).is_none());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if is_mounted(&self.path) {
            let _ = roxfs().args(["umount", "-l"]).arg(&self.path).output();
        }
    }
}

/// Unmounts `path` when dropped, for mounts that a test makes by itself.
pub struct Unmount(pub PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        if is_mounted(&self.0) {
            let _ = roxfs().args(["umount", "-l"]).arg(&self.0).output();
        }
    }
}

pub fn mount_point(directory: &Path) -> (PathBuf, Unmount) {
    let path = directory.join("mnt");
    std::fs::create_dir(&path).expect("mount point");
    (path.clone(), Unmount(path))
}

pub fn foreground(dataset: &Path, path: &Path) -> Child {
    let mut command = roxfs();
    command
        .args(["mount", "-f"])
        .arg(dataset)
        .arg(path)
        .stderr(Stdio::piped());
    let child = command.spawn().expect("started");
    wait_until("the mount answers", || path.join("records").exists());
    child
}

/// Unmounts in the ordinary way, which has to work. The mount may be in use for a moment: a process that
/// another test starts has, until it becomes another program, what this one has open.
pub fn unmount(path: &Path) {
    wait_until("it is not in use and unmounted", || {
        let output = output(roxfs().arg("umount").arg(path));
        let message = String::from_utf8_lossy(&output.stderr);
        let is_done = output.status.success();
        assert!(is_done || message.contains(": in use; "), "{message}");
        is_done
    });
}

/// Whether anything is mounted at `path`.
pub fn is_mounted(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    let path = path.to_str().expect("UTF-8 path");
    mounts
        .lines()
        .any(|line| line.split(' ').nth(4) == Some(path))
}
