//! An address that a callback goes to.

use std::fmt;

/// An address that a callback goes to: `http` or `https`, host name or IPv4 address, port, path and
/// query.
///
/// The scheme may be missing and is `http` then. Path and query are kept as they were written: the
/// signature is made over them. No user-info, no IPv6 literal, no fragment, and only characters
/// that a request line can carry.
///
/// The host is a name, not a promise: `0x7f.1` passes here and may well resolve to 127.0.0.1. Who
/// connects resolves, judges the address, and connects to that very address.
///
/// Source: OSS, "Callback" (`callbackUrl`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallbackUrl {
    text: Box<str>,
    is_https: bool,
    host: Box<str>,
    port: u16,
    path_and_query: Box<str>,
}

impl CallbackUrl {
    /// Reads one address.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidCallbackUrl> {
        if let Some(character) = text.chars().find(|c| !is_url_character(*c)) {
            return Err(InvalidCallbackUrl::Character { character });
        }
        let (is_https, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            // A query may well hold `://`; then there is no scheme, and the host comes first.
            Some((scheme, _)) if !scheme.contains(['/', '?']) => {
                return Err(InvalidCallbackUrl::Scheme);
            }
            Some(_) | None => (false, text),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let default_port = default_port(is_https);
        let (host, port) = split_authority(authority)?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            text: text.into(),
            is_https,
            host: host.into(),
            port: port.unwrap_or(default_port),
            path_and_query: format!("{slash}{target}").into(),
        })
    }

    /// The text that was read.
    pub fn as_given(&self) -> &str {
        &self.text
    }

    /// Whether the call goes through TLS.
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// The host name or IPv4 address, as it was written.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 80 or 443 if none was written.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and, unless it is the scheme's own, port: the value of `Host`.
    pub fn authority(&self) -> String {
        if self.port == default_port(self.is_https) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The request target, as it was written; `/` stands for an empty path.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

impl fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `text` may stand in `Host`: a host name or IPv4 address, with or without a port.
pub(super) fn check_host_header(text: &str) -> Result<(), InvalidCallbackUrl> {
    split_authority(text).map(|_| ())
}

/// Why a text is no address for a callback.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidCallbackUrl {
    /// A character that no request line may carry.
    #[error("it holds {character:?}, which must be percent-encoded or left out")]
    Character {
        /// The first such character.
        character: char,
    },
    /// The host is no name and no IPv4 address.
    #[error("its host is neither a host name nor an IPv4 address (IPv6 is not supported)")]
    Host,
    /// There is no text between two `;`.
    #[error("it is empty")]
    Missing,
    /// The port is no number from 1 to 65535.
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// The scheme is another.
    #[error("its scheme is neither `http` nor `https`")]
    Scheme,
    /// There is something before an `@`.
    #[error("it holds a user name or password; callbacks are sent without")]
    UserInfo,
}

/// Printable ASCII without space, `"`, `#`, `<`, `>`, `\` and `` ` ``. What is refused is what
/// RFC 3986 has no place for and HTTP libraries read in different ways, and the fragment.
const fn is_url_character(c: char) -> bool {
    matches!(c, '!'..='~') && !matches!(c, '"' | '#' | '<' | '>' | '\\' | '`')
}

fn split_authority(authority: &str) -> Result<(&str, Option<u16>), InvalidCallbackUrl> {
    if authority.is_empty() {
        return Err(InvalidCallbackUrl::Missing);
    }
    if authority.contains('@') {
        return Err(InvalidCallbackUrl::UserInfo);
    }
    if authority.starts_with('[') {
        return Err(InvalidCallbackUrl::Host);
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(parse_port(port)?)),
        None => (authority, None),
    };
    if !is_host(host) {
        return Err(InvalidCallbackUrl::Host);
    }
    Ok((host, port))
}

fn parse_port(text: &str) -> Result<u16, InvalidCallbackUrl> {
    // `parse` alone would take `+80`.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidCallbackUrl::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(InvalidCallbackUrl::Port),
        Ok(port) => Ok(port),
    }
}

