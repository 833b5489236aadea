//! A call as it is recorded while it is owed: the order, and what becomes of it.
//!
//! It is JSON, which the store keeps as text. `docs/formats/log.md` names its members.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall::callback::CallbackParameter;
use upcall::name::AccessKeyId;
use upcall_store::blobs::BlobId;
use upcall_store::catalog::{Gate, KeptAnswer, OwedCall, Writer};

use super::exchange::Chunking;
use super::told::{Receipt, Told, ToldUpload};
use super::vouching::KeyChoice;
use super::{CallbackOrder, ConnectionUse, Origin};
use crate::access::Requester;
use crate::limits;

/// An order that is owed.
#[derive(Debug)]
pub(crate) struct OwedOrder {
    pub(crate) id: BlobId,
    /// When the object was committed.
    pub(crate) created: Timestamp,
    pub(crate) order: Arc<CallbackOrder>,
    pub(crate) terms: OwedTerms,
    /// What the uploader calls its upload, if it may ask for the answer again.
    pub(crate) idempotency: Option<String>,
}

/// What becomes of an owed call, and what its uploader was promised.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwedTerms {
    /// Whether the object is held, and what becomes of it when nobody can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gate: Option<Gate>,
    /// Until when it is tried again, in milliseconds of the Unix time; without it, it is made once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until_ms: Option<i64>,
    /// The headers of the uploader's answer, for when it asks again.
    pub(crate) receipt: Receipt,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    callback: String,
    body: String,
    owner: String,
    requester: String,
    /// Whether a gated call may share its connection, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    keep_alive: bool,
    /// Whether a chunked answer is taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    chunked_answers: bool,
    /// The kind of key that signed the first attempt.
    #[serde(
        default = "KeyChoice::of_older_records",
        skip_serializing_if = "KeyChoice::is_trusted"
    )]
    signing_key: KeyChoice,
    #[serde(flatten)]
    terms: OwedTerms,
}

impl OwedOrder {
    /// As the store keeps it.
    pub(crate) fn to_owed_call(&self) -> OwedCall {
        let order = &self.order;
        let stored = Stored {
            callback: order.parameter.to_json(),
            // A body is rendered from texts.
            body: String::from_utf8_lossy(&order.body).into_owned(),
            owner: order.owner.clone(),
            requester: order.requester.clone(),
            keep_alive: self.terms.gate.is_some() && order.connection == ConnectionUse::Kept,
            chunked_answers: order.chunking == Chunking::Taken,
            signing_key: order.signing_key,
            terms: self.terms.clone(),
        };
        OwedCall {
            id: self.id,
            bucket: order.bucket.clone(),
            key: order.key.clone(),
            request_id: order.request_id.clone(),
            idempotency: self.idempotency.clone(),
            created: self.created,
            call: serde_json::to_string(&stored).expect("strings and numbers are always JSON"),
        }
    }

    /// Reads what the store kept; `None` if it makes no sense.
    pub(crate) fn read(call: &OwedCall) -> Option<Self> {
        let stored: Stored = serde_json::from_str(&call.call).ok()?;
        Some(Self {
            id: call.id,
            created: call.created,
            order: Arc::new(CallbackOrder {
                parameter: CallbackParameter::parse_json(&stored.callback).ok()??,
                body: stored.body.into(),
                request_id: call.request_id.clone(),
                bucket: call.bucket.clone(),
                key: call.key.clone(),
                owner: stored.owner,
                requester: stored.requester,
                connection: ConnectionUse::of(stored.terms.gate, stored.keep_alive),
                chunking: Chunking::of(stored.chunked_answers),
                // A bucket with a gate takes no other; of those without, nothing is known any more.
                origin: match stored.terms.gate {
                    Some(_) => Origin::Fixed,
                    None => Origin::Uploader,
                },
                peer: None,
                signing_key: stored.signing_key,
            }),
            terms: stored.terms,
            idempotency: call.idempotency.clone(),
        })
    }

    /// Who uploaded it, for the catalog, which judges again when the object becomes visible. Of a key only
    /// the id was recorded.
    pub(crate) fn writer(&self) -> Writer {
        match AccessKeyId::parse(&self.order.requester) {
            Ok(id) if id.as_str() != Requester::Anonymous.id_text() => {
                Writer::Key { id, created: None }
            }
            Ok(_) | Err(_) => Writer::Anonymous,
        }
    }

