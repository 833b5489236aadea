//! Accepts connections and runs them, bounded in number; on shutdown lets the running ones finish.
//!
//! In place of `axum::serve`, which keeps the connection's limits to itself.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::write_limit::WriteLimit;
use crate::limits::{Limits, READ_BUFFER_BYTES, REQUEST_HEAD_BYTES, REQUEST_HEADERS};

/// Serves `listener` until `stop` changes or its sender is gone, then drains within the limits.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        // Cancel-safe: a permit that was taken and not used goes back, and nothing was accepted.
        tokio::select! {
            biased;
            () = told(&mut stop) => break,
            (socket, slot) = accept(&listener, &slots) => {
                let connection = Connection { slot, stop: stop.clone() };
                connections.spawn(connection.run(socket, routes.clone(), limits.clone()));
            }
            Some(ended) = connections.join_next() => report_panic(ended),
        }
    }
    drop(listener);
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            report_panic(ended);
        }
    };
    if tokio::time::timeout(limits.drain, drained).await.is_err() {
        tracing::warn!(
            open = connections.len(),
            "connections were cut: the drain took too long"
        );
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let slot = Arc::clone(slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((socket, _)) => return (socket, slot),
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                // Out of descriptors or memory: waiting lets others finish.
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Waits until the stop is told, or nobody is left to tell it.
async fn told(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stopped| *stopped).await);
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}

struct Connection {
    slot: OwnedSemaphorePermit,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn run(mut self, socket: TcpStream, routes: Router, limits: Limits) {
        // Answers are written whole; waiting for more would only delay them.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let socket = TokioIo::new(WriteLimit::new(socket, limits.stalled_write));
        let connection = http1::Builder::new()
            // hyper's own stays in the future after the clock was set back: `routes` has one.
            .auto_date_header(false)
            .timer(TokioTimer::new())
            .header_read_timeout(limits.request_head)
            .max_headers(REQUEST_HEADERS)
            .max_header_size(REQUEST_HEAD_BYTES)
            .max_buf_size(READ_BUFFER_BYTES)
            .serve_connection(socket, TowerToHyperService::new(routes));
        let mut connection = std::pin::pin!(connection);
        // Cancel-safe: the connection is polled on after either arm.
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = told(&mut self.stop) => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "the connection ended early");
        }
        drop(self.slot);
    }
}

/// How long accepting rests after the system had nothing to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
