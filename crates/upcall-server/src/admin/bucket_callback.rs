//! `/v1/buckets/NAME/callback`: how the uploads of a bucket call the application.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use upcall::callback::CallbackParameter;
use upcall::name::BucketName;
use upcall_store::catalog::{CallbackSettings, Gate, Writer};

use super::error::AdminError;
use super::json;
use crate::http::answer::Answer;
use crate::node::Server;

/// The settings as JSON.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Settings {
    /// The callback of an upload that brings none: the JSON that the field `callback` has in base64.
    #[serde(default)]
    default: Option<serde_json::Value>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    redeliver_seconds: Option<u32>,
    #[serde(default)]
    gate: Option<Gate>,
    #[serde(default)]
    keep_alive: bool,
    #[serde(default)]
    chunked_answers: bool,
}

pub(super) async fn get(server: &Arc<Server>, name: &str) -> Result<Answer, AdminError> {
    let facts = server
        .catalog
        .bucket(&BucketName::parse(name)?)
        .await?
        .ok_or(AdminError::NoSuchBucket)?;
    json(StatusCode::OK, &Settings::from(&facts.callback))
}

pub(super) async fn put(
    server: &Arc<Server>,
    name: &str,
    wanted: Settings,
) -> Result<Answer, AdminError> {
    let settings = wanted.parse()?;
    server
        .catalog
        .set_bucket_callback(&BucketName::parse(name)?, &settings, &Writer::Operator)
        .await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

impl Settings {
    fn parse(self) -> Result<CallbackSettings, AdminError> {
        let default = match self.default {
            None => None,
            Some(json) => {
                let text = json.to_string();
                let parameter = CallbackParameter::parse_json(&text)
                    .map_err(|error| AdminError::Refused(error.refusal()))?;
                let parameter = parameter.ok_or_else(|| {
                    AdminError::InvalidValue("`default` has no `callbackUrl`".to_owned())
                })?;
                let encoded = parameter.encode();
                // An upload reads it as if it were its own, which is bounded.
                CallbackParameter::decode(&encoded)
                    .map_err(|error| AdminError::Refused(error.refusal()))?;
                Some(encoded)
            }
        };
        if self.redeliver_seconds == Some(0) {
            return Err(AdminError::InvalidValue(
                "`redeliverSeconds` is the time for which a call is made again; leave it out for none"
                    .to_owned(),
            ));
        }
        if self.keep_alive && self.gate.is_none() {
            return Err(AdminError::InvalidValue(
                "`keepAlive` is for a bucket with a `gate`: others keep connections in any case"
                    .to_owned(),
            ));
        }
        Ok(CallbackSettings {
            default,
            is_required: self.required,
            redeliver_seconds: self.redeliver_seconds,
            gate: self.gate,
            keep_alive: self.keep_alive,
            chunked_answers: self.chunked_answers,
            // It stays as it is.
            signatures: None,
        })
    }
}

impl From<&CallbackSettings> for Settings {
    fn from(settings: &CallbackSettings) -> Self {
        let default = settings.default.as_ref().and_then(|text| {
            let json = STANDARD.decode(text).ok()?;
            serde_json::from_slice(&json).ok()
        });
        Self {
            default,
            required: settings.is_required,
            redeliver_seconds: settings.redeliver_seconds,
            gate: settings.gate,
            keep_alive: settings.keep_alive,
            chunked_answers: settings.chunked_answers,
        }
    }
}
