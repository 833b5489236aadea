//! `slow`: the times of small uploads, with and without 2,000 peers that say nothing, drip a byte a
//! second, or never read their answer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use super::Contenders;
use super::table::{Row, table};
use crate::http::Connection;
use crate::upload::Presigned;

pub(super) async fn measure(contenders: &Contenders) -> Result<()> {
    let Contenders {
        storage,
        plain,
        rounds,
        ..
    } = contenders;
    let mut upload = Connection::open(storage.address).await?;
    let seen = upload
        .exchange(&plain.upload(READ_KEY, &vec![b'x'; READ_BYTES])?)
        .await;
    let seen = seen.map_err(|broken| anyhow::anyhow!("no answer: {broken:?}"))?;
    ensure!(matches!(seen.status, 200 | 204), "answered {}", seen.status);

    let mut with_peers = Row::new("with 2,000 slow peers");
    let mut without = Row::new("alone");
    for _ in 0..*rounds {
        without.figures.push(p99(contenders).await?);
        let mut peers = JoinSet::new();
        for number in 0..PEERS {
            peers.spawn(be_slow(
                storage.address,
                slow_request(contenders, number)?,
                number,
            ));
        }
        // All of them are connected before the clock starts.
        tokio::time::sleep(Duration::from_secs(2)).await;
        ensure!(peers.len() == PEERS, "a slow peer could not connect");
        with_peers.figures.push(p99(contenders).await?);
        peers.shutdown().await;
    }
    let title = format!(
        "slow: 99th percentile of 4 KiB forms, {CONNECTIONS} connections, {rounds} rounds of {TIME:?} each"
    );
    print!(
        "{}",
        table(&title, "milliseconds", "", &[with_peers, without])
    );
    Ok(())
}

/// What the peer of a number begins with.
fn slow_request(contenders: &Contenders, number: usize) -> Result<Vec<u8>> {
    Ok(match number % 3 {
        0 => Vec::new(),
        1 => {
            let form = contenders.plain.form("w/drip")?;
            let head = contenders.plain.form_request(&form, 1 << 20);
            [head.as_bytes(), form.head()].concat()
        }
        _ => contenders.plain.presigned(&Presigned {
            method: "GET",
            key: Some(READ_KEY),
            query: &[],
            body: &[],
        }),
    })
}

/// Connects, says what it has to say, and then a byte a second at most; again when it is dropped.
async fn be_slow(address: SocketAddr, request: Vec<u8>, number: usize) {
    let drips = number % 3 == 1;
    // Not all in the same moment: what is measured are slow peers, not a rush.
    tokio::time::sleep(Duration::from_micros(500 * number as u64)).await;
    while let Ok(mut connection) = Connection::open(address).await {
        if connection.send(&request).await.is_err() {
            continue;
        }
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if drips && connection.send(b"x").await.is_err() {
                break;
            }
        }
    }
}

/// The 99th percentile, in milliseconds, of uploads for some seconds.
async fn p99(contenders: &Contenders) -> Result<f64> {
    let until = Instant::now() + TIME;
    let file = vec![b'x'; 4096];
    let mut clients = JoinSet::new();
    for number in 0..CONNECTIONS {
        let request = contenders
            .plain
            .upload(&format!("w/timed-{number}"), &file)?;
        clients.spawn(time(contenders.storage.address, request, until));
    }
    let mut times = Vec::new();
    for of_client in clients.join_all().await {
        times.extend(of_client?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or_default())
}

async fn time(address: SocketAddr, request: Vec<u8>, until: Instant) -> Result<Vec<f64>> {
    let mut connection = Connection::open(address).await?;
    let mut times = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let answer = connection.exchange(&request).await;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let answer = answer.map_err(|broken| anyhow::anyhow!("no answer: {broken:?}"))?;
        ensure!(
            matches!(answer.status, 200 | 204),
            "answered {}",
            answer.status
        );
        if answer.is_last {
            connection = Connection::open(address).await?;
        }
    }
    Ok(times)
}

const PEERS: usize = 2000;
const CONNECTIONS: usize = 8;
const TIME: Duration = Duration::from_secs(5);
/// More than the kernel's buffers hold, so that an answer that is not read stays unfinished.
const READ_BYTES: usize = 16 << 20;
const READ_KEY: &str = "w/read-slowly";
