//! Whom a request addresses: bucket and key, from its host and its path.
//!
//! In: the value of `Host` and the target. Out: [`Target`]. A bucket is the first label of a host
//! under one of the server's domains; on every other host (an IP address, `localhost`, a name that
//! only the operator knows) it is the first segment of the path.
//!
//! Source: OSS, "OSS domain names"; path style is what an IP endpoint accepts.

use std::net::Ipv6Addr;

use percent_encoding::percent_decode_str;
use upcall::error::{Refusal, WireError};
use upcall::name::{BucketName, ObjectKey};

/// Who is addressed, parsed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Target {
    pub(crate) bucket: Option<BucketName>,
    pub(crate) key: Option<ObjectKey>,
    /// The query, decoded, in the order it came; a parameter without `=` has an empty value.
    pub(crate) query: Query,
    pub(crate) style: Style,
}

/// Where the bucket was named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Style {
    /// In the host.
    VirtualHost,
    /// In the path.
    Path,
}

/// The parameters of a query.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// The first value of `name`. Source: OSS, "Add signatures to URLs": on duplicates the first
    /// counts.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decode_query(name)?, decode_query(value)?));
        }
        Ok(Self(pairs))
    }
}

impl Target {
    /// The server itself.
    pub(crate) fn service() -> Self {
        Self {
            bucket: None,
            key: None,
            query: Query::default(),
            style: Style::Path,
        }
    }

    /// # Errors
    /// The refusal to answer with: an invalid name, or path style on a domain of the server.
    pub(crate) fn parse(
        host: &str,
        path: &str,
        query: Option<&str>,
        domains: &[String],
    ) -> Result<Self, Refusal> {
        let host = without_port(host).to_ascii_lowercase();
        let query = Query::parse(query.unwrap_or_default())?;
        let path = path.strip_prefix('/').unwrap_or(path);
        match label_under(&host, domains) {
            Some("") if path.is_empty() => {
                Ok(Self { bucket: None, key: None, query, style: Style::VirtualHost })
            }
            Some("") => Err(Refusal::new(WireError::SECOND_LEVEL_DOMAIN_FORBIDDEN).hint(
                "address the bucket as BUCKET.DOMAIN, or use the server's IP address for path style",
            )),
            Some(label) => Ok(Self {
                bucket: Some(parse_bucket(label)?),
                key: parse_key(path)?,
                query,
                style: Style::VirtualHost,
            }),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                let bucket =
                    if bucket.is_empty() { None } else { Some(parse_bucket(&decode_path(bucket)?)?) };
                Ok(Self { bucket, key: parse_key(key)?, query, style: Style::Path })
            }
        }
    }
}

/// The bucket that a request addresses, whatever else of it may be wrong.
pub(crate) fn bucket_of(host: &str, path: &str, domains: &[String]) -> Option<BucketName> {
    let host = without_port(host).to_ascii_lowercase();
    if let Some(label) = label_under(&host, domains) {
        return BucketName::parse(label).ok();
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let first = path.split('/').next().unwrap_or_default();
    BucketName::parse(&decode_path(first).ok()?).ok()
}

/// What stands before one of the server's domains: nothing, or labels; `None` on any other host.
fn label_under<'h>(host: &'h str, domains: &[String]) -> Option<&'h str> {
    domains.iter().find_map(|domain| {
        let label = host.strip_suffix(domain.as_str())?;
        if label.is_empty() {
            Some("")
        } else {
            label.strip_suffix('.')
        }
    })
}

/// `host` of `host[:port]`; an IPv6 literal keeps its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    if let Some(end) = host.find(']') {
        return &host[..=end];
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether `host` (with or without port) can be a host at all; it is repeated in answers.
pub(crate) fn is_plausible_host(host: &str) -> bool {
    let name = without_port(host);
    // `host` is repeated whole: its port must not be a number of any length.
    if host.len() - name.len() > ":65535".len() {
        return false;
    }
    if let Some(inner) = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return inner.parse::<Ipv6Addr>().is_ok();
    }
    !name.is_empty()
        && name.len() <= 253
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn parse_bucket(text: &str) -> Result<BucketName, Refusal> {
    BucketName::parse(text).map_err(|reason| {
        Refusal::new(WireError::INVALID_BUCKET_NAME)
            .extra("BucketName", text)
            .hint(reason.to_string())
    })
}

