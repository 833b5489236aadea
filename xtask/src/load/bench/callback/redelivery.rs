//! `redelivery`: an application was down while uploads went on, and is there again.
//!
//! The outage is a port on which nobody listens. Half of what is owed is delivered while nothing else
//! happens, which gives the rate; then uploads that tell another application come in at the same time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Bench, CONNECTIONS, FILE_BYTES};
use crate::bench::contender::{Contender::Upcall, Setup, Started};
use crate::bench::process::cpu_time;
use crate::bench::report::{Goal, Report};
use crate::bench::table::Row;
use crate::bench::work::{self, Until};
use crate::sink::{ClosedPort, Sink};

#[derive(Debug)]
struct Rows {
    delivered: Row,
    uploads: Row,
    /// In seconds.
    first: Vec<f64>,
    /// Uploads while calls were made again, of those before.
    kept: Vec<f64>,
    /// Calls made again in a second, during uploads.
    beside: Vec<f64>,
    /// Calls that were made although they had arrived.
    twice: Vec<f64>,
}

pub(super) async fn measure(bench: &Bench) -> Result<Report> {
    let mut rows = Rows {
        delivered: Row::new("owed calls, alone"),
        uploads: Row::new("uploads with a callback"),
        first: Vec::new(),
        kept: Vec::new(),
        beside: Vec::new(),
        twice: Vec::new(),
    };
    for _ in 0..bench.rounds {
        round(bench, &mut rows).await?;
    }
    let title = format!(
        "{} owed calls after an outage, RSA of 2048 bits",
        bench.owed
    );
    let mut report = Report::new(title, "req/s");
    report.row(rows.delivered, None);
    report.row(rows.uploads, Some(Goal::AtLeast(0.8)));
    let goal = Some(Goal::AtLeast(0.8));
    report.fact("uploads beside them, of before", "×", rows.kept, goal);
    report.fact("owed calls beside them", "req/s", rows.beside, None);
    report.fact("until the first one came", "s", rows.first, None);
    report.fact("calls that came twice", "", rows.twice, None);
    Ok(report)
}

async fn round(bench: &Bench, rows: &mut Rows) -> Result<()> {
    let setup = Setup {
        application: Some(bench.application.address),
        ..Setup::default()
    };
    let started = bench.stand.start_with(Upcall, &setup).await?;
    let storage = started.upcall()?;
    storage.make_bucket(OWING).await?;
    storage.redeliver(OWING, REDELIVER_SECONDS).await?;
    work::warm_up(&started).await?;
    let before = uploads(bench, &started, 0).await?;
    before.add_to(&mut rows.uploads, 1.0);

    let port = ClosedPort::reserve()?;
    let owing = started.upload_to(OWING, Some(port.address), FILE_BYTES)?;
    let until = Until {
        time: Duration::MAX,
        requests: bench.owed,
    };
    let owing = owing.whose_callback_fails();
    work::upload(&started, &owing, CONNECTIONS, 0, until).await?;

    let mut back = Sink::start(Some(port.address.port())).await?;
    let since = Instant::now();
    wait_for(&mut back, 1).await?;
    rows.first.push(since.elapsed().as_secs_f64());
    let (from, cpu) = (Moment::of(&mut back).await?, cpu_time(started.id())?);
    wait_for(&mut back, bench.owed / 2).await?;
    let half = Moment::of(&mut back).await?;
    let cpu = cpu_time(started.id())?.saturating_sub(cpu);
    rows.delivered.figures.push(half.rate_since(&from));
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let calls = (half.calls - from.calls).max(1) as f64;
    rows.delivered.cpu.push(cpu.as_secs_f64() * 1e6 / calls);

    let beside = uploads(bench, &started, NUMBERS_BESIDE).await?;
    let end = Moment::of(&mut back).await?;
    ensure!(
        end.calls < bench.owed,
        "all calls were delivered before the uploads beside them ended: `--owed` takes more"
    );
    rows.kept.push(beside.rate() / before.rate());
    rows.beside.push(end.rate_since(&half));

    wait_for(&mut back, bench.owed).await?;
    nothing_is_owed(&started).await?;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    rows.twice.push((back.calls().await? - bench.owed) as f64);
    Ok(())
}

/// Uploads that tell an application which is there.
async fn uploads(bench: &Bench, started: &Started, first: u64) -> Result<work::Done> {
    let until = Until {
        time: bench.time,
        requests: u64::MAX,
    };
    let upload = started.upload(FILE_BYTES)?;
    work::upload(started, &upload, CONNECTIONS, first, until).await
}

/// How many calls had come at a moment.
#[derive(Clone, Copy, Debug)]
struct Moment {
    at: Instant,
    calls: u64,
}

impl Moment {
    async fn of(application: &mut Sink) -> Result<Self> {
        let calls = application.calls().await?;
        let at = Instant::now();
        Ok(Self { at, calls })
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn rate_since(&self, earlier: &Self) -> f64 {
        (self.calls - earlier.calls) as f64 / (self.at - earlier.at).as_secs_f64()
    }
}

/// Waits until so many calls have come.
async fn wait_for(application: &mut Sink, wanted: u64) -> Result<()> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let calls = application.calls().await?;
        if calls >= wanted {
            return Ok(());
        }
        if calls > last {
            (last, since) = (calls, Instant::now());
        }
        ensure!(
            since.elapsed() < STANDSTILL,
            "{calls} of {wanted} calls came, and none for {STANDSTILL:?}"
        );
        tokio::time::sleep(LOOK_EACH).await;
    }
}

/// Waits until the server says so itself: a call that came is settled a moment later.
async fn nothing_is_owed(started: &Started) -> Result<()> {
    let since = Instant::now();
    loop {
        let answer = started.upcall()?.admin("GET", "owed?limit=1", "").await?;
        let owed: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let calls = owed["calls"].as_array().context("what is owed is a list")?;
        if calls.is_empty() {
            return Ok(());
        }
        ensure!(
            since.elapsed() < STANDSTILL,
            "every call has come, and this one is still owed: {}",
            calls[0]
        );
        tokio::time::sleep(LOOK_EACH).await;
    }
}

/// The bucket whose calls are owed.
const OWING: &str = "owing";
const REDELIVER_SECONDS: u32 = 86_400;
/// Keys that the uploads before them do not have.
const NUMBERS_BESIDE: u64 = 100_000_000_000;
/// A destination that is down is tried again every 15 s; nothing for four times that is a fault.
const STANDSTILL: Duration = Duration::from_secs(60);
const LOOK_EACH: Duration = Duration::from_millis(20);
