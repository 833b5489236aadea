//! `many`: 64 MiB × 64 at the same time. `stream`: one file of 1 GiB, next to what MD5 alone takes.

use std::time::{Duration, Instant};

use anyhow::Result;
use upcall_crypto::Md5;

use super::Bench;
use crate::bench::contender::Contender::{self, Express, Nginx, Upcall};
use crate::bench::machine;
use crate::bench::report::{Goal, Report};
use crate::bench::table::Row;
use crate::bench::work::{self, Until};
use crate::random::Random;

/// 64 at once; after all rounds 256 or more.
pub(super) async fn many(bench: &Bench) -> Result<Report> {
    let contenders = [
        (Upcall, None),
        (Nginx, Some(Goal::AtLeast(0.6))),
        (Express, Some(Goal::AtLeast(1.5))),
    ];
    let mut rows = contenders.map(|(contender, _)| Row::new(contender.name()));
    let mut peaks = Vec::new();
    for _ in 0..bench.rounds {
        for ((contender, _), row) in contenders.iter().zip(&mut rows) {
            let peak = files(bench, *contender, MANY_MIB, bench.many, row).await?;
            if *contender == Upcall {
                peaks.push(peak);
            }
        }
    }
    let title = format!(
        "{MANY_MIB} MiB forms, {} at once, {} in all",
        bench.many,
        bench.many as usize * bench.rounds
    );
    let mut report = Report::new(title, "MiB/s");
    for (row, (_, goal)) in rows.into_iter().zip(contenders) {
        report.row(row, goal);
    }
    let goal = Some(Goal::AtMost(100.0));
    report.fact("upcall's peak memory", "MiB", peaks, goal);
    Ok(report)
}

/// One after the other; a core can hash only so fast.
pub(super) async fn stream(bench: &Bench) -> Result<Report> {
    let mut ours = Row::new(Upcall.name());
    let mut nginx = Row::new(Nginx.name());
    let mut hash = Row::new("MD5 of one core");
    for _ in 0..bench.rounds {
        files(bench, Upcall, STREAM_MIB, 1, &mut ours).await?;
        hash_alone(&mut hash);
        files(bench, Nginx, STREAM_MIB, 1, &mut nginx).await?;
    }
    let mut report = Report::new(
        format!("{} GiB form, one client", STREAM_MIB >> 10),
        "MiB/s",
    );
    report.row(ours, None);
    report.row(hash, Some(Goal::AtLeast(0.85)));
    report.row(nginx, None);
    Ok(report)
}

/// A file for each of so many clients, all at once; the peak of the server's memory in MiB.
async fn files(
    bench: &Bench,
    contender: Contender,
    mib: usize,
    clients: u32,
    row: &mut Row,
) -> Result<f64> {
    let started = bench.stand.start(contender).await?;
    work::warm_up(&started).await?;
    let upload = started.upload(mib << 20)?;
    let until = Until {
        time: Duration::MAX,
        requests: clients.into(),
    };
    let done = work::upload(&started, &upload, clients as usize, 0, until).await?;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    done.add_to(row, mib as f64);
    machine::memory_mib(started.id(), "VmHWM")
}

fn hash_alone(row: &mut Row) {
    let piece = Random::new(3).bytes(1 << 20);
    let began = Instant::now();
    let mut hash = Md5::new();
    for _ in 0..STREAM_MIB {
        hash.update(&piece);
    }
    std::hint::black_box(hash.finish());
    let took = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    row.figures.push(STREAM_MIB as f64 / took);
}

const MANY_MIB: usize = 64;
const STREAM_MIB: usize = 1024;
