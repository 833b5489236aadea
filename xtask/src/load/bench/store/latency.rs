//! `latency`: one client, one small form after the other, next to one append and sync of as many
//! bytes: what the disk alone takes.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Bench;
use crate::bench::client::Client;
use crate::bench::contender::Contender::{self, Express, Floor, Nginx, Upcall};
use crate::bench::process::cpu_time;
use crate::bench::report::{Goal, Report};
use crate::bench::table::{Row, median};
use crate::bench::work;
use crate::random::Random;

pub(super) async fn measure(bench: &Bench) -> Result<Report> {
    let contenders = [Upcall, Nginx, Express, Floor];
    let mut rows = contenders.map(|contender| Row::new(contender.name()));
    let mut disk = Row::new("append + fdatasync");
    for _ in 0..bench.rounds {
        for (contender, row) in contenders.iter().zip(&mut rows) {
            one(bench, *contender, row).await?;
        }
        disk.figures.push(append(bench)?);
    }
    let title = format!("{FILE_BYTES} bytes, one client, one after the other");
    let mut report = Report::new(title, "µs");
    let [ours, others @ ..] = rows;
    report.row(ours, None);
    report.row(disk, Some(Goal::AtMost(3.0)));
    for other in others {
        report.row(other, None);
    }
    Ok(report)
}

async fn one(bench: &Bench, contender: Contender, row: &mut Row) -> Result<()> {
    let started = bench.stand.start(contender).await?;
    work::warm_up(&started).await?;
    let piece = Random::new(5).bytes(FILE_BYTES);
    let mut upload = started.upload(FILE_BYTES)?;
    let mut client = Client::open(started.address()).await?;
    let cpu = cpu_time(started.id())?;
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < bench.time {
        upload.set_number(times.len() as u64);
        let sent = Instant::now();
        client.upload(&upload, &piece).await?;
        times.push(microseconds(sent.elapsed()));
    }
    let cpu = cpu_time(started.id())?.saturating_sub(cpu);
    row.figures.push(median(&times));
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    row.cpu.push(microseconds(cpu) / times.len().max(1) as f64);
    Ok(())
}

/// The median of as many appends as fit into the time, to a file that grows.
fn append(bench: &Bench) -> Result<f64> {
    let path = bench.stand.folder.path().join("appended");
    let mut file = File::create(&path).context("cannot make a file to append to")?;
    let piece = Random::new(6).bytes(FILE_BYTES);
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < bench.time {
        let sent = Instant::now();
        file.write_all(&piece).context("cannot append")?;
        file.sync_data().context("cannot sync")?;
        times.push(microseconds(sent.elapsed()));
    }
    std::fs::remove_file(&path).context("cannot remove what was appended to")?;
    Ok(median(&times))
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

const FILE_BYTES: usize = 4096;
