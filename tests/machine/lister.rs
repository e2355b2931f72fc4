//! The process that has the kernel cache names: it never makes the mount busy, and never
//! outlives it.

use crate::alone;
use crate::support::*;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Enough for listing them to take a while.
const RECORDS: usize = 300_000;

fn dataset(directory: &Path) -> PathBuf {
    let dataset = directory.join("d.rox");
    let mut packing = roxfs()
        .args(["pack", "--plain", "--from", "fixed:1", "-o"])
        .arg(&dataset)
        .stdin(Stdio::piped())
        .spawn()
        .expect("started");
    let mut input = packing.stdin.take().expect("a pipe");
    input.write_all(&vec![7; RECORDS]).expect("written");
    drop(input);
    assert!(packing.wait().expect("ended").success());
    dataset
}

/// The process that lists the mount at `path`.
fn lister_of(path: &Path) -> Option<u32> {
    let path = path.as_os_str().as_bytes();
    let listers = processes(|arguments| {
        arguments.get(1) == Some(&b"list-ahead".as_slice()) && arguments.contains(&path)
    });
    listers.into_iter().next()
}

/// Looks names up in random order, until the others are being listed.
fn provoke(mount: &Mount) {
    let mut number = 0;
    wait_until("names are listed ahead", || {
        for _ in 0..100 {
            number = (number + 7919) % RECORDS;
            let path = mount.join(&format!("records/{number:06}.bin"));
            assert_eq!(path.metadata().expect("there").len(), 1);
        }
        lister_of(mount.path()).is_some()
    });
}

#[test]
fn a_mount_can_be_unmounted_while_it_is_listed() {
    let _alone = alone();
    let directory = temp_dir();
    let dataset = dataset(directory.path());
    for _ in 0..5 {
        let mount = Mount::new(&dataset);
        provoke(&mount);
        // At once, and not lazily.
        run(roxfs().arg("umount").arg(mount.path()));
        let path = mount.path();
        wait_until("the daemon ends", || daemon_of(path).is_none());
        wait_until("the process ends", || lister_of(path).is_none());
    }
}

#[test]
fn a_daemon_can_be_killed_while_its_mount_is_listed() {
    let _alone = alone();
    let directory = temp_dir();
    let mount = Mount::new(&dataset(directory.path()));
    provoke(&mount);
    sh("kill -9 \"$1\"", &[Path::new(&mount.daemon().to_string())]);
    let path = mount.path();
    wait_until("the daemon ends", || daemon_of(path).is_none());
    wait_until("the process ends", || lister_of(path).is_none());
    let error = path.join("raw").metadata().expect_err("nobody answers");
    assert_eq!(error.raw_os_error(), Some(libc::ENOTCONN));
}

#[test]
fn what_is_not_the_mount_is_not_listed() {
    let _alone = alone();
    let other = temp_dir();
    let mut listing = roxfs();
    listing
        .args(["list-ahead", "0:0"])
        .arg(other.path())
        .arg(".");
    let message = fail(&mut listing, 1);
    let path = other.path().display();
    assert_eq!(message, format!("roxfs: {path}: another file system\n"));
}
