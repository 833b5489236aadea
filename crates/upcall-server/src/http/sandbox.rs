//! The headers that keep a browser from running what others have sent.
//!
//! An answer may hold bytes of a stranger: an object, an application's answer, a value that a
//! refusal repeats. Every answer passes here on its way out, and counts as such unless it was made
//! with [`Answer::own_page`](super::answer::Answer::own_page); a new operation has nothing to
//! remember.
//!
//! In a sandbox a page is shown and runs nothing. Pages that read an answer with `fetch` or
//! `XMLHttpRequest` notice neither header.
//!
//! In: the answer's headers. Out: the same with `X-Content-Type-Options` and, unless a browser runs
//! nothing of the type, `Content-Security-Policy: sandbox`. Source: Fetch, "X-Content-Type-Options";
//! CSP Level 3, "sandbox".

use http::header::{self, HeaderMap, HeaderValue};

use super::passive::is_passive;

/// Where an answer's bytes are from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Author {
    Outside,
    /// A file that is part of the program.
    Program,
}

/// An answer without a body or a type shows nothing, and gets no sandbox; the one to HEAD or to a
/// conditional request has the type.
pub(super) fn add(headers: &mut HeaderMap, author: Author, has_body: bool) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if author == Author::Program {
        return;
    }
    let is_harmless = match headers.get(header::CONTENT_TYPE) {
        Some(value) => value.to_str().is_ok_and(is_passive),
        None => !has_body,
    };
    if !is_harmless && !is_sandboxed(headers) {
        // Of several policies a browser obeys all.
        headers.append(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(SANDBOX),
        );
    }
}

fn is_sandboxed(headers: &HeaderMap) -> bool {
    let policies = headers.get_all(header::CONTENT_SECURITY_POLICY).iter();
    let mut texts = policies.filter_map(|policy| policy.to_str().ok());
    texts.any(|text| {
        text.split([';', ','])
            .any(|directive| directive.trim() == SANDBOX)
    })
}

const SANDBOX: &str = "sandbox";

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(content_type: Option<&[u8]>, own: Option<&'static str>, author: Author) -> String {
        let mut headers = HeaderMap::new();
        if let Some(value) = content_type {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
        if let Some(policy) = own {
            let policy = HeaderValue::from_static(policy);
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        add(&mut headers, author, true);
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let policies = headers.get_all(header::CONTENT_SECURITY_POLICY).iter();
        let texts: Vec<&str> = policies.map(|value| value.to_str().unwrap()).collect();
        texts.join(" | ")
    }

    #[test]
    fn bytes_from_outside_are_sandboxed_unless_nothing_of_them_runs() {
        let outside =
            |content_type: &'static [u8]| policies(Some(content_type), None, Author::Outside);
        assert_eq!(outside(b"image/jpeg"), "");
        assert_eq!(outside(b"application/json"), "");
        for page in [
            b"text/html".as_slice(),
            b"application/xml",
            b"",
            b"imag\xe9/png",
        ] {
            assert_eq!(outside(page), "sandbox", "{page:?}");
        }
        assert_eq!(policies(None, None, Author::Outside), "sandbox");
    }

    #[test]
    fn a_policy_that_is_there_is_kept_and_does_not_replace_the_sandbox() {
        let with = |policy| policies(Some(b"text/html"), Some(policy), Author::Outside);
        assert_eq!(
            with("sandbox; default-src 'none'"),
            "sandbox; default-src 'none'"
        );
        assert_eq!(with("default-src 'none'"), "default-src 'none' | sandbox");
        assert_eq!(
            with("sandbox allow-scripts"),
            "sandbox allow-scripts | sandbox"
        );
        let own = policies(
            Some(b"text/html"),
            Some("default-src 'self'"),
            Author::Program,
        );
        assert_eq!(own, "default-src 'self'");
    }
}
