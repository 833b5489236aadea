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

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xtask::arguments::Arguments;

use crate::bench::contender::Stand;
use crate::bench::machine;
use crate::bench::report::{MARKDOWN_HEAD, Report};
use crate::bench::suite::Suite;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    suite: Suite,
    many: u32,
}

impl Options {
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Self> {
        let many = arguments.take_value("--many")?.unwrap_or(MANY);
        ensure!(many > 0, "no files: no figures");
        let suite = Suite::parse(arguments, &CASES)?;
        Ok(Self { suite, many })
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
    let Options { suite, many } = options;
    let bench = Bench {
        stand: suite.stand("bench-store")?,
        rounds: suite.rounds,
        time: suite.time(),
        many,
    };
    let machine = machine::facts(bench.stand.folder.path());
    let versions = format!(
        "{}, {}",
        machine::nginx_version(),
        machine::express_versions(&bench.stand)
    );
    let manner = format!(
        "{} rounds of {} s, contenders in turn, load generator on the same machine",
        bench.rounds, suite.seconds
    );
    println!("{machine}\n{versions}\n{manner}");
    let mut markdown = String::new();
    for case in CASES {
        if suite.wanted.has(case) {
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
/// In each round; with five rounds more than 256 in all.
const MANY: u32 = 64;
