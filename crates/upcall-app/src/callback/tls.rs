//! TLS towards the servers of public keys.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// TLS that trusts what the system trusts; its certificates are read when they are first needed.
#[derive(Default)]
pub(super) struct Tls {
    connector: OnceCell<TlsConnector>,
}

impl Tls {
    pub(super) fn system() -> Self {
        Self::default()
    }

    #[cfg(test)]
    pub(super) fn trusting(roots: RootCertStore) -> Self {
        let connector = OnceCell::new_with(Some(connector(roots).unwrap()));
        Self { connector }
    }

    /// # Errors
    /// The system's certificates cannot be read, or the server's was not accepted.
    pub(super) async fn connect(
        &self,
        host: &str,
        socket: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connector = self.connector.get_or_try_init(system_connector).await?;
        connector.connect(name, socket).await
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

async fn system_connector() -> io::Result<TlsConnector> {
    // Some hundred files, and parsing: off the runtime's threads.
    tokio::task::spawn_blocking(|| connector(system_roots()?))
        .await
        .map_err(io::Error::other)?
}

fn system_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the system's certificates could not be read");
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(io::Error::other(
            "the system has no root certificates; install `ca-certificates`",
        ));
    }
    Ok(roots)
}

fn connector(roots: RootCertStore) -> io::Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
