//! Why does this callback not verify? For the person whose application refuses it.
//!
//! In: the request as the application says it received it, the public key if there is one, and what
//! was really sent if somebody recorded it. Out: a [`Diagnosis`]: whether it verifies as it is, the
//! first byte of the signed text that differs, and what happened on the way, each with a sentence.
//!
//! With what was sent, the two are compared. Without it but with the key, the digest is taken out of
//! the signature and compared with that of requests which this one may have been: what proxies and
//! frameworks usually do is undone, a bounded number of times. What then verifies is what was sent,
//! so the reasons are as certain as if it had been recorded. That also tells a wrong key from a
//! wrong text, which a verification alone cannot.
//!
//! Nothing here is for deciding whether to believe a callback: that is the
//! [`CallbackVerifier`]'s.

mod body;
mod difference;
mod headers;
mod json_text;
mod query;
mod reason;
mod search;
mod target;

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use difference::{Difference, Excerpt, SignedPart};
pub use reason::{Advice, Certainty, Finding, Reason};

use super::key_url::PublicKeyUrls;
use super::signature::{PublicKey, SignedDigest};
use super::verifier::{CallbackRequest, CallbackVerifier, VerifyError};

/// What is known of a callback that was refused.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The request, as the application received it. Bodies and targets of any length are taken;
    /// of very long ones less is tried.
    pub received: CallbackRequest<'a>,
    /// The key that the application verifies with.
    pub key: Option<&'a PublicKey>,
    /// The addresses that the application takes keys from; without them the address is not judged.
    pub key_urls: Option<&'a PublicKeyUrls>,
    /// The request, as the storage server sent it.
    pub sent: Option<CallbackRequest<'a>>,
}

/// What was found out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnosis {
    /// Whether it verifies as it was received.
    pub outcome: Outcome,
    /// What happened, the surest first; empty only if it verifies.
    pub findings: Vec<Finding>,
    /// The first byte that differs from what was sent, or from the request that would verify.
    pub difference: Option<Difference>,
    /// The request that verifies, if undoing something led to one.
    pub repaired: Option<Repaired>,
    /// What else to look at.
    pub advice: Vec<Advice>,
}

/// Whether a request verifies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It does.
    Verifies,
    /// It does not, for this is what the verifier says.
    Fails(VerifyError),
    /// It cannot be said without the key; everything else is well.
    NeedsKey,
}

/// A request that verifies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repaired {
    /// Its target.
    pub target: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// Finds out why a callback does not verify.
pub fn diagnose(evidence: &Evidence<'_>) -> Diagnosis {
    let mut diagnosis = Diagnosis {
        outcome: outcome(evidence),
        findings: headers::judge(evidence),
        difference: None,
        repaired: None,
        advice: Vec::new(),
    };
    match &evidence.sent {
        Some(sent) => diagnosis.compare(sent, &evidence.received),
        None => diagnosis.search(evidence),
    }
    if diagnosis.outcome == Outcome::Verifies {
        // What is not harmless would have to have another effect.
        diagnosis
            .findings
            .retain(|finding| finding.certainty == Certainty::Harmless);
        diagnosis.advice = vec![
            Advice::DigestIsMd5,
            Advice::SignedText,
            Advice::HeadersNotSigned,
        ];
        return diagnosis;
    }
    diagnosis.judge_key(evidence);
    if diagnosis.is_unexplained() {
        diagnosis.guess(&evidence.received);
    }
    if diagnosis.is_unexplained() && diagnosis.outcome != Outcome::NeedsKey {
        let unexplained = Finding::new(Certainty::Possible, Reason::Unexplained);
        diagnosis.findings.push(unexplained);
    }
    if diagnosis.outcome == Outcome::NeedsKey || !diagnosis.has_proof() {
        diagnosis.advice = vec![Advice::SignedText, Advice::DigestIsMd5];
    }
    if diagnosis.advice.is_empty() || headers::is_host_changed(evidence) {
        diagnosis.advice.push(Advice::HeadersNotSigned);
    }
    diagnosis
        .findings
        .sort_by_key(|finding| finding.certainty as u8);
    // What is visible and what the comparison says may be the same.
    diagnosis.findings.dedup();
    diagnosis
}

