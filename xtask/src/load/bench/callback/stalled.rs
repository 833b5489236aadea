//! `stalled`: applications take connections and answer nothing, while uploads wait for them; what that
//! does to plain uploads into another bucket, and what each of those that wait takes of memory.
//!
//! Two applications, for upcall lets no one of them have more than half of the places that are not kept
//! for fixed callbacks: of 10,000 that come to one, 6,144 wait, and of those that come to two 8,192.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::net::TcpSocket;
use tokio::task::{JoinHandle, JoinSet};

use super::wave::{Released, Wave};
use super::{Bench, FILE_BYTES};
use crate::bench::client::{Client, Upload};
use crate::bench::contender::{Contender::Upcall, Setup, Started};
use crate::bench::machine;
use crate::bench::report::{Goal, Report};
use crate::bench::table::Row;
use crate::bench::work;
use crate::random::Random;

#[derive(Debug)]
struct Rows {
    beside: Row,
    alone: Row,
    to_the_end: Vec<f64>,
    waiting: Vec<f64>,
    each: Vec<f64>,
    unsent: Vec<f64>,
    taken_in: Vec<f64>,
    crowded: Vec<f64>,
    longest: Vec<f64>,
}

pub(super) async fn measure(bench: &Bench) -> Result<Report> {
    let mut rows = Rows {
        beside: Row::new("p99 while they wait"),
        alone: Row::new("p99 without"),
        to_the_end: Vec::new(),
        waiting: Vec::new(),
        each: Vec::new(),
        unsent: Vec::new(),
        taken_in: Vec::new(),
        crowded: Vec::new(),
        longest: Vec::new(),
    };
    let count = WANTED.min(machine::connections_that_fit()) - PLAIN_CLIENTS;
    for _ in 0..bench.rounds {
        let mut tries = 1;
        while let Some(took) = round(bench, count as u64, &mut rows).await? {
            ensure!(
                tries < TRIES,
                "{TRIES} times in a row too little was left of the {THEY_WAIT:?} that uploads wait: \
                 taking them in took {took:?}"
            );
            tries += 1;
        }
    }
    let why_fewer = if count + PLAIN_CLIENTS < WANTED {
        format!(
            ", for there are {} open files at most",
            machine::descriptors()
        )
    } else {
        String::new()
    };
    let title = format!(
        "plain uploads next to {count} that wait for two stalled applications{why_fewer}; \
         {PLAIN_CLIENTS} clients"
    );
    let mut report = Report::new(title, "ms");
    report.row(rows.beside, None);
    report.row(rows.alone, Some(Goal::AtMost(1.5)));
    report.fact("p99 until all are answered", "ms", rows.to_the_end, None);
    report.fact("waiting at the same time", "", rows.waiting, None);
    report.fact("memory of each", "KiB", rows.each, Some(Goal::AtMost(32.0)));
    report.fact("of that before its last bytes", "KiB", rows.unsent, None);
    report.fact("until all were taken in", "s", rows.taken_in, None);
    report.fact("told of too many", "", rows.crowded, None);
    let goal = Some(Goal::AtMost(ANSWERED_WITHIN));
    report.fact("the last answer after", "s", rows.longest, goal);
    Ok(report)
}

/// Adds a figure to each row, or none to any: how long it took to take all in, if the first stopped
/// waiting before there could be figures.
async fn round(bench: &Bench, count: u64, rows: &mut Rows) -> Result<Option<Duration>> {
    let started = bench.stand.start_with(Upcall, &Setup::default()).await?;
    started.upcall()?.make_bucket(STALLING).await?;
    let applications = [Stalled::start()?, Stalled::start()?];
    let stalling = |application: &Stalled| {
        let address = Some(application.address);
        started.upload_to(STALLING, address, FILE_BYTES)
    };
    let stalling = [stalling(&applications[0])?, stalling(&applications[1])?];
    work::warm_up(&started).await?;

    let plain = Plain::start(&started).await?;
    tokio::time::sleep(bench.time).await;
    let alone = plain.stop().await?;
    let before = machine::memory_mib(started.id(), "VmRSS")?;
    let wave = Wave::gather(started.address(), &stalling, count).await?;
    tokio::time::sleep(SETTLING).await;
    let unsent = machine::memory_mib(started.id(), "VmRSS")? - before;
    let wave = wave.release();
    let began = wave.began;
    let waiting = all_taken_in(&started, &wave).await?;
    let all_in = Instant::now();
    // Not before: taking them in is work, and not what is asked about.
    no_more_calls(&applications, began + THEY_WAIT).await;
    let plain = Plain::start(&started).await?;
    let memory = machine::memory_mib(started.id(), "VmRSS")? - before;
    tokio::time::sleep_until((began + THEY_WAIT).into()).await;
    let (until, ended) = (Instant::now(), wave.end().await?);
    let times = plain.stop().await?;
    let is_within = |time: &&Timed| time.sent + time.took <= until;
    let while_they_wait: Vec<Timed> = times.iter().filter(is_within).copied().collect();

    let took = all_in - began;
    if while_they_wait.len() < ENOUGH {
        return Ok(Some(took));
    }
    rows.beside.figures.push(p99(while_they_wait));
    rows.alone.figures.push(p99(alone));
    rows.unsent.push(kib_each(unsent, count));
    rows.taken_in.push(took.as_secs_f64());
    rows.to_the_end.push(p99(times));
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    rows.waiting.push(waiting as f64);
    rows.each.push(kib_each(memory, waiting));
    rows.crowded.push(ended.crowded.into());
    rows.longest.push(ended.longest.as_secs_f64());
    Ok(None)
}

