//! What a connection is kept for, over TLS: plaintext that was read off the socket already is not seen
//! by looking at the socket.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::connector::Stream;
use super::first_bytes::FirstBytes;
use super::*;

/// A connection over TLS to a peer that sends these bytes, in one record, to whatever it is asked.
async fn connection(answer: &'static [u8]) -> Connection {
    let certificate = include_bytes!("../../../../upcall-app/tests/tls/localhost.pem");
    let key = include_bytes!("../../../../upcall-app/tests/tls/localhost.key");
    let certificate = CertificateDer::from_pem_slice(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate],
            PrivateKeyDer::from_pem_slice(key).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let mut stream = acceptor.accept(socket).await.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(answer).await.unwrap();
        // Not closed: the end of a connection would be seen.
        let _ = stream.read(&mut request).await;
    });
    let mut roots = rustls::RootCertStore::empty();
    let issuer = include_bytes!("../../../../upcall-app/tests/tls/ca.pem");
    roots
        .add(CertificateDer::from_pem_slice(issuer).unwrap())
        .unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let stream = connector
        .connect(name, FirstBytes::of(socket))
        .await
        .unwrap();
    Connection {
        stream: Stream::Tls(Box::new(stream)),
        address: None,
        unread: BytesMut::new(),
    }
}

const WANTED: Wanted = Wanted {
    curiosity: Curiosity::Nothing,
    chunking: Chunking::Refused,
};

async fn kept_after(answer: &'static [u8]) -> (Ending, bool) {
    let request = WrittenRequest {
        head: Bytes::from_static(b"POST / HTTP/1.1\r\n\r\n"),
        body: Bytes::new(),
    };
    let mut progress = Progress::begin();
    let connection = connection(answer).await;
    let (ending, rest) = exchange(connection, &request, WANTED, &mut progress).await;
    (ending, rest.is_some())
}

#[tokio::test]
async fn over_tls_too_a_connection_with_more_than_the_answer_is_not_kept() {
    let good = kept_after(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    assert_eq!(good, (Ending::Agreed, true));
    // Longer than the first read, so that the rest stays in TLS.
    let more: &'static str = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n[{}]HTTP/1.1 200 OK\r\n",
        " ".repeat(2998)
    )
    .leak();
    let more = kept_after(more.as_bytes()).await;
    assert_eq!(more, (Ending::Agreed, false));
}
