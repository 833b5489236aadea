//! A public key on an address of ours, and a key that is nobody's: what a forger would have.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use upcall_crypto::RsaPrivateKey;

use crate::terminal::message::Failure;

/// A public key, served as long as this lives.
pub(super) struct ServedKey {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl ServedKey {
    /// # Errors
    /// The address cannot be had.
    pub(super) async fn serve(address: SocketAddr, pem: String) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            // One after the other: an application fetches a key once.
            while let Ok((socket, _)) = listener.accept().await {
                let answered = tokio::time::timeout(super::call::TIME_LIMIT, answer(socket, &pem));
                // Whoever hangs up does not want it.
                let _ = answered.await;
            }
        });
        Ok(Self { address, server })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ServedKey {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A key that no receiver knows, served where one could fetch it.
pub(super) struct ForeignKey {
    key: RsaPrivateKey,
    served: ServedKey,
}

impl ForeignKey {
    /// Makes a key of `bits` and serves it on `address`, where the application can reach it: it must
    /// refuse it for its address, not because nobody answers.
    ///
    /// # Errors
    /// No port can be had.
    pub(super) async fn serve(address: IpAddr, bits: u32) -> Result<Self, Failure> {
        let key = new_key(bits).await?;
        let pem = key.public_key_pem()?;
        let served = ServedKey::serve((address, 0).into(), pem).await?;
        Ok(Self { key, served })
    }

    pub(super) const fn key(&self) -> &RsaPrivateKey {
        &self.key
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/callback_pub_key_v1.pem", self.served.address())
    }
}

/// A new key, about as long as `bits`: some sizes can be read and not be made.
pub(super) async fn new_key(bits: u32) -> Result<RsaPrivateKey, Failure> {
    let bits = bits.next_multiple_of(128);
    Ok(tokio::task::spawn_blocking(move || RsaPrivateKey::generate(bits)).await??)
}

/// The key, whatever is asked.
async fn answer(mut socket: TcpStream, pem: &str) -> io::Result<()> {
    let mut head = [0; MAX_HEAD_BYTES];
    let mut length = 0;
    while length < head.len() && !head[..length].ends_with(b"\r\n\r\n") {
        match socket.read(&mut head[length..]).await? {
            0 => return Ok(()),
            more => length += more,
        }
    }
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-pem-file\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{pem}",
        pem.len()
    );
    socket.write_all(answer.as_bytes()).await?;
    socket.shutdown().await
}

/// A request for a key has some hundred.
const MAX_HEAD_BYTES: usize = 8 * 1024;
