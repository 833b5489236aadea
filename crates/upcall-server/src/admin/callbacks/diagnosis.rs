//! `POST /v1/callbacks/diagnose`: why a callback does not verify that an application received.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use upcall::callback::diagnose::{Diagnosis, Evidence, Excerpt, Outcome, diagnose};
use upcall::callback::{CallbackRequest, PublicKey, PublicKeyUrls, RawRequest};

use crate::admin::error::AdminError;
use crate::admin::json;
use crate::callback::record::{CallRecord, Query, Secrets, headers};
use crate::callback::{KeyPath, KeyScope};
use crate::http::answer::Answer;
use crate::node::Server;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Question {
    /// The id of the recorded call; without it, the one whose request id the request names.
    #[serde(default)]
    call: Option<String>,
    /// Request line, headers, an empty line, the body.
    received: String,
}

#[derive(Serialize)]
struct Found {
    outcome: &'static str,
    error: Option<String>,
    findings: Vec<Finding>,
    difference: Option<Difference>,
    repaired: Option<Repaired>,
    advice: Vec<Advice>,
    /// The recorded call that it was held against.
    call: Option<String>,
}

#[derive(Serialize)]
struct Finding {
    reason: &'static str,
    certainty: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Difference {
    part: String,
    offset: usize,
    sent: Side,
    received: Side,
}

#[derive(Serialize)]
struct Side {
    before: String,
    after: String,
}

#[derive(Serialize)]
struct Repaired {
    target: String,
    body: String,
}

#[derive(Serialize)]
struct Advice {
    name: &'static str,
    text: String,
}

/// Compares, on a thread that may take its time.
pub(in crate::admin) async fn answer(
    server: &Arc<Server>,
    question: Question,
) -> Result<Answer, AdminError> {
    let received = RawRequest::parse(question.received.as_bytes()).ok_or_else(|| {
        AdminError::InvalidValue(
            "`received` is a request line (`POST /callback HTTP/1.1`), headers, an empty line and the \
             body"
                .to_owned(),
        )
    })?;
    let call = match &question.call {
        Some(id) => Some(super::recorded(server, id)?),
        None => call_of(server, &received),
    };
    let task_server = Arc::clone(server);
    let compared =
        tokio::task::spawn_blocking(move || compare(&task_server, &received, call.as_deref()));
    let found = compared.await.map_err(|_| AdminError::Internal)??;
    json(StatusCode::OK, &found)
}

/// The newest call of the upload that the request is about.
fn call_of(server: &Arc<Server>, received: &RawRequest) -> Option<Arc<CallRecord>> {
    let headers = received.headers();
    let named = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-oss-request-id"));
    let query = Query {
        request_id: Some(named?.1.to_owned()),
        ..Query::default()
    };
    server.dispatcher.log().list(&query, 1).pop()
}

fn compare(
    server: &Server,
    received: &RawRequest,
    call: Option<&CallRecord>,
) -> Result<Found, AdminError> {
    let received_headers = received.headers();
    let sent_headers = call.map(|call| headers(call.request_head(), Secrets::Shown));
    let sent_headers: Vec<(&str, &str)> = sent_headers
        .iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let sent = call.map(|call| CallbackRequest {
        method: "POST",
        target: call.url().path_and_query(),
        headers: &sent_headers,
        body: &call.order().body,
    });
    let urls = trusted_urls(server).ok_or(AdminError::Internal)?;
    let received = received.as_callback(&received_headers);
    let named = sent
        .as_ref()
        .and_then(key_url)
        .or_else(|| key_url(&received));
    let key = named.and_then(|url| own_key(server, &url));
    let diagnosis = diagnose(&Evidence {
        received,
        key: key.as_ref(),
        key_urls: Some(&urls),
        sent,
    });
    Ok(Found::of(&diagnosis, call))
}

/// Where the keys are that receivers are told to trust: the server's and the buckets'.
fn trusted_urls(server: &Server) -> Option<PublicKeyUrls> {
    let others = server.signer.other_scopes().into_iter();
    let buckets = others.filter(|scope| matches!(scope, KeyScope::Bucket(_)));
    std::iter::once(KeyScope::Server)
        .chain(buckets)
        .try_fold(PublicKeyUrls::none(), |urls, scope| {
            urls.and(&server.signer.url_of(&scope, "*")).ok()
        })
}

/// The address of the key that a request names.
fn key_url(request: &CallbackRequest<'_>) -> Option<String> {
    let mut all = request.headers.iter();
    let (_, value) = all.find(|(name, _)| name.eq_ignore_ascii_case("x-oss-pub-key-url"))?;
    String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()
}

/// The public key at an address, if it is one of this server's.
fn own_key(server: &Server, url: &str) -> Option<PublicKey> {
    let (_, rest) = url.split_once("://")?;
    let path = &rest[rest.find('/')?..];
    let signer = &server.signer;
    let (keys, id) = match KeyPath::parse(path) {
        Some(KeyPath::Rsa(scope, id)) => (signer.keys(&scope)?, id.to_owned()),
        // An address without an id is always that of the current one.
        Some(KeyPath::Webhook(_)) | None => {
            let keys = signer.server_keys();
            let id = keys.current_id().to_owned();
            (keys, id)
        }
    };
    let pem = keys.public_pem(&id, server.clock.now())?;
    PublicKey::from_pem(pem).ok()
}

impl Found {
    fn of(diagnosis: &Diagnosis, call: Option<&CallRecord>) -> Self {
        let (outcome, error) = match diagnosis.outcome {
            Outcome::Verifies => ("verifies", None),
            Outcome::Fails(error) => ("fails", Some(error.to_string())),
            Outcome::NeedsKey => ("needs-key", None),
        };
        let side = |excerpt: &Excerpt| Side {
            before: excerpt.before.clone(),
            after: excerpt.after.clone(),
        };
        let findings = diagnosis.findings.iter().map(|finding| Finding {
            reason: finding.reason.name(),
            certainty: finding.certainty.as_str(),
            text: finding.reason.to_string(),
        });
        let difference = diagnosis.difference.as_ref().map(|difference| Difference {
            part: difference.part.to_string(),
            offset: difference.offset,
            sent: side(&difference.sent),
            received: side(&difference.received),
        });
        let repaired = diagnosis.repaired.as_ref().map(|repaired| Repaired {
            target: repaired.target.clone(),
            body: String::from_utf8_lossy(&repaired.body).into_owned(),
        });
        let advice = diagnosis.advice.iter().map(|advice| Advice {
            name: advice.name(),
            text: advice.to_string(),
        });
        Self {
            outcome,
            error,
            findings: findings.collect(),
            difference,
            repaired,
            advice: advice.collect(),
            call: call.map(|call| call.id().to_string()),
        }
    }
}
