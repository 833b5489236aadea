//! The machine, and what the kernel says of a process's memory.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::contender::Stand;
use super::process;

/// Raises the limit of open files as far as it goes, also for the contenders: they inherit it.
pub(super) fn raise_limit() {
    let wanted = Some(WANTED_DESCRIPTORS);
    let raised = Rlimit {
        current: wanted,
        maximum: wanted,
    };
    let limit = getrlimit(Resource::Nofile);
    let is_enough = limit.maximum.is_none_or(|most| most >= WANTED_DESCRIPTORS);
    if is_enough || setrlimit(Resource::Nofile, raised).is_err() {
        let highest = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, highest).ok();
    }
}

/// How many files this process, and so a contender, may have open.
pub(super) fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// How many connections upcall takes with that limit: it keeps some descriptors for itself and for
/// uploads that are under way.
pub(super) fn connections_that_fit() -> usize {
    let left = descriptors().saturating_sub(400);
    let fit = (left / 3).max(left.saturating_sub(8192));
    usize::try_from(fit).unwrap_or(usize::MAX)
}

/// A field of `/proc/ID/status` that counts kilobytes.
pub(super) fn memory_mib(id: u32, field: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"));
    let status = status.context("a contender has ended")?;
    kilobytes(&status, field)
        .map(|kilobytes| kilobytes / 1024.0)
        .with_context(|| format!("the kernel knows no `{field}`"))
}

fn kilobytes(text: &str, field: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim_matches(|letter: char| !letter.is_ascii_digit())
        .parse()
        .ok()
}

/// What the figures depend on, in a line.
pub(super) fn facts(folder: &Path) -> String {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = kilobytes(&memory, "MemTotal").unwrap_or_default() / f64::from(1 << 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut df = Command::new("df");
    df.arg("--output=fstype").arg(folder);
    format!(
        "{}, {memory:.0} GiB of memory, Linux {}, {}",
        process::machine(),
        kernel.trim(),
        said(&mut df).lines().last().unwrap_or_default()
    )
}

/// The version of nginx, by its own words.
pub(super) fn nginx_version() -> String {
    let nginx = said(Command::new("/usr/sbin/nginx").arg("-v"));
    nginx.trim_start_matches("nginx version: ").to_owned()
}

/// The versions of what Express stands on, in a line.
pub(super) fn express_versions(stand: &Stand) -> String {
    let node = said(Command::new(&stand.node).arg("--version"));
    let package = |name: &str| {
        let path = stand.express.join("node_modules").join(name);
        let text = fs::read_to_string(path.join("package.json")).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        value["version"].as_str().unwrap_or("?").to_owned()
    };
    format!(
        "Node {node}, Express {}, multer {}",
        package("express"),
        package("multer")
    )
}

/// What a program says, wherever it says it.
fn said(command: &mut Command) -> String {
    let Ok(output) = command.output() else {
        return "?".to_owned();
    };
    let all = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&all).trim().to_owned()
}

/// Enough for 10,000 connections, with any of upcall's ways to share them out.
const WANTED_DESCRIPTORS: u64 = 32_768;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n";
        assert_eq!(kilobytes(status, "VmRSS"), Some(1024.0));
        assert_eq!(kilobytes(status, "VmSwap"), None);
    }
}
