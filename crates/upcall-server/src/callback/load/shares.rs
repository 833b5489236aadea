//! Shares: whose calls have how many of the places.
//!
//! Names of hosts cost an uploader nothing, so counting calls by destination alone bounds nobody. A call
//! counts for what is not free to multiply, too: its bucket, the access key or anonymous peer that sent
//! the upload, the network of that peer, and, when it is known, the address that its host resolves to.
//! How many places each may have depends on how many are still free (see [`super::places`]), so none of
//! them matters before places get scarce.
//!
//! Calls whose callback the bucket or a policy fixed count apart from those that an uploader made up,
//! and some of the places are kept for them: an uploader can make up any number of calls in another's
//! name, as far as a policy leaves the callback open, and none that is fixed.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::places::Kind;
use crate::callback::request::{CallbackOrder, Origin};

/// Makes the ids of shares.
#[derive(Debug, Default)]
pub(super) struct ShareIds(RandomState);

/// One thing that a call counts for. A hash under a key that nobody knows: two things that share one
/// share places, too, and nothing else.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct ShareId(u64);

/// What a call counts for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::callback) struct Claim {
    pub(super) origin: Origin,
    shares: [Option<ShareId>; 3],
}

impl Claim {
    /// One that counts for its application alone.
    #[cfg(test)]
    pub(super) const fn of_nobody(origin: Origin) -> Self {
        Self {
            origin,
            shares: [None; 3],
        }
    }

    pub(super) fn shares(&self) -> impl Iterator<Item = ShareId> + use<> {
        self.shares.into_iter().flatten()
    }
}

impl ShareIds {
    pub(super) fn claim(&self, order: &CallbackOrder) -> Claim {
        let origin = order.origin;
        let id = |what: What<'_>| self.id(origin, what);
        let requester = (order.requester != ANONYMOUS).then_some(&*order.requester);
        Claim {
            origin,
            shares: [
                Some(id(What::Bucket(order.bucket.as_str()))),
                requester.map(|requester| id(What::Requester(requester))),
                order.peer.map(|peer| id(What::Peer(network(peer)))),
            ],
        }
    }

    /// The share of calls that go to this address.
    pub(super) fn of_address(&self, origin: Origin, address: SocketAddr) -> ShareId {
        let what = if address.ip().to_canonical().is_loopback() {
            // All of loopback is one machine, whose ports are not for everyone to open.
            What::OwnPort(address.port())
        } else {
            What::Address(network(address.ip()))
        };
        self.id(origin, what)
    }

    fn id(&self, origin: Origin, what: What<'_>) -> ShareId {
        ShareId(self.0.hash_one((origin, what)))
    }
}

#[derive(Hash)]
enum What<'n> {
    Address(IpAddr),
    Bucket(&'n str),
    OwnPort(u16),
    Peer(IpAddr),
    Requester(&'n str),
}

/// What one peer has of addresses: of IPv6, a network of 64 bits.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let high = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(high))
        }
    }
}

/// How many places each share has.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<ShareId, Count>);

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Count {
    pub(super) calls: usize,
    pub(super) under_way: usize,
}

impl Counts {
    pub(super) fn of(&self, share: ShareId) -> Count {
        self.0.get(&share).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, share: ShareId, kind: Kind) {
        self.0.entry(share).or_default().add(kind);
    }

    pub(super) fn remove(&mut self, share: ShareId, kind: Kind) {
        let Some(count) = self.0.get_mut(&share) else {
            return;
        };
        count.remove(kind);
        if count.calls == 0 {
            self.0.remove(&share);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Count {
    pub(super) fn add(&mut self, kind: Kind) {
        self.calls += 1;
        self.under_way += usize::from(kind == Kind::UnderWay);
    }

    pub(super) fn remove(&mut self, kind: Kind) {
        self.calls -= 1;
        self.under_way -= usize::from(kind == Kind::UnderWay);
    }
}

/// The requester of a request without a signature.
const ANONYMOUS: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_peer_and_all_of_loopback_one_machine() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        let ids = ShareIds::default();
        let at = |origin, text: &str| ids.of_address(origin, text.parse().unwrap());
        let open = Origin::Uploader;
        assert_eq!(at(open, "127.0.0.1:80"), at(open, "127.7.7.7:80"));
        assert_eq!(at(open, "127.0.0.1:80"), at(open, "[::1]:80"));
        assert_ne!(at(open, "127.0.0.1:80"), at(open, "127.0.0.1:81"));
        assert_ne!(at(open, "127.0.0.1:80"), at(Origin::Fixed, "127.0.0.1:80"));
        assert_eq!(at(open, "192.0.2.1:80"), at(open, "192.0.2.1:81"));
        assert_ne!(at(open, "192.0.2.1:80"), at(open, "192.0.2.2:80"));
    }
}
