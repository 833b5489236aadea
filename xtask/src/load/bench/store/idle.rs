//! `idle`: what kept connections that say nothing take of memory.

use std::time::Duration;

use anyhow::Result;

use super::Bench;
use crate::bench::client::{Body, Client};
use crate::bench::contender::Contender::Upcall;
use crate::bench::machine;
use crate::bench::report::{Goal, Report};
use crate::bench::work::{self, Until};

pub(super) async fn measure(bench: &Bench) -> Result<Report> {
    let connections = WANTED.min(machine::connections_that_fit());
    let (mut memory, mut each) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let started = bench.stand.start(Upcall).await?;
        started.publish().await?;
        let one = Until {
            time: Duration::MAX,
            requests: 1,
        };
        work::upload(&started, &started.upload(4096)?, 1, 0, one).await?;
        let before = machine::memory_mib(started.id(), "VmRSS")?;
        let request = started.get(0);
        let mut idlers = Vec::new();
        for _ in 0..connections {
            let mut idler = Client::open(started.address()).await?;
            idler.get(&request, Body::Follows).await?;
            idlers.push(idler);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let after = machine::memory_mib(started.id(), "VmRSS")?;
        memory.push(after);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        each.push((after - before) * 1024.0 / connections as f64);
    }
    let why_fewer = if connections < WANTED {
        format!(
            ", not {WANTED}: the limit of open files ({}) may not be raised here",
            machine::descriptors()
        )
    } else {
        String::new()
    };
    let title = format!("{connections} kept connections that say nothing{why_fewer}");
    let mut report = Report::new(title, "MiB");
    report.fact("upcall's memory", "MiB", memory, Some(Goal::AtMost(150.0)));
    report.fact("a connection more", "KiB", each, None);
    Ok(report)
}

const WANTED: usize = 10_000;
