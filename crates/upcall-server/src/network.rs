//! Networks of IP addresses, as operators write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// All addresses whose first bits are those of one address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` lies in it. An IPv4 address written as an IPv6 one is the IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        is_within(address.to_canonical(), self.address, self.prefix)
    }
}

/// Whether the first `prefix` bits of `address` are those of `network`.
pub(crate) fn is_within(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let shift = 32 - u32::from(prefix.min(32));
            let top = |ip: Ipv4Addr| u32::from(ip).checked_shr(shift).unwrap_or(0);
            top(network) == top(address)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let shift = 128 - u32::from(prefix.min(128));
            let top = |ip: Ipv6Addr| u128::from(ip).checked_shr(shift).unwrap_or(0);
            top(network) == top(address)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    /// Reads an address, or `ADDRESS/BITS`.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => max,
            Some(prefix) => prefix.parse().map_err(|_| InvalidNetwork)?,
        };
        if prefix > max {
            return Err(InvalidNetwork);
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A text is no network.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected an address such as `10.0.0.7`, or a network such as `10.1.0.0/16`")]
pub struct InvalidNetwork;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_what_its_first_bits_say() {
        let within = |network: &str, address: &str| {
            let network: Network = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };
        assert!(within("10.1.0.0/16", "10.1.255.1"));
        assert!(within("10.1.0.0/16", "::ffff:10.1.255.1"));
        assert!(!within("10.1.0.0/16", "10.2.0.1"));
        assert!(within("10.0.0.7", "10.0.0.7"));
        assert!(!within("0.0.0.0/0", "::1"));
        assert!(within("fd00::/8", "fd12::1"));
        assert!(within("::/0", "2001:db8::1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "localhost",
            "10.0.0.0/-1",
        ] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text}");
        }
    }
}