impl Diagnosis {
    /// With what was sent.
    fn compare(&mut self, sent: &CallbackRequest<'_>, received: &CallbackRequest<'_>) {
        self.findings
            .extend(target::compare(sent.target, received.target));
        let body = body::compare(sent.body, received.body);
        self.findings
            .extend(body.map(|reason| Finding::new(Certainty::Proven, reason)));
        self.difference = Difference::between(sent, received);
    }

    /// Without it, by undoing what may have happened.
    fn search(&mut self, evidence: &Evidence<'_>) {
        let received = &evidence.received;
        let Some(SignedDigest::Md5(digest)) = signed_digest(evidence) else {
            return;
        };
        let Some(repaired) = search::signed_request(received, &digest) else {
            return;
        };
        let sent = CallbackRequest {
            method: "POST",
            target: &repaired.target,
            headers: received.headers,
            body: &repaired.body,
        };
        self.compare(&sent, received);
        let is_as_received = repaired.target == received.target && repaired.body == received.body;
        self.repaired = (!is_as_received).then_some(repaired);
    }

    fn judge_key(&mut self, evidence: &Evidence<'_>) {
        let reason = match signed_digest(evidence) {
            Some(SignedDigest::Foreign) => Reason::WrongKey,
            Some(SignedDigest::Other(name)) => Reason::OtherDigest { name },
            Some(SignedDigest::Md5(_)) | None => return,
        };
        self.findings.push(Finding::new(Certainty::Proven, reason));
    }

    /// What the headers and the shape of the request suggest.
    fn guess(&mut self, received: &CallbackRequest<'_>) {
        self.findings.extend(headers::judge_body(received));
        if self.is_unexplained() && received.body.is_empty() {
            let empty = Finding::new(Certainty::Likely, Reason::BodyEmpty);
            self.findings.push(empty);
        }
        let is_body_intact = headers::digest_of_body(received)
            .is_some_and(|said| said == search::md5(received.body).as_slice());
        // The body is as it was, so that it must be the target.
        let is_about_target = self.is_unexplained()
            && is_body_intact
            && self.outcome == Outcome::Fails(VerifyError::Signature);
        if is_about_target {
            let (_, query) = target::split(received.target);
            // What else happens to a path would have been undone. A query cannot be guessed.
            let dropped = Finding::new(Certainty::Likely, Reason::QueryDropped);
            self.findings.extend(query.is_none().then_some(dropped));
            let rewritten = Finding::new(Certainty::Possible, Reason::PathRewritten);
            self.findings.push(rewritten);
        }
    }

    fn is_unexplained(&self) -> bool {
        let is_harmless = |finding: &Finding| finding.certainty == Certainty::Harmless;
        self.findings.iter().all(is_harmless)
    }

    fn has_proof(&self) -> bool {
        let is_proven = |finding: &Finding| finding.certainty == Certainty::Proven;
        self.findings.iter().any(is_proven)
    }
}

/// What a careful verifier says.
fn outcome(evidence: &Evidence<'_>) -> Outcome {
    let named = headers::key_url(&evidence.received);
    // Where addresses are not judged, the one that is named is the one that is allowed.
    let urls = match evidence.key_urls {
        Some(urls) => urls.clone(),
        None => named
            .and_then(|url| PublicKeyUrls::none().and(&url).ok())
            .unwrap_or_default(),
    };
    match CallbackVerifier::new(urls).read(&evidence.received) {
        Err(error) => Outcome::Fails(error),
        Ok(unverified) => match evidence.key.map(|key| unverified.verify(key)) {
            None => Outcome::NeedsKey,
            Some(Ok(_)) => Outcome::Verifies,
            Some(Err(error)) => Outcome::Fails(error),
        },
    }
}

/// What the signature is over. A header that was swallowed is taken from what was sent.
fn signed_digest(evidence: &Evidence<'_>) -> Option<SignedDigest> {
    let key = evidence.key?;
    let requests = [Some(&evidence.received), evidence.sent.as_ref()];
    let signature = requests
        .into_iter()
        .flatten()
        .find_map(|request| headers::value(request, headers::AUTHORIZATION))?;
    let signature = STANDARD.decode(signature.trim()).ok()?;
    Some(key.signed_digest(&signature))
}
