//! A mount that cannot start all that it would: it makes do with less, or says why not and leaves
//! nothing behind. It never hangs.

use crate::support::*;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A dataset, a mount point, and a program that may be run by all. What is mounted is unmounted in
/// the end, also when the test fails.
struct Setup {
    directory: TempDir,
    dataset: PathBuf,
    path: PathBuf,
    program: PathBuf,
}

impl Setup {
    fn new() -> Setup {
        let directory = temp_dir();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).expect("mode");
        let records: Vec<Vec<u8>> = (0..50).map(|number| bytes(number, 5000)).collect();
        let dataset = pack_records(directory.path(), "d", &records, &["--single-file"]);
        let path = directory.path().join("mnt");
        std::fs::create_dir(&path).expect("mount point");
        let program = roxfs_in(directory.path());
        Setup {
            directory,
            dataset,
            path,
            program,
        }
    }

    /// Mounts by a shell's line, in which `"$@"` is the command; returns its code and what it said.
    fn mount(&self, shell: &str, options: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new("timeout");
        command
            .args(["--signal=KILL", "60", "bash", "-c", shell, "bash"])
            .arg(&self.program)
            .arg("mount")
            .args(options)
            .arg(&self.dataset)
            .arg(&self.path);
        // To a file and not a pipe, which strace would have open as long as the daemon lives.
        let said = self.directory.path().join("said");
        let status = command
            .stderr(File::create(&said).expect("created"))
            .status()
            .expect("started");
        let said = std::fs::read(&said).expect("read");
        let said = String::from_utf8_lossy(&said).into_owned();
        (status.code(), said)
    }

    /// All is read as `user`, and it is unmounted; nothing is left.
    fn works_and_ends(&self, what: &str, user: &str) {
        let script =
            "for number in {000000..000049}; do cat \"$1/records/$number.bin\"; done | wc -c
            \"$2\" umount \"$1\"";
        let mut command = Command::new("timeout");
        command
            .args(["--signal=KILL", "60", "setpriv", "--clear-groups"])
            .args([format!("--reuid={user}"), format!("--regid={user}")])
            .args(["bash", "-euc", script, "bash"])
            .arg(&self.path)
            .arg(&self.program);
        assert_eq!(run(&mut command), b"250000\n", "{what}");
        self.nothing_is_left(what);
    }

    fn nothing_is_left(&self, what: &str) {
        assert!(!is_mounted(&self.path), "{what}");
        wait_until(&format!("the daemon ends ({what})"), || {
            daemon_of(&self.path).is_none()
        });
    }

    /// Either it works or there was an error that matches; returns whether it works.
    fn works_or_says(&self, what: &str, result: (Option<i32>, String), user: &str) -> bool {
        let (code, said) = result;
        match code {
            Some(0) => self.works_and_ends(what, user),
            code => {
                assert_eq!(code, Some(1), "{what}: {said}");
                assert!(said.starts_with("roxfs: "), "{what}: {said}");
                assert!(!said.contains("panicked"), "{what}: {said}");
                self.nothing_is_left(what);
            }
        }
        code == Some(0)
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        if is_mounted(&self.path) {
            let _ = roxfs().args(["umount", "-l"]).arg(&self.path).output();
        }
    }
}

#[test]
fn with_any_limit_on_descriptors_it_works_or_says_why() {
    let setup = Setup::new();
    let mut worked = 0;
    // With fewer, the program itself cannot be started.
    for limit in 4..=30 {
        let shell = format!("ulimit -n {limit}; exec \"$@\"");
        let result = setup.mount(&shell, &["--threads", "8"]);
        let what = format!("ulimit -n {limit}");
        worked += u32::from(setup.works_or_says(&what, result, "root"));
    }
    // With 22 it hung, and there is no need for as many.
    assert!(worked > 8, "{worked}");
}

#[test]
fn with_any_limit_on_processes_it_works_or_says_why() {
    let setup = Setup::new();
    let _device = OpenDevice::new();
    // A user of its own, whose processes are counted.
    let user = nix::unistd::User::from_name("games")
        .expect("users")
        .expect("games");
    nix::unistd::chown(&setup.path, Some(user.uid), Some(user.gid)).expect("chown");
    let mut worked = 0;
    for limit in 3..=26 {
        let shell = format!(
            "exec setpriv --reuid=games --regid=games --clear-groups bash -c \
             'ulimit -u {limit}; exec \"$@\"' bash \"$@\""
        );
        let result = setup.mount(&shell, &["--threads", "8"]);
        let what = format!("ulimit -u {limit}");
        worked += u32::from(setup.works_or_says(&what, result, "games"));
    }
    assert!(worked > 8, "{worked}");
}

/// Under strace, which makes calls fail, and is no parent of what it runs (-D).
fn strace(arguments: &str) -> String {
    format!("exec strace -D -f -o /dev/null {arguments} \"$@\"")
}

#[test]
fn wherever_a_thread_or_process_cannot_be_started_it_works_or_says_why() {
    let setup = Setup::new();
    let mut failed = 0;
    for number in 1..=24 {
        let inject = format!("-e trace=clone3,clone -e inject=clone3:error=EAGAIN:when={number}");
        let result = setup.mount(&strace(&inject), &["--threads", "3"]);
        let what = format!("start {number} fails");
        failed += u32::from(!setup.works_or_says(&what, result, "root"));
    }
    assert!(failed > 3, "{failed}");
}

#[test]
fn where_the_kernel_gives_no_more_devices_threads_share_one() {
    let setup = Setup::new();
    for error in ["ENOTTY", "EPERM", "EMFILE"] {
        let inject = format!("-P /dev/fuse -e trace=ioctl -e inject=ioctl:error={error}");
        let result = setup.mount(&strace(&inject), &["--threads", "3"]);
        assert!(setup.works_or_says(error, result, "root"), "{error}");
    }
}

#[test]
fn a_lock_on_the_mount_point_is_not_waited_for_without_end() {
    let setup = Setup::new();
    let directory = File::open(&setup.path).expect("opened");
    flock(&directory, FlockOperation::LockExclusive).expect("locked");
    let (code, said) = setup.mount("exec \"$@\"", &[]);
    assert_eq!(code, Some(1), "{said}");
    let expected = format!(
        "roxfs: {}: another process holds a lock on this directory",
        setup.path.display()
    );
    assert!(said.starts_with(&expected), "{said}");
    drop(directory);
    let result = setup.mount("exec \"$@\"", &[]);
    assert!(setup.works_or_says("unlocked", result, "root"));
}

#[test]
fn what_a_mount_starts_does_nothing_when_started_by_hand() {
    let directory = temp_dir();
    let file = directory.path().join("abort");
    std::fs::write(&file, "mine").expect("written");
    let up = "/..".repeat(10);
    let device = format!("0:{up}{}", directory.path().display());
    let script = "printf %s \"$1\" | { \"$2\" abort-if-killed $$ || echo \"$?\"; }";
    let said = sh(
        script,
        &[Path::new(&device), Path::new(env!("CARGO_BIN_EXE_roxfs"))],
    );
    assert_eq!(said, "1\n");
    assert_eq!(std::fs::read(&file).expect("read"), b"mine");
}
