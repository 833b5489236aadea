//! Addresses of this machine: what listens there may be behind a firewall, and open to the machine
//! itself alone.
//!
//! The system is asked at each call, since addresses come and go: only an address of the machine can be
//! bound to. Binding is exact, also for addresses that no interface shows (a local route), costs three
//! system calls, and needs no list. Where every address may be bound to (`ip_nonlocal_bind`, set for
//! keepalived and other balancers), the kernel's own tables are read instead. An address that neither knows, as
//! another device translates it (1:1 NAT), is given by the operator.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

/// Tells whether an address is one of this machine's; a test gives its own answer.
#[derive(Clone)]
pub struct OwnAddresses {
    given: Vec<IpAddr>,
    ask: Arc<Answer>,
}

type Answer = dyn Fn(IpAddr) -> bool + Send + Sync;

impl OwnAddresses {
    /// Those that the system knows, and those that the operator has `given`.
    pub fn system(given: Vec<IpAddr>) -> Self {
        Self {
            given,
            ask: Arc::new(is_of_system),
        }
    }

    /// Those for which `answer` says so.
    pub fn from_fn(answer: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self {
            given: Vec::new(),
            ask: Arc::new(answer),
        }
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.given
            .iter()
            .any(|given| given.to_canonical() == address)
            || (self.ask)(address)
    }
}

impl fmt::Debug for OwnAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnAddresses")
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

fn is_of_system(address: IpAddr) -> bool {
    if address.is_unspecified() {
        return true;
    }
    // Nothing is sent.
    match UdpSocket::bind(SocketAddr::new(address, 0)) {
        Ok(_) => !may_bind_to_any(address) || is_in_tables(address),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => false,
        // Say, there is no descriptor left: what cannot be told is not called.
        Err(_) => true,
    }
}

fn may_bind_to_any(address: IpAddr) -> bool {
    let version = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    let path = format!("/proc/sys/net/{version}/ip_nonlocal_bind");
    std::fs::read_to_string(path).is_ok_and(|value| value.trim() != "0")
}

/// Whether the kernel's tables have it; so it is said, too, if they cannot be read.
fn is_in_tables(address: IpAddr) -> bool {
    let read = std::fs::read_to_string::<&str>;
    match address {
        IpAddr::V4(address) => match read("/proc/net/fib_trie") {
            Ok(table) => is_in_fib_trie(&table, address),
            Err(_) => true,
        },
        IpAddr::V6(address) => match read("/proc/net/if_inet6") {
            Ok(table) => {
                let digits = format!("{:032x}", u128::from(address));
                table.lines().any(|line| line.starts_with(&digits))
            }
            Err(_) => true,
        },
    }
}

/// Whether a line `/BITS host LOCAL` stands below an address `|-- ADDRESS` that has it in its network.
fn is_in_fib_trie(table: &str, address: Ipv4Addr) -> bool {
    let mut network = None;
    table.lines().any(|line| {
        let line = line.trim();
        if let Some(text) = line.strip_prefix("|-- ") {
            network = text.parse::<Ipv4Addr>().ok();
            return false;
        }
        let Some((bits, "host LOCAL")) = line.split_once(' ') else {
            return false;
        };
        let bits = bits.strip_prefix('/').and_then(|bits| bits.parse().ok());
        let (Some(network), Some(bits @ 0..=32_u32)) = (network, bits) else {
            return false;
        };
        let top = |ip: Ipv4Addr| u32::from(ip).checked_shr(32 - bits).unwrap_or(0);
        top(network) == top(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_knows_its_own_and_the_operator_may_add_some() {
        let own = OwnAddresses::system(vec!["198.18.7.7".parse().unwrap()]);
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "198.18.7.7",
            "::ffff:198.18.7.7",
        ] {
            assert!(own.contains(address.parse().unwrap()), "{address}");
        }
        for address in ["8.8.8.8", "198.18.7.8", "2606:4700::1111"] {
            // Without IPv6 nothing can be said of an address, and nothing can be sent to it.
            let has_family = UdpSocket::bind(("::1", 0)).is_ok() || !address.contains(':');
            assert!(
                !own.contains(address.parse().unwrap()) || !has_family,
                "{address}"
            );
        }
    }

    #[test]
    fn the_kernels_table_says_which_addresses_are_local() {
        let table = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     +-- 127.0.0.0/8 2 0 2\n        \
                     |-- 127.0.0.0\n           /8 host LOCAL\n     |-- 192.0.2.0\n        \
                     /24 link UNICAST\n        |-- 192.0.2.2\n           /32 host LOCAL\n        \
                     |-- 192.0.2.255\n           /32 link BROADCAST\n";
        let is_in = |address: &str| is_in_fib_trie(table, address.parse().unwrap());
        assert!(is_in("127.4.4.4") && is_in("192.0.2.2"));
        assert!(!is_in("192.0.2.3") && !is_in("192.0.2.255") && !is_in("8.8.8.8"));
    }
}
