//! `load store`: the storage server next to nginx, to Express with multer, and to a floor, in one run.
//!
//! Every round starts each contender afresh, with an empty folder, warms it up, measures it once and
//! throws away what it wrote; a ratio is the median of the rounds' ratios. Each request names
//! another key, so nothing is an overwrite. `docs/benchmarks.md` says what each contender does and
//! does not do.

mod forms;
mod get;
mod idle;
mod large;
mod latency;
pub(crate) mod list;

use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xtask::arguments::Arguments;

use crate::bench::contender::Stand;
use crate::bench::machine;
use crate::bench::report::{MARKDOWN_HEAD, Report};
use crate::folder::Folder;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    upcall: PathBuf,
    node: PathBuf,
    express: PathBuf,
    rounds: usize,
    seconds: f64,
    many: u32,
    names: Vec<String>,
}

impl Options {
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Self> {
        let mut path = |flag: &str| {
            let path: Option<PathBuf> = arguments.take_value(flag)?;
            path.with_context(|| format!("`{flag}` is missing"))
        };
        let (upcall, node, express) = (path("--upcall")?, path("--node")?, path("--express")?);
        let rounds = arguments.take_value("--rounds")?.unwrap_or(ROUNDS);
        let seconds = arguments.take_value("--seconds")?.unwrap_or(SECONDS);
        let many = arguments.take_value("--many")?.unwrap_or(MANY);
        let names = arguments.into_names()?;
        for name in &names {
            ensure!(
                CASES.contains(&name.as_str()),
                "there is nothing called `{name}` to measure; there is {}",
                CASES.join(", ")
            );
        }
        ensure!(
            rounds > 0 && seconds > 0.0 && many > 0,
            "no rounds, no time, no files: no figures"
        );
        Ok(Self {
            upcall,
            node,
            express,
            rounds,
            seconds,
            many,
            names,
        })
    }
}

/// What all cases have at hand.
#[derive(Debug)]
struct Bench {
    stand: Stand,
    rounds: usize,
    /// Of one contender in one round.
    time: Duration,
    /// Clients that upload a large file at the same time.
    many: u32,
}

/// Runs it.
pub(crate) async fn run(options: Options) -> Result<()> {
    machine::raise_limit();
    let bench = Bench {
        stand: Stand {
            upcall: options.upcall,
            node: options.node,
            express: options.express,
            folder: Folder::make("bench-store")?,
            started: AtomicU32::new(0),
        },
        rounds: options.rounds,
        time: Duration::from_secs_f64(options.seconds),
        many: options.many,
    };
    let machine = machine::facts(bench.stand.folder.path());
    let versions = format!(
        "{}, {}",
        machine::nginx_version(),
        machine::express_versions(&bench.stand)
    );
    let manner = format!(
        "{} rounds of {} s, contenders in turn, load generator on the same machine",
        bench.rounds, options.seconds
    );
    println!("{machine}\n{versions}\n{manner}");
    let mut markdown = String::new();
    for case in CASES {
        if options.names.is_empty() || options.names.iter().any(|name| name == case) {
            let report = measure(&bench, case).await;
            let report = report.with_context(|| format!("`{case}` was not measured"))?;
            print!("{}", report.text());
            markdown += &report.markdown();
        }
    }
    println!("\n{machine}; {versions}; {manner}.\n\n{MARKDOWN_HEAD}{markdown}");
    Ok(())
}

async fn measure(bench: &Bench, case: &str) -> Result<Report> {
    if let Some(forms) = forms::FORMS.iter().find(|forms| forms.name == case) {
        return forms::measure(bench, forms).await;
    }
    match case {
        "many" => large::many(bench).await,
        "stream" => large::stream(bench).await,
        "latency" => latency::measure(bench).await,
        "get" => get::small(bench).await,
        "get-large" => get::large(bench).await,
        _ => idle::measure(bench).await,
    }
}

const CASES: [&str; 10] = [
    "small",
    "medium",
    "large",
    "single",
    "many",
    "stream",
    "latency",
    "get",
    "get-large",
    "idle",
];
/// A median of five tells a slow round from a slow server.
const ROUNDS: usize = 5;
const SECONDS: f64 = 3.0;
/// In each round; with five rounds more than 256 in all.
const MANY: u32 = 64;
