//! `load calls`: server and application end at random moments, and no call is lost, none decides twice.
//!
//! Three buckets: in one what did not arrive is made again, in two an object is there only when the
//! application has agreed, and an upload that nobody could be asked about is refused in the one and kept
//! in the other. Uploaders send files under new keys, some under a name, and ask again under it when the
//! server was killed; onlookers look for objects that nobody has agreed to, all the time. Each round ends
//! with `SIGKILL` for the server, the application, or both. At the end everything is decided, and what
//! is there is compared with what the application has written down and what the uploaders were told
//! ([`judge`]).

pub(crate) mod application;
mod form;
mod journal;
mod judge;
mod onlooker;
mod uploader;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use tokio::task::JoinSet;
use xtask::arguments::Arguments;
use xtask::tally::Tally;

use crate::folder::Folder;
use crate::port;
use crate::random::Random;
use crate::storage::Storage;
use form::Forms;
use journal::Journal;
use onlooker::Onlooker;
use uploader::{Upload, Uploader};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    upcall: PathBuf,
    kills: u64,
    /// Gated uploads at least; rounds are made until there were so many.
    gated: u64,
    seed: u64,
}

impl Options {
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Self> {
        let upcall = arguments.take_value("--upcall")?;
        let now = Timestamp::now().as_microsecond().unsigned_abs();
        let options = Self {
            upcall: upcall.context("`--upcall` is missing")?,
            kills: arguments.take_value("--kills")?.unwrap_or(20),
            gated: arguments.take_value("--gated")?.unwrap_or(0),
            seed: arguments.take_value("--seed")?.unwrap_or(now),
        };
        if let Some(name) = arguments.into_names()?.first() {
            bail!("`crash calls` has no part `{name}`");
        }
        Ok(options)
    }
}

/// The buckets, and how they call the application.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Bucket {
    Owed,
    GatedRefuse,
    GatedKeep,
}

impl Bucket {
    const ALL: [Self; 3] = [Self::Owed, Self::GatedRefuse, Self::GatedKeep];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Owed => "owed",
            Self::GatedRefuse => "gated-refuse",
            Self::GatedKeep => "gated-keep",
        }
    }

    pub(super) const fn is_gated(self) -> bool {
        !matches!(self, Self::Owed)
    }

    const fn settings(self) -> &'static str {
        match self {
            Self::Owed => r#"{"redeliverSeconds":86400}"#,
            Self::GatedRefuse => r#"{"gate":"refuse"}"#,
            Self::GatedKeep => r#"{"gate":"keep"}"#,
        }
    }
}

/// Sums over all rounds.
#[derive(Debug, Default)]
pub(super) struct Sums {
    kills: u64,
    application_kills: u64,
    uploads: u64,
    gated: u64,
    asked_again: u64,
    looks: u64,
    complaints: Vec<String>,
}

impl std::fmt::Display for Sums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            kills,
            application_kills,
            uploads,
            gated,
            asked_again,
            looks,
            ..
        } = self;
        write!(
            f,
            "{kills} kills of the server, {application_kills} of the application; {uploads} uploads \
             answered, {gated} of them gated; {asked_again} asked again; {looks} looks"
        )
    }
}

/// Runs it.
pub(crate) async fn run(options: &Options) -> Result<()> {
    println!("seed {}", options.seed);
    let mut folder = Folder::make("calls")?;
    let ran = rounds(options, folder.path()).await;
    let is_well = ran.as_ref().is_ok_and(|tally| tally.failed == 0);
    if !is_well {
        println!(
            "store, log and journal are kept in `{}`",
            folder.keep().display()
        );
    }
    println!("{}", ran?);
    if !is_well {
        bail!("a call was lost, or an object was seen that nobody agreed to");
    }
    Ok(())
}

