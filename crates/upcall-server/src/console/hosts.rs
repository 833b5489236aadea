//! Under which names a browser may reach the console, and from which pages.
//!
//! A page of somebody else can have its own name resolve to this server; to the browser both are one
//! site then, and the page may read what we answer. It cannot change the name in `Host`, though. So
//! names are refused, but for those that nobody else can have: addresses, `localhost`, and what the
//! operator says.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::{self, HeaderMap};
use http::uri::Authority;

use super::ConsoleError;
use crate::http::service::text_of;
use crate::http::target::without_port;

/// Where browsers reach the console, such as `https://upcall-admin.example.com`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConsoleUrl {
    is_tls: bool,
    /// Host and port, in lower case, without the scheme's own port.
    authority: String,
}

impl ConsoleUrl {
    /// Reads an origin: `http` or `https`, a host, perhaps a port, and perhaps one `/`.
    ///
    /// # Errors
    /// [`InvalidConsoleUrl`]: it is something else.
    pub fn parse(text: &str) -> Result<Self, InvalidConsoleUrl> {
        let text = text.to_ascii_lowercase();
        let (is_tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(InvalidConsoleUrl),
        };
        let authority: Authority = rest
            .strip_suffix('/')
            .unwrap_or(rest)
            .parse()
            .map_err(|_| InvalidConsoleUrl)?;
        let authority = authority.as_str();
        if authority.contains('@') || without_port(authority).is_empty() {
            return Err(InvalidConsoleUrl);
        }
        let own_port = if is_tls { ":443" } else { ":80" };
        Ok(Self {
            is_tls,
            authority: authority
                .strip_suffix(own_port)
                .unwrap_or(authority)
                .to_owned(),
        })
    }

    pub(super) const fn is_tls(&self) -> bool {
        self.is_tls
    }

    fn origin(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

impl std::fmt::Display for ConsoleUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.origin())
    }
}

/// A text cannot be the console's address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the console's address is `https://` or `http://` and a host, with or without a port")]
pub struct InvalidConsoleUrl;

/// The names.
#[derive(Debug)]
pub(super) struct BrowserHosts {
    configured: Option<ConsoleUrl>,
}

impl BrowserHosts {
    pub(super) const fn new(configured: Option<ConsoleUrl>) -> Self {
        Self { configured }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.configured.as_ref().is_some_and(ConsoleUrl::is_tls)
    }

    /// # Errors
    /// [`ConsoleError::ForeignHost`].
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), ConsoleError> {
        let host = text_of(headers, &header::HOST).unwrap_or_default();
        let host = host.to_ascii_lowercase();
        let name = without_port(&host);
        let is_configured = self
            .configured
            .as_ref()
            .is_some_and(|url| without_port(&url.authority) == name);
        if is_configured || is_nobody_elses(name) {
            Ok(())
        } else {
            Err(ConsoleError::ForeignHost)
        }
    }

    /// Whether the browser says that a page of ours asks. With the method that changes something it
    /// always says where the page is from.
    pub(super) fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        let (Some(origin), Some(host)) = (
            text_of(headers, &header::ORIGIN),
            text_of(headers, &header::HOST),
        ) else {
            return false;
        };
        let host = host.to_ascii_lowercase();
        let configured = self.configured.as_ref();
        let own = match configured.filter(|url| without_port(&url.authority) == without_port(&host))
        {
            Some(url) => url.origin(),
            None => format!("http://{}", host.strip_suffix(":80").unwrap_or(&host)),
        };
        origin == own
    }
}

/// Addresses and `localhost` cannot be made to resolve elsewhere.
fn is_nobody_elses(name: &str) -> bool {
    let in_brackets = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<Ipv4Addr>().is_ok()
        || in_brackets.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers
    }

    #[test]
    fn names_that_somebody_else_may_have_are_foreign() {
        let url = ConsoleUrl::parse("https://Admin.Example.com/").unwrap();
        let hosts = BrowserHosts::new(Some(url));
        let is_known = |host: &str| hosts.check(&headers(host, "x")).is_ok();
        for host in [
            "127.0.0.1:8702",
            "10.1.2.3",
            "[::1]:8702",
            "[fd00::1]",
            "localhost",
            "LOCALHOST:1",
            "upcall.localhost:8702",
            "admin.example.com",
            "ADMIN.example.com:8443",
        ] {
            assert!(is_known(host), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "example.com",
            "admin.example.com.evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "[::1",
            "0x7f000001",
            "2130706433",
            ":8702",
            "::1",
        ] {
            assert!(!is_known(host), "{host}");
        }
        assert_eq!(
            hosts.check(&HeaderMap::new()),
            Err(ConsoleError::ForeignHost)
        );
    }

    #[test]
    fn a_page_is_ours_if_it_is_from_the_address_that_it_asks() {
        let plain = BrowserHosts::new(None);
        assert!(plain.is_own_origin(&headers("127.0.0.1:8702", "http://127.0.0.1:8702")));
        assert!(plain.is_own_origin(&headers("127.0.0.1:80", "http://127.0.0.1")));
        for origin in [
            "http://127.0.0.1:8701",
            "https://127.0.0.1:8702",
            "http://localhost:8702",
            "null",
        ] {
            assert!(
                !plain.is_own_origin(&headers("127.0.0.1:8702", origin)),
                "{origin}"
            );
        }
        assert!(!plain.is_own_origin(&HeaderMap::new()));

        let url = ConsoleUrl::parse("https://admin.example.com:443").unwrap();
        let behind = BrowserHosts::new(Some(url));
        let is_own = |host, origin| behind.is_own_origin(&headers(host, origin));
        assert!(is_own("admin.example.com", "https://admin.example.com"));
        assert!(is_own("127.0.0.1:8702", "http://127.0.0.1:8702"));
        assert!(!is_own("admin.example.com", "http://admin.example.com"));
        assert!(!is_own("127.0.0.1:8702", "https://admin.example.com"));
    }

    #[test]
    fn an_address_is_an_origin() {
        let shown = |text| ConsoleUrl::parse(text).map(|url| url.to_string());
        assert_eq!(
            shown("HTTPS://A.example:443/"),
            Ok("https://a.example".to_owned())
        );
        assert_eq!(shown("http://a:8702"), Ok("http://a:8702".to_owned()));
        assert_eq!(shown("http://[::1]:80"), Ok("http://[::1]".to_owned()));
        for text in [
            "",
            "a.example",
            "ftp://a",
            "https://",
            "https:///",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "https://:8702",
            "https://a b",
        ] {
            assert_eq!(shown(text), Err(InvalidConsoleUrl), "{text}");
        }
    }
}
