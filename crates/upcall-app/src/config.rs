//! What an application server is made of.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::Uri;
use upcall::callback::PublicKeyUrls;
use upcall::callback::binding::Binding;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName};

use crate::clock::Clock;
use crate::limits::Limits;

/// What an application server is made of.
#[derive(Debug)]
pub struct AppConfig {
    /// Where it listens; port 0 means any free one.
    pub listen: SocketAddr,
    /// Whose key signs the policies.
    pub access_key_id: AccessKeyId,
    /// What signs them.
    pub access_key_secret: AccessKeySecret,
    /// What is put into every callback and demanded of it again: that the policy was one of ours.
    pub binding: Binding,
    /// Where the files go.
    pub bucket: BucketName,
    /// The region of the storage server, which V4 signatures name.
    pub region: String,
    /// The bucket's address, as browsers reach it.
    pub host: HostRule,
    /// The address of our `POST /callback`, as the storage server reaches it.
    pub callback_url: CallbackUrlRule,
    /// From where public keys are taken, and nowhere else; [`PublicKeyUrls::default`] is OSS's own, by
    /// `https`.
    pub key_urls: PublicKeyUrls,
    /// The SQLite file that keeps what callbacks said; made if it is not there.
    pub data: PathBuf,
    /// The largest file that a policy permits, in bytes.
    pub max_bytes: u64,
    /// The content types that a policy permits, or one family such as `image/*`; `None` permits all.
    pub allowed_types: Option<Vec<String>>,
    /// How long a policy is good for.
    pub policy_lifetime: Duration,
    /// Where the upload page asks for policies instead of here: an application server of somebody
    /// else's.
    pub policy_url: Option<String>,
    /// Whether the classic examples are served.
    pub examples: Examples,
    /// Bounds of connections and requests.
    pub limits: Limits,
    /// Tells the time.
    pub clock: Clock,
}

/// Whether the classic examples are served below `/examples/`.
///
/// The first of them signs in the browser, so whoever can open it learns the access key secret: they
/// are for a demonstration, with a key of its own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Examples {
    /// They are not.
    #[default]
    Off,
    /// They are, secret included.
    WithSecret,
}

/// A region is lower-case letters, digits and `-`.
pub(crate) fn is_region(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(is_plain)
}

/// What a browser is told to post its form to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HostRule {
    /// Always this address, such as `https://photos.oss-cn-hangzhou.example.com`.
    Fixed(String),
    /// The host by which the browser reached us, another port, and the bucket as a path: for a
    /// machine that has another address on every network.
    SameHost {
        /// The storage server's port.
        port: u16,
    },
}

impl HostRule {
    /// The form's action for a request with this `Host` header; `None` if the header is needed and
    /// is none.
    pub(crate) fn form_action(
        &self,
        host_header: Option<&str>,
        bucket: &BucketName,
    ) -> Option<FormAction> {
        match self {
            Self::Fixed(url) => FormAction::parse(url),
            Self::SameHost { port } => {
                let host = host_name(host_header?)?;
                let origin = format!("http://{host}:{port}");
                let url = format!("{origin}/{bucket}/");
                Some(FormAction { url, origin })
            }
        }
    }
}

/// Where a form goes, or the question for a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FormAction {
    /// The whole address.
    pub(crate) url: String,
    /// Its origin, for the page's content security policy.
    pub(crate) origin: String,
}

impl FormAction {
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let scheme = uri
            .scheme_str()
            .filter(|scheme| matches!(*scheme, "http" | "https"))?;
        let authority = uri.authority()?.as_str();
        // What ends a source or a directive in a content security policy, and user-info.
        if authority.contains(['@', ';', ',', '\'']) {
            return None;
        }
        let origin = format!("{scheme}://{authority}");
        Some(Self {
            url: url.to_owned(),
            origin,
        })
    }
}

/// The host in a `Host` header, without the port.
///
/// The header is anyone's, and what comes out goes into an answer: a name is letters, digits, `.`
/// and `-`, and nothing else.
fn host_name(header: &str) -> Option<&str> {
    if let Some(rest) = header.strip_prefix('[') {
        let (address, _) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        return header.get(..address.len() + 2);
    }
    let host = header.split(':').next()?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let is_host = (1..=253).contains(&host.len()) && host.bytes().all(is_name);
    is_host.then_some(host)
}

/// Where the storage server is told to call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallbackUrlRule {
    /// Always this address. Its path and query must reach us as they stand, since they are signed.
    Fixed(String),
    /// Wherever we listen, for a storage server on the same machine.
    OwnAddress,
}

impl CallbackUrlRule {
    pub(crate) fn url(&self, mut listening: SocketAddr) -> String {
        match self {
            Self::Fixed(url) => url.clone(),
            Self::OwnAddress => {
                // Callbacks do not go to IPv6 addresses, and `0.0.0.0` is none to call.
                if listening.ip().is_unspecified() {
                    listening.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
                }
                format!("http://{listening}/callback")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_goes_to_the_host_that_the_browser_named() {
        let bucket = BucketName::parse("photos").unwrap();
        let rule = HostRule::SameHost { port: 8700 };
        for (header, origin) in [
            ("127.0.0.1:8701", "http://127.0.0.1:8700"),
            ("192.168.1.7", "http://192.168.1.7:8700"),
            ("localhost:8701", "http://localhost:8700"),
            ("[::1]:8701", "http://[::1]:8700"),
        ] {
            let action = rule.form_action(Some(header), &bucket).unwrap();
            assert_eq!(action.origin, origin);
            assert_eq!(action.url, format!("{origin}/photos/"));
        }
    }

    #[test]
    fn a_host_header_that_is_no_host_leads_nowhere() {
        let bucket = BucketName::parse("photos").unwrap();
        let rule = HostRule::SameHost { port: 8700 };
        for header in [
            "",
            ":8701",
            "a b",
            "evil.example;script-src *",
            "user@evil.example",
            "a'b",
            "a/b",
            "[evil.example]",
            "[::1",
            "ä.example",
            "a,b",
            "\"",
        ] {
            assert_eq!(rule.form_action(Some(header), &bucket), None, "{header}");
        }
        assert_eq!(rule.form_action(None, &bucket), None);
    }

    #[test]
    fn a_fixed_address_has_an_origin() {
        let bucket = BucketName::parse("photos").unwrap();
        let origin = |url: &str| {
            let action = HostRule::Fixed(url.to_owned()).form_action(None, &bucket)?;
            assert_eq!(action.url, url);
            Some(action.origin)
        };
        assert_eq!(
            origin("https://photos.example.com").as_deref(),
            Some("https://photos.example.com")
        );
        assert_eq!(
            origin("http://127.0.0.1:8700/photos/").as_deref(),
            Some("http://127.0.0.1:8700")
        );
        for bad in [
            "photos.example.com",
            "/photos/",
            "ftp://a/",
            "http://a;b/",
            "http://u@a/",
            "",
        ] {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_storage_server_calls_where_we_listen() {
        let rule = CallbackUrlRule::OwnAddress;
        for (listening, url) in [
            ("127.0.0.1:8701", "http://127.0.0.1:8701/callback"),
            ("0.0.0.0:8701", "http://127.0.0.1:8701/callback"),
            ("[::]:8701", "http://127.0.0.1:8701/callback"),
            ("192.168.1.7:80", "http://192.168.1.7:80/callback"),
        ] {
            assert_eq!(rule.url(listening.parse().unwrap()), url);
        }
    }
}
