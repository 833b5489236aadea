//! Looking a host name up: the one place where a name becomes addresses.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

/// Tells the addresses of a host; a test gives its own.
///
/// It may block for as long as it likes: it is called on threads that may wait.
#[derive(Clone)]
pub struct LookUp(Arc<Answer>);

type Answer = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

impl LookUp {
    /// The system's: what `/etc/hosts` says, then the DNS. It also reads addresses in every
    /// spelling that it knows (`127.1`, `0x7f000001`).
    pub fn system() -> Self {
        Self::from_fn(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }

    /// One that gives, for a host and a port, what `answer` says.
    pub fn from_fn(
        answer: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(answer))
    }

    /// The addresses of a host, with this port.
    ///
    /// # Errors
    /// It has none, or nobody can be asked.
    pub fn ask(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        (self.0)(host, port)
    }
}

impl fmt::Debug for LookUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookUp")
    }
}
