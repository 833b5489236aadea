//! The guard: where may the server connect for a callback.
//!
//! In: a host and a port. Out: the addresses that were judged, to connect to and to nothing else.
//! Every address a name resolves to must be allowed, or none is used; a literal address takes the
//! same road as a name, in whatever spelling the system's resolver understands.
//!
//! Asked twice: before an upload is admitted, so that the uploader hears of it in time, and when
//! connecting, which decides: a name may have changed its answer in between.
//!
//! Source: OSS, "Callback" (`Private address is forbidden to callback.`); IANA special-purpose
//! address registries.

mod kind;
mod look_up;
mod own;
mod port;
mod rule;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::limits;
use kind::{Kind, destinations};

pub use look_up::LookUp;
pub use own::OwnAddresses;
pub use port::{InvalidPortRule, PortRule};
pub use rule::{CallbackRule, HostRule, InvalidCallbackRule};

/// Where callbacks may go.
#[derive(Clone, Debug)]
pub struct GuardConfig {
    /// What is allowed: an address that a rule contains, or a host that a rule names. A name leads
    /// to addresses on the internet, private ones and loopback, but never to a special one
    /// (link-local, cloud metadata, multicast); for that, a rule must name the network.
    pub allow: Vec<CallbackRule>,
    /// What is denied, whatever allows it.
    pub deny: Vec<CallbackRule>,
    /// The ports; none is allowed if there is no rule.
    pub ports: Vec<PortRule>,
    /// How names become addresses.
    pub look_up: LookUp,
    /// This machine's addresses: a public or a private one of them counts as loopback.
    pub own: OwnAddresses,
}

/// Judges hosts and addresses by the operator's rules.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    config: Arc<GuardConfig>,
    /// Where this server's own admin interface listens; it is never called, whatever the rules say.
    admin_port: u16,
    lookups: Arc<Semaphore>,
}

impl Guard {
    pub(crate) fn new(config: GuardConfig, admin_port: u16) -> Self {
        Self {
            config: Arc::new(config),
            admin_port,
            lookups: Arc::new(Semaphore::new(limits::LOOKUPS)),
        }
    }

    /// Resolves `host` once and judges every address it has.
    ///
    /// # Errors [`GuardError::Unresolvable`] if it has none, [`GuardError::Forbidden`] if the host,
    /// the port or one of the addresses is not allowed: a name with one good and one bad address is
    /// an attempt to get past us.
    pub(crate) async fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, GuardError> {
        self.judge_before_asking(host, port)?;
        let addresses = tokio::time::timeout(limits::LOOKUP, self.look_up(host, port))
            .await
            .unwrap_or(Err(GuardError::Unresolvable))?;
        if addresses.is_empty() {
            return Err(GuardError::Unresolvable);
        }
        for address in &addresses {
            self.judge(host, *address)?;
        }
        // Last, so that what leads where nobody may call is told to be that.
        if is_odd_number(host) {
            return Err(GuardError::Unresolvable);
        }
        Ok(addresses)
    }

    /// What can be refused without a question to a name server.
    fn judge_before_asking(&self, host: &str, port: u16) -> Result<(), GuardError> {
        if !self.config.ports.iter().any(|rule| rule.contains(port)) {
            return Err(GuardError::Forbidden(Forbidden::Port { port }));
        }
        if self.config.deny.iter().any(|rule| rule.names(host)) {
            return Err(GuardError::Forbidden(Forbidden::Denied));
        }
        Ok(())
    }

    /// Asks the system, on a thread that may wait. It cannot be hurried, and the thread is one of
    /// those that write to the disk; so few may ask at a time, and each keeps its place until it is
    /// answered.
    async fn look_up(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, GuardError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let place = Arc::clone(&self.lookups).acquire_owned().await;
        let place = place.map_err(|_| GuardError::Unresolvable)?;
        let (host, look_up) = (host.to_owned(), self.config.look_up.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let _place = place;
            look_up.ask(&host, port)
        });
        match answer.await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(_)) | Err(_) => Err(GuardError::Unresolvable),
        }
    }

    fn judge(&self, host: &str, address: SocketAddr) -> Result<(), GuardError> {
        let GuardConfig {
            allow, deny, own, ..
        } = &*self.config;
        let ends = destinations(address.ip());
        let denies_loopback = deny.iter().any(|rule| rule.is_of(Kind::Loopback));
        let denies = |ip: IpAddr| {
            deny.iter().any(|rule| rule.contains(ip)) || denies_loopback && own.contains(ip)
        };
        if denies(address.ip()) || ends.clone().any(denies) {
            return Err(GuardError::Forbidden(Forbidden::Denied));
        }
        let is_named = allow.iter().any(|rule| rule.names(host));
        for ip in ends.clone() {
            self.judge_kind(ip, is_named)?;
        }
        if address.port() == self.admin_port && ends.into_iter().any(|ip| own.contains(ip)) {
            return Err(GuardError::Forbidden(Forbidden::OwnAdmin));
        }
        Ok(())
    }

    /// Whether a rule allows an address, by its network or by its kind.
    ///
    /// A public or private address of this machine is of the kind *loopback*: what listens there may be
    /// behind a firewall, and open to the machine itself alone.
    fn judge_kind(&self, ip: IpAddr, is_named: bool) -> Result<(), Forbidden> {
        let GuardConfig { allow, own, .. } = &*self.config;
        let allows = |kind: Kind| allow.iter().any(|rule| rule.is_of(kind));
        let kind = Kind::of(ip);
        if allow.iter().any(|rule| rule.is_network_of(ip)) || is_named && kind != Kind::Special {
            return Ok(());
        }
        if !allows(kind) {
            // Not told apart from others: what a name leads to in a network that the uploader cannot
            // see is not its business.
            return Err(Forbidden::NotAllowed);
        }
        let counts_as_loopback = matches!(kind, Kind::Private | Kind::Public);
        if counts_as_loopback && !allows(Kind::Loopback) && own.contains(ip) {
            return Err(Forbidden::OwnAddress);
        }
        Ok(())
    }
}

/// Why a host is not called.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum GuardError {
    /// The operator does not want it called.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("the host does not resolve to an address")]
    Unresolvable,
}

/// Which rule is in the way, and which setting changes it.
///
/// It says nothing of what a name resolved to: the uploader would learn the addresses of a network
/// that it cannot see.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Forbidden {
    #[error(
        "the host of `callbackUrl`, or an address of it, is one that this server's operator denies \
         (`--callback-deny`)"
    )]
    Denied,
    #[error(
        "the host of `callbackUrl` leads to an address that this server may not call; its operator \
         can allow the host or its network (`--callback-allow`)"
    )]
    NotAllowed,
    #[error(
        "the host of `callbackUrl` leads to this server's own machine, where services may listen that \
         are open to nobody else; if the application runs there, the operator allows it by its host's \
         name or as `loopback` (`--callback-allow`)"
    )]
    OwnAddress,
    #[error("`callbackUrl` leads to this server's own admin interface, which is never called")]
    OwnAdmin,
    #[error(
        "port {port} of `callbackUrl` is none that this server may call; its operator can allow it \
         (`--callback-ports`)"
    )]
    Port {
        /// Which one.
        port: u16,
    },
}

/// Whether a host is a number and no IPv4 address in its usual spelling. Many systems take `123.456` for
/// 123.0.1.200; OSS has no address for it. No name ends in a number (RFC 3696, 2; WHATWG URL, 3.5).
fn is_odd_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || hex.is_some_and(is_hex);
    is_number && host.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests;
