//! `/v1/callback-key`: the public halves of the keys that sign callbacks, and new keys.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall_crypto::CryptoError;

use super::error::AdminError;
use super::json;
use crate::callback::{KeyRing, Rotation, RotationError, Signer, WebhookSignatures};
use crate::http::answer::Answer;
use crate::node::Server;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'k> {
    current: Current<'k>,
    former: Vec<Former<'k>>,
    /// Whether calls carry signatures of the webhook keys.
    webhook_signatures: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Current<'k> {
    id: &'k str,
    created: String,
    bits: u32,
    url: String,
    public_key: &'k str,
    webhook_key: &'k str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Former<'k> {
    id: &'k str,
    created: String,
    retired: String,
    served_until: String,
    url: String,
    public_key: &'k str,
    webhook_key: &'k str,
}

pub(super) fn show(server: &Arc<Server>) -> Result<Answer, AdminError> {
    let signer = &server.signer;
    shown(signer, &signer.keys(), server.clock.now())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Rotate {
    /// Bits of the new RSA key; as many as the server's setting says if it is missing.
    #[serde(default)]
    bits: Option<u32>,
    /// How long the keys that sign until now are still served, in seconds.
    #[serde(default)]
    overlap_seconds: Option<u64>,
}

/// Makes new keys, which sign from the answer on.
pub(super) async fn rotate(server: &Arc<Server>, asked: Rotate) -> Result<Answer, AdminError> {
    let signer = Arc::clone(&server.signer);
    let now = server.clock.now();
    let rotation = Rotation {
        bits: asked.bits.unwrap_or(signer.new_key_bits()),
        overlap: asked.overlap_seconds.map_or(OVERLAP, Duration::from_secs),
        now,
    };
    // Whoever hangs up does not stop it: a thread that waits runs to its end.
    let dispatcher = Arc::clone(&server.dispatcher);
    let rotating = tokio::task::spawn_blocking(move || {
        let keys = signer.rotate(rotation)?;
        dispatcher.measure_signing();
        Ok::<_, RotationError>(keys)
    });
    let rotated = rotating.await;
    let keys = rotated.map_err(|_| AdminError::Internal)??;
    tracing::info!(
        id = keys.current_id(),
        bits = rotation.bits,
        "callbacks are signed with new keys"
    );
    shown(&server.signer, &keys, now)
}

fn shown(signer: &Signer, keys: &KeyRing, now: Timestamp) -> Result<Answer, AdminError> {
    let current = keys.current();
    let shown = Shown {
        current: Current {
            id: current.id.as_str(),
            created: current.created.to_string(),
            bits: current.rsa.bits(),
            url: signer.url_of(current.id.as_str()),
            public_key: &current.rsa_public_pem,
            webhook_key: current.webhook.public(),
        },
        former: keys
            .former_at(now)
            .map(|keys| Former {
                id: keys.id.as_str(),
                created: keys.created.to_string(),
                retired: keys.retired.to_string(),
                served_until: keys.until.to_string(),
                url: signer.url_of(keys.id.as_str()),
                public_key: &keys.rsa_public_pem,
                webhook_key: keys.webhook.public(),
            })
            .collect(),
        webhook_signatures: signer.webhook_signatures() == WebhookSignatures::On,
    };
    json(StatusCode::OK, &shown)
}

/// Status, code and what to do when keys are not rotated.
pub(super) const fn refusal(error: &RotationError) -> (StatusCode, &'static str, &'static str) {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    match error {
        RotationError::Crypto(CryptoError::Size { .. }) => {
            (BAD, "InvalidArgument", "name 2048 bits, or leave it out")
        }
        RotationError::Overlap => (BAD, "InvalidArgument", "name fewer seconds"),
        RotationError::FixedUrl { .. } => (
            StatusCode::CONFLICT,
            "KeyUrlFixed",
            "receivers keep a key under its address: put `{id}` into `--callback-key-url`, or let \
             it end with `/callback_pub_key_v1.pem`",
        ),
        RotationError::TooMany => (
            StatusCode::CONFLICT,
            "TooManyKeys",
            "wait until one of them is served no longer (`upcall key show-callback`)",
        ),
        RotationError::Crypto(_) | RotationError::NoRandomness | RotationError::Unkept(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "the server's log says more",
        ),
    }
}

/// How long former keys are served, if nobody says: longer than any receiver takes to hear of a new
/// address, and than any call is repeated.
const OVERLAP: Duration = Duration::from_secs(30 * 24 * 60 * 60);
