//! Root, and ordinary users.

use super::*;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Fails a test that only root can run, rather than let it pass without having tested.
pub fn need_root() {
    let is_root = nix::unistd::geteuid().is_root();
    assert!(is_root, "this test needs root: run scripts/test as root");
}

/// Copies the program under test into a directory, unless it is there: where every user can run it.
pub fn roxfs_in(directory: &Path) -> PathBuf {
    let program = directory.join("roxfs");
    if !program.exists() {
        // In a process of its own: what this one has open for writing, another test's new process has
        // open for a moment too, and then the copy cannot be executed.
        let built = env!("CARGO_BIN_EXE_roxfs");
        run(Command::new("cp").arg(built).arg(&program));
    }
    program
}

/// Runs a program as a user and a group, by name or number, in `groups` too, separated by commas.
pub fn as_user(user: &str, group: &str, groups: &str, program: impl AsRef<OsStr>) -> Command {
    need_root();
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={group}")]);
    command.arg(match groups {
        "" => "--clear-groups".to_owned(),
        groups => format!("--groups={groups}"),
    });
    command.arg("--").arg(program);
    command
}

/// Runs a program as an ordinary user: one with a name, which fusermount3 asks for.
pub fn as_nobody(program: impl AsRef<OsStr>) -> Command {
    as_user("nobody", "nogroup", "", program)
}

/// roxfs as an ordinary user, copied into a directory that this user can enter.
pub fn roxfs_as_nobody(directory: &Path) -> Command {
    as_nobody(roxfs_in(directory))
}

/// While there is one, all users may mount: where the tests run, the device may be open to root alone.
pub struct OpenDevice(());

/// How many there are, and the device's mode before.
static OPEN_DEVICES: Mutex<(u32, u32)> = Mutex::new((0, 0));

impl OpenDevice {
    const PATH: &str = "/dev/fuse";

    /// Opens the device to all users.
    pub fn new() -> OpenDevice {
        need_root();
        let mut open = OpenDevice::count();
        if open.0 == 0 {
            let device = std::fs::metadata(OpenDevice::PATH).expect("/dev/fuse");
            open.1 = device.permissions().mode();
            OpenDevice::set_mode(open.1 | 0o666);
        }
        open.0 += 1;
        OpenDevice(())
    }

    fn count() -> MutexGuard<'static, (u32, u32)> {
        OPEN_DEVICES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_mode(mode: u32) {
        let mode = Permissions::from_mode(mode & 0o7777);
        std::fs::set_permissions(OpenDevice::PATH, mode).expect("chmod");
    }
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        let mut open = OpenDevice::count();
        open.0 -= 1;
        if open.0 == 0 {
            OpenDevice::set_mode(open.1);
        }
    }
}
