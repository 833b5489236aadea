//! Ports: to which of a host's services a callback may go.

use std::fmt;
use std::str::FromStr;

/// One port or several that the operator allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PortRule {
    /// Every port.
    Any,
    /// From `first` to `last`, both included.
    Range {
        /// The lowest.
        first: u16,
        /// The highest.
        last: u16,
    },
    /// 80, 443 and from 1024 on, without those at which something well known listens that is no
    /// application: databases, caches, brokers, remote desktops, the interfaces of Docker and
    /// Kubernetes.
    ///
    /// OSS calls any port, and applications do listen on 3000, 8080 and others; what speaks no
    /// HTTP, or does what it is told without asking who tells it, is not among them.
    Web,
}

impl PortRule {
    pub(super) fn contains(self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Range { first, last } => (first..=last).contains(&port),
            Self::Web => matches!(port, 80 | 443 | 1024..) && !NOT_WEB.contains(&port),
        }
    }
}

impl FromStr for PortRule {
    type Err = InvalidPortRule;

    /// Reads `any`, `web`, a port, or the first and the last as `FIRST-LAST`.
    fn from_str(text: &str) -> Result<Self, InvalidPortRule> {
        match text {
            "any" => return Ok(Self::Any),
            "web" => return Ok(Self::Web),
            _ => {}
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| {
            // `parse` alone would take `+80`.
            let is_plain = text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|port| is_plain && *port > 0)
        };
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self::Range { first, last }),
            _ => Err(InvalidPortRule),
        }
    }
}

impl fmt::Display for PortRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Range { first, last } if first == last => first.fmt(f),
            Self::Range { first, last } => write!(f, "{first}-{last}"),
            Self::Web => f.write_str("web"),
        }
    }
}

/// A text is no rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `web`, `any`, a port such as `8080`, or a range such as `8000-8099`")]
pub struct InvalidPortRule;

/// SOCKS, SQL Server, Oracle, PPTP, MQTT, NFS, `ZooKeeper`, Docker, etcd, Squid, `MySQL`, RDP,
/// Erlang, SIP, PostgreSQL, AMQP, VNC, `CouchDB`, `WinRM`, X11, Redis, Kubernetes, IRC, Cassandra,
/// Kafka, Elasticsearch, kubelet, memcached, `MongoDB`. Source: IANA, "Service Name and Transport
/// Protocol Port Number Registry", and the documentation of those that are not in it.
const NOT_WEB: [u16; 40] = [
    1080, 1433, 1521, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 4369, 5060,
    5061, 5432, 5671, 5672, 5900, 5984, 5985, 5986, 6000, 6379, 6380, 6443, 6667, 9042, 9092, 9200,
    9300, 10250, 10255, 11211, 11212, 27017, 27018, 27019,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_web_is_where_applications_listen() {
        for port in [
            80, 443, 1024, 3000, 5000, 8000, 8080, 8443, 23456, 49152, 65535,
        ] {
            assert!(PortRule::Web.contains(port), "{port}");
        }
        for port in [
            0, 1, 22, 23, 25, 53, 81, 110, 143, 389, 445, 1023, 3306, 6379, 11211, 27017,
        ] {
            assert!(!PortRule::Web.contains(port), "{port}");
        }
        assert!(NOT_WEB.is_sorted());
    }

    #[test]
    fn a_rule_is_written_as_it_is_read_and_what_is_none_is_refused() {
        for text in ["any", "web", "80", "8000-8099", "1-65535"] {
            assert_eq!(text.parse::<PortRule>().unwrap().to_string(), text);
        }
        let range: PortRule = "8000-8099".parse().unwrap();
        assert!(range.contains(8000) && range.contains(8099));
        assert!(!range.contains(7999) && !range.contains(8100));
        for bad in [
            "", "all", "0", "65536", "+80", "-80", "80-", "90-80", "80,443", "0-80", "http",
        ] {
            assert_eq!(bad.parse::<PortRule>(), Err(InvalidPortRule), "{bad}");
        }
    }
}
