//! A daemon that is killed: nobody who waits for it goes on waiting.

mod common;

use common::*;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

/// The mount's device, kept open as it is by a thread of a killed daemon that cannot end.
fn device_of(daemon: u32) -> Vec<OwnedFd> {
    let process = rustix::process::Pid::from_raw(daemon as i32).expect("a number");
    let process = pidfd_open(process, PidfdFlags::empty()).expect("the daemon");
    let open = std::fs::read_dir(format!("/proc/{daemon}/fd")).expect("descriptors");
    let open = open.map(|entry| entry.expect("descriptor").path());
    let devices = open.filter(|path| {
        path.read_link()
            .is_ok_and(|to| to == Path::new("/dev/fuse"))
    });
    let numbers = devices.filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    let copies = numbers.map(|number: i32| {
        pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).expect("a copy of the descriptor")
    });
    copies.collect()
}

#[test]
fn the_connection_of_a_killed_daemon_ends_even_if_its_device_does_not_close() {
    let directory = temp_dir();
    let dataset = pack_records(directory.path(), "d", &[b"record".to_vec()], &[]);
    let mount = Mount::new(&dataset);
    let device = device_of(mount.daemon());
    assert!(!device.is_empty());
    sh("kill -9 \"$1\"", &[Path::new(&mount.daemon().to_string())]);
    // Would wait for ever.
    let mut stat = Command::new("timeout");
    let output = output(
        stat.args(["--signal=KILL", "20", "stat"])
            .arg(mount.join("raw")),
    );
    let message = String::from_utf8_lossy(&output.stderr);
    let ended = [
        "Transport endpoint is not connected",
        "Software caused connection abort",
    ];
    assert!(ended.iter().any(|end| message.contains(end)), "{message}");
    drop(device);
}
