//! `get`, `get-large`: the same files read from upcall, by anybody, and from nginx.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::Bench;
use crate::bench::contender::Contender::{Nginx, Upcall};
use crate::bench::report::{Goal, Report};
use crate::bench::table::Row;
use crate::bench::work::{self, Until};

pub(super) async fn small(bench: &Bench) -> Result<Report> {
    let what = Files {
        bytes: 4 << 10,
        count: 1000,
        goal: Goal::AtLeast(0.5),
    };
    measure(bench, "GET of 4 KiB", &what, ("req/s", 1.0)).await
}

pub(super) async fn large(bench: &Bench) -> Result<Report> {
    let what = Files {
        bytes: 64 << 20,
        count: 8,
        goal: Goal::AtLeast(0.8),
    };
    measure(bench, "GET of 64 MiB", &what, ("MiB/s", 64.0)).await
}

#[derive(Debug)]
struct Files {
    bytes: usize,
    count: u64,
    goal: Goal,
}

async fn measure(
    bench: &Bench,
    name: &str,
    files: &Files,
    (unit, units_per_request): (&'static str, f64),
) -> Result<Report> {
    let contenders = [Upcall, Nginx];
    let mut rows = contenders.map(|contender| Row::new(contender.name()));
    let mut servers = Vec::new();
    for contender in contenders {
        let started = bench.stand.start(contender).await?;
        started.publish().await?;
        let upload = started.upload(files.bytes)?;
        let until = Until {
            time: Duration::MAX,
            requests: files.count,
        };
        work::upload(&started, &upload, 8, 0, until).await?;
        let requests: Arc<[_]> = (0..files.count).map(|number| started.get(number)).collect();
        work::read(&started, &requests, CONNECTIONS, WARM_UP).await?;
        servers.push((started, requests));
    }
    for _ in 0..bench.rounds {
        for ((started, requests), row) in servers.iter().zip(&mut rows) {
            let done = work::read(started, requests, CONNECTIONS, bench.time).await?;
            done.add_to(row, units_per_request);
        }
    }
    let mut report = Report::new(format!("{name}, {CONNECTIONS} connections"), unit);
    let [ours, nginx] = rows;
    report.row(ours, None);
    report.row(nginx, Some(files.goal));
    Ok(report)
}

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(500);
