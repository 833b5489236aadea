//! Where a connection leads: what two calls must have in common to share one.

use std::fmt;

use upcall::callback::CallbackUrl;

/// Scheme, host, port, and whether TLS names the host.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Destination {
    /// In lower case: names are the same in any.
    host: Box<str>,
    port: u16,
    is_https: bool,
    sni: bool,
}

impl Destination {
    pub(crate) fn new(url: &CallbackUrl, sni: bool) -> Self {
        let is_https = url.is_https();
        Self {
            host: url.host().to_ascii_lowercase().into(),
            port: url.port(),
            is_https,
            // Without TLS there is nothing to name a host in.
            sni: sni && is_https,
        }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether TLS says in the open which host is meant.
    pub(crate) const fn sni(&self) -> bool {
        self.sni
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_application_is_one_destination_however_it_is_written() {
        let destination = |url: &str, sni| Destination::new(&CallbackUrl::parse(url).unwrap(), sni);
        assert_eq!(
            destination("http://App.example/a?b", true),
            destination("app.example:80", false)
        );
        let other = [
            "http://app.example:81/",
            "https://app.example:80/",
            "http://app2.example/",
        ];
        for url in other {
            assert_ne!(destination("app.example", false), destination(url, false));
        }
        assert_ne!(
            destination("https://app.example", false),
            destination("https://app.example", true)
        );
    }
}
