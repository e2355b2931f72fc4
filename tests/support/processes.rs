//! Processes: found and signalled.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The living processes whose arguments, the program's name first, are as they should be.
pub fn processes(is_one: impl Fn(&[&[u8]]) -> bool) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("proc");
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_one = |number: &u32| {
        // Empty for a process that has ended and was not waited for.
        let command = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let arguments: Vec<&[u8]> = command.split(|&byte| byte == 0).collect();
        is_one(&arguments)
    };
    numbers.filter(is_one).collect()
}

/// The living process that was started to mount at `path`.
pub fn daemon_of(path: &Path) -> Option<u32> {
    let path = path.as_os_str().as_bytes();
    let all = processes(|arguments| arguments[0].ends_with(b"roxfs") && arguments.contains(&path));
    // Others of roxfs's processes have names of their own.
    let name = |number: &u32| std::fs::read(format!("/proc/{number}/comm")).unwrap_or_default();
    all.into_iter().find(|number| name(number) == b"roxfs\n")
}

/// Sends a signal.
pub fn signal(process: u32, signal: Signal) {
    kill(Pid::from_raw(process as i32), signal).expect("signalled");
}
