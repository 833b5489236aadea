//! How much memory there is for requests: a part of the machine's, or of the control group's.
//!
//! Source: Linux, "Control Group v2" (`memory.max`), "cgroups v1, memory" (`memory.limit_in_bytes`),
//! proc(5) (`/proc/meminfo`).

use std::fs;
use std::path::Path;

use upcall_server::Limits;

/// What the operator said, or a part of what there is.
pub(crate) fn for_requests(said: Option<u64>) -> usize {
    let bytes = said.or_else(|| {
        let part = memory()? / PART;
        Some(part.max(LEAST))
    });
    match bytes {
        Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
        None => Limits::default().request_memory,
    }
}

/// The machine's memory, or the least limit of the groups that this process is in.
fn memory() -> Option<u64> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| total_of(&text));
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    group_limits(&groups, Path::new("/sys/fs/cgroup"))
        .into_iter()
        .chain(machine)
        .min()
}

/// `MemTotal` in bytes.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The limits of each group and of those above it. In a container the group's own folder is the root of
/// the file system, whatever the path says.
fn group_limits(groups: &str, root: &Path) -> Vec<u64> {
    let mut limits = Vec::new();
    for line in groups.lines() {
        // `0::/system.slice/upcall.service`, or `9:memory:/docker/…` of version 1.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (folder, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            let limit = fs::read_to_string(folder.join(group).join(file));
            // `max` is no limit.
            limits.extend(limit.ok().and_then(|text| text.trim().parse::<u64>().ok()));
        }
    }
    limits
}

/// A quarter: as much again for what is not counted (the catalog and its pages, records, buffers of the
/// kernel), and the rest for the page cache, from which objects are sent.
const PART: u64 = 4;

/// With less, one address could not send a form of the longest fields.
const LEAST: u64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_the_groups_is_found() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("memory.max", "max\n");
        write("system.slice/memory.max", "2147483648\n");
        write("system.slice/upcall.service/memory.max", "4294967296\n");
        write("memory/docker/a/memory.limit_in_bytes", "1073741824\n");
        let limits = |groups: &str| group_limits(groups, root.path()).into_iter().min();
        assert_eq!(
            limits("0::/system.slice/upcall.service\n"),
            Some(2_147_483_648)
        );
        assert_eq!(limits("0::/\n"), None);
        let old = "11:cpu,cpuacct:/docker/a\n9:memory:/docker/a\n";
        assert_eq!(limits(old), Some(1_073_741_824));
        assert_eq!(limits("nonsense\n"), None);
    }

    #[test]
    fn the_machines_memory_is_read_and_what_was_said_counts() {
        assert_eq!(
            total_of("MemTotal:       16384 kB\nMemFree: 1 kB\n"),
            Some(16_777_216)
        );
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
        assert_eq!(for_requests(Some(7)), 7);
        assert!(for_requests(None) >= 64 * 1024 * 1024);
    }
}
