//! Origins in rules that no browser ever sends.

/// Why an origin in a rule can never be the one of a page. As text it says what to write instead.
///
/// An origin is `scheme://host` or `scheme://host:port`, in lower case, without a path and without the
/// port that the scheme has anyway, or the word `null`. Source: RFC 6454, 6.1 and 6.2.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnmatchableOrigin {
    /// There is no text.
    #[error("an origin is empty: write one such as `https://www.example.com`, or `*` for all")]
    Empty,
    /// There is neither a scheme nor a `*` that could stand for one.
    #[error("`{pattern}` has no scheme, and an origin begins with one: write `https://{pattern}`")]
    MissingScheme {
        /// What the rule says.
        pattern: String,
    },
    /// Something stands behind the host.
    #[error("`{pattern}` has a path, and an origin has none: write `{origin}`")]
    Path {
        /// What the rule says.
        pattern: String,
        /// The same without it.
        origin: String,
    },
    /// The scheme has that port anyway.
    #[error("`{pattern}` names the default port, which browsers leave out: write `{origin}`")]
    DefaultPort {
        /// What the rule says.
        pattern: String,
        /// The same without it.
        origin: String,
    },
    /// There are letters that browsers write in lower case.
    #[error("`{pattern}` has upper-case letters, and browsers send none: write `{origin}`")]
    UpperCase {
        /// What the rule says.
        pattern: String,
        /// The same in lower case.
        origin: String,
    },
}

/// Why no page has an origin like this pattern, in which one `*` stands for anything; `None` if one may.
///
/// OSS stores such a rule without a word, and every upload from the page fails.
pub fn unmatchable_origin(pattern: &str) -> Option<UnmatchableOrigin> {
    let shown = || pattern.to_owned();
    if pattern.is_empty() {
        return Some(UnmatchableOrigin::Empty);
    }
    if pattern.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(UnmatchableOrigin::UpperCase {
            pattern: shown(),
            origin: pattern.to_ascii_lowercase(),
        });
    }
    let before_star = pattern.split('*').next().unwrap_or_default();
    let Some((scheme, rest)) = pattern.split_once("://") else {
        // A `*` at the beginning, or one behind `http`, may stand for the rest of the scheme.
        let may_begin = pattern.contains('*')
            && ["http://", "https://", "null"]
                .iter()
                .any(|start| start.starts_with(before_star));
        return (!may_begin && pattern != "null")
            .then(|| UnmatchableOrigin::MissingScheme { pattern: shown() });
    };
    if let Some((host, _)) = rest.split_once('/') {
        return Some(UnmatchableOrigin::Path {
            pattern: shown(),
            origin: format!("{scheme}://{host}"),
        });
    }
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let host = rest.strip_suffix(default_port)?;
    Some(UnmatchableOrigin::DefaultPort {
        pattern: shown(),
        origin: format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_some_page_may_have_passes() {
        for pattern in [
            "*",
            "null",
            "https://www.example.com",
            "http://127.0.0.1:8701",
            "http://[::1]:8701",
            "https://*.example.com",
            "http*://example.com",
            "*.example.com",
            "http*",
            "capacitor://localhost",
            "http://localhost:*",
            "https://example.com:80",
        ] {
            assert_eq!(unmatchable_origin(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_no_page_has_says_what_to_write() {
        for (pattern, written) in [
            ("", "`https://www.example.com`"),
            ("www.example.com", "write `https://www.example.com`"),
            ("localhost:8701", "write `https://localhost:8701`"),
            ("www.*.com", "has no scheme"),
            ("https://example.com/", "write `https://example.com`"),
            ("https://example.com/upload", "write `https://example.com`"),
            ("https://example.com/*", "write `https://example.com`"),
            ("https://Example.com", "write `https://example.com`"),
            ("https://example.com:443", "write `https://example.com`"),
            ("http://example.com:80", "write `http://example.com`"),
        ] {
            let said = unmatchable_origin(pattern).map(|found| found.to_string());
            assert!(
                said.as_ref().is_some_and(|said| said.contains(written)),
                "{pattern}: {said:?}"
            );
        }
    }
}
