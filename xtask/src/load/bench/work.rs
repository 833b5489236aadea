//! Clients at work: so many connections, one request after the other on each, for a while or for so
//! many requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::client::{Client, Upload};
use super::contender::Started;
use super::process::cpu_time;
use super::table::Row;
use crate::random::Random;

/// When clients are done: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    pub(super) time: Duration,
    pub(super) requests: u64,
}

/// What they did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    requests: u64,
    took: Duration,
    cpu: Duration,
}

impl Done {
    /// Requests in a second.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(super) fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// Adds it to a row, in units of which a request is so many.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(super) fn add_to(&self, row: &mut Row, units_per_request: f64) {
        let requests = self.requests.max(1) as f64;
        row.figures
            .push(requests * units_per_request / self.took.as_secs_f64());
        row.cpu.push(self.cpu.as_secs_f64() * 1e6 / requests);
    }
}

/// Uploads over so many connections, each to a key of its own, numbered from `first`.
pub(super) async fn upload(
    started: &Started,
    upload: &Upload,
    connections: usize,
    first: u64,
    until: Until,
) -> Result<Done> {
    let piece: Arc<[u8]> = Random::new(7)
        .bytes(PIECE_BYTES.min(upload.file_bytes()))
        .into();
    let counter = Arc::new(AtomicU64::new(first));
    let mut clients = JoinSet::new();
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Client::open(started.address()).await?);
    }
    let cpu = cpu_time(started.id())?;
    let began = Instant::now();
    for mut client in open {
        let (mut upload, piece) = (upload.clone(), Arc::clone(&piece));
        let counter = Arc::clone(&counter);
        clients.spawn(async move {
            let mut done = 0;
            while began.elapsed() < until.time {
                let number = counter.fetch_add(1, Ordering::Relaxed);
                if number - first >= until.requests {
                    break;
                }
                upload.set_number(number);
                client.upload(&upload, &piece).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut requests = 0;
    while let Some(client) = clients.join_next().await {
        requests += client??;
    }
    Ok(Done {
        requests,
        took: began.elapsed(),
        cpu: cpu_time(started.id())?.saturating_sub(cpu),
    })
}

/// Reads over so many connections: each asks for one after another of `requests`.
pub(super) async fn read(
    started: &Started,
    requests: &Arc<[Vec<u8>]>,
    connections: usize,
    time: Duration,
) -> Result<Done> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Client::open(started.address()).await?);
    }
    let mut clients = JoinSet::new();
    let cpu = cpu_time(started.id())?;
    let began = Instant::now();
    for (number, mut client) in open.into_iter().enumerate() {
        let requests = Arc::clone(requests);
        clients.spawn(async move {
            let mut done = 0;
            // Each begins elsewhere, so that not all read the same in the same moment.
            let from = number * requests.len() / connections;
            for request in requests.iter().cycle().skip(from) {
                if began.elapsed() >= time {
                    break;
                }
                client.get(request, super::client::Body::Follows).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut requests = 0;
    while let Some(client) = clients.join_next().await {
        requests += client??;
    }
    Ok(Done {
        requests,
        took: began.elapsed(),
        cpu: cpu_time(started.id())?.saturating_sub(cpu),
    })
}

/// Small uploads for a moment, so that nobody is measured at its first request.
pub(super) async fn warm_up(started: &Started) -> Result<()> {
    let small = started.upload(4096)?;
    let until = Until {
        time: WARM_UP,
        requests: 20_000,
    };
    upload(started, &small, 64, WARM_UP_NUMBERS, until).await?;
    Ok(())
}

const PIECE_BYTES: usize = 1 << 20;
const WARM_UP: Duration = Duration::from_millis(700);
/// Keys that nothing else has.
const WARM_UP_NUMBERS: u64 = 900_000_000_000;
