//! The callback address of somebody's own application server, for `upcall dev --app-url`.

use std::fmt;

use upcall::callback::CallbackUrl;
use upcall_server::callback::CallbackRule;

use crate::terminal::message::Failure;

/// One address with its scheme and a path, as it goes into callbacks.
#[derive(Clone, Debug)]
pub(crate) struct AppUrl(CallbackUrl);

impl AppUrl {
    /// Takes the address as it is; `/` stands for a path that is missing.
    ///
    /// # Errors
    /// It is none that a callback can go to.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &dyn fmt::Display| {
            Failure::new(format!(
                "`--app-url` is `{}`, and {why}",
                text.escape_debug()
            ))
            .hint("write the address of your callback, such as `http://127.0.0.1:3000/callback`")
        };
        if text.contains(';') {
            return Err(wrong(&"it is more than one address"));
        }
        let has_scheme = ["http://", "https://"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        if !has_scheme {
            return Err(wrong(&"it does not begin with `http://` or `https://`"));
        }
        let url = CallbackUrl::parse(text).map_err(|why| wrong(&why))?;
        let whole = format!("{}{}", origin(&url, url.host()), url.path_and_query());
        CallbackUrl::parse(&whole)
            .map(Self)
            .map_err(|why| wrong(&why))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_given()
    }

    /// What lets the guard call it; nothing for an address that needs no rule of its own.
    pub(crate) fn rule(&self) -> Option<CallbackRule> {
        match self.0.host().parse().ok()? {
            rule @ (CallbackRule::Host(_) | CallbackRule::Network { .. }) => Some(rule),
            // A host that is called as a kind of address is; it is no name, either.
            CallbackRule::Loopback | CallbackRule::Private | CallbackRule::Public => None,
        }
    }

    /// The origins of pages that such a server serves, as browsers write them: this machine has two
    /// names.
    pub(crate) fn origins(&self) -> Vec<String> {
        let host = self.0.host().to_ascii_lowercase();
        let mut hosts = vec![host.as_str()];
        match host.as_str() {
            "127.0.0.1" => hosts.push("localhost"),
            "localhost" => hosts.push("127.0.0.1"),
            _ => {}
        }
        hosts.iter().map(|host| origin(&self.0, host)).collect()
    }
}

/// Scheme, host, and the port if it is not the scheme's own.
fn origin(url: &CallbackUrl, host: &str) -> String {
    let (scheme, port) = if url.is_https() {
        ("https", 443)
    } else {
        ("http", 80)
    };
    if url.port() == port {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{}", url.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_it_is_and_has_a_path() {
        for (text, url) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000/"),
            (
                "http://127.0.0.1:3000/cb?a=%2F+b",
                "http://127.0.0.1:3000/cb?a=%2F+b",
            ),
            ("https://App.example:443/cb", "https://App.example/cb"),
            ("http://app.example?a=b", "http://app.example/?a=b"),
        ] {
            assert_eq!(AppUrl::parse(text).unwrap().as_str(), url);
        }
        for text in [
            "",
            "127.0.0.1:3000/cb",
            "ftp://127.0.0.1/",
            "http://a.example/;http://b.example/",
            "http://user@a.example/",
            "http://a.example/#top",
            "http://[::1]:3000/",
        ] {
            assert!(AppUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_let_through_and_its_pages_may_post() {
        let url = |text| AppUrl::parse(text).unwrap();
        let rule = |text| url(text).rule().map(|rule| rule.to_string());
        assert_eq!(rule("http://app.example/").as_deref(), Some("app.example"));
        assert_eq!(rule("http://192.0.2.7/").as_deref(), Some("192.0.2.7/32"));
        assert_eq!(rule("http://private/"), None);
        assert_eq!(
            url("http://127.0.0.1:3000/cb").origins(),
            ["http://127.0.0.1:3000", "http://localhost:3000"]
        );
        assert_eq!(
            url("https://App.example/").origins(),
            ["https://app.example"]
        );
    }
}
