//! `load crash`: the server ends at random moments under load, and nothing that it answered is lost.
//!
//! Each round starts the server on the same store, compares every key with what its worker was told
//! ([`check`]), loads it ([`worker`]), and ends it: with `SIGKILL`, or with `SIGTERM`, after which it
//! must end by itself with status 0 and no answer cut. Now and then it is killed once more while it
//! starts. After the last round the store must give its room back, and `upcall fsck` must find nothing
//! ([`end`]). Out: a line for each round, the sums, and `N passed, N failed`, where each round is one.
//!
//! The same seed gives the same requests and moments, as far as a busy machine has moments.

mod check;
mod end;
mod worker;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use tokio::task::JoinSet;
use xtask::arguments::Arguments;
use xtask::program;
use xtask::tally::Tally;

use crate::folder::Folder;
use crate::random::Random;
use crate::sink;
use crate::storage::{self, Storage};
use crate::upload::Signer;
use worker::{Course, Worker};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    upcall: PathBuf,
    until: Until,
    /// Beside `Until::Kills`.
    terms: u64,
    seed: u64,
}

/// When it is enough.
#[derive(Clone, Copy, Debug)]
enum Until {
    Kills(u64),
    Time(Duration),
}

/// How the server ends in a round.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Kill,
    Term,
}

impl Options {
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Self> {
        let upcall = arguments
            .take_value("--upcall")?
            .context("`--upcall` is missing")?;
        let seconds = arguments.take_value("--seconds")?;
        let until = match (arguments.take_value("--kills")?, seconds) {
            (Some(kills), _) => Until::Kills(kills),
            (None, seconds) => Until::Time(Duration::from_secs(seconds.unwrap_or(60))),
        };
        let terms = arguments.take_value("--terms")?;
        let now = Timestamp::now().as_microsecond().unsigned_abs();
        let seed = arguments.take_value("--seed")?.unwrap_or(now);
        if let Some(name) = arguments.into_names()?.first() {
            bail!("`crash` has no part `{name}`");
        }
        Ok(Self {
            upcall,
            until,
            terms: terms.unwrap_or(0),
            seed,
        })
    }

    /// How round `number` ends; nothing if there is none.
    fn end(&self, number: u64, since: Instant) -> Option<End> {
        match self.until {
            Until::Time(limit) => {
                // One round in eight ends politely.
                let end = if number % 8 == 7 {
                    End::Term
                } else {
                    End::Kill
                };
                (since.elapsed() < limit).then_some(end)
            }
            Until::Kills(kills) if number < kills => Some(End::Kill),
            Until::Kills(kills) => (number - kills < self.terms).then_some(End::Term),
        }
    }
}

/// Sums over all rounds.
#[derive(Debug, Default)]
struct Sums {
    rounds: Tally,
    kills: u64,
    terms: u64,
    kills_at_start: u64,
    course: Course,
    checked: u64,
    done_unanswered: u64,
}

/// Runs it.
pub(crate) async fn crash(options: &Options) -> Result<()> {
    println!("seed {}", options.seed);
    let mut folder = Folder::make("crash")?;
    let mut random = Random::new(options.seed);
    let sums = rounds(options, &mut random, folder.path()).await;
    let is_well = sums.as_ref().is_ok_and(|sums| sums.rounds.failed == 0);
    if !is_well {
        println!("store and log are kept in `{}`", folder.keep().display());
    }
    let sums = sums?;
    println!(
        "{} kills under load, {} more while starting, {} SIGTERMs; answered: {} uploads, {} deletes, {} creations of what is there; \
         unanswered: {}, of which {} were done; {} keys compared; seed {}",
        sums.kills,
        sums.kills_at_start,
        sums.terms,
        sums.course.uploads,
        sums.course.deletes,
        sums.course.taken,
        sums.course.unanswered,
        sums.done_unanswered,
        sums.checked,
        options.seed,
    );
    println!("{}", sums.rounds);
    if !is_well {
        bail!("the server lost, tore or cut something");
    }
    Ok(())
}

