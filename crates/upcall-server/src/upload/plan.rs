//! What is asked of the application once the file has come: the call, and what hangs on it.
//!
//! In: an [`Admitted`] and the object as it will be. Out: a [`Plan`], from which commit learns whether
//! a call is owed with the object or the object is held for it, and notify what to send.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use upcall::callback::answer::CallbackFailure;
use upcall::callback::{CallbackFacts, ImageInfo};
use upcall_store::catalog::{CallbackSettings, Gate, ObjectFacts};

use super::admit::Admitted;
use super::callback::AdmittedCallback;
use crate::callback::{CallbackOrder, Chunking, ConnectionUse, OwedOrder, OwedTerms, Receipt};
use crate::limits;

/// What is asked of the application.
#[derive(Debug)]
pub(crate) enum Plan {
    Nothing,
    /// What was to be sent cannot be: the uploader is told, the object stays.
    Impossible(CallbackFailure),
    /// A call as OSS makes it: once, and forgotten.
    Once(Arc<CallbackOrder>),
    /// A call that is recorded with the object.
    Owed(OwedOrder),
    /// A call that decides whether there is an object.
    Gated(OwedOrder, Gate),
}

/// As the settings in `admitted` say; for other settings it can be made again.
pub(super) fn plan(
    admitted: &Admitted,
    object: &ObjectFacts,
    image: Option<&ImageInfo>,
    now: Timestamp,
) -> Plan {
    let order = match order(admitted, object, image) {
        None => return Plan::Nothing,
        Some(Err(failure)) => return Plan::Impossible(failure),
        Some(Ok(order)) => Arc::new(order),
    };
    let settings = &admitted.bucket.callback;
    let is_recorded = settings.redeliver_seconds.is_some()
        || settings.gate.is_some()
        || admitted.idempotency.is_some();
    if !is_recorded {
        return Plan::Once(order);
    }
    let owed = OwedOrder {
        id: object.blob,
        created: now,
        order,
        terms: OwedTerms {
            gate: settings.gate,
            until_ms: until(settings, now),
            receipt: receipt(object),
        },
        idempotency: admitted.idempotency.as_ref().map(ToString::to_string),
    };
    match settings.gate {
        Some(gate) => Plan::Gated(owed, gate),
        None => Plan::Owed(owed),
    }
}

/// Until when a call is made again.
fn until(settings: &CallbackSettings, now: Timestamp) -> Option<i64> {
    let seconds = match (settings.redeliver_seconds, settings.gate) {
        (Some(seconds), _) => seconds,
        // Somebody has to decide in the end.
        (None, Some(_)) => UNDECIDED_SECONDS,
        (None, None) => return None,
    };
    let until = now.checked_add(SignedDuration::from_secs(seconds.into()));
    Some(until.unwrap_or(Timestamp::MAX).as_millisecond())
}

impl Plan {
    /// The call that will be made.
    pub(super) const fn order(&self) -> Option<&Arc<CallbackOrder>> {
        match self {
            Self::Nothing | Self::Impossible(_) => None,
            Self::Once(order) => Some(order),
            Self::Owed(owed) | Self::Gated(owed, _) => Some(&owed.order),
        }
    }
}

pub(super) fn receipt(object: &ObjectFacts) -> Receipt {
    Receipt {
        bucket: object.bucket.to_string(),
        key: object.key.to_string(),
        etag: object.etag.quoted(),
        crc64: object.crc64,
        content_md5: STANDARD.encode(object.etag.md5()),
    }
}

fn order(
    admitted: &Admitted,
    object: &ObjectFacts,
    image: Option<&ImageInfo>,
) -> Option<Result<CallbackOrder, CallbackFailure>> {
    let AdmittedCallback {
        parameter,
        variables,
        origin,
        signing_key,
    } = admitted.callback.as_ref()?;
    let request_id = admitted.call.id.to_string();
    let settings = &admitted.bucket.callback;
    let facts = CallbackFacts {
        bucket: object.bucket.as_str(),
        object: object.key.as_str(),
        etag: &object.etag.to_string(),
        size: object.length,
        mime_type: &object.content_type,
        image,
        crc64: object.crc64,
        content_md5: &STANDARD.encode(object.etag.md5()),
        vpc_id: "",
        client_ip: &admitted.call.peer.ip().to_canonical().to_string(),
        req_id: &request_id,
        operation: admitted.operation,
    };
    let sent = parameter.body.as_str().len()
        + facts.object.len()
        + facts.mime_type.len()
        + variables
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
    let most = sent.saturating_mul(limits::CALLBACK_BODY_TIMES);
    let most = most.max(limits::CALLBACK_BODY_FREE_BYTES);
    let body = parameter
        .body
        .render_within(most, parameter.body_type, &facts, variables);
    Some(body.map(|body| CallbackOrder {
        body: body.into(),
        parameter: parameter.clone(),
        request_id,
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        owner: admitted.bucket.owner.clone(),
        requester: admitted.requester.id_text().to_owned(),
        connection: ConnectionUse::of(settings.gate, settings.keep_alive),
        chunking: Chunking::of(settings.chunked_answers),
        origin: *origin,
        peer: Some(admitted.call.peer.ip()),
        signing_key: *signing_key,
    }))
}

/// How long an application is asked about an object that is held, if the bucket does not say: a day.
const UNDECIDED_SECONDS: u32 = 24 * 60 * 60;
