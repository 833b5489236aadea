//! `small`, `small512`: forms of 4 KiB with a callback, next to the floor and Express. `record`: the
//! same with and without the record of calls.

use anyhow::Result;

use super::{Bench, CONNECTIONS, FILE_BYTES};
use crate::bench::contender::Contender::{self, Express, Floor, Upcall};
use crate::bench::contender::Setup;
use crate::bench::report::{Goal, Report};
use crate::bench::table::Row;
use crate::bench::work::{self, Until};

/// A size of the signing key, and what is wanted.
#[derive(Debug)]
pub(super) struct Key {
    bits: u32,
    of_floor: f64,
    of_express: f64,
}

/// What upcall makes at its first start.
pub(super) const DEFAULT_KEY: Key = Key {
    bits: 2048,
    of_floor: 0.8,
    of_express: 3.0,
};
/// What OSS itself has.
pub(super) const SHORT_KEY: Key = Key {
    bits: 512,
    of_floor: 0.6,
    of_express: 8.0,
};

pub(super) async fn against_others(bench: &Bench, key: &Key) -> Result<Report> {
    let setup = Setup {
        application: Some(bench.application.address),
        key_bits: Some(key.bits),
        record_calls: None,
    };
    let title = format!(
        "4 KiB forms with a callback, {CONNECTIONS} connections, RSA of {} bits",
        key.bits
    );
    let line = |contender, name, goal| Line {
        contender,
        name,
        setup,
        goal,
    };
    let express = "Express + multer + fetch";
    let lines = [
        line(Upcall, Upcall.name(), None),
        line(Floor, Floor.name(), Some(Goal::AtLeast(key.of_floor))),
        line(Express, express, Some(Goal::AtLeast(key.of_express))),
    ];
    forms(bench, title, lines).await
}

pub(super) async fn recorded(bench: &Bench) -> Result<Report> {
    let on = Setup {
        application: Some(bench.application.address),
        ..Setup::default()
    };
    let off = Setup {
        record_calls: Some(0),
        ..on
    };
    let line = |name, setup, goal| Line {
        contender: Upcall,
        name,
        setup,
        goal,
    };
    let lines = [
        line("calls recorded", on, None),
        line("calls not recorded", off, Some(Goal::AtLeast(0.95))),
    ];
    let title = format!("4 KiB forms with a callback, {CONNECTIONS} connections, and its record");
    forms(bench, title, lines).await
}

/// One that is measured, and what is wanted of upcall's rate divided by its.
#[derive(Debug)]
struct Line {
    contender: Contender,
    name: &'static str,
    setup: Setup,
    goal: Option<Goal>,
}

async fn forms<const N: usize>(bench: &Bench, title: String, lines: [Line; N]) -> Result<Report> {
    let mut rows = lines.each_ref().map(|line| Row::new(line.name));
    let until = Until {
        time: bench.time,
        requests: u64::MAX,
    };
    for round in 0..bench.rounds {
        // Each is as often the first one as the last one.
        for at in 0..N {
            let at = if round % 2 == 0 { at } else { N - 1 - at };
            let started = bench
                .stand
                .start_with(lines[at].contender, &lines[at].setup);
            let started = started.await?;
            work::warm_up(&started).await?;
            let upload = started.upload(FILE_BYTES)?;
            let done = work::upload(&started, &upload, CONNECTIONS, 0, until).await?;
            done.add_to(&mut rows[at], 1.0);
        }
    }
    let mut report = Report::new(title, "req/s");
    for (row, line) in rows.into_iter().zip(lines) {
        report.row(row, line.goal);
    }
    Ok(report)
}
