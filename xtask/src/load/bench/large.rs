//! `large`: one file of 1 GiB at a time, in MB/s.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::Contenders;
use super::process::cpu_time;
use super::table::{Row, table};
use crate::http::Connection;
use crate::random::Random;

pub(super) async fn measure(contenders: &Contenders) -> Result<()> {
    let Contenders {
        storage,
        nginx,
        signer,
        rounds,
        ..
    } = contenders;
    let form = signer.form("w/large")?;
    let post = [
        signer.form_request(&form, FILE_BYTES).as_bytes(),
        form.head(),
    ]
    .concat();
    let put = nginx.put("large", FILE_BYTES);
    let piece = Random::new(1).bytes(PIECE_BYTES);
    let mut ours = Row::new("upcall: form with callback");
    let mut base = Row::new("nginx: DAV PUT");
    for _ in 0..*rounds {
        let server = (storage.address, storage.program.id());
        one(server, [&post, &piece, form.tail()], &mut ours).await?;
        let server = (nginx.address, nginx.id());
        one(server, [put.as_bytes(), &piece, b""], &mut base).await?;
        nginx.clear()?;
    }
    let title = format!(
        "large: {} MiB a file, one at a time, {rounds} rounds",
        FILE_BYTES >> 20
    );
    print!("{}", table(&title, "MB/s", "CPU ms/file", &[ours, base]));
    Ok(())
}

/// One contender, one file.
async fn one(
    (address, process): (SocketAddr, u32),
    [head, piece, tail]: [&[u8]; 3],
    row: &mut Row,
) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let cpu = cpu_time(process)?;
    let began = Instant::now();
    connection.send(head).await?;
    for _ in 0..FILE_BYTES / PIECE_BYTES as u64 {
        connection.send(piece).await?;
    }
    connection.send(tail).await?;
    let answer = connection.answer().await;
    let took = began.elapsed().as_secs_f64();
    let answer = answer.map_err(|broken| anyhow::anyhow!("no answer: {broken:?}"))?;
    ensure!(
        matches!(answer.status, 200 | 201 | 204),
        "answered {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    let cpu = cpu_time(process)?.saturating_sub(cpu).as_secs_f64();
    row.figures.push(MEGABYTES / took);
    row.cpu.push(cpu * 1e3);
    Ok(())
}

const FILE_BYTES: u64 = 1 << 30;
const MEGABYTES: f64 = 1_073.741_824;
const PIECE_BYTES: usize = 256 << 10;
