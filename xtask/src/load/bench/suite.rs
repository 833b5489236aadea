//! What the suites of the store and of callbacks have in common: what may be asked of one, and where
//! its contenders stand.

use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xtask::arguments::Arguments;

use super::contender::Stand;
use crate::folder::Folder;

/// Which cases are measured: those that were named, or all.
#[derive(Debug)]
pub(super) struct Wanted(Vec<String>);

impl Wanted {
    /// # Errors
    /// One of what is left of the arguments is none of `cases`.
    pub(super) fn parse(arguments: Arguments, cases: &[&str]) -> Result<Self> {
        let names = arguments.into_names()?;
        for name in &names {
            ensure!(
                cases.contains(&name.as_str()),
                "there is nothing called `{name}` to measure; there is {}",
                cases.join(", ")
            );
        }
        Ok(Self(names))
    }

    pub(super) fn has(&self, case: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|name| name == case)
    }
}

/// What was asked of a suite.
#[derive(Debug)]
pub(super) struct Suite {
    upcall: PathBuf,
    node: PathBuf,
    express: PathBuf,
    pub(super) rounds: usize,
    /// Of one contender in one round.
    pub(super) seconds: f64,
    pub(super) wanted: Wanted,
}

impl Suite {
    /// Takes all that is left of the arguments: a suite's own flags come first.
    pub(super) fn parse(mut arguments: Arguments, cases: &[&str]) -> Result<Self> {
        let mut path = |flag: &str| {
            let path: Option<PathBuf> = arguments.take_value(flag)?;
            path.with_context(|| format!("`{flag}` is missing"))
        };
        let (upcall, node, express) = (path("--upcall")?, path("--node")?, path("--express")?);
        let rounds = arguments.take_value("--rounds")?.unwrap_or(ROUNDS);
        let seconds = arguments.take_value("--seconds")?.unwrap_or(SECONDS);
        ensure!(
            rounds > 0 && seconds > 0.0,
            "no rounds, no time: no figures"
        );
        Ok(Self {
            upcall,
            node,
            express,
            rounds,
            seconds,
            wanted: Wanted::parse(arguments, cases)?,
        })
    }

    /// The contenders' programs, with a folder of this name for what they write.
    pub(super) fn stand(&self, folder: &str) -> Result<Stand> {
        Ok(Stand {
            upcall: self.upcall.clone(),
            node: self.node.clone(),
            express: self.express.clone(),
            folder: Folder::make(folder)?,
            started: AtomicU32::new(0),
        })
    }

    pub(super) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// A median of five tells a slow round from a slow server.
pub(super) const ROUNDS: usize = 5;
const SECONDS: f64 = 3.0;
