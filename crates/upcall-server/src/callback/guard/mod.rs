//! The guard: to which addresses may the server connect for a callback.
//!
//! In: a host and a port. Out: the addresses that were judged, to connect to and to nothing else.
//! Every address a name resolves to must be allowed, or none is used; a literal address takes the
//! same road as a name, in whatever spelling the system's resolver understands.
//!
//! Source: OSS, "Callback" (`Private address is forbidden to callback.`); IANA special-purpose
//! address registries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::limits;

/// One thing that the operator allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AllowRule {
    /// Every address that is reachable on the internet.
    Public,
    /// 127.0.0.0/8 and `::1`.
    Loopback,
    /// 10/8, 172.16/12, 192.168/16, 100.64/10 and `fc00::/7`.
    Private,
    /// Every address whose first `prefix` bits are those of `network`, whatever else it is.
    Network {
        /// The network's address.
        network: IpAddr,
        /// How many bits of it count.
        prefix: u8,
    },
}

impl AllowRule {
    fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Public => Kind::of(address) == Kind::Public,
            Self::Loopback => Kind::of(address) == Kind::Loopback,
            Self::Private => Kind::of(address) == Kind::Private,
            Self::Network {
                network: IpAddr::V4(network),
                prefix,
            } => match address {
                IpAddr::V4(address) => {
                    let shift = 32 - u32::from(prefix.min(32));
                    let top = |ip: Ipv4Addr| u32::from(ip).checked_shr(shift).unwrap_or(0);
                    top(network) == top(address)
                }
                IpAddr::V6(_) => false,
            },
            Self::Network {
                network: IpAddr::V6(network),
                prefix,
            } => match address {
                IpAddr::V6(address) => {
                    let shift = 128 - u32::from(prefix.min(128));
                    let top = |ip: Ipv6Addr| u128::from(ip).checked_shr(shift).unwrap_or(0);
                    top(network) == top(address)
                }
                IpAddr::V4(_) => false,
            },
        }
    }
}

impl FromStr for AllowRule {
    type Err = InvalidAllowRule;

    /// Reads `public`, `loopback`, `private`, an address, or a network as `ADDRESS/BITS`.
    fn from_str(text: &str) -> Result<Self, InvalidAllowRule> {
        match text {
            "public" => return Ok(Self::Public),
            "loopback" => return Ok(Self::Loopback),
            "private" => return Ok(Self::Private),
            _ => {}
        }
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_| InvalidAllowRule)?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(prefix) => prefix.parse().map_err(|_| InvalidAllowRule)?,
        };
        if prefix > most {
            return Err(InvalidAllowRule);
        }
        Ok(Self::Network { network, prefix })
    }
}

impl std::fmt::Display for AllowRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Loopback => f.write_str("loopback"),
            Self::Private => f.write_str("private"),
            Self::Network { network, prefix } => write!(f, "{network}/{prefix}"),
        }
    }
}

/// A text is no rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `public`, `loopback`, `private`, or a network such as `10.1.0.0/16`")]
pub struct InvalidAllowRule;

/// Judges addresses by the operator's rules.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    rules: Box<[AllowRule]>,
    lookups: Arc<Semaphore>,
}

impl Guard {
    pub(crate) fn new(rules: &[AllowRule]) -> Self {
        Self {
            rules: rules.into(),
            lookups: Arc::new(Semaphore::new(limits::LOOKUPS)),
        }
    }

    /// Resolves `host` once and judges every address it has.
    ///
    /// # Errors
    /// [`GuardError::Unresolvable`] if it has none, [`GuardError::Forbidden`] if one of them is not
    /// allowed: a name with one good and one bad address is an attempt to get past us.
    pub(crate) async fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, GuardError> {
        let addresses = tokio::time::timeout(limits::LOOKUP, self.look_up(host, port))
            .await
            .unwrap_or(Err(GuardError::Unresolvable))?;
        if addresses.is_empty() {
            return Err(GuardError::Unresolvable);
        }
        if addresses.iter().all(|address| self.allows(address.ip())) {
            Ok(addresses)
        } else {
            Err(GuardError::Forbidden)
        }
    }

    /// Asks the system, on a thread that may wait. It cannot be hurried, and the thread is one of those
    /// that write to the disk; so few may ask at a time, and each keeps its place until it is answered.
    async fn look_up(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, GuardError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let place = Arc::clone(&self.lookups).acquire_owned().await;
        let place = place.map_err(|_| GuardError::Unresolvable)?;
        let host = host.to_owned();
        let lookup = tokio::task::spawn_blocking(move || {
            let _place = place;
            (host.as_str(), port)
                .to_socket_addrs()
                .map(Iterator::collect)
        });
        match lookup.await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(_)) | Err(_) => Err(GuardError::Unresolvable),
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        let address = unwrapped(address);
        self.rules.iter().any(|rule| rule.allows(address))
    }
}