/// An application that takes connections, reads nothing and answers nothing.
#[derive(Debug)]
struct Stalled {
    address: SocketAddr,
    calls: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Stalled {
    fn start() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(STALLED_CONNECTIONS);
        let listener = listener.context("cannot listen for callbacks")?;
        let address = listener.local_addr()?;
        let calls = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&calls);
        let accepting = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((call, _)) = listener.accept().await {
                held.push(call);
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Self {
            address,
            calls,
            accepting,
        })
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Waits until each of them is told of too many, or waits; how many wait.
async fn all_taken_in(started: &Started, wave: &Released) -> Result<u64> {
    let storage = started.upcall()?;
    let mut most = 0;
    loop {
        let answered = wave.answered();
        let waiting = storage.calls_under_way().await?;
        most = most.max(waiting);
        // In this order: nobody is counted as answered and as waiting.
        if waiting + answered >= wave.count {
            return Ok(most);
        }
        ensure!(
            wave.began.elapsed() < TAKEN_IN_WITHIN,
            "{waiting} uploads wait and {answered} were answered, of {}",
            wave.count
        );
        tokio::time::sleep(LOOK_EACH).await;
    }
}

/// Waits until no new call has come for a moment: a call is signed before it connects, and when all
/// uploads have come that is still going on. Not beyond `limit`.
async fn no_more_calls(applications: &[Stalled; 2], limit: Instant) {
    let calls = || -> u64 {
        let each = applications.iter();
        each.map(|application| application.calls.load(Ordering::Relaxed))
            .sum()
    };
    let mut last = 0;
    while Instant::now() < limit && calls() > last {
        last = calls();
        tokio::time::sleep(REST).await;
    }
}

/// One plain upload.
#[derive(Clone, Copy, Debug)]
struct Timed {
    sent: Instant,
    took: Duration,
}

/// Some clients that upload without a callback, with a pause between two uploads: what they wait for
/// is the server, not each other.
#[derive(Debug)]
struct Plain {
    is_over: Arc<AtomicBool>,
    clients: JoinSet<Result<Vec<Timed>>>,
}

impl Plain {
    async fn start(started: &Started) -> Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        let piece: Arc<[u8]> = Random::new(9).bytes(FILE_BYTES).into();
        for number in 0..PLAIN_CLIENTS {
            let client = Client::open(started.address()).await?;
            let upload = started.upload(FILE_BYTES)?;
            let (piece, is_over) = (Arc::clone(&piece), Arc::clone(&is_over));
            let first = NUMBERS_EACH * number as u64;
            clients.spawn(upload_until(is_over, client, upload, piece, first));
        }
        Ok(Self { is_over, clients })
    }

    async fn stop(mut self) -> Result<Vec<Timed>> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            times.extend(client??);
        }
        Ok(times)
    }
}

async fn upload_until(
    is_over: Arc<AtomicBool>,
    mut client: Client,
    mut upload: Upload,
    piece: Arc<[u8]>,
    first: u64,
) -> Result<Vec<Timed>> {
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        upload.set_number(first + times.len() as u64);
        let sent = Instant::now();
        client.upload(&upload, &piece).await?;
        times.push(Timed {
            sent,
            took: sent.elapsed(),
        });
        tokio::time::sleep(PAUSE).await;
    }
    Ok(times)
}

/// In milliseconds.
fn p99(mut times: Vec<Timed>) -> f64 {
    times.sort_unstable_by_key(|time| time.took);
    let at = times.len() * 99 / 100;
    times
        .get(at)
        .map_or(0.0, |time| time.took.as_secs_f64() * 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn kib_each(mib: f64, count: u64) -> f64 {
    mib * 1024.0 / count.max(1) as f64
}

/// Connections, those of the plain uploads included: as many as the server takes.
const WANTED: usize = 10_000;
const PLAIN_CLIENTS: usize = 8;
/// Keys of one of them.
const NUMBERS_EACH: u64 = 1_000_000_000;
/// Some 1,500 uploads in a second by all of them: load, but no queue.
const PAUSE: Duration = Duration::from_millis(4);
/// The bucket whose applications stall.
const STALLING: &str = "stalling";
/// The kernel's own bound for connections that nobody has accepted.
const STALLED_CONNECTIONS: u32 = 4096;
/// So that all that was sent has been read.
const SETTLING: Duration = Duration::from_secs(1);
/// An upload waits for its turn for 2.5 s, and then is told of too many.
const THEY_WAIT: Duration = Duration::from_millis(2400);
/// Of which the 99th percentile says something.
const ENOUGH: usize = 200;
/// On a machine that is busy with other things.
const TRIES: u32 = 5;
const TAKEN_IN_WITHIN: Duration = Duration::from_secs(30);
/// In which many calls are signed, if any are.
const REST: Duration = Duration::from_millis(100);
const LOOK_EACH: Duration = Duration::from_millis(20);
/// In seconds: the 5 that the protocol gives a call, and what it takes to tell them all.
const ANSWERED_WITHIN: f64 = 5.5;