fn parse_key(path: &str) -> Result<Option<ObjectKey>, Refusal> {
    if path.is_empty() {
        return Ok(None);
    }
    ObjectKey::parse(&decode_path(path)?)
        .map(Some)
        .map_err(|reason| Refusal::new(WireError::INVALID_OBJECT_NAME).hint(reason.to_string()))
}

fn decode_path(text: &str) -> Result<String, Refusal> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| {
            Refusal::new(WireError::INVALID_OBJECT_NAME)
                .hint("the path is not UTF-8 once it is decoded")
        })
}

fn decode_query(text: &str) -> Result<String, Refusal> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| {
            Refusal::new(WireError::INVALID_ARGUMENT)
                .hint("the query is not UTF-8 once it is decoded")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Names = (Option<String>, Option<String>);

    fn target(host: &str, path: &str) -> Result<Names, &'static str> {
        let domains = ["oss-cn-hangzhou.localhost".to_owned()];
        match Target::parse(host, path, None, &domains) {
            Ok(Target { bucket, key, .. }) => Ok((
                bucket.map(|name| name.to_string()),
                key.map(|key| key.to_string()),
            )),
            Err(refusal) => Err(refusal.row().code),
        }
    }

    #[test]
    fn the_bucket_is_in_the_host_or_in_the_path() {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (host, path, bucket, key) in [
            ("photos.oss-cn-hangzhou.localhost:8700", "/", "photos", ""),
            (
                "Photos.OSS-cn-hangzhou.localhost",
                "/a/b%20c",
                "photos",
                "a/b c",
            ),
            ("oss-cn-hangzhou.localhost", "/", "", ""),
            ("notoss-cn-hangzhou.localhost", "/photos/", "photos", ""),
            ("127.0.0.1:8700", "/photos/", "photos", ""),
            ("127.0.0.1:8700", "/photos", "photos", ""),
            ("127.0.0.1:8700", "/photos/a+b", "photos", "a+b"),
            ("[::1]:8700", "/photos/a//b", "photos", "a//b"),
            ("localhost", "/", "", ""),
        ] {
            assert_eq!(
                target(host, path),
                Ok((some(bucket), some(key))),
                "{host} {path}"
            );
        }
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        for (host, path, code) in [
            (
                "oss-cn-hangzhou.localhost",
                "/photos/a",
                "SecondLevelDomainForbidden",
            ),
            ("a.b.oss-cn-hangzhou.localhost", "/", "InvalidBucketName"),
            ("localhost", "/x_y/", "InvalidBucketName"),
            ("localhost", "/photos//a", "InvalidObjectName"),
            ("localhost", "/photos/%ff", "InvalidObjectName"),
            ("localhost", "/photos/a%00", "InvalidObjectName"),
        ] {
            assert_eq!(target(host, path), Err(code), "{host} {path}");
        }
    }

    #[test]
    fn a_bucket_is_known_whatever_else_is_wrong() {
        let domains = ["oss-cn-hangzhou.localhost".to_owned()];
        let bucket = |host, path| bucket_of(host, path, &domains).map(|name| name.to_string());
        for (host, path) in [
            ("photos.oss-cn-hangzhou.localhost:8700", "/%ff"),
            ("PHOTOS.oss-cn-hangzhou.localhost", "//"),
            ("127.0.0.1:8700", "/photos//a"),
            ("localhost", "/photos"),
        ] {
            assert_eq!(
                bucket(host, path).as_deref(),
                Some("photos"),
                "{host} {path}"
            );
        }
        for (host, path) in [
            ("oss-cn-hangzhou.localhost", "/photos/a"),
            ("a.b.oss-cn-hangzhou.localhost", "/photos"),
            ("localhost", "/"),
            ("localhost", "/%ff/"),
            ("", "/Ph_/a"),
        ] {
            assert_eq!(bucket(host, path), None, "{host} {path}");
        }
    }

    #[test]
    fn a_query_keeps_its_order_and_the_first_value_counts() {
        let query = Query::parse("acl&a=1%2B2&a=3&b=x+y&=&c=").unwrap();
        assert!(query.has("acl") && query.has("c"));
        assert_eq!(query.value("a"), Some("1+2"));
        assert_eq!(query.value("b"), Some("x y"));
    }
}
