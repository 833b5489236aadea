//! A server of public keys that counts who asks.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    is_open: watch::Sender<bool>,
    task: AbortHandle,
}

struct Shared {
    answer: Mutex<String>,
    connections: AtomicUsize,
}

impl KeyServer {
    /// Answers every request with this key.
    pub(crate) async fn start(pem: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_open, gate) = watch::channel(true);
        let shared = Arc::new(Shared {
            answer: Mutex::new(with_key(pem)),
            connections: AtomicUsize::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared), gate)).abort_handle();
        Self {
            address,
            shared,
            is_open,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/callback_pub_key_v1.pem", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often anyone has connected.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn change_key(&self, pem: &str) {
        self.answer_with(&with_key(pem));
    }

    /// From now on, these bytes.
    pub(crate) fn answer_with(&self, answer: &str) {
        answer.clone_into(&mut self.shared.answer.lock().unwrap());
    }

    /// Who asks, waits until the gate is opened.
    pub(crate) fn close_gate(&self) {
        self.is_open.send_replace(false);
    }

    pub(crate) fn open_gate(&self) {
        self.is_open.send_replace(true);
    }

    /// Waits until somebody has connected.
    pub(crate) async fn asked(&self) {
        while self.connections() == 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn with_key(pem: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{pem}",
        pem.len()
    )
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, gate: watch::Receiver<bool>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        shared.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(answer(socket, Arc::clone(&shared), gate.clone()));
    }
}

async fn answer(mut socket: TcpStream, shared: Arc<Shared>, mut gate: watch::Receiver<bool>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    if gate.wait_for(|is_open| *is_open).await.is_err() {
        return;
    }
    let answer = shared.answer.lock().unwrap().clone();
    // The fetcher may have hung up on an answer that is too long.
    drop(socket.write_all(answer.as_bytes()).await);
}
