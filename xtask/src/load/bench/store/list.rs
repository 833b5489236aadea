//! `load store-list`: a store with millions of objects: pages of its listing, `HEAD`, and a start
//! after `kill -9`.
//!
//! Both stores are filled through the store's own ports by `upcall-store`'s example `fill`, which
//! is handed in; the keys here are the keys there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xtask::arguments::Arguments;

use crate::bench::client::{Body, Client};
use crate::bench::machine;
use crate::bench::report::{Goal, MARKDOWN_HEAD, Report};
use crate::bench::table::{Row, median};
use crate::folder::Folder;
use crate::random::Random;
use crate::storage::Storage;
use crate::upload::{Presigned, Signer};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    upcall: PathBuf,
    fill: PathBuf,
    objects: u64,
    rounds: usize,
}

impl Options {
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Self> {
        let upcall = arguments.take_value("--upcall")?;
        let fill = arguments.take_value("--fill")?;
        let options = Self {
            upcall: upcall.context("`--upcall` is missing")?,
            fill: fill.context("`--fill` is missing")?,
            objects: arguments.take_value("--objects")?.unwrap_or(OBJECTS),
            rounds: arguments.take_value("--rounds")?.unwrap_or(ROUNDS),
        };
        let names = arguments.into_names()?;
        ensure!(names.is_empty(), "`store-list` is one case, without names");
        ensure!(
            options.objects > 0 && options.rounds > 0,
            "no objects, no rounds: no figures"
        );
        Ok(options)
    }
}

/// Runs it.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let folder = Folder::make("bench-store-list")?;
    let machine = machine::facts(folder.path());
    println!("{machine}");
    let few = Filled::make(options, folder.path(), FEW).await?;
    let many = Filled::make(options, folder.path(), options.objects).await?;
    let (pages, many) = pages(options, many).await?;
    print!("{}", pages.text());
    let heads = heads(options, &few, &many).await?;
    print!("{}", heads.text());
    let starts = starts(options, many).await?;
    print!("{}", starts.text());
    let tables = [pages, heads, starts].map(|report| report.markdown());
    println!(
        "\n{machine}; {} rounds.\n\n{MARKDOWN_HEAD}{}",
        options.rounds,
        tables.concat()
    );
    Ok(())
}

/// A server on a store that was filled.
#[derive(Debug)]
struct Filled {
    storage: Storage,
    signer: Signer,
    data: PathBuf,
    objects: u64,
    filling: Duration,
}

impl Filled {
    async fn make(options: &Options, folder: &Path, objects: u64) -> Result<Self> {
        let data = folder.join(format!("data-{objects}"));
        let began = Instant::now();
        let mut fill = Command::new(&options.fill);
        let status = fill.arg(&data).arg(objects.to_string()).status();
        ensure!(
            status.context("cannot run `fill`")?.success(),
            "the store was not filled"
        );
        let filling = began.elapsed();
        let storage = Storage::start(&options.upcall, &data, &data.join("server.log")).await?;
        Ok(Self {
            signer: Signer::new(storage.address, None)?,
            storage,
            data,
            objects,
            filling,
        })
    }

    /// A key that is there.
    fn key(&self, random: &mut Random) -> String {
        key(random.below(self.objects))
    }

    fn head(&self, key: &str) -> Vec<u8> {
        self.signer.presigned(&Presigned {
            method: "HEAD",
            key: Some(key),
            query: &[],
            body: &[],
        })
    }

    fn page(&self, query: &[(&str, &str)]) -> Vec<u8> {
        let query = query.iter().chain(&[("max-keys", "1000")]);
        let query: Vec<(String, String)> = query
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.signer.presigned(&Presigned {
            method: "GET",
            key: None,
            query: &query,
            body: &[],
        })
    }
}

