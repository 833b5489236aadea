//! `/v1/callback-key`: the public halves of the keys that sign callbacks, and new keys; the server's,
//! or those of a bucket, or of a class of calls.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall::name::BucketName;
use upcall_crypto::CryptoError;

use super::error::AdminError;
use super::json;
use crate::callback::{KeyRing, KeyScope, Rotation, RotationError, Signer, WebhookSignatures};
use crate::http::answer::Answer;
use crate::http::target::Query;
use crate::node::Server;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'k> {
    current: Current<'k>,
    former: Vec<Former<'k>>,
    /// Addresses of all keys of this ring, `*` in the place of the id.
    urls: String,
    /// Buckets that have keys of their own.
    buckets: Vec<String>,
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

pub(super) fn show(server: &Arc<Server>, query: &str) -> Result<Answer, AdminError> {
    let query = Query::parse(query)?;
    let scope = scope(query.value("bucket"), query.value("class"))?;
    let keys = server.signer.keys(&scope).ok_or(AdminError::NoSuchKeys)?;
    shown(&server.signer, &scope, &keys, server.clock.now())
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
    /// The bucket whose keys they are; the server's, if nothing is said.
    #[serde(default)]
    bucket: Option<String>,
    /// `anonymous` or `unpinned`, for the keys of those calls.
    #[serde(default)]
    class: Option<String>,
}

/// Makes new keys, which sign from the answer on. A bucket that has none of its own gets its first.
pub(super) async fn rotate(server: &Arc<Server>, asked: Rotate) -> Result<Answer, AdminError> {
    let signer = Arc::clone(&server.signer);
    let now = server.clock.now();
    let scope = scope(asked.bucket.as_deref(), asked.class.as_deref())?;
    if let KeyScope::Bucket(bucket) = &scope {
        let found = server.catalog.bucket(bucket).await?;
        found.ok_or(AdminError::NoSuchBucket)?;
    }
    let rotation = Rotation {
        bits: asked.bits.unwrap_or(signer.new_key_bits()),
        overlap: asked.overlap_seconds.map_or(OVERLAP, Duration::from_secs),
        now,
    };
    // Whoever hangs up does not stop it: a thread that waits runs to its end.
    let rotated_scope = scope.clone();
    let rotated = tokio::task::spawn_blocking(move || signer.rotate(rotated_scope, rotation)).await;
    let keys = rotated.map_err(|_| AdminError::Internal)??;
    tracing::info!(
        id = keys.current_id(),
        bits = rotation.bits,
        of = ?scope,
        "callbacks are signed with new keys"
    );
    shown(&server.signer, &scope, &keys, now)
}

/// Takes a bucket's own keys away: the server's sign for it again.
pub(super) async fn remove(server: &Arc<Server>, query: &str) -> Result<Answer, AdminError> {
    let query = Query::parse(query)?;
    let bucket = query.value("bucket").ok_or_else(|| {
        AdminError::InvalidValue("name the bucket whose keys are removed: `?bucket=`".to_owned())
    })?;
    let bucket = BucketName::parse(bucket)?;
    if server
        .signer
        .keys(&KeyScope::Bucket(bucket.clone()))
        .is_none()
    {
        return Err(AdminError::NoSuchKeys);
    }
    forget_bucket(server, bucket).await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

/// A bucket that is gone leaves no keys to the next one of its name.
pub(super) async fn forget_bucket(
    server: &Arc<Server>,
    bucket: BucketName,
) -> Result<(), AdminError> {
    let signer = Arc::clone(&server.signer);
    let removed = tokio::task::spawn_blocking(move || signer.remove_bucket(&bucket)).await;
    let removed = removed.map_err(|_| AdminError::Internal)?;
    removed.map_err(|error| AdminError::from(RotationError::Unkept(error)))
}

fn scope(bucket: Option<&str>, class: Option<&str>) -> Result<KeyScope, AdminError> {
    match (bucket, class) {
        (None, None) => Ok(KeyScope::Server),
        (Some(bucket), None) => Ok(KeyScope::Bucket(BucketName::parse(bucket)?)),
        (None, Some("anonymous")) => Ok(KeyScope::Anonymous),
        (None, Some("unpinned")) => Ok(KeyScope::Unpinned),
        (None, Some(_)) => Err(AdminError::InvalidValue(
            "`class` is `anonymous` or `unpinned`".to_owned(),
        )),
        (Some(_), Some(_)) => Err(AdminError::InvalidValue(
            "`bucket` and `class` exclude each other".to_owned(),
        )),
    }
}

fn shown(
    signer: &Signer,
    scope: &KeyScope,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<Answer, AdminError> {
    let buckets = signer.other_scopes().into_iter();
    let current = keys.current();
    let shown = Shown {
        current: Current {
            id: current.id.as_str(),
            created: current.created.to_string(),
            bits: current.rsa.bits(),
            url: signer.url_of(scope, current.id.as_str()),
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
                url: signer.url_of(scope, keys.id.as_str()),
                public_key: &keys.rsa_public_pem,
                webhook_key: keys.webhook.public(),
            })
            .collect(),
        urls: signer.url_of(scope, "*"),
        buckets: buckets
            .filter_map(|scope| match scope {
                KeyScope::Bucket(bucket) => Some(bucket),
                KeyScope::Server | KeyScope::Anonymous | KeyScope::Unpinned => None,
            })
            .map(|bucket| bucket.to_string())
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
