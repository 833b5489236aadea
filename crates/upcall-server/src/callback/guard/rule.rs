//! Rules: what an operator allows or denies, by name or by network.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::kind::Kind;
use crate::network::is_within;

/// One thing that the operator allows or denies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallbackRule {
    /// Hosts of this name, or of every name below it.
    Host(HostRule),
    /// 127.0.0.0/8 and `::1`, and every public or private address of this machine.
    Loopback,
    /// Every address whose first `prefix` bits are those of `network`, whatever else it is.
    Network {
        /// The network's address.
        network: IpAddr,
        /// How many bits of it count.
        prefix: u8,
    },
    /// 10/8, 172.16/12, 192.168/16, 100.64/10 and `fc00::/7`, without the addresses in there at
    /// which clouds answer with their metadata.
    Private,
    /// Every address that is reachable on the internet.
    Public,
}

impl CallbackRule {
    /// Whether it speaks of this name. A literal address has none.
    pub(super) fn names(&self, host: &str) -> bool {
        match self {
            Self::Host(rule) => rule.matches(host),
            Self::Loopback | Self::Network { .. } | Self::Private | Self::Public => false,
        }
    }

    /// Whether it speaks of this address: of its network, or of its kind.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.is_network_of(address) || self.is_of(Kind::of(address))
    }

    /// Whether it is a network that contains this address.
    pub(super) fn is_network_of(&self, address: IpAddr) -> bool {
        match *self {
            Self::Network { network, prefix } => is_within(address, network, prefix),
            Self::Host(_) | Self::Loopback | Self::Private | Self::Public => false,
        }
    }

    /// Whether it speaks of all addresses of this kind.
    pub(super) fn is_of(&self, kind: Kind) -> bool {
        match self {
            Self::Loopback => kind == Kind::Loopback,
            Self::Private => kind == Kind::Private,
            Self::Public => kind == Kind::Public,
            Self::Host(_) | Self::Network { .. } => false,
        }
    }
}

impl FromStr for CallbackRule {
    type Err = InvalidCallbackRule;

    /// Reads `public`, `loopback`, `private`, an address, a network as `ADDRESS/BITS`, a host name,
    /// or `*.` and a host name for every name below it.
    fn from_str(text: &str) -> Result<Self, InvalidCallbackRule> {
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
        let Ok(network) = address.parse::<IpAddr>() else {
            return HostRule::parse(text).map(Self::Host);
        };
        let most = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(prefix) => prefix.parse().map_err(|_| InvalidCallbackRule)?,
        };
        if prefix > most {
            return Err(InvalidCallbackRule);
        }
        Ok(Self::Network { network, prefix })
    }
}

impl fmt::Display for CallbackRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(rule) => rule.fmt(f),
            Self::Loopback => f.write_str("loopback"),
            Self::Network { network, prefix } => write!(f, "{network}/{prefix}"),
            Self::Private => f.write_str("private"),
            Self::Public => f.write_str("public"),
        }
    }
}

/// A host name, or every name below one.
///
/// Compared without regard to case and to a final dot, as it is written and not as it resolves: an
/// alias has another name. Names with other letters are written as in the DNS, `xn--…`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostRule {
    /// In lower case; with the dot before it if it stands for what is below.
    name: Box<str>,
}

impl HostRule {
    fn parse(text: &str) -> Result<Self, InvalidCallbackRule> {
        let name = plain(text);
        let host = name.strip_prefix("*.").unwrap_or(&name);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        let last = host.rsplit('.').next().unwrap_or_default();
        // A name that ends in a number is an address to the resolver, in whatever spelling.
        let is_number = last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit());
        let is_name = host.len() <= 253 && host.split('.').all(is_label) && !is_number;
        if !is_name || NOT_NAMES.contains(&&*name) {
            return Err(InvalidCallbackRule);
        }
        Ok(Self {
            name: name.strip_prefix('*').unwrap_or(&name).into(),
        })
    }

    fn matches(&self, host: &str) -> bool {
        let host = plain(host);
        if self.name.starts_with('.') {
            host.len() > self.name.len() && host.ends_with(&*self.name)
        } else {
            host == *self.name
        }
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.name.starts_with('.') { "*" } else { "" };
        write!(f, "{star}{}", self.name)
    }
}

/// In lower case, without the dot that ends an absolute name.
fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// A text is no rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "expected `public`, `loopback`, `private`, a network such as `10.1.0.0/16`, a host name, or \
     `*.example.com` for every name below it"
)]
pub struct InvalidCallbackRule;

/// Words that are meant as another rule: as names they would quietly allow or deny nothing.
const NOT_NAMES: [&str; 8] = [
    "all",
    "any",
    "everything",
    "everywhere",
    "internal",
    "internet",
    "local",
    "none",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> CallbackRule {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_contains_what_its_first_bits_say() {
        let within = |text: &str, address: &str| rule(text).contains(address.parse().unwrap());
        assert!(within("169.254.0.0/16", "169.254.1.1"));
        assert!(!within("169.254.0.0/16", "169.255.1.1"));
        assert!(within("0.0.0.0/0", "8.8.8.8"));
        assert!(!within("0.0.0.0/0", "fe80::1"));
        assert!(within("10.0.0.7", "10.0.0.7"));
        assert!(!within("10.0.0.7", "10.0.0.8"));
        assert!(within("fe80::/10", "fe80::1"));
        assert!(within("::/0", "fe80::1"));
    }

    #[test]
    fn a_name_is_that_name_in_any_case_and_a_star_stands_for_what_is_below() {
        let exact = rule("App.Example.com");
        for host in ["app.example.com", "APP.example.COM", "app.example.com."] {
            assert!(exact.names(host), "{host}");
        }
        for host in [
            "x.app.example.com",
            "example.com",
            "app.example.com.evil",
            "",
        ] {
            assert!(!exact.names(host), "{host}");
        }
        let below = rule("*.example.com");
        for host in ["a.example.com", "a.b.EXAMPLE.com", "x.example.com."] {
            assert!(below.names(host), "{host}");
        }
        for host in [
            "example.com",
            ".example.com",
            "aexample.com",
            "a.example.com.evil",
        ] {
            assert!(!below.names(host), "{host}");
        }
        assert!(!below.contains("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn a_rule_is_written_as_it_is_read_and_what_is_none_is_refused() {
        for text in [
            "public",
            "loopback",
            "private",
            "10.1.0.0/16",
            "fd00::/8",
            "app",
            "localhost",
            "my_app-1.example",
            "*.example.com",
            "xn--mller-kva.example",
        ] {
            assert_eq!(rule(text).to_string(), text);
        }
        assert_eq!(rule("10.0.0.7").to_string(), "10.0.0.7/32");
        for bad in [
            "",
            "*",
            "*.",
            "all",
            "everything",
            "a*.example.com",
            "*.*.example.com",
            "müller.example",
            "http://example.com",
            "example.com:80",
            "example.com/24",
            "a b",
            "a..b",
            "127.1",
            "0x7f000001",
            "2130706433",
            "*.0.0.1",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/-1",
            "10.0.0.0/",
        ] {
            assert_eq!(
                bad.parse::<CallbackRule>(),
                Err(InvalidCallbackRule),
                "{bad}"
            );
        }
    }
}