async fn pages(options: &Options, filled: Filled) -> Result<(Report, Filled)> {
    let mut client = Client::open(filled.storage.address).await?;
    let mut random = Random::new(11);
    let title = format!(
        "pages of 1,000 keys out of {} (filled at {:.0}/s)",
        filled.objects,
        rate(filled.objects, filled.filling)
    );
    let mut report = Report::new(title, "ms");
    for kind in [
        "from a random key",
        "below a random prefix",
        "with a delimiter",
    ] {
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let mut times = Vec::new();
            for _ in 0..PAGES {
                let key = filled.key(&mut random);
                let folder = &key[..=key.rfind('/').unwrap_or(0)];
                let request = match kind {
                    "from a random key" => filled.page(&[("marker", &key)]),
                    "below a random prefix" => filled.page(&[("prefix", folder), ("marker", &key)]),
                    _ => {
                        filled.page(&[("prefix", "user/"), ("delimiter", "/"), ("marker", folder)])
                    }
                };
                let began = Instant::now();
                client.get(&request, Body::Follows).await?;
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
            p50.push(percentile(&mut times, 50));
            p99.push(percentile(&mut times, 99));
        }
        report.fact(format!("{kind}, p50"), "ms", p50, None);
        report.fact(format!("{kind}, p99"), "ms", p99, Some(Goal::AtMost(5.0)));
    }
    Ok((report, filled))
}

async fn heads(options: &Options, few: &Filled, many: &Filled) -> Result<Report> {
    let mut ours = Row::new("with all of them");
    let mut base = Row::new("with 10,000");
    for round in 0..options.rounds {
        for (filled, row) in [(many, &mut ours), (few, &mut base)] {
            let mut random = Random::new(13 + round as u64);
            let mut client = Client::open(filled.storage.address).await?;
            let mut times = Vec::new();
            for _ in 0..HEADS {
                let request = filled.head(&filled.key(&mut random));
                let began = Instant::now();
                client.get(&request, Body::Absent).await?;
                times.push(began.elapsed().as_secs_f64() * 1e6);
            }
            row.figures.push(percentile(&mut times, 50));
        }
    }
    let title = format!("HEAD of random keys out of {}, p50", many.objects);
    let mut report = Report::new(title, "µs");
    report.row(ours, None);
    report.row(base, Some(Goal::AtMost(1.3)));
    Ok(report)
}

/// Kills it in the middle of uploads, and starts it until it answers.
async fn starts(options: &Options, mut filled: Filled) -> Result<Report> {
    let mut times = Vec::new();
    let mut random = Random::new(17);
    for round in 0..options.rounds {
        let mut client = crate::http::Connection::open(filled.storage.address).await?;
        for number in 0..UPLOADS {
            let key = format!("w/before-{round}-{number}");
            let upload = filled.signer.upload(&key, &[7; 16])?;
            let answer = client.exchange(&upload).await;
            ensure!(answer.is_ok(), "an upload was not answered");
        }
        let Filled {
            storage,
            data,
            objects,
            filling,
            ..
        } = filled;
        storage.program.kill()?;
        let began = Instant::now();
        let storage = Storage::start(&options.upcall, &data, &data.join("server.log")).await?;
        filled = Filled {
            signer: Signer::new(storage.address, None)?,
            storage,
            data,
            objects,
            filling,
        };
        let mut client = Client::open(filled.storage.address).await?;
        let request = filled.head(&filled.key(&mut random));
        client.get(&request, Body::Absent).await?;
        times.push(began.elapsed().as_secs_f64());
    }
    let title = format!("start after kill -9 with {} objects", filled.objects);
    let mut report = Report::new(title, "s");
    let goal = Some(Goal::AtMost(2.0));
    report.fact("to the first answer", "s", times, goal);
    Ok(report)
}

/// The key of a number, as `fill` makes it.
fn key(number: u64) -> String {
    let user = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    format!("user/{:04x}/{number:010}", 0xab00 + user % USERS)
}

fn percentile(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = times.len() * percent / 100;
    times.get(at).copied().unwrap_or_else(|| median(times))
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(objects: u64, time: Duration) -> f64 {
    objects as f64 / time.as_secs_f64()
}

const OBJECTS: u64 = 10_000_000;
const FEW: u64 = 10_000;
const USERS: u64 = 400;
const ROUNDS: usize = 5;
const PAGES: usize = 300;
const HEADS: usize = 3000;
/// Enough that a start has something to recover.
const UPLOADS: u32 = 200;
