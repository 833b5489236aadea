//! A running `upcall dev` for the length of a step.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::program::{ADMIN_SECRET, Running};

use crate::logged;

/// `upcall dev` on free ports, with a data folder that goes when it goes.
#[derive(Debug)]
pub(super) struct Dev {
    program: Option<Running>,
    data: PathBuf,
}

impl Dev {
    /// Starts it; what it says beside its first line goes to `log`.
    pub(super) fn start(upcall: &Path, log: &Path) -> Result<Self> {
        let data = std::env::temp_dir().join(format!("upcall-xtask-{}", std::process::id()));
        let mut command = Command::new(upcall);
        command.args(["dev", "--json", "--data"]).arg(&data);
        for address in ["--storage", "--app", "--admin"] {
            command.args([address, "127.0.0.1:0"]);
        }
        command.env("UPCALL_ADMIN_SECRET", ADMIN_SECRET);
        command.stderr(logged::append(log)?);
        let mut dev = Self {
            program: None,
            data,
        };
        dev.program = Some(Running::start(command)?);
        Ok(dev)
    }

    /// A member of its first line.
    pub(super) fn text(&self, name: &str) -> Result<&str> {
        let program = self.program.as_ref();
        program
            .context("`upcall dev` runs until it is dropped")?
            .text(name)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.program.take()); // before its folder goes
        fs::remove_dir_all(&self.data).ok();
    }
}
