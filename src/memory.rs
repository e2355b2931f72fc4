//! How much memory this process and who shares it with it may use.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Bytes of memory: the machine's, or less where a control group limits it.
pub fn limit() -> u64 {
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(limit_files).flatten();
    let limits = limits.filter_map(|file| read_to_string(file).ok()?.trim().parse().ok());
    limits.chain(machine("MemTotal:")).min().unwrap_or(u64::MAX)
}

/// Bytes of memory that may be filled without taking any from programs: what the kernel says is
/// available, or less where a control group limits it.
pub fn available() -> u64 {
    machine("MemAvailable:").unwrap_or(0).min(limit())
}

/// A line of `/proc/meminfo`, in bytes.
fn machine(name: &str) -> Option<u64> {
    let info = read_to_string("/proc/meminfo").ok()?;
    let value = info.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// The files that may hold a limit of a group or of one above it, by a line of `/proc/self/cgroup`
/// (cgroups(7)): `0::PATH`, or `N:CONTROLLERS:PATH` of the first version.
fn limit_files(line: &str) -> Option<Vec<PathBuf>> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let (root, name) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        list if list.split(',').any(|controller| controller == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let groups = Path::new(path.trim_start_matches('/')).ancestors();
    Some(
        groups
            .map(|group| Path::new(root).join(group).join(name))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_looked_for_in_all_groups_above() {
        let files = |line| {
            let files = limit_files(line)?;
            Some(
                files
                    .iter()
                    .map(|file| file.display().to_string())
                    .collect::<Vec<_>>(),
            )
        };
        let first = |file: &str| format!("/sys/fs/cgroup/memory/{file}");
        assert_eq!(
            files("9:cpu,memory:/a/b"),
            Some(
                ["a/b/", "a/", ""]
                    .map(|group| first(&format!("{group}memory.limit_in_bytes")))
                    .to_vec()
            )
        );
        assert_eq!(
            files("0::/"),
            Some(vec!["/sys/fs/cgroup/memory.max".to_owned()])
        );
        assert_eq!(files("8:cpu:/a"), None);
        assert_eq!(files(""), None);
    }

    #[test]
    fn there_is_a_limit() {
        assert!((1 << 20..u64::MAX).contains(&limit()));
        assert!((1 << 20..=limit()).contains(&available()));
    }
}
