//! A daemon that is killed: nobody is left waiting for it.

use crate::support::*;
use crate::{alone, skip};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
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
    let _alone = alone();
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

/// All processes of the mount: the daemon, and those that it started.
fn processes_of(mount: &Path, daemon: u32) -> Vec<u32> {
    let daemon = daemon.to_string();
    let of_mount = [daemon.as_bytes(), mount.as_os_str().as_bytes()];
    processes(|arguments| {
        let mut others = arguments[1..].iter();
        arguments[0].ends_with(b"roxfs") && others.any(|argument| of_mount.contains(argument))
    })
}

/// Sends them SIGKILL, as fast as possible.
fn kill(numbers: &[u32]) {
    for &number in numbers {
        let number = nix::unistd::Pid::from_raw(number as i32);
        // It may have ended with the one before it.
        let _ = nix::sys::signal::kill(number, nix::sys::signal::Signal::SIGKILL);
    }
}

/// Whether a process has a thread that has not ended; its first one may have.
fn is_left(number: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{number}/task"));
    threads.into_iter().flatten().flatten().any(|thread| {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        !status.is_empty() && !status.contains("State:\tZ") && !status.contains("State:\tX")
    })
}

#[test]
fn a_daemon_that_is_killed_before_its_first_answer_leaves_nobody_waiting() {
    let _alone = alone();
    let directory = temp_dir();
    let dataset = pack_records(directory.path(), "d", &[b"record".to_vec()], &[]);
    let path = directory.path().join("mnt");
    std::fs::create_dir(&path).expect("mount point");
    // Every answer takes two seconds.
    let mut mounting = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=writev"])
        .args(["-e", "inject=writev:delay_enter=2000000"])
        .arg(env!("CARGO_BIN_EXE_roxfs"))
        .arg("mount")
        .args([&dataset, &path])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("started");
    let asks = |number: &u32| {
        let command = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        command.windows(8).any(|part| part == b"ask-root")
    };
    let mut all = Vec::new();
    wait_until("it is asked whether it answers", || {
        all = processes_of(&path, 0);
        all.iter().any(asks)
    });
    kill(&all);
    let _ = mounting.wait();
    wait_until("no process is left", || {
        !all.iter().any(|&number| is_left(number))
    });
    if is_mounted(&path) {
        run(roxfs().arg("umount").arg(&path));
    }
    assert!(!is_mounted(&path));
}

/// What a storing thread does that waits for a page (`fuse_notify_store`), with a copy of another
/// process's device; it says "device" before.
const STORE: &str = r#"
import ctypes, os, struct, sys
daemon, ino, size = map(int, sys.argv[1:])
process = os.pidfd_open(daemon)
for number in os.listdir(f"/proc/{daemon}/fd"):
    if os.readlink(f"/proc/{daemon}/fd/{number}") == "/dev/fuse":
        pidfd_getfd = 438
        device = ctypes.CDLL(None).syscall(pidfd_getfd, process, int(number), 0)
        break
os.close(process)
print("device", flush=True)
head = struct.pack("=IiQQQII", 40 + size, 4, 0, ino, 0, size, 0)
os.writev(device, [head, bytes(size)])
"#;

#[test]
fn a_mount_that_nobody_serves_but_that_has_not_ended_is_ended_by_umount() {
    let _alone = alone();
    let directory = temp_dir();
    let record = bytes(1, 5000);
    let dataset = pack_records(directory.path(), "d", &[&record, &record], &[]);
    let mount = Mount::new(&dataset);
    let daemon = mount.daemon();
    // The first open is asked for, and no later one.
    assert_eq!(mount.read("records/000001.bin"), record);
    let file = mount.join("records/000000.bin");
    let ino = std::os::unix::fs::MetadataExt::ino(&file.metadata().expect("known"));
    let device = std::fs::read_dir(format!("/proc/{daemon}/fdinfo")).expect("descriptors");
    let tells = device.flatten().any(|info| {
        std::fs::read_to_string(info.path()).is_ok_and(|info| info.contains("fuse_connection"))
    });
    if !tells {
        return skip("this kernel does not tell whose a device is (Linux 6.16 does)");
    }
    let all = processes_of(mount.path(), daemon);
    assert_eq!(all.len(), 2, "the daemon and the watching process");
    // Nobody answers a reader, whose page is locked, and a store waits for that page.
    let stop = nix::sys::signal::Signal::SIGSTOP;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(daemon as i32), stop).expect("stopped");
    let mut reader = Command::new("cat")
        .arg(&file)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("started");
    let waits = |number: u32, wait: &str| {
        wait_until(wait, || {
            let stack = std::fs::read_to_string(format!("/proc/{number}/stack"));
            stack.is_ok_and(|stack| stack.contains(wait))
        });
    };
    waits(reader.id(), "filemap");
    let mut storing = Command::new("python3")
        .args(["-c", STORE])
        .args([
            daemon.to_string(),
            ino.to_string(),
            record.len().to_string(),
        ])
        .spawn()
        .expect("started");
    waits(storing.id(), "fuse_dev_do_write");
    // A daemon that was only stopped is left alone.
    assert!(
        !output(roxfs().arg("umount").arg(mount.path()))
            .status
            .success()
    );
    assert!(is_mounted(mount.path()));
    kill(&all);
    kill(&[storing.id()]);
    let mut umount = Command::new("timeout");
    umount
        .args(["--signal=KILL", "30", env!("CARGO_BIN_EXE_roxfs"), "umount"])
        .arg(mount.path());
    run(&mut umount);
    assert!(!is_mounted(mount.path()));
    // It gets an error, or what was stored at the last moment.
    wait_until("the reader ends", || {
        reader.try_wait().expect("its state").is_some()
    });
    assert!(!storing.wait().expect("ended").success());
    wait_until("no process is left", || {
        !all.iter().any(|&number| is_left(number))
    });
}
