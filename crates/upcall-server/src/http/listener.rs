//! Accepts connections and runs them, bounded in number; on shutdown lets the running ones finish.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::framing::FramingError;
use super::gate::Gate;
use super::peers::Peer;
use super::peers::connections::{Connections, Entry, Slot};
use super::peers::proxies::TrustedProxies;
use super::peers::proxy_protocol;
use super::service::Service;
use crate::limits::{self, Limits};
use crate::memory::MemoryBudget;

/// What the listeners of one service share.
pub(crate) struct Shared<V> {
    pub(crate) service: Arc<V>,
    pub(crate) limits: Limits,
    pub(crate) connections: Arc<Connections>,
    pub(crate) memory: Arc<MemoryBudget>,
    pub(crate) proxies: Arc<TrustedProxies>,
}

/// Serves `listener` until `stop` changes, then drains within the limits.
pub(crate) async fn serve<V: Service>(
    listener: TcpListener,
    shared: Arc<Shared<V>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        // Cancel-safe: a connection that was accepted and has no place yet is closed, as it would be
        // if it still waited to be accepted.
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            (socket, peer, slot) = accept(&listener, &shared) => {
                let shared = Arc::clone(&shared);
                let slot = Arc::new(slot);
                let connection = Connection { peer, slot, stop: stop.clone(), shared };
                connections.spawn(connection.run(socket));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(shared.limits.drain, drained)
        .await
        .is_err()
    {
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

/// Accepts connections until one may be served.
async fn accept<V>(listener: &TcpListener, shared: &Shared<V>) -> (TcpStream, SocketAddr, Slot) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                let counted = (!shared.proxies.contains(peer.ip())).then(|| Peer::of(peer.ip()));
                match place(&shared.connections, counted).await {
                    Some(slot) => return (socket, peer, slot),
                    None => refuse(&socket, peer),
                }
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                // Out of descriptors or memory: waiting lets others finish.
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits until a connection of `peer` may be served; `None` if the peer has its share.
async fn place(connections: &Arc<Connections>, peer: Option<Peer>) -> Option<Slot> {
    loop {
        match connections.enter(peer) {
            Entry::Taken(slot) => return Some(slot),
            Entry::OverShare => return None,
            Entry::Full => {
                // Also a connection that becomes idle makes room, which nothing announces.
                let _ = tokio::time::timeout(ACCEPT_PAUSE, connections.freed()).await;
            }
        }
    }
}

/// Turns a connection away. The peer holds so many that an answer which is lost is its own doing, so
/// this waits for nothing.
fn refuse(socket: &TcpStream, peer: SocketAddr) {
    tracing::debug!(%peer, "a connection was refused: its address holds its share of them");
    let _ = socket.try_write(OVER_SHARE);
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

struct Connection<V> {
    peer: SocketAddr,
    slot: Arc<Slot>,
    stop: watch::Receiver<bool>,
    shared: Arc<Shared<V>>,
}

impl<V: Service> Connection<V> {
    async fn run(mut self, mut socket: TcpStream) {
        // Answers are written whole; waiting for more would only delay them.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        if self.shared.proxies.announces(self.peer.ip()) {
            let Some(client) = self.announced(&mut socket).await else {
                return;
            };
            if let Some(client) = client {
                self = match self.of_client(client) {
                    Some(connection) => connection,
                    None => return refuse(&socket, client),
                };
            }
        }
        let head_memory = self.shared.memory.open(Peer::of(self.peer.ip()));
        let mut gate = Gate::new(
            socket,
            &self.shared.limits,
            Arc::clone(&self.slot),
            head_memory,
        );
        loop {
            // Cancel-safe: nothing is read. What has come is answered, even when we are to stop.
            let is_awake = tokio::select! {
                biased;
                is_awake = gate.awake() => is_awake,
                () = self.slot.closes() => return,
                () = stopped(&mut self.stop) => false,
            };
            if !is_awake {
                gate.close().await;
                return;
            }
            match self.converse(gate).await {
                Some(resting) => gate = resting,
                None => return,
            }
        }
    }

    /// The client that a proxy announces, if any; `None` if the connection is to be closed.
    async fn announced(&mut self, socket: &mut TcpStream) -> Option<Option<SocketAddr>> {
        let proxy = self.peer;
        // Cancel-safe: whichever of the others comes first, the connection is closed.
        let read = tokio::select! {
            biased;
            read = tokio::time::timeout(self.shared.limits.request_head, proxy_protocol::read(socket)) => read,
            () = self.slot.closes() => return None,
            () = stopped(&mut self.stop) => return None,
        };
        match read {
            Ok(Ok(client)) => Some(client),
            Ok(Err(error)) => {
                tracing::warn!(%proxy, "{error}");
                None
            }
            Err(_) => {
                tracing::warn!(%proxy, "the proxy sent no PROXY protocol header in time");
                None
            }
        }
    }

    /// The same connection, counted for the client that its proxy has announced.
    fn of_client(self, client: SocketAddr) -> Option<Self> {
        let Self {
            peer: _,
            slot,
            stop,
            shared,
        } = self;
        if shared.proxies.contains(client.ip()) {
            return Some(Self {
                peer: client,
                slot,
                stop,
                shared,
            });
        }
        drop(slot);
        match shared.connections.enter(Some(Peer::of(client.ip()))) {
            Entry::Taken(slot) => Some(Self {
                peer: client,
                slot: Arc::new(slot),
                stop,
                shared,
            }),
            Entry::Full | Entry::OverShare => None,
        }
    }

    /// Answers requests until the connection ends, or rests: then the gate comes back, and what it
    /// takes to read and answer is given up meanwhile.
    async fn converse(&mut self, gate: Gate) -> Option<Gate> {
        let exchange = gate.exchange();
        let peer = self.peer;
        let handler = hyper::service::service_fn({
            let (shared, exchange) = (Arc::clone(&self.shared), Arc::clone(&exchange));
            move |request: Request<Incoming>| {
                let (service, exchange) = (Arc::clone(&shared.service), Arc::clone(&exchange));
                let client = shared.proxies.client(peer, request.headers());
                // Now, not when the answer is begun: by then the next head may have been refused.
                let refused = exchange.take_refusal();
                let mut memory = shared.memory.open(Peer::of(client.ip()));
                let is_scarce = memory.grow(limits::REQUEST_BYTES).is_err();
                let refused = refused.or(is_scarce.then_some(FramingError::NoMemory));
                // hyper moves it about: in a box that is a pointer, not the kilobytes of an upload.
                Box::pin(async move {
                    let answer = service.handle(request, refused, client, &exchange).await;
                    drop(memory);
                    answer
                })
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // The gate keeps time; hyper's own timer would be a second opinion.
            .header_read_timeout(None)
            .max_headers(limits::REQUEST_HEADERS)
            .max_buf_size(limits::READ_BUFFER_BYTES)
            .half_close(false)
            // hyper's stays where it was when the clock is set back; every answer has its own.
            .auto_date_header(false)
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
                () = self.slot.closes() => return None,
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

/// The answer to a connection whose peer holds its share of them, each with a request under way.
const OVER_SHARE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
    Connection: close\r\nContent-Type: text/plain\r\nContent-Length: 74\r\n\r\n\
    this address has its share of connections; finish some, or try again later";

/// How long accepting rests after the system had nothing to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
