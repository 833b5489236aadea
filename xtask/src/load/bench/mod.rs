//! `load bench`: uploads next to nginx, in one run.
//!
//! Every round measures each contender once, in turn, so that what else the machine does falls on
//! all of them; a ratio is the median of the rounds' ratios. nginx writes the same bytes with its DAV
//! module: no form, no signature, no digest, no catalog, no callback and no `fsync`. It is what the
//! machine can do, not a competitor.

pub(crate) mod callback;
mod client;
mod contender;
pub(crate) mod floor;
mod large;
mod machine;
mod nginx;
mod process;
mod report;
mod slow;
mod small;
pub(crate) mod store;
mod suite;
mod table;
mod work;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use xtask::arguments::Arguments;

use crate::folder::Folder;
use crate::sink;
use crate::storage::Storage;
use crate::upload::Signer;
use nginx::Nginx;
use suite::{ROUNDS, Wanted};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    upcall: PathBuf,
    rounds: usize,
    wanted: Wanted,
}

impl Options {
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Self> {
        let upcall = arguments
            .take_value("--upcall")?
            .context("`--upcall` is missing")?;
        let rounds = arguments.take_value("--rounds")?.unwrap_or(ROUNDS);
        let wanted = Wanted::parse(arguments, &CASES)?;
        ensure!(rounds > 0, "no rounds, no figures");
        Ok(Self {
            upcall,
            rounds,
            wanted,
        })
    }
}

/// What all cases have at hand.
#[derive(Debug)]
struct Contenders {
    storage: Storage,
    nginx: Nginx,
    /// Uploads with a callback.
    signer: Signer,
    /// Uploads without.
    plain: Signer,
    rounds: usize,
}

/// Runs it.
pub(crate) async fn bench(options: Options) -> Result<()> {
    let folder = Folder::make("bench")?;
    let log = folder.path().join("upcall.log");
    let storage = Storage::start(&options.upcall, &folder.path().join("data"), &log).await?;
    let callback = sink::start()?;
    let contenders = Contenders {
        nginx: Nginx::start(&folder.path().join("nginx")).await?,
        signer: Signer::new(storage.address, Some(callback))?,
        plain: Signer::new(storage.address, None)?,
        storage,
        rounds: options.rounds,
    };
    println!("{}", process::machine());
    if options.wanted.has(CASES[0]) {
        small::measure(&contenders).await?;
    }
    if options.wanted.has(CASES[1]) {
        large::measure(&contenders).await?;
    }
    if options.wanted.has(CASES[2]) {
        slow::measure(&contenders).await?;
    }
    Ok(())
}

const CASES: [&str; 3] = ["small", "large", "slow"];
