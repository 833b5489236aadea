//! What the headers of a request say about its verification.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::key_url::InvalidPublicKeyUrl;
use super::super::verifier::{CallbackRequest, VerifyError};
use super::Evidence;
use super::body;
use super::reason::{Certainty, Finding, Reason};
use super::search::md5;

/// Everything but target, body and key. All of it is judged, not only what a verifier stumbles over
/// first.
pub(super) fn judge(evidence: &Evidence<'_>) -> Vec<Finding> {
    let received = &evidence.received;
    let mut reasons = Vec::new();
    if received.method != "POST" {
        reasons.push(Reason::Method);
    }
    for name in [AUTHORIZATION, X_OSS_PUB_KEY_URL, CONTENT_MD5] {
        let mut values = values(received, name);
        match (values.next(), values.next()) {
            (Some(_), Some(_)) => reasons.push(Reason::HeaderTwice { name }),
            (Some(value), None) if STANDARD.decode(value).is_err() => {
                reasons.push(Reason::HeaderUnreadable { name });
            }
            (None, _) if name == AUTHORIZATION => reasons.push(Reason::AuthorizationMissing),
            (None, _) if name == X_OSS_PUB_KEY_URL => reasons.push(Reason::KeyUrlMissing),
            _ => {}
        }
        let sent = evidence.sent.as_ref().and_then(|sent| value(sent, name));
        let came = value(received, name);
        if let (Some(sent), Some(came)) = (sent, came)
            && sent != came
        {
            reasons.push(Reason::HeaderChanged { name });
        }
    }
    if value(received, SIGNATURE_VERSION).is_some_and(|version| version != "1.0") {
        reasons.push(Reason::SignatureVersion);
    }
    reasons.extend(refused_key_url(evidence));
    match super::outcome(evidence) {
        super::Outcome::Fails(VerifyError::KeyTooSmall { bits, least }) => {
            reasons.push(Reason::KeyTooSmall { bits, least });
        }
        super::Outcome::Fails(VerifyError::Target)
            if super::target::without_host(received.target).is_none() =>
        {
            reasons.push(Reason::PathAmbiguous);
        }
        super::Outcome::Fails(VerifyError::Target) => reasons.push(Reason::TargetAbsolute),
        super::Outcome::Fails(_) | super::Outcome::Verifies | super::Outcome::NeedsKey => {}
    }
    let proven = |reason| Finding::new(Certainty::Proven, reason);
    reasons.into_iter().map(proven).collect()
}

fn refused_key_url(evidence: &Evidence<'_>) -> Option<Reason> {
    let header = value(&evidence.received, X_OSS_PUB_KEY_URL)?;
    let refused = evidence.key_urls?.admit_header(header).err()?;
    let is_readable = refused != InvalidPublicKeyUrl::NotBase64;
    is_readable.then(|| {
        let url = key_url(&evidence.received).unwrap_or_default();
        let shown: String = url.escape_debug().take(SHOWN_CHARS).collect();
        Reason::KeyUrlNotAllowed { url: shown }
    })
}

/// What `Content-Length` and `Content-MD5`, neither of which is signed, say about the body.
pub(super) fn judge_body(received: &CallbackRequest<'_>) -> Option<Finding> {
    let length = value(received, "content-length").and_then(|text| text.trim().parse().ok());
    let came = received.body.len();
    let is_other = digest_of_body(received).map(|said| said != md5(received.body).as_slice());
    match (length, is_other) {
        (Some(expected), _) if came == 0 && expected > 0 => {
            Some(Finding::new(Certainty::Proven, Reason::BodyEmpty))
        }
        (_, Some(true)) if came == 0 => Some(Finding::new(Certainty::Proven, Reason::BodyEmpty)),
        (_, Some(false)) => None,
        (Some(expected), _) if came < expected => Some(Finding::new(
            Certainty::Likely,
            Reason::BodyTruncated {
                received: came,
                expected,
            },
        )),
        (_, Some(true)) => Some(rewritten(received)),
        (_, None) => None,
    }
}

/// The body is another than the digest says; which one may be told by undoing what happened.
fn rewritten(received: &CallbackRequest<'_>) -> Finding {
    let said = digest_of_body(received).unwrap_or_default();
    let bodies = body::repairs(received.body);
    let before = bodies.iter().find(|body| md5(body).as_slice() == said);
    let reason = before.and_then(|before| body::compare(before, received.body));
    let content_type = value(received, "content-type").unwrap_or_default();
    if reason.is_none() && body::is_form_as_json(content_type, received.body) {
        return Finding::new(Certainty::Likely, Reason::BodyFormRewritten);
    }
    Finding::new(Certainty::Proven, reason.unwrap_or(Reason::BodyRewritten))
}

/// What `Content-MD5` says, if it can be read.
pub(super) fn digest_of_body(received: &CallbackRequest<'_>) -> Option<Vec<u8>> {
    STANDARD.decode(value(received, CONTENT_MD5)?).ok()
}

/// The address in `x-oss-pub-key-url`.
pub(super) fn key_url(request: &CallbackRequest<'_>) -> Option<String> {
    let decoded = STANDARD.decode(value(request, X_OSS_PUB_KEY_URL)?).ok()?;
    String::from_utf8(decoded).ok()
}

/// Whether `Host` arrived with another value than it was sent with.
pub(super) fn is_host_changed(evidence: &Evidence<'_>) -> bool {
    let sent = evidence.sent.as_ref().and_then(|sent| value(sent, "host"));
    sent.is_some() && sent != value(&evidence.received, "host")
}

/// The first header of this name.
pub(super) fn value<'a>(request: &CallbackRequest<'a>, name: &str) -> Option<&'a str> {
    values(request, name).next()
}

fn values<'a>(request: &CallbackRequest<'a>, name: &str) -> impl Iterator<Item = &'a str> {
    let is_it = move |(has, _): &&(&str, &str)| has.eq_ignore_ascii_case(name);
    request
        .headers
        .iter()
        .filter(is_it)
        .map(|(_, value)| *value)
}

pub(super) const AUTHORIZATION: &str = "authorization";
const CONTENT_MD5: &str = "content-md5";
const SIGNATURE_VERSION: &str = "x-oss-signature-version";
const X_OSS_PUB_KEY_URL: &str = "x-oss-pub-key-url";

const SHOWN_CHARS: usize = 200;
