//! `load callback`: uploads that tell an application, next to a floor, to Express with `fetch`, and to
//! what a call must cost, in one run.
//!
//! The application is a process of its own that agrees at once ([`Sink`]); how many calls it can take is
//! measured first, so that nobody is measured at its limit. Otherwise as the suite of the store:
//! contenders in turn, afresh in each round, another key in each request. `docs/benchmarks.md` says
//! what each line means.

mod latency;
mod redelivery;
mod small;
mod stalled;
mod wave;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use xtask::arguments::Arguments;

use super::client::{Body, Client};
use super::contender::Stand;
use super::machine;
use super::report::{MARKDOWN_HEAD, Report};
use super::suite::Suite;
use crate::sink::Sink;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    suite: Suite,
    owed: u64,
}

impl Options {
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Self> {
        let owed = arguments.take_value("--owed")?.unwrap_or(OWED);
        ensure!(owed > 0, "nothing owed: no figures");
        let suite = Suite::parse(arguments, &CASES)?;
        Ok(Self { suite, owed })
    }
}

/// What all cases have at hand.
#[derive(Debug)]
struct Bench {
    stand: Stand,
    rounds: usize,
    /// Of one contender in one round.
    time: Duration,
    /// Calls that are owed when the application comes back.
    owed: u64,
    application: Sink,
}

/// Runs it.
pub(crate) async fn run(options: Options) -> Result<()> {
    machine::raise_limit();
    let Options { suite, owed } = options;
    let bench = Bench {
        stand: suite.stand("bench-callback")?,
        rounds: suite.rounds,
        time: suite.time(),
        owed,
        application: Sink::start(None).await?,
    };
    let machine = machine::facts(bench.stand.folder.path());
    let versions = machine::express_versions(&bench.stand);
    let manner = format!(
        "{} rounds of {} s, contenders in turn, load generator and application on the same machine; \
         the application alone takes {:.0} calls/s",
        bench.rounds,
        suite.seconds,
        limit_of_application(&bench).await?
    );
    println!("{machine}\n{versions}\n{manner}");
    let (mut markdown, mut missing) = (String::new(), Vec::new());
    for case in CASES {
        if suite.wanted.has(case) {
            match measure(&bench, case).await {
                Ok(report) => {
                    print!("{}", report.text());
                    markdown += &report.markdown();
                }
                // The others have taken their time, and are worth printing.
                Err(error) => {
                    eprintln!("\n`{case}` was not measured: {error:#}");
                    missing.push(case);
                }
            }
        }
    }
    println!("\n{machine}; {versions}; {manner}.\n\n{MARKDOWN_HEAD}{markdown}");
    ensure!(missing.is_empty(), "not measured: {}", missing.join(", "));
    Ok(())
}

async fn measure(bench: &Bench, case: &str) -> Result<Report> {
    match case {
        "small" => small::against_others(bench, &small::DEFAULT_KEY).await,
        "small512" => small::against_others(bench, &small::SHORT_KEY).await,
        "latency" => latency::measure(bench).await,
        "stalled" => stalled::measure(bench).await,
        "redelivery" => redelivery::measure(bench).await,
        _ => small::recorded(bench).await,
    }
}

/// Calls that the application takes in a second from as many connections as uploads come on, each of
/// the usual length.
async fn limit_of_application(bench: &Bench) -> Result<f64> {
    let mut application = Sink::start(None).await?;
    let call: Arc<[u8]> = call().into();
    let mut clients = JoinSet::new();
    let began = Instant::now();
    for _ in 0..CONNECTIONS {
        let mut client = Client::open(application.address).await?;
        let (call, time) = (Arc::clone(&call), bench.time);
        clients.spawn(async move {
            let mut calls = 0_u64;
            while began.elapsed() < time {
                client.get(&call, Body::Follows).await?;
                calls += 1;
            }
            anyhow::Ok(calls)
        });
    }
    let mut calls = 0;
    while let Some(client) = clients.join_next().await {
        calls += client??;
    }
    let took = began.elapsed().as_secs_f64();
    let counted = application.calls().await?;
    ensure!(
        counted == calls,
        "{calls} calls were answered, and {counted} came"
    );
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    Ok(calls as f64 / took)
}

/// A call as long as upcall's: a head with a signature of 2,048 bits, and the usual body.
fn call() -> Vec<u8> {
    let (signature, rest) = ("s".repeat(344), "x".repeat(360));
    format!(
        "POST /callback HTTP/1.1\r\nHost: application\r\nContent-Length: 71\r\n\
         Authorization: {signature}\r\nx-rest: {rest}\r\n\r\n{}",
        "b".repeat(71)
    )
    .into_bytes()
}

const CASES: [&str; 6] = [
    "small",
    "small512",
    "latency",
    "stalled",
    "redelivery",
    "record",
];
/// What piles up in an outage of a minute at full speed.
const OWED: u64 = 100_000;
/// Clients that upload at the same time.
const CONNECTIONS: usize = 64;
/// Of one upload.
const FILE_BYTES: usize = 4096;