/// Why a host is not called.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum GuardError {
    #[error("the host resolves to an address that callbacks may not go to")]
    Forbidden,
    #[error("the host does not resolve to an address")]
    Unresolvable,
}

/// What an address is, as far as the rules ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Loopback,
    Private,
    Public,
    /// Never meant by a general rule: link-local (cloud metadata), multicast, "this network",
    /// benchmarking, documentation, reserved. A rule must name its network.
    Special,
}

impl Kind {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    const fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] => Self::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Self::Private,
            // "This network", link-local, IETF protocol assignments, documentation, 6to4 relays,
            // benchmarking, multicast, reserved and broadcast. The last one is reached by a route of
            // its own inside a cloud: Azure's wire server (Alibaba's lies in 100.64/10 above).
            [0 | 224..=255, ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [168, 63, 129, 16] => Self::Special,
            _ => Self::Public,
        }
    }

    const fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0xfc00..=0xfdff, ..] => Self::Private,
            // Teredo, benchmarking, ORCHID, documentation.
            [0x2001, 0 | 2 | 0x0010..=0x002f | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => {
                Self::Special
            }
            // Only global unicast is public; everything else has a special meaning.
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Special,
        }
    }
}

/// The IPv4 address inside an IPv6 one, where that is where packets end up: IPv4-mapped and
/// -compatible, NAT64 (RFC 6052, RFC 8215) and 6to4 (RFC 3056).
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // `::` and `::1` are themselves.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => inside(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(rules: &[AllowRule], address: &str) -> bool {
        Guard::new(rules).allows(address.parse().unwrap())
    }

    #[test]
    fn public_means_reachable_on_the_internet() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(allowed(&[AllowRule::Public], public), "{public}");
        }
        for other in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fec0::1",
            "fd00:ec2::254",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(!allowed(&[AllowRule::Public], other), "{other}");
        }
    }

    #[test]
    fn a_rule_allows_its_kind_and_no_other() {
        let dev = [AllowRule::Loopback, AllowRule::Private];
        for inside in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "10.1.2.3",
            "192.168.7.7",
            "fd00::1",
        ] {
            assert!(allowed(&dev, inside), "{inside}");
        }
        for outside in ["8.8.8.8", "169.254.169.254", "0.0.0.0", "::", "fe80::1"] {
            assert!(!allowed(&dev, outside), "{outside}");
        }
    }

    #[test]
    fn a_network_allows_what_it_contains() {
        let rule = |text: &str| [text.parse::<AllowRule>().unwrap()];
        assert!(allowed(&rule("169.254.0.0/16"), "169.254.1.1"));
        assert!(!allowed(&rule("169.254.0.0/16"), "169.255.1.1"));
        assert!(allowed(&rule("0.0.0.0/0"), "8.8.8.8"));
        assert!(allowed(&rule("10.0.0.7"), "::ffff:10.0.0.7"));
        assert!(!allowed(&rule("10.0.0.7"), "10.0.0.8"));
        assert!(allowed(&rule("fe80::/10"), "fe80::1"));
        for bad in [
            "",
            "all",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/-1",
            "10.0.0.0/",
        ] {
            assert_eq!(bad.parse::<AllowRule>(), Err(InvalidAllowRule), "{bad}");
        }
    }

    #[tokio::test]
    async fn every_spelling_of_an_address_is_judged_as_what_it_is() {
        let guard = Guard::new(&[AllowRule::Public]);
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "localhost",
        ] {
            let judged = guard.resolve(host, 80).await;
            assert!(judged.is_err(), "{host}: {judged:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn names_wait_for_a_place_and_addresses_do_not() {
        let guard = Guard::new(&[AllowRule::Loopback]);
        let all = u32::try_from(limits::LOOKUPS).unwrap();
        let places = guard.lookups.acquire_many(all).await.unwrap();

        assert!(guard.resolve("127.0.0.1", 80).await.is_ok());
        let given_up = guard.resolve("localhost", 80).await;
        assert_eq!(given_up, Err(GuardError::Unresolvable));

        drop(places);
        assert!(guard.resolve("localhost", 80).await.is_ok());
    }
}
