//! Origins in rules that nearly are the one that asks.

use super::matches_glob;

/// Why an origin in a rule is not the one that asks, though it was meant to be. As text it says what
/// to write instead.
///
/// An origin is `scheme://host` or `scheme://host:port`, as a browser sends it: in lower case, without
/// a path, and without the port that the scheme has anyway.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginTypo {
    /// The rule has the port that the scheme has anyway.
    #[error("`{pattern}` names the default port, which browsers leave out: write `{origin}`")]
    DefaultPort {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
    /// The rule has no port, and the one who asks has.
    #[error("`{pattern}` has no port, and the page is on one: write `{origin}`")]
    MissingPort {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
    /// The rule has no scheme.
    #[error("`{pattern}` has no scheme: write `{origin}`")]
    MissingScheme {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
    /// The rule has another port.
    #[error("`{pattern}` has another port than the page: add `{origin}`")]
    OtherPort {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
    /// `http` and `https` are mixed up.
    #[error("`{pattern}` has another scheme than the page: add `{origin}`")]
    OtherScheme {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
    /// The rule has a path.
    #[error("`{pattern}` has a path, and an origin has none: write `{origin}`")]
    Path {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
    /// The rule ends in `/*`.
    #[error("`{pattern}` ends in `/*`, and an origin has no path: write `{origin}`")]
    SlashStar {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
    /// The rule is for names below a domain, and the page is on the domain itself.
    #[error(
        "`{pattern}` is for names below the domain, and the page is on the domain: add `{origin}`"
    )]
    SubdomainsOnly {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
    /// The rule ends in `/`.
    #[error("`{pattern}` ends in `/`, and an origin does not: write `{origin}`")]
    TrailingSlash {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
    /// The rule has upper-case letters.
    #[error("`{pattern}` has upper-case letters, and browsers send none: write `{origin}`")]
    UpperCase {
        /// What the rule says.
        pattern: String,
        /// What asks.
        origin: String,
    },
}

impl OriginTypo {
    /// What would have to be undone for `pattern` to match `origin`; nothing if it is about another
    /// page altogether.
    pub(super) fn between(pattern: &str, origin: &str) -> Vec<Self> {
        let (shown, asking) = (shown(pattern), shown(origin));
        let mut typos = Vec::new();
        let mut note =
            |typo: fn(String, String) -> Self| typos.push(typo(shown.clone(), asking.clone()));
        let mut rest = pattern.to_owned();
        if rest.bytes().any(|byte| byte.is_ascii_uppercase()) {
            rest.make_ascii_lowercase();
            note(|pattern, origin| Self::UpperCase { pattern, origin });
        }
        let start = rest.find("://").map_or(0, |at| at + 3);
        let authority = rest.get(start..).unwrap_or_default();
        if let Some((authority, path)) = authority.split_once('/') {
            match path {
                "" => note(|pattern, origin| Self::TrailingSlash { pattern, origin }),
                "*" => note(|pattern, origin| Self::SlashStar { pattern, origin }),
                _ => note(|pattern, origin| Self::Path { pattern, origin }),
            }
            rest.truncate(start + authority.len());
        }
        let (asking_scheme, asking_rest) = split_scheme(origin);
        let (scheme, mut authority) = if let Some((scheme, authority)) = rest.split_once("://") {
            (scheme.to_owned(), authority.to_owned())
        } else {
            note(|pattern, origin| Self::MissingScheme { pattern, origin });
            (asking_scheme.to_owned(), rest.clone())
        };
        if scheme != asking_scheme && !matches_glob(&scheme, asking_scheme) {
            note(|pattern, origin| Self::OtherScheme { pattern, origin });
        }
        let (host, port) = split_port(&authority);
        let (_, asking_port) = split_port(asking_rest);
        match (port, asking_port) {
            (Some(port), None) if Some(port) == default_port(&scheme) => {
                note(|pattern, origin| Self::DefaultPort { pattern, origin });
            }
            (None, Some(_)) if !matches_glob(host, asking_rest) => {
                note(|pattern, origin| Self::MissingPort { pattern, origin });
            }
            (Some(port), asking_port) if Some(port) != asking_port && port != "*" => {
                note(|pattern, origin| Self::OtherPort { pattern, origin });
            }
            _ => {}
        }
        authority = host.to_owned();
        let asking_host = split_port(asking_rest).0;
        if let Some(domain) = authority.strip_prefix("*.")
            && domain == asking_host
        {
            note(|pattern, origin| Self::SubdomainsOnly { pattern, origin });
            asking_host.clone_into(&mut authority);
        }
        // With all of that undone it must be the page, or it never was.
        if matches_glob(&authority, asking_host) {
            typos
        } else {
            Vec::new()
        }
    }
}

fn split_scheme(origin: &str) -> (&str, &str) {
    origin.split_once("://").unwrap_or(("", origin))
}

/// Host and port; the colons of an IPv6 address are none.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') && !host.is_empty() => (host, Some(port)),
        _ => (authority, None),
    }
}

fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" => Some("80"),
        "https" => Some("443"),
        _ => None,
    }
}

/// Escaped, and cut to what a person can read.
fn shown(text: &str) -> String {
    text.escape_debug().take(SHOWN_CHARS).collect()
}

const SHOWN_CHARS: usize = 200;
