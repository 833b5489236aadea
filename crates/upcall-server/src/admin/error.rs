//! What the admin interface answers when it cannot do what was asked.

use std::time::Duration;

use http::{StatusCode, header};
use upcall::error::Refusal;
use upcall::name::{InvalidAccessKeyId, InvalidBucketName};
use upcall_store::blobs::BlobError;
use upcall_store::catalog::CatalogError;
use upcall_store::maintenance::MaintenanceError;

use super::callback_key;
use super::faults::FaultError;
use crate::callback::RotationError;
use crate::console::ConsoleError;
use crate::fault;
use crate::http::answer::Answer;
use crate::http::service::plain;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    #[error("the body is not the JSON that this route takes: {0}")]
    Body(String),
    #[error("there is a bucket of this name already")]
    BucketExists,
    #[error("the bucket still has objects")]
    BucketNotEmpty,
    #[error("the object's bytes could not be read")]
    Blobs(#[from] BlobError),
    #[error("the catalog could not do it")]
    Catalog(#[source] CatalogError),
    #[error(transparent)]
    Console(#[from] ConsoleError),
    #[error(transparent)]
    Fault(#[from] FaultError),
    #[error("the request is not plain HTTP: {0}")]
    Framing(String),
    #[error("the server could not do it")]
    Internal,
    #[error(transparent)]
    InvalidBucketName(#[from] InvalidBucketName),
    #[error(transparent)]
    InvalidKeyId(#[from] InvalidAccessKeyId),
    #[error("{0}")]
    InvalidValue(String),
    #[error("there is a key of this id already")]
    KeyExists,
    #[error(transparent)]
    KeyRotation(#[from] RotationError),
    #[error(transparent)]
    Maintenance(#[from] MaintenanceError),
    #[error("there is no bucket of this name")]
    NoSuchBucket,
    #[error("there is no recorded call of this id")]
    NoSuchCall,
    #[error("there is no key of this id")]
    NoSuchKey,
    #[error("there are no such callback keys")]
    NoSuchKeys,
    #[error("there is no object under this key")]
    NoSuchObject,
    #[error("there is no refused upload of this request id")]
    NoSuchRefusal,
    #[error("there is no such route")]
    NoSuchRoute,
    #[error("the configuration is not valid")]
    Refused(Refusal),
    #[error("no call is owed under this id")]
    NotOwed,
    #[error("a session of the console does not open this route")]
    SecretNeeded,
    #[error("the admin secret is wrong, and so were many before")]
    TooManyWrongSecrets {
        /// Until the next one is answered without this.
        wait: Duration,
    },
    #[error("the admin secret is missing or wrong")]
    Unauthorized,
}

impl AdminError {
    pub(super) fn answer(&self) -> Answer {
        match self {
            Self::Refused(refusal) => {
                let hint = refusal.hint_text().unwrap_or_else(|| refusal.text());
                return answer(
                    StatusCode::BAD_REQUEST,
                    refusal.row().code,
                    refusal.text(),
                    hint,
                );
            }
            Self::TooManyWrongSecrets { wait } => {
                let (status, code, hint) = self.row();
                return answer(status, code, &self.to_string(), hint)
                    .header(header::RETRY_AFTER, &wait.as_secs().max(1).to_string())
                    .header(header::CONNECTION, "close");
            }
            Self::Blobs(error) => {
                tracing::error!(error = %fault::chain(error), "an object could not be read");
            }
            Self::Catalog(error) => {
                tracing::error!(error = %fault::chain(error), "the catalog failed");
            }
            Self::Maintenance(error) => {
                tracing::error!(error = %fault::chain(error), "the store could not be looked after");
            }
            Self::KeyRotation(error) if self.row().0.is_server_error() => {
                tracing::error!(error = %fault::chain(error), "the callback keys were not rotated");
            }
            Self::Body(_)
            | Self::BucketExists
            | Self::BucketNotEmpty
            | Self::Console(_)
            | Self::Fault(_)
            | Self::Framing(_)
            | Self::Internal
            | Self::InvalidBucketName(_)
            | Self::InvalidKeyId(_)
            | Self::InvalidValue(_)
            | Self::KeyExists
            | Self::KeyRotation(_)
            | Self::NoSuchBucket
            | Self::NoSuchCall
            | Self::NoSuchKey
            | Self::NoSuchKeys
            | Self::NoSuchObject
            | Self::NoSuchRefusal
            | Self::NoSuchRoute
            | Self::NotOwed
            | Self::SecretNeeded
            | Self::Unauthorized => {}
        }
        let (status, code, hint) = self.row();
        answer(status, code, &self.to_string(), hint)
    }

    /// Status, code and what to do.
    const fn row(&self) -> Row {
        match self {
            Self::Body(_) => (BAD, "MalformedJSON", "compare with `docs/admin.md`"),
            Self::BucketExists => conflict("BucketAlreadyExists", "use it, or choose another name"),
            Self::BucketNotEmpty => conflict("BucketNotEmpty", "delete its objects first"),
            Self::Blobs(_)
            | Self::Catalog(_)
            | Self::Internal
            | Self::Maintenance(
                MaintenanceError::Backup(_)
                | MaintenanceError::Catalog(_)
                | MaintenanceError::Closed
                | MaintenanceError::Io { .. },
            ) => (FAULT, "InternalError", LOG),
            Self::Console(error) => {
                let (code, hint) = error.words();
                (error.status(), code, hint)
            }
            Self::Fault(error) => error.row(),
            Self::Framing(_) => (BAD, "BadRequest", "send plain HTTP/1.1"),
            Self::InvalidBucketName(_) => (BAD, "InvalidBucketName", "choose another name"),
            Self::InvalidKeyId(_) => (BAD, "InvalidAccessKeyId", "choose another id"),
            Self::InvalidValue(_) | Self::Refused(_) => {
                (BAD, "InvalidArgument", "correct the value")
            }
            Self::Maintenance(MaintenanceError::NotEmpty { .. }) => {
                conflict("NotEmpty", "name a folder that is not there yet")
            }
            Self::KeyExists => conflict(
                "AccessKeyAlreadyExists",
                "delete it first, or choose another id",
            ),
            Self::KeyRotation(error) => callback_key::refusal(error),
            Self::NoSuchBucket => {
                missing("NoSuchBucket", "`upcall bucket list` shows which there are")
            }
            Self::NoSuchCall => missing(
                "NoSuchCall",
                "`upcall callback list` shows which there are; old ones go",
            ),
            Self::NoSuchKeys => missing("NoSuchKeys", NO_KEYS),
            Self::NoSuchKey => missing("NoSuchAccessKey", KEY_LIST),
            Self::NoSuchObject => missing(
                "NoSuchKey",
                "`GET /v1/buckets/NAME/objects` lists those that there are",
            ),
            Self::NoSuchRefusal => missing(
                "NoSuchRefusal",
                "the last 200 are kept, and none over a restart",
            ),
            Self::NoSuchRoute => missing("NoSuchRoute", "the routes are in `docs/admin.md`"),
            Self::NotOwed => missing(
                "NotOwed",
                "it has arrived, or was dropped; `upcall callback owed` shows which there are",
            ),
            Self::SecretNeeded => (
                StatusCode::FORBIDDEN,
                "SecretNeeded",
                "send `Authorization: Bearer SECRET`, or use the command `upcall key` or `upcall backup`",
            ),
            Self::TooManyWrongSecrets { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyAttempts",
                "the right secret is taken at once; it lies in the data directory",
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "send `Authorization: Bearer SECRET`; the secret lies in the data directory",
            ),
        }
    }
}

/// Status, code and hint.
pub(super) type Row = (StatusCode, &'static str, &'static str);

pub(super) const fn missing(code: &'static str, hint: &'static str) -> Row {
    (StatusCode::NOT_FOUND, code, hint)
}

pub(super) const fn conflict(code: &'static str, hint: &'static str) -> Row {
    (StatusCode::CONFLICT, code, hint)
}

const BAD: StatusCode = StatusCode::BAD_REQUEST;
const FAULT: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
const LOG: &str = "the server's log says more";

impl From<CatalogError> for AdminError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::BucketExists => Self::BucketExists,
            CatalogError::BucketNotEmpty => Self::BucketNotEmpty,
            CatalogError::NoSuchBucket => Self::NoSuchBucket,
            CatalogError::NotOwed => Self::NotOwed,
            other @ (CatalogError::BucketDenied
            | CatalogError::Closed
            | CatalogError::Corrupt(_)
            | CatalogError::Engine(_)
            | CatalogError::KeyDeleted
            | CatalogError::ObjectDenied
            | CatalogError::ObjectExists
            | CatalogError::SettingsChanged) => Self::Catalog(other),
        }
    }
}

impl From<Refusal> for AdminError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn answer(status: StatusCode, code: &str, message: &str, hint: &str) -> Answer {
    let body = serde_json::json!({ "error": { "code": code, "message": message, "hint": hint } });
    plain(status, "application/json", body.to_string())
}

const KEY_LIST: &str = "`upcall key list` shows which there are";
const NO_KEYS: &str = "`upcall key rotate-callback` gives a bucket its own; a class of calls gets them with \
                       its first call";
