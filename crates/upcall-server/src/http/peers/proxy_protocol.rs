//! The header of the PROXY protocol, version 2, with which a proxy begins a connection.
//!
//! In: a socket of which nothing was read. Out: the client's address, if the header names one; the
//! socket then stands at the first byte of HTTP. Extensions (TLVs) are skipped.
//!
//! Source: `HAProxy`, "The PROXY protocol, versions 1 & 2", section 2.2.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Why a connection of a trusted proxy is closed at its beginning.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyHeaderError {
    #[error("the connection ended before its PROXY protocol header")]
    Ended(#[source] io::Error),
    #[error("a PROXY protocol header of version 2 was expected; switch it on at the proxy")]
    Missing,
    #[error("the PROXY protocol header has version 1; set version 2 at the proxy")]
    Version1,
    #[error("the PROXY protocol header cannot be read")]
    Malformed,
    #[error("the PROXY protocol header is longer than {MAX_BYTES} bytes")]
    TooLong,
}

/// Reads the header; `None` if it speaks of the proxy's own connection (a health check), or of one
/// that was not made over TCP.
pub(crate) async fn read(
    socket: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let mut head = [0; 16];
    // The first bytes tell whether there is a header at all; a client would wait for its answer.
    read_exact(socket, &mut head[..SIGNATURE.len()]).await?;
    if head.starts_with(b"PROXY ") {
        return Err(ProxyHeaderError::Version1);
    }
    if !head.starts_with(SIGNATURE) {
        return Err(ProxyHeaderError::Missing);
    }
    read_exact(socket, &mut head[SIGNATURE.len()..]).await?;
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if length > MAX_BYTES {
        return Err(ProxyHeaderError::TooLong);
    }
    let mut addresses = vec![0; length];
    read_exact(socket, &mut addresses).await?;
    match head[12] {
        LOCAL => Ok(None),
        PROXY => read_source(head[13], &addresses),
        _ => Err(ProxyHeaderError::Malformed),
    }
}

async fn read_exact(
    socket: &mut (impl AsyncRead + Unpin),
    bytes: &mut [u8],
) -> Result<(), ProxyHeaderError> {
    let read = socket.read_exact(bytes).await;
    read.map(drop).map_err(ProxyHeaderError::Ended)
}

fn read_source(family: u8, addresses: &[u8]) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    match family {
        TCP4 => {
            let (source, rest) = addresses
                .split_first_chunk::<4>()
                .ok_or(ProxyHeaderError::Malformed)?;
            let port = port(rest, 4, 8)?;
            Ok(Some((Ipv4Addr::from(*source), port).into()))
        }
        TCP6 => {
            let (source, rest) = addresses
                .split_first_chunk::<16>()
                .ok_or(ProxyHeaderError::Malformed)?;
            let port = port(rest, 16, 20)?;
            Ok(Some((Ipv6Addr::from(*source), port).into()))
        }
        // Unspecified, UDP, a Unix socket: the proxy does not name an address.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => Ok(None),
        _ => Err(ProxyHeaderError::Malformed),
    }
}

/// The source's port, behind the destination's address; both ports must be there.
fn port(rest: &[u8], at: usize, least: usize) -> Result<u16, ProxyHeaderError> {
    match rest.get(at..at + 2) {
        Some(port) if rest.len() >= least => Ok(u16::from_be_bytes([port[0], port[1]])),
        _ => Err(ProxyHeaderError::Malformed),
    }
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// Bytes behind a header's first 16.
///
/// 2 KiB: two Unix addresses, or TCP's and the extensions of a TLS connection with its certificate's
/// name.
const MAX_BYTES: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(bytes: &[u8]) -> (Result<Option<SocketAddr>, ProxyHeaderError>, Vec<u8>) {
        let mut rest = bytes;
        let read = read(&mut rest).await;
        (read, rest.to_vec())
    }

    fn header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, addresses].concat()
    }

    fn v4(more: &[u8]) -> Vec<u8> {
        let addresses = [203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x67, 0, 80];
        header(PROXY, TCP4, &[&addresses, more].concat())
    }

    #[tokio::test]
    async fn the_client_is_the_source_and_http_begins_behind_the_extensions() {
        for more in [&b""[..], b"\x04\x00\x03abc"] {
            let (read, rest) = read_all(&[&v4(more)[..], b"GET / "].concat()).await;
            assert_eq!(read.unwrap(), Some("203.0.113.7:4711".parse().unwrap()));
            assert_eq!(rest, b"GET / ");
        }
        let source: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let addresses = [&source.octets()[..], &[0; 16], &[0x12, 0x67, 0, 80]].concat();
        let (read, _) = read_all(&header(PROXY, TCP6, &addresses)).await;
        assert_eq!(read.unwrap(), Some("[2001:db8::7]:4711".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_health_check_and_what_is_not_tcp_name_no_client() {
        for header in [
            header(LOCAL, 0, b""),
            header(LOCAL, TCP4, &[0; 12]),
            header(PROXY, 0, b""),
            header(PROXY, 0x31, &[0; 216]),
        ] {
            let (read, rest) = read_all(&[&header[..], b"GET"].concat()).await;
            assert_eq!((read.unwrap(), rest.as_slice()), (None, &b"GET"[..]));
        }
    }

    #[tokio::test]
    async fn anything_else_is_refused_with_its_reason() {
        for (bytes, reason) in [
            (
                b"PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n".to_vec(),
                "version 1",
            ),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), "expected"),
            (b"\r\n\r\n".to_vec(), "ended"),
            (v4(b"")[..20].to_vec(), "ended"),
            (header(0x11, TCP4, &[0; 12]), "cannot be read"),
            (header(PROXY, TCP4, &[0; 11]), "cannot be read"),
            (header(PROXY, TCP6, &[0; 35]), "cannot be read"),
            (header(PROXY, 0x41, &[0; 12]), "cannot be read"),
            (header(PROXY, TCP4, &[0; 2049]), "longer"),
        ] {
            let (read, _) = read_all(&bytes).await;
            let said = read.unwrap_err().to_string();
            assert!(said.contains(reason), "{said} {bytes:?}");
        }
    }
}
