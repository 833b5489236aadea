//! Commands whose output goes to a file, and to the person only when they fail.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command`; what it prints is added to the file `log`.
///
/// # Errors
/// If it cannot be started or ends with another status than 0. The log has the rest.
pub(crate) fn run(command: &mut Command, log: &Path) -> Result<()> {
    let shown = show(command);
    let output = append(log)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("cannot share the log")?)
        .stderr(output)
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Opens `log` for adding to it.
pub(crate) fn append(log: &Path) -> Result<File> {
    let opened = OpenOptions::new().create(true).append(true).open(log);
    opened.with_context(|| format!("cannot write `{}`", log.display()))
}

/// Begins `log` anew, empty.
pub(crate) fn begin(log: &Path) -> Result<()> {
    let folder = log.parent().context("a log lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    fs::write(log, "").with_context(|| format!("cannot write `{}`", log.display()))
}

/// What a program prints, or nothing if there is no such program or it fails.
pub(crate) fn printed(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8_lossy(&text).trim().to_owned())
}

/// A command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
