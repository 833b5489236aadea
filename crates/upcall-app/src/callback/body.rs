//! A callback's body: read whole, bounded in bytes, time, and memory for all of them together.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::Semaphore;

use crate::limits::{CALLBACK_BODIES_KIB, CALLBACK_BODY_BYTES};

/// Reads bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    room_kib: Semaphore,
    time: Duration,
}

impl Bodies {
    pub(super) const fn new(time: Duration) -> Self {
        Self {
            room_kib: Semaphore::const_new(CALLBACK_BODIES_KIB),
            time,
        }
    }

    /// # Errors
    /// Too long, too slow, or cut off.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, BodyError> {
        let announced = announced_bytes(headers);
        if announced > CALLBACK_BODY_BYTES {
            return Err(BodyError::TooLong);
        }
        let kib = u32::try_from(announced.div_ceil(1024)).map_err(|_| BodyError::TooLong)?;
        let reading = async {
            let _room = self
                .room_kib
                .acquire_many(kib)
                .await
                .map_err(|_| BodyError::CutOff)?;
            match Limited::new(body, CALLBACK_BODY_BYTES).collect().await {
                Ok(body) => Ok(body.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLong),
                Err(_) => Err(BodyError::CutOff),
            }
        };
        tokio::time::timeout(self.time, reading)
            .await
            .map_err(|_| BodyError::TooSlow)?
    }
}

/// A body that does not say how long it is may be as long as any.
fn announced_bytes(headers: &HeaderMap) -> usize {
    match headers.get(CONTENT_LENGTH) {
        None => CALLBACK_BODY_BYTES,
        Some(length) => length
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(usize::MAX),
    }
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body ended early")]
    CutOff,
    #[error("the body is longer than 1 MiB")]
    TooLong,
    #[error("the body did not come in time")]
    TooSlow,
}
