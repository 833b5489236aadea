//! Kinds of addresses: which are on the internet, which are nobody else's business.
//!
//! In: an address as the resolver gave it. Out: where packets to it end up, and what each of these
//! addresses is. An IPv6 address may have an IPv4 one inside; then that one counts too.
//!
//! Source: IANA, "IPv4 Special-Purpose Address Registry" and the same for IPv6; RFC 6052 (NAT64),
//! RFC 3056 (6to4), RFC 5214 (ISATAP), RFC 4380 (Teredo).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, as far as the rules ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Loopback,
    Private,
    Public,
    /// Never meant by a general rule: link-local, cloud metadata, multicast, "this network",
    /// benchmarking, documentation, tunnels, reserved. A rule must name its network.
    Special,
}

impl Kind {
    pub(super) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    const fn of_v4(address: Ipv4Addr) -> Self {
        // Metadata and the like that clouds answer on addresses which look ordinary: Alibaba's in
        // 100.64/10, Azure's wire server on the internet.
        if matches!(address.octets(), [100, 100, 100, 200] | [168, 63, 129, 16]) {
            return Self::Special;
        }
        match address.octets() {
            [127, ..] => Self::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Self::Private,
            // "This network", link-local, IETF protocol assignments, documentation, 6to4 relays,
            // benchmarking, multicast, reserved and broadcast.
            [0 | 224..=255, ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _] => Self::Special,
            _ => Self::Public,
        }
    }

    const fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // The metadata of AWS and of Google Cloud.
            [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, ..] => Self::Special,
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

/// Every address that must be allowed before a packet is sent to `address`: itself, or the IPv4
/// address that a translator sends on to, or both where a tunnel may or may not unwrap it.
pub(super) fn destinations(address: IpAddr) -> impl Iterator<Item = IpAddr> + Clone {
    let IpAddr::V6(v6) = address else {
        return [Some(address), None].into_iter().flatten();
    };
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
    };
    let both = match v6.segments() {
        // IPv4-mapped and NAT64: there is no IPv6 host of this address.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            [inside(high, low), None]
        }
        // 6to4, ISATAP, and the local NAT64 in its longest form.
        [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x0200, 0x5efe, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low] => [Some(address), inside(high, low)],
        _ => [Some(address), None],
    };
    both.into_iter().flatten()
}
