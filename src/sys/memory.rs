//! Memory limits of this process: the machine's, and those of its control groups.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Bytes of memory: the machine's, or less where a control group limits it.
pub fn limit() -> u64 {
    let limits = groups().into_iter().map(|(_, limit)| limit);
    limits.chain(machine("MemTotal:")).min().unwrap_or(u64::MAX)
}

/// Bytes of memory that may be filled without taking any from programs: what the kernel says is
/// available, or less where a control group has less left.
pub fn available() -> u64 {
    let left = groups().into_iter().map(|(group, limit)| {
        let used = group.used().unwrap_or(0);
        limit.saturating_sub(used)
    });
    left.chain(machine("MemAvailable:")).min().unwrap_or(0)
}

/// The control groups that limit this process, and their limits.
fn groups() -> Vec<(Group, u64)> {
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let groups = groups.lines().filter_map(groups_of).flatten();
    groups
        .filter_map(|group| {
            let limit = group.limit()?;
            Some((group, limit))
        })
        .collect()
}

/// A line of `/proc/meminfo`, in bytes.
fn machine(name: &str) -> Option<u64> {
    let info = read_to_string("/proc/meminfo").ok()?;
    let value = info.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// A control group, by its directory.
struct Group {
    directory: PathBuf,
    files: &'static GroupFiles,
}

/// What the two versions of control groups call the same.
#[derive(Debug)]
struct GroupFiles {
    root: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// In memory.stat: pages of files, which can be given back.
    files: [&'static str; 2],
}

const VERSION_1: GroupFiles = GroupFiles {
    root: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    files: ["total_inactive_file", "total_active_file"],
};
const VERSION_2: GroupFiles = GroupFiles {
    root: "/sys/fs/cgroup",
    limit: "memory.max",
    usage: "memory.current",
    files: ["inactive_file", "active_file"],
};

impl Group {
    fn limit(&self) -> Option<u64> {
        self.number(self.files.limit)
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
    fn there_is_a_limit() {
        assert!((1 << 20..u64::MAX).contains(&limit()));
        assert!((1 << 20..=limit()).contains(&available()));
    }
}
