//! Accepts connections and runs them, bounded in number; on shutdown lets the running ones finish.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::gate::Gate;
use super::service::Service;
use crate::limits::{self, Limits};

/// Serves `listener` with `service` until `stop` changes, then drains within the limits.
pub(crate) async fn serve<V: Service>(
    listener: TcpListener,
    service: Arc<V>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        // Cancel-safe: a permit that was taken and not used goes back, and nothing was accepted.
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = accept(&listener, &slots) => {
                let (socket, peer, slot) = accepted;
                let connection = Connection { peer, slot, stop: stop.clone() };
                connections.spawn(connection.run(socket, Arc::clone(&service), limits.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, drained).await.is_err() {
        tracing::warn!(
            open = connections.len(),
            "connections were cut: the drain took too long"
        );
        connections.shutdown().await;
    }
}

/// Returns when the server is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The sender goes away only with the server itself.
    let _ = stop.wait_for(|stopped| *stopped).await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let slot = Arc::clone(slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((socket, peer)) => return (socket, peer, slot),
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

struct Connection {
    peer: SocketAddr,
    slot: OwnedSemaphorePermit,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn run<V: Service>(mut self, socket: TcpStream, service: Arc<V>, limits: Limits) {
        // Answers are written whole; waiting for more would only delay them.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let mut gate = Gate::new(socket, &limits);
        loop {
            // Cancel-safe: nothing is read. What has come is answered, even when we are to stop.
            let is_awake = tokio::select! {
                biased;
                is_awake = gate.awake() => is_awake,
                () = stopped(&mut self.stop) => false,
            };
            if !is_awake {
                gate.close().await;
                break;
            }
            match self.converse(gate, &service).await {
                Some(resting) => gate = resting,
                None => break,
            }
        }
        drop(self.slot);
    }

    /// Answers requests until the connection ends, or rests: then the gate comes back, and what it
    /// takes to read and answer is given up meanwhile.
    async fn converse<V: Service>(&mut self, gate: Gate, service: &Arc<V>) -> Option<Gate> {
        let exchange = gate.exchange();
        let peer = self.peer;
        let handler = hyper::service::service_fn({
            let (service, exchange) = (Arc::clone(service), Arc::clone(&exchange));
            move |request| {
                let (service, exchange) = (Arc::clone(&service), Arc::clone(&exchange));
                // Now, not when the answer is begun: by then the next head may have been refused.
                let refused = exchange.take_refusal();
                // hyper moves it about: in a box that is a pointer, not the kilobytes of an upload.
                Box::pin(async move { service.handle(request, refused, peer, &exchange).await })
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // The gate keeps time; hyper's own timer would be a second opinion.
            .header_read_timeout(None)
            .max_headers(limits::REQUEST_HEADERS)
            .max_buf_size(limits::READ_BUFFER_BYTES)
            .half_close(false)
            .serve_connection(TokioIo::new(gate), handler);
        // On the heap, so that a resting connection does not keep its place.
        let mut connection = Box::new(connection);
        let mut is_stopping = false;
        let ended = loop {
            let turn = std::future::poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if exchange.take_rest() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            // Cancel-safe: the connection is polled on after either arm.
            tokio::select! {
                biased;
                turn = turn => break turn,
                () = stopped(&mut self.stop), if !is_stopping => {
                    is_stopping = true;
                    Pin::new(&mut *connection).graceful_shutdown();
                }
            }
        };
        match ended {
            Some(Ok(())) => None,
            Some(Err(error)) => {
                tracing::debug!(%peer, %error, "the connection ended early");
                None
            }
            None => {
                let parts = connection.into_parts();
                // What hyper has read and not used belongs to a request that it gave up.
                parts.read_buf.is_empty().then(|| parts.io.into_inner())
            }
        }
    }
}

/// Binds each address; port 0 means any free one.
///
/// # Errors
/// The first address that cannot be had, with the system's reason.
pub(crate) fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = listen(*address).map_err(|source| BindError {
            address: *address,
            source,
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A server that was just stopped may be started again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// Connections that the system keeps until they are accepted. The usual 128 overflow when a page's
/// visitors all come at once, and who is turned away tries again after a second.
const BACKLOG: u32 = 4096;

/// How long accepting rests after the system had nothing to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