async fn rounds(options: &Options, folder: &Path) -> Result<Tally> {
    let mut random = Random::new(options.seed);
    let (data, log) = (folder.join("data"), folder.join("upcall.log"));
    let journal = Journal::new(&folder.join("journal"));
    // The application is started again and again, and has to come back where it was.
    let address = port::free()?;
    let port = address.port();
    let mut uploaders: Vec<Uploader> = (0..UPLOADERS)
        .map(|number| Uploader::new(number, random.next()))
        .collect();
    let (mut sums, mut tally) = (Sums::default(), Tally::default());
    let mut application = application::Running::start(&journal, port, options.seed)?;
    for number in 0.. {
        let storage = Storage::start(&options.upcall, &data, &log).await?;
        if number == 0 {
            for bucket in Bucket::ALL {
                make(&storage, bucket).await?;
            }
        }
        let forms = Arc::new(Forms::new(storage.address, address)?);
        let is_enough =
            sums.kills + sums.application_kills >= options.kills && sums.gated >= options.gated;
        if is_enough {
            let uploads = finish(&storage, &forms, uploaders, &mut sums).await?;
            let complaints = judge::judge(&storage, &journal, &uploads).await?;
            sums.complaints.extend(complaints);
            storage.program.kill()?;
            close(&mut sums, &mut tally);
            break;
        }
        let onlooker = Onlooker::start(storage.address, &journal, random.next());
        let mut loads = JoinSet::new();
        for uploader in uploaders.drain(..) {
            loads.spawn(uploader.load(Arc::clone(&forms)));
        }
        let moment = Duration::from_millis(20 + random.below(400));
        tokio::time::sleep(moment).await;
        end(
            &mut application,
            &journal,
            &mut random,
            &mut sums,
            options.seed,
            port,
        )
        .await?;
        storage.program.kill()?;
        for (uploader, course) in loads.join_all().await {
            uploaders.push(uploader);
            sums.uploads += course.uploads;
            sums.gated += course.gated;
            sums.asked_again += course.asked_again;
            sums.complaints.extend(course.complaints);
        }
        uploaders.sort_by_key(Uploader::number);
        let seen = onlooker.stop().await;
        sums.looks += seen.looks;
        sums.complaints.extend(seen.complaints);
        if !application.is_running() {
            application = application::Running::start(&journal, port, options.seed)?;
        }
        close(&mut sums, &mut tally);
    }
    application.kill()?;
    println!("{sums}; seed {}", options.seed);
    Ok(tally)
}

/// Ends the application, the server, or both; the server is killed by the caller in any case, so that
/// the round has an end.
async fn end(
    application: &mut application::Running,
    journal: &Journal,
    random: &mut Random,
    sums: &mut Sums,
    seed: u64,
    port: u16,
) -> Result<()> {
    let victim = random.below(4);
    if victim < 2 {
        application.kill()?;
        sums.application_kills += 1;
        // The server goes on without it for a moment.
        tokio::time::sleep(Duration::from_millis(random.below(150))).await;
    }
    sums.kills += 1;
    if victim == 0 {
        // It hears of the application again before it is killed.
        *application = application::Running::start(journal, port, seed)?;
        tokio::time::sleep(Duration::from_millis(random.below(200))).await;
    }
    Ok(())
}

fn close(sums: &mut Sums, tally: &mut Tally) {
    if sums.complaints.is_empty() {
        tally.passed += 1;
        return;
    }
    tally.failed += 1;
    for complaint in sums.complaints.drain(..).take(20) {
        println!("  WRONG: {complaint}");
    }
}

/// Asks again for everything that was not answered, and waits until nothing is owed.
async fn finish(
    storage: &Storage,
    forms: &Arc<Forms>,
    uploaders: Vec<Uploader>,
    sums: &mut Sums,
) -> Result<Vec<Upload>> {
    let mut uploads = Vec::new();
    for mut uploader in uploaders {
        let course = uploader.ask_again(forms).await;
        sums.asked_again += course.asked_again;
        sums.complaints.extend(course.complaints);
        uploads.extend(uploader.into_uploads());
    }
    let since = Instant::now();
    loop {
        let answer = storage.admin("GET", "owed?limit=1000", "").await?;
        let owed: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let left = owed["calls"].as_array().map_or(0, Vec::len);
        if left == 0 {
            println!("nothing is owed after {:?}", since.elapsed());
            return Ok(uploads);
        }
        if since.elapsed() > DECIDED_WITHIN {
            let some: BTreeSet<String> = owed["calls"]
                .as_array()
                .into_iter()
                .flatten()
                .take(3)
                .map(ToString::to_string)
                .collect();
            sums.complaints
                .push(format!("{left} calls are still owed: {some:?}"));
            return Ok(uploads);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn make(storage: &Storage, bucket: Bucket) -> Result<()> {
    let path = format!("buckets/{}", bucket.name());
    let settings = format!("{path}/callback");
    for (path, body, expected) in [
        (&path, r#"{"acl":"public-read"}"#, 201),
        (&settings, bucket.settings(), 204),
    ] {
        let answer = storage.admin("PUT", path, body).await?;
        if answer.status != expected {
            bail!(
                "`{path}` was answered with {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
    }
    Ok(())
}

/// A process of our own that is killed.
pub(super) fn start_self(arguments: &[String]) -> Result<Child> {
    let program = std::env::current_exe().context("this program has no path")?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    child.context("cannot start the application")
}

/// Enough that calls wait for one another.
const UPLOADERS: u64 = 12;

/// How long it may take until everything is decided.
const DECIDED_WITHIN: Duration = Duration::from_secs(120);