    /// What the uploader was told, to be kept if it may ask for it again.
    pub(crate) fn kept(&self, told: Told, now: Timestamp) -> Option<KeptAnswer> {
        self.idempotency.as_ref()?;
        self.kept_answer(told, now)
    }

    /// The same for a call that its upload did not wait for: whoever was told that it is undecided has no
    /// more than the request id.
    pub(crate) fn kept_late(&self, told: Told, now: Timestamp) -> Option<KeptAnswer> {
        if self.idempotency.is_none() && self.terms.gate.is_none() {
            return None;
        }
        self.kept_answer(told, now)
    }

    fn kept_answer(&self, told: Told, now: Timestamp) -> Option<KeptAnswer> {
        let told = ToldUpload {
            told,
            receipt: self.terms.receipt.clone(),
        };
        Some(KeptAnswer {
            request_id: self.order.request_id.clone(),
            expires: now.checked_add(limits::ANSWER_KEPT).ok()?,
            answer: serde_json::to_string(&told).expect("strings and numbers are always JSON"),
        })
    }
}

#[cfg(test)]
mod tests {
    use upcall::name::{BucketName, ObjectKey};

    use super::*;

    fn owed(gate: Option<Gate>, connection: ConnectionUse) -> OwedOrder {
        signed_with(KeyChoice::TRUSTED, gate, connection)
    }

    fn signed_with(
        signing_key: KeyChoice,
        gate: Option<Gate>,
        connection: ConnectionUse,
    ) -> OwedOrder {
        let json = r#"{"callbackUrl":"http://app.example/","callbackBody":"a=b"}"#;
        OwedOrder {
            id: BlobId::from_bytes([7; 16]),
            created: Timestamp::UNIX_EPOCH,
            order: Arc::new(CallbackOrder {
                parameter: CallbackParameter::parse_json(json).unwrap().unwrap(),
                body: "a=b".into(),
                request_id: "5C3D9175B6FC201293AD0000".to_owned(),
                bucket: BucketName::parse("photos").unwrap(),
                key: ObjectKey::parse("a").unwrap(),
                owner: "owner".to_owned(),
                requester: "-".to_owned(),
                connection,
                chunking: Chunking::Taken,
                origin: Origin::Fixed,
                peer: None,
                signing_key,
            }),
            terms: OwedTerms {
                gate,
                until_ms: None,
                receipt: Receipt::default(),
            },
            idempotency: None,
        }
    }

    #[test]
    fn the_next_attempt_is_signed_with_the_kind_of_key_of_the_first() {
        use crate::callback::vouching::{AnonymousCallbacks as A, UnpinnedCallbacks as U};
        use crate::callback::{Author, VouchingRules};
        let rules = [
            (A::Separate, U::Trusted),
            (A::Unsigned, U::Trusted),
            (A::Separate, U::Separate),
        ];
        for (anonymous, unpinned) in rules {
            let rules = VouchingRules {
                anonymous,
                unpinned,
            };
            for author in [Author::Bucket, Author::Anonymous, Author::UnpinnedForm] {
                let choice = rules.choose(author).unwrap();
                let stored = signed_with(choice, None, ConnectionUse::Kept).to_owed_call();
                let read = OwedOrder::read(&stored).unwrap();
                assert_eq!(read.order.signing_key, choice, "{}", stored.call);
            }
        }
        // As it was written before there was the choice.
        let former = owed(None, ConnectionUse::Kept).to_owed_call();
        assert!(!former.call.contains("signingKey"), "{}", former.call);
        // What this program does not know is not signed as something else.
        let later = OwedCall {
            call: former.call.replacen('{', r#"{"signingKey":"quantum","#, 1),
            ..former
        };
        assert!(OwedOrder::read(&later).is_none(), "{}", later.call);
    }

    #[test]
    fn a_gated_call_has_a_connection_of_its_own_unless_the_record_says_otherwise() {
        for (gate, connection) in [
            (None, ConnectionUse::Kept),
            (Some(Gate::Keep), ConnectionUse::Own),
            (Some(Gate::Keep), ConnectionUse::Kept),
        ] {
            let stored = owed(gate, connection).to_owed_call();
            let read = OwedOrder::read(&stored).unwrap();
            assert_eq!(read.order.connection, connection, "{}", stored.call);
            assert_eq!(read.order.chunking, Chunking::Taken, "{}", stored.call);
        }
        // As it was written before there was the choice.
        let former = owed(Some(Gate::Refuse), ConnectionUse::Own).to_owed_call();
        assert!(!former.call.contains("keepAlive"), "{}", former.call);
    }
}
