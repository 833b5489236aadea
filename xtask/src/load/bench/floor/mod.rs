//! `load floor`: the least that a durable upload can cost on this machine, as a server.
//!
//! It reads a request's head to its end and as many bytes as its length says, hashes them (MD5),
//! appends them to one log, and answers when the log is on the disk: one thread takes all that wait,
//! writes them in one call, syncs once, and answers them all. It looks into nothing: no form, no
//! policy, no signature, no key, no catalog, and nobody can read anything back. With an application
//! it signs and makes a call before it answers ([`call`]), with whatever was answered to that.

mod call;

use std::fs::File;
use std::io::{IoSlice, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;
use upcall_crypto::{Md5, RsaPrivateKey};
use xtask::arguments::Arguments;

use self::call::Caller;
use crate::http::find_blank_line;

/// Serves until it is killed. Says in its first line where.
pub(crate) fn serve(mut arguments: Arguments) -> Result<()> {
    let folder: PathBuf = arguments
        .take_value("--folder")?
        .context("`--folder` is missing")?;
    let application: Option<SocketAddr> = arguments.take_value("--application")?;
    let application = match application {
        None => None,
        Some(address) => {
            let bits = arguments.take_value("--key-bits")?;
            let key = RsaPrivateKey::generate(bits.context("`--key-bits` is missing")?)?;
            Some((address, Arc::new(key)))
        }
    };
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("floor.log"))
        .context("cannot make the log")?;
    let (sender, waiting) = mpsc::channel();
    thread::spawn(move || append(log, &waiting));
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!(r#"{{"storage":"http://{}"}}"#, listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(connection(stream, sender.clone(), application.clone()));
        }
    })
}

/// A body on its way to the disk.
#[derive(Debug)]
struct Record {
    digest: [u8; 16],
    body: Bytes,
    written: oneshot::Sender<()>,
}

async fn connection(
    mut stream: TcpStream,
    log: mpsc::Sender<Record>,
    application: Option<(SocketAddr, Arc<RsaPrivateKey>)>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut caller = match application {
        None => None,
        Some((address, key)) => Some(Caller::connect(address, key).await?),
    };
    let mut buffer = BytesMut::with_capacity(16 << 10);
    loop {
        let head = loop {
            if let Some(head) = find_blank_line(&buffer) {
                break buffer.split_to(head);
            }
            buffer.reserve(16 << 10);
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let length = length(&head)?;
        buffer.reserve(length.saturating_sub(buffer.len()));
        while buffer.len() < length {
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
        let body = buffer.split_to(length).freeze();
        let (written, is_written) = oneshot::channel();
        let digest = Md5::digest(&body);
        let record = Record {
            digest,
            body,
            written,
        };
        log.send(record).ok()?;
        is_written.await.ok()?;
        match &mut caller {
            None => stream.write_all(ANSWER).await.ok()?,
            Some(caller) => {
                let answer = caller.call(&digest).await?;
                stream.write_all(answer).await.ok()?;
            }
        }
    }
}

fn length(head: &[u8]) -> Option<usize> {
    let head = str::from_utf8(head).ok()?;
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.eq_ignore_ascii_case("content-length");
        is_it.then(|| value.trim().parse().ok())?
    })
}

/// The group commit. Ends with the last sender, or with the disk.
fn append(mut log: File, waiting: &mpsc::Receiver<Record>) {
    while let Ok(first) = waiting.recv() {
        let batch: Vec<Record> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let written = write(&mut log, &batch).and_then(|()| log.sync_data());
        if written.is_err() {
            return;
        }
        for record in batch {
            record.written.send(()).ok();
        }
    }
}

fn write(log: &mut File, batch: &[Record]) -> std::io::Result<()> {
    let parts = batch
        .iter()
        .flat_map(|record| [IoSlice::new(&record.digest), IoSlice::new(&record.body)]);
    let mut parts: Vec<IoSlice<'_>> = parts.collect();
    let mut left = &mut parts[..];
    while !left.is_empty() {
        let written = log.write_vectored(left)?;
        IoSlice::advance_slices(&mut left, written);
    }
    Ok(())
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
