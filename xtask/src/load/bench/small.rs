//! `small`: files of 4 KiB over 64 connections, in requests per second.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use super::Contenders;
use super::process::cpu_time;
use super::table::{Row, table};
use crate::http::Connection;

pub(super) async fn measure(contenders: &Contenders) -> Result<()> {
    let file = vec![b'x'; FILE_BYTES];
    let Contenders {
        storage,
        nginx,
        signer,
        plain,
        rounds,
    } = contenders;
    let forms = |number: usize| signer.upload(&format!("w/small-{number}"), &file);
    let plains = |number: usize| plain.upload(&format!("w/plain-{number}"), &file);
    let puts = |number: usize| {
        let head = nginx.put(&format!("small-{number}"), FILE_BYTES as u64);
        Ok([head.as_bytes(), &file].concat())
    };
    let server = (storage.address, storage.program.id());
    let mut with_callback = Row::new("upcall: form with callback");
    let mut without = Row::new("upcall: form without callback");
    let mut base = Row::new("nginx: DAV PUT");
    for _ in 0..*rounds {
        one(server, &forms, &mut with_callback).await?;
        one(server, &plains, &mut without).await?;
        one((nginx.address, nginx.id()), &puts, &mut base).await?;
        nginx.clear()?;
    }
    let title = format!(
        "small: {FILE_BYTES} bytes a file, {CONNECTIONS} connections, {rounds} rounds of {TIME:?} each"
    );
    print!(
        "{}",
        table(
            &title,
            "requests/s",
            "CPU µs/req",
            &[with_callback, without, base]
        )
    );
    Ok(())
}

/// One contender, one round.
async fn one(
    (address, process): (SocketAddr, u32),
    request: &dyn Fn(usize) -> Result<Vec<u8>>,
    row: &mut Row,
) -> Result<()> {
    let mut clients = JoinSet::new();
    let cpu = cpu_time(process)?;
    let began = Instant::now();
    for number in 0..CONNECTIONS {
        clients.spawn(repeat(address, request(number)?, began + TIME));
    }
    let mut requests = 0;
    for done in clients.join_all().await {
        requests += done?;
    }
    let took = began.elapsed().as_secs_f64();
    let cpu = cpu_time(process)?.saturating_sub(cpu).as_secs_f64();
    row.figures.push(f64::from(requests) / took);
    row.cpu.push(cpu * 1e6 / f64::from(requests.max(1)));
    Ok(())
}

/// Sends one request again and again until it is time; how often it was answered well.
async fn repeat(address: SocketAddr, request: Vec<u8>, until: Instant) -> Result<u32> {
    let mut connection = Connection::open(address).await?;
    let mut answered = 0;
    while Instant::now() < until {
        let answer = connection.exchange(&request).await;
        let answer = answer.map_err(|broken| anyhow::anyhow!("no answer: {broken:?}"))?;
        ensure!(
            matches!(answer.status, 200 | 201 | 204),
            "answered {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        answered += 1;
        if answer.is_last {
            connection = Connection::open(address).await?;
        }
    }
    Ok(answered)
}

const CONNECTIONS: usize = 64;
const FILE_BYTES: usize = 4096;
const TIME: Duration = Duration::from_secs(3);
