//! Trusted proxies: which client stands behind a connection, if its proxy may say so.
//!
//! In: the address that a connection comes from, and a request's headers. Out: the client's address.
//! From an address that is not trusted nothing is believed. From one that is, the client is the last
//! hop, read from the right, that is no trusted proxy itself: what stands left of it was sent by the
//! client and may be made up.
//!
//! `Forwarded` and `X-Forwarded-For` both count. A proxy sets one of them and passes the other on as
//! the client sent it, so where both stand and differ, neither is believed.

use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap, HeaderName};

use super::forwarded::{self, Hop};
use crate::network::Network;

/// The proxies that are believed, and how they say who connects.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    /// Where they stand; none is believed by default.
    pub networks: Vec<Network>,
    /// Whether their connections begin with a PROXY protocol header.
    pub protocol: ProxyProtocol,
}

/// The PROXY protocol, version 2.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ProxyProtocol {
    /// Every connection begins with HTTP.
    #[default]
    Off,
    /// Every connection of a trusted proxy begins with a header that names the client.
    On,
}

impl TrustedProxies {
    /// Whether a proxy at `address` is believed.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }

    /// Whether a connection from `address` begins with a PROXY protocol header.
    pub(crate) fn announces(&self, address: IpAddr) -> bool {
        self.protocol == ProxyProtocol::On && self.contains(address)
    }

    /// The client of a request that came from `sender`; its port is known only where there is no
    /// proxy, and 0 otherwise.
    pub(crate) fn client(&self, sender: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        if self.networks.is_empty() || !self.contains(sender.ip()) {
            return sender;
        }
        let values = |name| {
            let lines = headers.get_all(name).iter();
            lines.map(|line| line.to_str().unwrap_or_default())
        };
        let standard = forwarded::standard(values(header::FORWARDED));
        let common = forwarded::common(values(X_FORWARDED_FOR));
        let client = match (standard, common) {
            (None, None) => return sender,
            (Some(hops), None) | (None, Some(hops)) => self.last_untrusted(sender.ip(), &hops),
            (Some(standard), Some(common)) => {
                let client = self.last_untrusted(sender.ip(), &standard);
                if client != self.last_untrusted(sender.ip(), &common) {
                    return sender;
                }
                client
            }
        };
        if client == sender.ip() {
            sender
        } else {
            SocketAddr::new(client, 0)
        }
    }

    fn last_untrusted(&self, sender: IpAddr, hops: &[Hop]) -> IpAddr {
        let mut last_known = sender;
        for hop in hops.iter().rev() {
            match *hop {
                Hop::Address(address) if self.contains(address) => last_known = address,
                Hop::Address(address) => return address,
                // Who stands behind it is not known: it counts as the proxy that said so.
                Hop::Unknown => return last_known,
            }
        }
        last_known
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(sender: &str, lines: &[(&'static str, &'static str)]) -> String {
        let proxies = TrustedProxies {
            networks: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            protocol: ProxyProtocol::Off,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let sender = SocketAddr::new(sender.parse().unwrap(), 4711);
        proxies.client(sender, &headers).ip().to_string()
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_no_trusted_proxy() {
        for (value, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
            ("203.0.113.7, 10.0.0.2", "203.0.113.7"),
            ("203.0.113.7:4711", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:443,10.0.0.2", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("203.0.113.7, unknown", "10.0.0.1"),
            ("203.0.113.7, 10.0.0.9, nonsense", "10.0.0.1"),
            ("203.0.113.7, nonsense, 10.0.0.9", "10.0.0.9"),
            ("", "10.0.0.1"),
            ("203.0.113.7,", "10.0.0.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", &[("x-forwarded-for", value)]),
                expected,
                "{value}"
            );
        }
        let two = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "203.0.113.7, fd00::2"),
        ];
        assert_eq!(client("fd00::1", &two), "203.0.113.7");
    }

    #[test]
    fn the_standard_header_counts_as_well_and_two_that_differ_count_for_nothing() {
        let standard = (
            "forwarded",
            "for=1.1.1.1, for=\"[2001:db8::1]:4711\";proto=https",
        );
        assert_eq!(client("10.0.0.1", &[standard]), "2001:db8::1");
        let same = [standard, ("x-forwarded-for", "9.9.9.9, 2001:db8::1")];
        assert_eq!(client("10.0.0.1", &same), "2001:db8::1");
        let differ = [standard, ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(client("10.0.0.1", &differ), "10.0.0.1");
    }

    #[test]
    fn an_address_that_is_not_trusted_is_the_client_whatever_it_says() {
        for name in ["forwarded", "x-forwarded-for"] {
            assert_eq!(client("192.0.2.1", &[(name, "for=1.1.1.1")]), "192.0.2.1");
            assert_eq!(client("192.0.2.1", &[(name, "1.1.1.1")]), "192.0.2.1");
        }
    }
}
