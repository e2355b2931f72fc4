//! Memory that may be filled: the machine's, and that of the control groups of processes.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Limits from here on are none: the first version of control groups has a number for that.
const NO_LIMIT: u64 = 1 << 62;

/// Bytes of memory that this process may fill without taking any from programs: what the kernel says is
/// available, or less where a control group has less left.
pub fn available() -> u64 {
    let limiting = this_limiting().into_iter();
    let left = limiting.map(|(group, limit)| group.left(limit));
    left.chain(machine("MemAvailable:")).min().unwrap_or(0)
}

/// Bytes of memory that may be filled without taking any from programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Available {
    /// By this process and another one together: on the machine, and in control groups that have both.
    pub to_both: u64,
    /// In groups that have only the other one.
    pub to_other: u64,
    /// In groups that have only this one.
    pub to_this: u64,
}

/// The control groups that limit a process.
#[derive(Debug)]
pub struct Groups(Vec<(Group, u64)>);

impl Groups {
    /// Of the process with this number; `None` where they cannot be seen.
    pub fn of(pid: u32) -> Option<Groups> {
        limiting(&format!("/proc/{pid}/cgroup")).map(Groups)
    }
}

/// What is available to this process and one in these groups; in the same ones as this, where none are
/// given.
pub fn available_with(other: Option<&Groups>) -> Available {
    let this = this_limiting();
    let other = other.map_or(&this, |Groups(groups)| groups);
    let mut available = Available {
        to_both: machine("MemAvailable:").unwrap_or(0),
        to_other: u64::MAX,
        to_this: u64::MAX,
    };
    let has = |groups: &[(Group, u64)], group: &Group| {
        groups
            .iter()
            .any(|(one, _)| one.directory == group.directory)
    };
    for (group, limit) in &this {
        let least = if has(other, group) {
            &mut available.to_both
        } else {
            &mut available.to_this
        };
        *least = group.left(*limit).min(*least);
    }
    for (group, limit) in other.iter().filter(|(group, _)| !has(&this, group)) {
        available.to_other = group.left(*limit).min(available.to_other);
    }
    available
}

fn this_limiting() -> Vec<(Group, u64)> {
    limiting("/proc/self/cgroup").unwrap_or_default()
}

/// The control groups that limit a process, by a file of /proc, and their limits.
fn limiting(path: &str) -> Option<Vec<(Group, u64)>> {
    let groups = read_to_string(path).ok()?;
    let groups = groups.lines().filter_map(groups_of).flatten();
    let with_limit = |group: Group| {
        let limit = group.limit()?;
        Some((group, limit))
    };
    Some(groups.filter_map(with_limit).collect())
}

/// A line of `/proc/meminfo`, in bytes.
fn machine(name: &str) -> Option<u64> {
    let info = read_to_string("/proc/meminfo").ok()?;
    let value = info.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// A control group, by its directory.
#[derive(Debug)]
struct Group {
    directory: PathBuf,
    files: &'static GroupFiles,
}

/// What the two versions of control groups call the same.
#[derive(Debug)]
struct GroupFiles {
    root: &'static str,
    /// The least counts.
    limits: &'static [&'static str],
    usage: &'static str,
    /// In memory.stat: pages of files, which can be given back.
    files: [&'static str; 2],
}

const VERSION_1: GroupFiles = GroupFiles {
    root: "/sys/fs/cgroup/memory",
    limits: &["memory.limit_in_bytes"],
    usage: "memory.usage_in_bytes",
    files: ["total_inactive_file", "total_active_file"],
};
const VERSION_2: GroupFiles = GroupFiles {
    root: "/sys/fs/cgroup",
    // Beyond the other one its programs are held up until it has given memory back.
    limits: &["memory.max", "memory.high"],
    usage: "memory.current",
    files: ["inactive_file", "active_file"],
};

impl Group {
    fn limit(&self) -> Option<u64> {
        let limits = self.files.limits.iter();
        let least = limits.filter_map(|file| self.number(file)).min()?;
        (least < NO_LIMIT).then_some(least)
    }

    /// Bytes that are left of this limit.
    fn left(&self, limit: u64) -> u64 {
        limit.saturating_sub(self.used().unwrap_or(0))
    }

    /// Bytes that are in use and cannot be given back.
    fn used(&self) -> Option<u64> {
        let usage = self.number(self.files.usage)?;
        let stat = read_to_string(self.directory.join("memory.stat")).ok()?;
        let lines = stat.lines().filter_map(|line| line.split_once(' '));
        let files = lines.filter(|(name, _)| self.files.files.contains(name));
        let files = files.filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok());
        Some(usage.saturating_sub(files.sum()))
    }

    fn number(&self, file: &str) -> Option<u64> {
        let number = read_to_string(self.directory.join(file)).ok()?;
        number.trim().parse().ok()
    }
}

/// A group and those above it, by a line of `/proc/self/cgroup` (cgroups(7)): `0::PATH`, or
/// `N:CONTROLLERS:PATH` of the first version.
fn groups_of(line: &str) -> Option<Vec<Group>> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let files = match controllers {
        "" => &VERSION_2,
        list if list.split(',').any(|controller| controller == "memory") => &VERSION_1,
        _ => return None,
    };
    let groups = Path::new(path.trim_start_matches('/')).ancestors();
    let directories = groups.map(|group| Path::new(files.root).join(group));
    Some(
        directories
            .map(|directory| Group { directory, files })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_looked_for_in_all_groups_above() {
        let directories = |line| {
            let groups = groups_of(line)?.into_iter();
            Some(groups.map(|group| group.directory).collect::<Vec<_>>())
        };
        let first = ["a/b", "a", ""].map(|group| Path::new("/sys/fs/cgroup/memory").join(group));
        assert_eq!(directories("9:cpu,memory:/a/b"), Some(first.to_vec()));
        assert_eq!(directories("0::/"), Some(vec!["/sys/fs/cgroup/".into()]));
        assert_eq!(directories("8:cpu:/a"), None);
        assert_eq!(directories(""), None);
    }

    #[test]
    fn pages_of_files_are_not_counted_as_used() {
        let directory = tempfile::tempdir().expect("directory");
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).expect("written");
        };
        write("memory.max", "8000\n");
        write("memory.current", "7000\n");
        write(
            "memory.stat",
            "anon 3000\nfile 4000\ninactive_file 2500\nactive_file 500\n",
        );
        let group = Group {
            directory: directory.path().to_owned(),
            files: &VERSION_2,
        };
        assert_eq!(group.limit(), Some(8000));
        assert_eq!(group.used(), Some(4000));
        write("memory.max", "max\n");
        assert_eq!(group.limit(), None);
    }

    #[test]
    fn the_lower_of_two_limits_counts() {
        let directory = tempfile::tempdir().expect("directory");
        let group = Group {
            directory: directory.path().to_owned(),
            files: &VERSION_2,
        };
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).expect("written");
        };
        write("memory.max", "8000\n");
        write("memory.high", "max\n");
        assert_eq!(group.limit(), Some(8000));
        write("memory.high", "6000\n");
        assert_eq!(group.limit(), Some(6000));
    }

    #[test]
    fn there_is_memory_and_a_process_shares_all_limits_with_itself() {
        assert!((1 << 20..u64::MAX).contains(&available()));
        for other in [None, Groups::of(std::process::id())] {
            let available = available_with(other.as_ref());
            assert!(available.to_both >= 1 << 20);
            assert_eq!([available.to_other, available.to_this], [u64::MAX; 2]);
        }
        // No process has this number.
        assert!(Groups::of(u32::MAX).is_none());
    }
}
