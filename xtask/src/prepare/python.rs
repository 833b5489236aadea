//! Python packages in a virtual environment, by a list that names versions and digests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::stamp::Stamp;
use crate::logged;

/// Makes the environment `folder` with the packages of `requirements`, unless it is there already.
///
/// Returns its interpreter.
pub(super) fn environment(folder: &Path, requirements: &Path, log: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let stamp = Stamp::of(folder.join("stamp"), requirements)?;
    if stamp.is_current() {
        return Ok(python);
    }
    let list = requirements.display();
    println!(
        "installing Python packages of `{list}` into `{}`",
        folder.display()
    );
    if folder.exists() {
        fs::remove_dir_all(folder).context("cannot remove the old environment")?;
    }
    logged::run(
        Command::new("python3").args(["-m", "venv"]).arg(folder),
        log,
    )?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(["--require-hashes", "--requirement"])
    .arg(requirements);
    logged::run(&mut pip, log)?;
    stamp.set()?;
    Ok(python)
}
