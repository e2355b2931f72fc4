//! Signals that end a mount, and what they leave alone.

use crate::support::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

#[test]
fn signals_unmount() {
    for ending in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (directory, dataset) = dataset();
        let (path, _unmount) = mount_point(directory.path());
        let mut child = foreground(&dataset, &path);
        assert_eq!(
            std::fs::read(path.join("records/1.bin")).expect("read"),
            bytes(1, 37)
        );
        signal(child.id(), ending);
        assert!(child.wait().expect("ended").success(), "{ending}");
        assert!(!is_mounted(&path));
    }
}

#[test]
fn a_signal_to_the_daemon_in_the_background_unmounts() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    signal(mount.daemon(), Signal::SIGTERM);
    wait_until("the mount is gone", || !is_mounted(mount.path()));
    wait_until("the daemon ends", || daemon_of(mount.path()).is_none());
}

#[test]
fn a_signal_detaches_a_mount_in_use_and_open_files_are_served_on() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut child = foreground(&dataset, &path);
    let mut open = File::open(path.join("raw/data")).expect("open");
    signal(child.id(), Signal::SIGTERM);
    wait_until("the mount is gone", || !is_mounted(&path));
    let mut content = Vec::new();
    open.read_to_end(&mut content).expect("still served");
    assert_eq!(content, records(20).concat());
    drop(open);
    assert!(child.wait().expect("ended").success());
    let mut said = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut said)
        .expect("UTF-8");
    assert!(said.contains("is in use: detached"), "{said}");
}

#[test]
fn a_second_signal_ends_a_mount_in_use_at_once() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut child = foreground(&dataset, &path);
    let open = File::open(path.join("raw/data")).expect("open");
    signal(child.id(), Signal::SIGTERM);
    wait_until("the mount is gone", || !is_mounted(&path));
    signal(child.id(), Signal::SIGTERM);
    assert_eq!(child.wait().expect("ended").code(), Some(1));
    drop(open);
}

#[test]
fn a_daemon_that_is_told_to_end_late_leaves_the_next_mount_alone() {
    let (_directory, first) = dataset();
    let (_other, second) = dataset();
    let mount = Mount::new(&first);
    let old = mount.daemon();
    signal(old, Signal::SIGSTOP);
    run(roxfs().arg("umount").arg(mount.path()));
    run(roxfs().arg("mount").arg(&second).arg(mount.path()));
    signal(old, Signal::SIGTERM);
    signal(old, Signal::SIGCONT);
    let ended = || std::fs::read(format!("/proc/{old}/cmdline")).map_or(true, |c| c.is_empty());
    wait_until("the first daemon ends", ended);
    assert!(is_mounted(mount.path()));
    assert_eq!(mount.read("records/1.bin"), bytes(1, 37));
    mount.unmount();
}

#[test]
fn a_signal_ends_a_mount_that_was_bound_elsewhere_or_renamed() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let parent = mount.path().parent().expect("parent").to_owned();
    let bound = parent.join("bound");
    std::fs::create_dir(&bound).expect("directory");
    let _unmount = Unmount(bound.clone());
    sh("mount --bind \"$1\" \"$2\"", &[mount.path(), &bound]);
    let daemon = mount.daemon();
    signal(daemon, Signal::SIGTERM);
    wait_until("it ends", || daemon_of(mount.path()).is_none());
    assert!(!is_mounted(mount.path()) && !is_mounted(&bound));

    let inner = parent.join("inner/mnt");
    std::fs::create_dir_all(&inner).expect("directory");
    run(roxfs().arg("mount").arg(&dataset).arg(&inner));
    std::fs::rename(parent.join("inner"), parent.join("renamed")).expect("renamed");
    let _unmount = Unmount(parent.join("renamed/mnt"));
    signal(daemon_of(&inner).expect("a daemon"), Signal::SIGTERM);
    wait_until("it ends", || daemon_of(&inner).is_none());
    assert!(!is_mounted(&parent.join("renamed/mnt")));
}

#[test]
fn what_covers_a_mount_is_not_unmounted_by_a_signal() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    sh("mount -t tmpfs cover \"$1\"", &[mount.path()]);
    let daemon = mount.daemon();
    signal(daemon, Signal::SIGTERM);
    // The first one is answered, the second one ends it.
    wait_until("it ends", || {
        let _ = kill(Pid::from_raw(daemon as i32), Signal::SIGTERM);
        daemon_of(mount.path()).is_none()
    });
    let kind = sh("findmnt -nro FSTYPE \"$1\" | tail -n 1", &[mount.path()]);
    sh("umount \"$1\"", &[mount.path()]);
    assert_eq!(kind, "tmpfs\n");
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let (directory, dataset) = dataset();
    let (path, _unmount) = mount_point(directory.path());
    let mut command = Command::new("nohup");
    command
        .arg(env!("CARGO_BIN_EXE_roxfs"))
        .args(["mount", "-f"])
        .arg(&dataset)
        .arg(&path);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    wait_until("the mount answers", || path.join("records").exists());
    signal(child.id(), Signal::SIGHUP);
    assert_eq!(
        std::fs::read(path.join("records/1.bin")).expect("read"),
        bytes(1, 37)
    );
    signal(child.id(), Signal::SIGTERM);
    assert!(child.wait().expect("ended").success());
}
