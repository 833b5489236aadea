//! What of a head and a URL is shown, and what is not: sessions, tokens and passwords stay with
//! those who sent them.

/// The header lines of a head, in order, as text; the values of those that carry secrets are left
/// out if `secrets` says so.
///
/// The call's own `Authorization` is a signature that anybody may check, and is shown; an
/// application's answer may hold sessions.
pub(crate) fn headers(head: &[u8], secrets: Secrets) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(head);
    let lines = text.split('\n').skip(1);
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| {
            let value = value.trim();
            let shown = match secrets {
                Secrets::Hidden if is_secret(name) => REDACTED.to_owned(),
                Secrets::Hidden if name.eq_ignore_ascii_case("location") => url_without_user(value),
                Secrets::Hidden | Secrets::Shown => value.to_owned(),
            };
            (name.to_owned(), shown)
        })
        .collect()
}

/// What happens to the values of headers that carry secrets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Secrets {
    Hidden,
    Shown,
}

fn is_secret(name: &str) -> bool {
    SECRET_HEADERS
        .iter()
        .any(|secret| name.trim().eq_ignore_ascii_case(secret))
}

/// A URL without user name and password.
pub(crate) fn url_without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("//") else {
        return url.to_owned();
    };
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if !scheme.is_empty()
        && !scheme
            .strip_suffix(':')
            .is_some_and(|name| name.chars().all(is_scheme))
    {
        return url.to_owned();
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}//{REDACTED}@{host}{path}"),
        None => url.to_owned(),
    }
}

const SECRET_HEADERS: [&str; 5] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
];

/// Stands where a secret was.
const REDACTED: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_passwords_are_not_shown() {
        let head = b"HTTP/1.1 302 Found\r\nSet-Cookie: sid=secret; HttpOnly\r\n\
                     Location: //a:b@c/login\r\n\
                     authorization : Bearer secret\r\nX: a: b\xff\n\r\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            headers(head, Secrets::Hidden),
            [
                pair("Set-Cookie", "…"),
                pair("Location", "//…@c/login"),
                pair("authorization ", "…"),
                pair("X", "a: b\u{fffd}"),
            ]
        );
        assert_eq!(headers(head, Secrets::Shown)[0].1, "sid=secret; HttpOnly");
        assert_eq!(headers(b"", Secrets::Hidden), []);
    }

    #[test]
    fn a_url_is_shown_without_its_user() {
        for (url, shown) in [
            (
                "https://a:b@c.example/d?e=f@g",
                "https://…@c.example/d?e=f@g",
            ),
            ("//a@c/", "//…@c/"),
            ("https://c.example/a@b", "https://c.example/a@b"),
            ("/login?next=//a@b", "/login?next=//a@b"),
            ("/login", "/login"),
        ] {
            assert_eq!(url_without_user(url), shown);
        }
    }
}
