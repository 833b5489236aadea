//! Onlookers: they look for objects in the gated buckets, in every way, and whatever they see the
//! application must have agreed to before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;

use super::Bucket;
use super::journal::Journal;
use crate::http::Connection;
use crate::random::Random;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) looks: u64,
    pub(super) complaints: Vec<String>,
}

/// A task that looks until it is stopped.
#[derive(Debug)]
pub(super) struct Onlooker {
    is_over: Arc<AtomicBool>,
    task: JoinHandle<Seen>,
}

impl Onlooker {
    pub(super) fn start(storage: SocketAddr, journal: &Journal, seed: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let journal = journal.clone();
        Self {
            is_over,
            task: tokio::spawn(look(storage, journal, Random::new(seed), over)),
        }
    }

    pub(super) async fn stop(self) -> Seen {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await.unwrap_or_else(|error| Seen {
            looks: 0,
            complaints: vec![format!("an onlooker failed: {error}")],
        })
    }
}

async fn look(
    storage: SocketAddr,
    mut journal: Journal,
    mut random: Random,
    is_over: Arc<AtomicBool>,
) -> Seen {
    let mut seen = Seen::default();
    while !is_over.load(Ordering::Relaxed) {
        let Ok(mut connection) = Connection::open(storage).await else {
            return seen;
        };
        let bucket = if random.below(2) == 0 {
            Bucket::GatedRefuse
        } else {
            Bucket::GatedKeep
        };
        let keys = match random.below(3) {
            0 => list(&mut connection, storage, bucket, &mut random).await,
            1 => probe(&mut connection, storage, bucket, "HEAD", &mut random).await,
            _ => probe(&mut connection, storage, bucket, "GET", &mut random).await,
        };
        seen.looks += 1;
        let Some(keys) = keys.filter(|keys| !keys.is_empty()) else {
            continue;
        };
        // What it agreed to before we looked is written down by now.
        if let Err(error) = journal.refresh() {
            seen.complaints.push(format!("{error:#}"));
            return seen;
        }
        for key in keys {
            let place = format!("{}/{key}", bucket.name());
            if !journal.of(&place).iter().any(|entry| entry.is_yes) {
                seen.complaints
                    .push(format!("{place} was seen, and nobody had agreed to it"));
            }
        }
    }
    seen
}

/// The keys of a page that begins anywhere.
async fn list(
    connection: &mut Connection,
    storage: SocketAddr,
    bucket: Bucket,
    random: &mut Random,
) -> Option<Vec<String>> {
    let prefix = format!("u{}", random.below(12));
    let marker = format!("{prefix}/{}", random.below(10));
    let request = format!(
        "GET /{}/?max-keys=200&prefix={prefix}/&marker={marker} HTTP/1.1\r\nHost: {storage}\r\n\r\n",
        bucket.name()
    );
    let answer = connection.exchange(request.as_bytes()).await.ok()?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let keys = text.split("<Key>").skip(1);
    let keys = keys.filter_map(|rest| rest.split("</Key>").next());
    Some(keys.map(str::to_owned).collect())
}

/// A key that may have been used lately.
async fn probe(
    connection: &mut Connection,
    storage: SocketAddr,
    bucket: Bucket,
    method: &str,
    random: &mut Random,
) -> Option<Vec<String>> {
    let key = format!("u{}/{}", random.below(12), random.below(6000));
    let request = format!(
        "{method} /{}/{key} HTTP/1.1\r\nHost: {storage}\r\nConnection: close\r\n\r\n",
        bucket.name()
    );
    let status = if method == "HEAD" {
        connection.send(request.as_bytes()).await.ok()?;
        connection.status().await.ok()?
    } else {
        connection.exchange(request.as_bytes()).await.ok()?.status
    };
    Some(if status == 200 { vec![key] } else { Vec::new() })
}