/// Labels of letters, digits, `-` and `_` (which names inside a company do have), 253 bytes in all.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

const fn default_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, scheme, host, port, authority, target.
    const GOOD: [&str; 17] = [
        "http://a.example/cb http a.example 80 a.example /cb",
        "https://a.example/cb https a.example 443 a.example /cb",
        "1.2.3.4:23456/index.html http 1.2.3.4 23456 1.2.3.4:23456 /index.html",
        "www.abc.com/callback http www.abc.com 80 www.abc.com /callback",
        "http://a http a 80 a /",
        "http://a/ http a 80 a /",
        "http://a?x=1 http a 80 a /?x=1",
        "a?to=http://b/ http a 80 a /?to=http://b/",
        "a/to=http://b/ http a 80 a /to=http://b/",
        "https://a:80/ https a 80 a:80 /",
        "http://a:80/ http a 80 a /",
        "http://a:443 http a 443 a:443 /",
        "HTTPS://A.Example:8443/Cb https A.Example 8443 A.Example:8443 /Cb",
        "http://my_app-1:65535/ http my_app-1 65535 my_app-1:65535 /",
        "http://a/%E4%B8%AD.php?k=a%2Fb&x=%20 http a 80 a /%E4%B8%AD.php?k=a%2Fb&x=%20",
        "http://a//b/../c?d@e:f http a 80 a //b/../c?d@e:f",
        "http://123.456/ http 123.456 80 123.456 /",
    ];

    #[test]
    fn an_address_is_read_into_its_parts() {
        for line in GOOD {
            let (text, parts) = line.split_once(' ').unwrap();
            let url = CallbackUrl::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(url.as_given(), text);
            let scheme = if url.is_https() { "https" } else { "http" };
            let (host, port) = (url.host(), url.port());
            let (authority, target) = (url.authority(), url.path_and_query());
            assert_eq!(
                format!("{scheme} {host} {port} {authority} {target}"),
                parts
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        use InvalidCallbackUrl::{Character, Host, Missing, Port, Scheme, UserInfo};
        let long_label = format!("http://{}.com/", "a".repeat(64));
        let long_host = format!("http://{}a/", "a.".repeat(127));
        for (text, why) in [
            ("", Missing),
            ("http://", Missing),
            ("http:///cb", Missing),
            ("/cb", Missing),
            ("ftp://a/", Scheme),
            ("://a/", Scheme),
            ("httpss://a/", Scheme),
            ("http:/a/", Port),
            ("http://a:/", Port),
            ("http://a:0/", Port),
            ("http://a:65536/", Port),
            ("http://a:+80/", Port),
            ("http://a:-1/", Port),
            ("http://a:8o/", Port),
            ("http://a:80:80/", Port),
            ("http://a:99999999999/", Port),
            ("http://user@a/", UserInfo),
            ("http://user:pw@a/", UserInfo),
            ("http://a:80@b/", UserInfo),
            ("http://[::1]/", Host),
            ("http://[::1]:80/", Host),
            ("http://::1/", Port),
            ("http://a..b/", Host),
            ("http://.a/", Host),
            ("http://a./", Host),
            ("http://-a/", Host),
            ("http://a-/", Host),
            ("http://a%41/", Host),
            ("http://a,b/", Host),
            (&long_label, Host),
            (&long_host, Host),
            ("http://a/#top", Character { character: '#' }),
            ("http://a\\@b/", Character { character: '\\' }),
            ("http://a/b c", Character { character: ' ' }),
            (" http://a/", Character { character: ' ' }),
            ("http://a/\r\nX: y", Character { character: '\r' }),
            ("http://a/\0", Character { character: '\0' }),
            (
                "http://a/\u{7f}",
                Character {
                    character: '\u{7f}',
                },
            ),
            ("http://猫/", Character { character: '猫' }),
            ("http://a/中", Character { character: '中' }),
            ("http://a/<b>", Character { character: '<' }),
        ] {
            assert_eq!(CallbackUrl::parse(text), Err(why), "{text}");
        }
    }
}
