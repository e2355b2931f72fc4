//! A mount's connection to the process that serves it, seen from outside: whether there still is such
//! a process, and ending the connection where there is not.

use super::signals;
use crate::sys::files;
use crate::sys::mountinfo::{MountInfo, MountTable};
use nix::sys::signal::Signal;
use rustix::fs::{CWD, Mode, OFlags, fstatfs, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

const FILE_SYSTEM: &str = "fusectl";
/// `FUSE_CTL_SUPER_MAGIC` of fs/fuse/control.c.
const MAGIC: u64 = 0x6573_5543;
/// Where it is mounted by most systems.
const DIRECTORY: &str = "/sys/fs/fuse/connections";

/// In the flags of /proc/PID/stat: the thread is ending (include/linux/sched.h).
const PF_EXITING: u64 = 4;

/// The number of the connection of the mount with this device number, `0:NUMBER`; nothing else is
/// taken for one.
fn number(device: &str) -> io::Result<u32> {
    let number = device.strip_prefix("0:");
    let is_plain = |number: &&str| number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.filter(is_plain).and_then(|text| text.parse().ok());
    number.ok_or_else(|| io::Error::other("not the device number of a FUSE mount"))
}

/// The file that aborts the connection of the mount with this device number when it is written to
/// (Documentation/filesystems/fuse), and surely no other file.
pub fn open_abort(device: &str) -> io::Result<File> {
    let file = Path::new(&number(device)?.to_string()).join("abort");
    open_control(CWD, &Path::new(DIRECTORY).join(&file)).or_else(|_| {
        let system = fsopen(FILE_SYSTEM, FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&system)?;
        let flags = FsMountFlags::FSMOUNT_CLOEXEC;
        let directory = fsmount(&system, flags, MountAttrFlags::empty())?;
        open_control(directory, &file)
    })
}

fn open_control(directory: impl AsFd, file: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(openat(directory, file, flags, Mode::empty())?);
    if fstatfs(&file)?.f_type as u64 != MAGIC {
        return Err(io::Error::other(format!("not in {FILE_SYSTEM}")));
    }
    Ok(file)
}

/// Ends the connection of a mount if all processes that served it have been killed and cannot end,
/// because one of them waits for an answer. Returns whether it did. A process that has only been
/// stopped may be continued. Needs Linux 6.16, which tells whose a FUSE device is.
pub fn end_if_abandoned(mount: &MountInfo) -> io::Result<bool> {
    let connection = format!("fuse_connection:\t{}", number(&mount.device)?);
    // Opened first: once its connection has ended it does nothing, also if another has the number.
    let mut abort = open_abort(&mount.device)?;
    if MountTable::open()?.find(&mount.path)?.as_ref() != Some(mount) {
        return Ok(false);
    }
    let mut are_killed = false;
    for process in processes()? {
        // Each thread may have descriptors of its own. One that has just ended has none.
        let threads = Path::new("/proc").join(process.to_string()).join("task");
        for thread in files::numbers(&threads).unwrap_or_default() {
            let thread = threads.join(thread.to_string());
            if has_device_of(&thread, &connection) {
                if !is_killed(&thread) {
                    return Ok(false);
                }
                are_killed = true;
            }
        }
    }
    if are_killed {
        abort.write_all(b"1")?;
    }
    Ok(are_killed)
}

/// The numbers of all processes, those that were started last first: a mount's is rarely the oldest.
fn processes() -> io::Result<Vec<u32>> {
    let mut numbers = files::numbers(Path::new("/proc"))?;
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    Ok(numbers)
}

fn has_device_of(task: &Path, connection: &str) -> bool {
    let open = files::numbers(&task.join("fd")).unwrap_or_default();
    open.iter().map(u32::to_string).any(|descriptor| {
        let is_device = std::fs::read_link(task.join("fd").join(&descriptor))
            .is_ok_and(|path| path == Path::new(crate::sys::device::PATH));
        is_device
            && std::fs::read_to_string(task.join("fdinfo").join(&descriptor))
                .is_ok_and(|info| info.lines().any(|line| line == connection))
    })
}

/// Whether a thread is to end and has not ended yet (proc_pid_status(5), proc_pid_stat(5)). Once it has
/// begun to, the signal is pending no more, but its descriptors may still be open.
fn is_killed(task: &Path) -> bool {
    let stat = std::fs::read_to_string(task.join("stat")).unwrap_or_default();
    if flags(&stat).is_some_and(|flags| flags & PF_EXITING != 0) {
        return true;
    }
    let status = std::fs::read_to_string(task.join("status")).unwrap_or_default();
    let mut pending = status
        .lines()
        .filter_map(|line| {
            line.strip_prefix("SigPnd:")
                .or(line.strip_prefix("ShdPnd:"))
        })
        .filter_map(|set| u64::from_str_radix(set.trim(), 16).ok());
    pending.any(|set| set & signals::bit(Signal::SIGKILL) != 0)
}

/// The kernel's flags of a thread: the seventh field behind its name, which may have anything in it.
fn flags(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(6)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_of_a_thread_are_found_behind_any_name() {
        let stat = "12 (a) b (c) S 1 12 12 0 -1 4194564 93 0";
        assert_eq!(flags(stat), Some(4_194_564));
        assert!(flags(stat).is_some_and(|flags| flags & PF_EXITING != 0));
        let own = std::fs::read_to_string("/proc/self/stat").expect("readable");
        assert!(flags(&own).is_some_and(|flags| flags & PF_EXITING == 0));
        assert_eq!(flags("12 (a"), None);
    }

    #[test]
    fn only_a_plain_device_number_names_a_connection() {
        assert_eq!(number("0:42").ok(), Some(42));
        for odd in [
            "",
            "42",
            "0:",
            "0:+1",
            "0:-1",
            "1:42",
            "0:42/..",
            "0:../../tmp/x",
            "0:42\n",
            "0: 42",
            "0:99999999999",
        ] {
            assert!(number(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn a_file_of_another_file_system_is_not_opened() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let file = directory.path().join("abort");
        std::fs::write(&file, "mine").expect("written");
        assert!(open_control(CWD, &file).is_err());
        assert_eq!(std::fs::read(&file).expect("read"), b"mine");
    }
}
