//! A recorded call as JSON. Text is text; bytes that are no UTF-8 come as base64 under another
//! name.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::callback::record::{CallRecord, Secrets, headers};

/// A call in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    id: String,
    request_id: String,
    bucket: String,
    key: String,
    attempt: usize,
    at: String,
    url: String,
    /// The answer's status, if there was an answer.
    status: Option<u16>,
    total_ms: f64,
    outcome: &'static str,
    message: Option<String>,
    explanation: String,
    fault: Option<OrderedFault>,
}

impl Summary {
    pub(super) fn of(call: &CallRecord) -> Self {
        let order = call.order();
        Self {
            id: call.id().to_string(),
            request_id: order.request_id.clone(),
            bucket: order.bucket.to_string(),
            key: order.key.to_string(),
            attempt: call.attempt(),
            at: call.at().to_string(),
            url: call.url().as_given().to_owned(),
            status: call.answer().map(|answer| answer.status),
            total_ms: milliseconds(call.timing().total),
            outcome: call.outcome().as_str(),
            message: call.message(),
            explanation: explained(call),
            fault: OrderedFault::of(call),
        }
    }
}

/// All of a call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole {
    id: String,
    request_id: String,
    bucket: String,
    key: String,
    attempt: usize,
    at: String,
    url: String,
    method: &'static str,
    target: String,
    request_headers: Vec<(String, String)>,
    #[serde(flatten)]
    body: Body,
    #[serde(flatten)]
    string_to_sign: StringToSign,
    address: Option<SocketAddr>,
    is_reused: bool,
    is_resent: bool,
    timing: Timing,
    answer: Option<Answer>,
    outcome: &'static str,
    message: Option<String>,
    explanation: String,
    signed_with: &'static str,
    fault: Option<OrderedFault>,
}

/// A fault that was ordered for the call.
#[derive(Serialize)]
struct OrderedFault {
    id: String,
    kind: &'static str,
}

impl OrderedFault {
    fn of(call: &CallRecord) -> Option<Self> {
        let injected = call.injected()?;
        Some(Self {
            id: injected.id.to_string(),
            kind: injected.fault.name(),
        })
    }
}

/// Why the call ended as it did; and first, if it was ordered to.
fn explained(call: &CallRecord) -> String {
    let mut explanation = call.explanation().to_string();
    if call.is_resent() {
        explanation.push_str(
            "; the call was sent twice: a kept connection had ended without an answer to the first",
        );
    }
    match OrderedFault::of(call) {
        Some(OrderedFault { id, kind }) => {
            format!("fault {id} (`{kind}`) was ordered for this call: {explanation}")
        }
        None => explanation,
    }
}

/// Milliseconds; `null` where there was no such step.
#[derive(Serialize)]
struct Timing {
    #[serde(rename = "resolveMs")]
    resolve: Option<f64>,
    #[serde(rename = "connectMs")]
    connect: Option<f64>,
    #[serde(rename = "tlsMs")]
    tls: Option<f64>,
    #[serde(rename = "firstByteMs")]
    first_byte: Option<f64>,
    #[serde(rename = "totalMs")]
    total: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(flatten)]
    body: Body,
    /// How long the whole body is; `null` if the answer does not say so.
    body_bytes: Option<u64>,
}

#[derive(Serialize)]
enum Body {
    #[serde(rename = "body")]
    Text(String),
    #[serde(rename = "bodyBase64")]
    Base64(String),
}

#[derive(Serialize)]
enum StringToSign {
    #[serde(rename = "stringToSign")]
    Text(String),
    #[serde(rename = "stringToSignBase64")]
    Base64(String),
}

impl Body {
    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }
}

impl StringToSign {
    fn of(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Base64(STANDARD.encode(error.as_bytes())),
        }
    }
}

impl Whole {
    pub(super) fn of(call: &CallRecord) -> Self {
        let order = call.order();
        let (timing, url) = (call.timing(), call.url());
        let step = |took: Option<Duration>| took.map(milliseconds);
        Self {
            id: call.id().to_string(),
            request_id: order.request_id.clone(),
            bucket: order.bucket.to_string(),
            key: order.key.to_string(),
            attempt: call.attempt(),
            at: call.at().to_string(),
            url: url.as_given().to_owned(),
            method: "POST",
            target: url.path_and_query().to_owned(),
            // The signature is no secret: anybody may check it.
            request_headers: headers(call.request_head(), Secrets::Shown),
            body: Body::of(&order.body),
            string_to_sign: StringToSign::of(call.string_to_sign()),
            address: call.address(),
            is_reused: call.is_reused(),
            is_resent: call.is_resent(),
            timing: Timing {
                resolve: step(timing.resolve),
                connect: step(timing.connect),
                tls: step(timing.tls),
                first_byte: step(timing.first_byte),
                total: milliseconds(timing.total),
            },
            answer: call.answer().map(|answer| Answer {
                status: answer.status,
                headers: headers(&answer.head, Secrets::Hidden),
                body: Body::of(&answer.body),
                body_bytes: answer.announced,
            }),
            outcome: call.outcome().as_str(),
            message: call.message(),
            explanation: explained(call),
            signed_with: order.signing_key.class().as_str(),
            fault: OrderedFault::of(call),
        }
    }
}

/// In thousandths, which is as exact as a measurement on a busy machine can be.
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}
