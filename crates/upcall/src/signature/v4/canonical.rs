//! The request in its one canonical spelling, and the text that is signed of it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::mac;
use super::super::request::SignedRequest;
use super::VERSION;
use super::credential::Credential;

/// What has no percent sign: `A–Z a–z 0–9 - . _ ~`.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The canonical request: method, path, query, headers, names of the additional headers, payload.
///
/// `additional` are names of headers to sign beyond those that always are, in any case and order;
/// those that the request does not have, or that are signed anyway, count for nothing. The parameter
/// `x-oss-signature` is left out.
pub fn canonical_request(request: &SignedRequest<'_>, additional: &[&str]) -> String {
    let additional = additional_names(request, additional);
    let names = request.header_names(|name| is_always_signed(name) || contains(&additional, name));
    format!(
        "{}\n{}\n{}\n{}\n{}\n{UNSIGNED_PAYLOAD}",
        request.method,
        utf8_percent_encode(&request.resource(), UNRESERVED_AND_SLASH),
        canonical_query(request),
        request.header_lines(&names),
        additional.join(";"),
    )
}

/// The text that is signed: version, date, scope and the canonical request's digest.
pub fn string_to_sign(date: &str, credential: &Credential, canonical_request: &str) -> String {
    let scope = credential.scope_text();
    let digest = mac::sha256_hex(canonical_request.as_bytes());
    format!("{VERSION}\n{date}\n{scope}\n{digest}")
}

/// Those of `wanted` that the request has and that are not signed anyway: lower-case, sorted, each
/// once.
pub(super) fn additional_names(request: &SignedRequest<'_>, wanted: &[&str]) -> Vec<String> {
    let is_wanted = |name: &str| {
        wanted
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(name))
    };
    request.header_names(|name| !is_always_signed(name) && is_wanted(name))
}

/// Appends `name=value`, percent-encoded.
pub(in super::super) fn push_parameter(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.extend(utf8_percent_encode(name, UNRESERVED));
    query.push('=');
    query.extend(utf8_percent_encode(value, UNRESERVED));
}

fn canonical_query(request: &SignedRequest<'_>) -> String {
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut parameters: Vec<_> = request
        .query
        .iter()
        .filter(|(name, _)| name != SIGNATURE)
        .map(|(name, value)| (encode(name), value))
        .collect();
    parameters.sort_unstable();
    let mut query = String::new();
    for (name, value) in parameters {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&name);
        if !value.is_empty() {
            query.push('=');
            query.extend(utf8_percent_encode(value, UNRESERVED));
        }
    }
    query
}

fn is_always_signed(name: &str) -> bool {
    name.starts_with("x-oss-") || matches!(name, "content-type" | "content-md5")
}

fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|found| found == name)
}

pub(super) const SIGNATURE: &str = "x-oss-signature";
/// The only value of `x-oss-content-sha256` in use.
pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const UNRESERVED_AND_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');