async fn rounds(options: &Options, random: &mut Random, folder: &Path) -> Result<Sums> {
    let mut run = Run {
        data: folder.join("data"),
        log: folder.join("upcall.log"),
        callback: sink::start()?,
        pool: random.bytes(worker::FILE_BYTES).into(),
        workers: (0..WORKERS)
            .map(|number| Worker::new(number, random))
            .collect(),
        sums: Sums::default(),
        complaints: Vec::new(),
    };
    let since = Instant::now();
    for number in 0.. {
        let storage = Storage::start(&options.upcall, &run.data, &run.log).await?;
        let signer = Arc::new(Signer::new(storage.address, Some(run.callback))?);
        run.check(&storage, &signer).await;
        if number > 0 {
            run.close_round();
        }
        let Some(end) = options.end(number, since) else {
            let complaints = end::check(options, &run, storage).await?;
            run.complaints.extend(complaints);
            run.close_round();
            break;
        };
        let moment = Duration::from_millis(5 + random.below(250));
        run.load(storage, &signer, end, moment).await?;
        if random.below(4) == 0 {
            let moment = Duration::from_millis(random.below(30));
            kill_at_start(options, &run, moment).await?;
            run.sums.kills_at_start += 1;
        }
    }
    Ok(run.sums)
}

/// What lasts from round to round.
#[derive(Debug)]
struct Run {
    data: PathBuf,
    log: PathBuf,
    callback: SocketAddr,
    /// What files are cut from.
    pool: Arc<[u8]>,
    workers: Vec<Worker>,
    sums: Sums,
    /// What was wrong in the round that runs.
    complaints: Vec<String>,
}

impl Run {
    /// Compares every key of every worker.
    async fn check(&mut self, storage: &Storage, signer: &Arc<Signer>) {
        let mut checks = JoinSet::new();
        for worker in self.workers.drain(..) {
            checks.spawn(check::check(worker, storage.address, signer.clone()));
        }
        for (worker, found) in checks.join_all().await {
            self.workers.push(worker);
            self.sums.checked += found.keys;
            self.sums.done_unanswered += found.done_unanswered;
            self.complaints.extend(found.complaints);
        }
        // They come back as they end; the same seed wants the same order.
        self.workers.sort_by_key(Worker::prefix);
    }

    /// Lets all workers loose, and ends the server after a while.
    async fn load(
        &mut self,
        storage: Storage,
        signer: &Arc<Signer>,
        end: End,
        moment: Duration,
    ) -> Result<()> {
        let mut loads = JoinSet::new();
        for worker in self.workers.drain(..) {
            loads.spawn(worker.load(storage.address, signer.clone(), self.pool.clone()));
        }
        tokio::time::sleep(moment).await;
        self.complaints.extend(stop(storage, end).await?);
        let mut course = Course::default();
        for (worker, of_worker) in loads.join_all().await {
            self.workers.push(worker);
            course += of_worker;
        }
        println!(
            "{end:?} after {moment:?}: {} uploads, {} deletes",
            course.uploads, course.deletes
        );
        match end {
            End::Kill => self.sums.kills += 1,
            End::Term => {
                self.sums.terms += 1;
                if course.cut > 0 {
                    self.complaints
                        .push(format!("{} answers were cut at SIGTERM", course.cut));
                }
            }
        }
        self.complaints.append(&mut course.refusals);
        self.sums.course += course;
        Ok(())
    }

    /// Counts the round, and says what was wrong with it.
    fn close_round(&mut self) {
        if self.complaints.is_empty() {
            self.sums.rounds.passed += 1;
            return;
        }
        self.sums.rounds.failed += 1;
        for complaint in self.complaints.drain(..) {
            println!("  WRONG: {complaint}");
        }
    }
}

/// Ends the server; says what was wrong with how it ended.
async fn stop(storage: Storage, end: End) -> Result<Option<String>> {
    if end == End::Kill {
        storage.program.kill()?;
        return Ok(None);
    }
    storage.program.ask_to_stop()?;
    let waited = tokio::task::spawn_blocking(move || storage.program.wait()).await;
    let status = waited.context("the wait was not finished")?;
    Ok(match status {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("it ended with {status} after SIGTERM")),
        Err(error) => Some(format!("{error:#}")),
    })
}

/// Starts the server and kills it a moment later, ready or not.
async fn kill_at_start(options: &Options, run: &Run, moment: Duration) -> Result<()> {
    let mut command = program::serve(&options.upcall, &run.data);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(storage::append(&run.log)?);
    let mut child = command.spawn().context("cannot start `upcall`")?;
    tokio::time::sleep(moment).await;
    child.kill().context("cannot kill `upcall`")?;
    child.wait().context("cannot wait for `upcall`")?;
    Ok(())
}

/// Enough that commits come in groups.
const WORKERS: u64 = 12;
