//! `roxfs umount`: what it unmounts, and what it leaves alone.

use crate::support::*;
use nix::sys::signal::Signal;
use std::fs::File;
use std::process::Command;

#[test]
fn a_mount_in_use_is_not_unmounted_unless_lazily() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let open = File::open(mount.join("raw/data")).expect("open");
    let path = mount.path().display();
    let message = fail(roxfs().arg("umount").arg(mount.path()), 1);
    assert!(
        message.starts_with(&format!("roxfs: {path}: in use; \"fuser -vm {path}\"")),
        "{message}"
    );
    run(roxfs().args(["umount", "-l"]).arg(mount.path()));
    assert!(!is_mounted(mount.path()));
    drop(open);
    wait_until("the daemon ends", || daemon_of(mount.path()).is_none());
}

#[test]
fn a_mount_whose_daemon_was_killed_can_be_unmounted() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    signal(mount.daemon(), Signal::SIGKILL);
    wait_until("the mount is dead", || {
        mount.join("records/5.bin").metadata().is_err()
    });
    assert!(is_mounted(mount.path()));
    run(roxfs().arg("umount").arg(mount.path()));
    assert!(!is_mounted(mount.path()));
}

#[test]
fn a_mount_whose_connection_was_cut_is_removed() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let open = File::open(mount.join("records/3.bin")).expect("open");
    // It is busy, but cut off all the same.
    let _ = output(Command::new("umount").arg("-f").arg(mount.path()));
    wait_until("the daemon ends", || daemon_of(mount.path()).is_none());
    drop(open);
    assert!(!is_mounted(mount.path()));
}

#[test]
fn unmounting_goes_through_links_and_dots() {
    let (directory, dataset) = dataset();
    for how in ["link", "mnt/", "./mnt", "other/../mnt"] {
        let mount = Mount::new(&dataset);
        let parent = mount.path().parent().expect("parent");
        std::os::unix::fs::symlink(mount.path(), parent.join("link")).expect("link");
        std::fs::create_dir(parent.join("other")).expect("directory");
        run(roxfs().current_dir(parent).args(["umount", how]));
        assert!(!is_mounted(mount.path()), "{how}");
    }
    drop(directory);
}

#[test]
fn nothing_but_a_roxfs_mount_is_unmounted() {
    let directory = temp_dir();
    let path = directory.path().display();
    let message = fail(roxfs().arg("umount").arg(directory.path()), 1);
    assert_eq!(message, format!("roxfs: {path}: no roxfs mount is there\n"));
    let message = fail(roxfs().args(["umount", "/proc"]), 1);
    assert_eq!(
        message,
        "roxfs: /proc: no roxfs mount is there (but proc)\n"
    );
}

#[test]
fn all_are_unmounted_even_if_one_fails() {
    let (_directory, dataset) = dataset();
    let mount = Mount::new(&dataset);
    let message = fail(roxfs().args(["umount", "/nowhere"]).arg(mount.path()), 1);
    assert_eq!(message, "roxfs: /nowhere: no roxfs mount is there\n");
    assert!(!is_mounted(mount.path()));
}
