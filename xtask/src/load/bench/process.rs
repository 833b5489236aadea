//! What the kernel knows of a process: the CPU time that it and its children took.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// CPU time, user and system, of a process and all below it.
pub(super) fn cpu_time(root: u32) -> Result<Duration> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("there is no `/proc`")? {
        let name = entry.context("`/proc` cannot be listed")?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end between the listing and the reading.
        if let Some(stat) = fs::read_to_string(format!("/proc/{id}/stat"))
            .ok()
            .and_then(|text| parse(&text))
        {
            parents.insert(id, stat);
        }
    }
    let is_below = |mut id: u32| {
        while id != root {
            match parents.get(&id) {
                Some((parent, _)) => id = *parent,
                None => return false,
            }
        }
        true
    };
    let ticks: u64 = parents
        .iter()
        .filter(|(id, _)| is_below(**id))
        .map(|(_, (_, ticks))| ticks)
        .sum();
    Ok(Duration::from_millis(ticks * MILLISECONDS_PER_TICK))
}

/// Parent and ticks. The second field is a name in parentheses that may hold anything.
fn parse(stat: &str) -> Option<(u32, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some((fields.get(1)?.parse().ok()?, ticks(11)? + ticks(12)?))
}

/// The machine, in a line.
pub(super) fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = cpu
        .lines()
        .filter_map(|line| line.strip_prefix("model name"));
    let names: Vec<&str> = names
        .map(|name| name.trim_start_matches([' ', '\t', ':']))
        .collect();
    format!(
        "{} × {}",
        names.len(),
        names.first().unwrap_or(&"unknown processor")
    )
}

/// Linux counts in hundredths of a second for programs, whatever the kernel's own clock.
const MILLISECONDS_PER_TICK: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "7 (a) b (c) S 3 7 7 0 -1 4194304 100 0 0 0 25 17 0 0 20 0 1 0 100";
        assert_eq!(parse(stat), Some((3, 42)));
        assert_eq!(parse("7 (a"), None);
    }
}
