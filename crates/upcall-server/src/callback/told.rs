//! What an uploader is told of its callback, in a form that can be kept for when it asks again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use upcall::callback::answer::CallbackFailure;
use upcall_store::catalog::Gate;

use super::verdict::{Called, Verdict};

/// How the application took it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Told {
    /// Nobody asked for a call.
    NotAsked,
    /// It agreed, and this is its answer.
    Agreed {
        is_xml: bool,
        #[serde(with = "base64_bytes")]
        body: Bytes,
    },
    /// The object is stored, and the call failed.
    Failed(#[serde(with = "failure_text")] CallbackFailure),
    /// The object is gone: the application does not want it.
    Refused {
        status: u16,
        #[serde(with = "base64_bytes")]
        body: Bytes,
    },
    /// The object is gone: the application could not be asked.
    Unavailable(#[serde(with = "failure_text")] CallbackFailure),
    /// The object is kept, invisible, until the application can be asked.
    Pending(#[serde(with = "failure_text")] CallbackFailure),
}

impl Told {
    /// What a call that was made means for its uploader.
    pub(crate) fn of(called: &Called, gate: Option<Gate>) -> Self {
        match (&called.result, called.verdict(), gate) {
            (Ok(answer), ..) => Self::Agreed {
                is_xml: answer.content_type == "application/xml",
                body: answer.body.clone(),
            },
            (Err(failure), _, None) => Self::Failed(*failure),
            (Err(CallbackFailure::Status(status)), Verdict::No, Some(_)) => Self::Refused {
                status: *status,
                body: called.refusal.clone().unwrap_or_default(),
            },
            (Err(failure), _, Some(Gate::Refuse)) => Self::Unavailable(*failure),
            (Err(failure), _, Some(Gate::Keep)) => Self::Pending(*failure),
        }
    }

    /// In a word or two, for the log.
    pub(crate) fn word(&self) -> Option<String> {
        match self {
            Self::NotAsked => None,
            Self::Agreed { .. } => Some("200".to_owned()),
            Self::Failed(failure) | Self::Unavailable(failure) | Self::Pending(failure) => {
                Some(failure.refusal().text().to_owned())
            }
            Self::Refused { status, .. } => Some(format!("refused {status}")),
        }
    }
}

/// What the headers of the uploader's answer say of the object.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// With quotes.
    pub(crate) etag: String,
    pub(crate) crc64: u64,
    pub(crate) content_md5: String,
}

/// What was told of an upload.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ToldUpload {
    pub(crate) told: Told,
    pub(crate) receipt: Receipt,
}

/// Bytes as base64: an answer in XML may have any.
mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = STANDARD.decode(text).map_err(de::Error::custom)?;
        Ok(bytes.into())
    }
}

/// A failure as a word, with the status where it has one.
mod failure_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};
    use upcall::callback::answer::CallbackFailure;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    pub(super) fn serialize<S: Serializer>(
        failure: &CallbackFailure,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        if let CallbackFailure::Status(status) = failure {
            return to.collect_str(status);
        }
        let named = NAMES.iter().find(|(_, named)| named == failure);
        to.serialize_str(named.map_or("cannot-connect", |(name, _)| name))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<CallbackFailure, D::Error> {
        let text = String::deserialize(from)?;
        if let Ok(status) = text.parse() {
            return Ok(CallbackFailure::Status(status));
        }
        NAMES
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, failure)| *failure)
            .ok_or_else(|| de::Error::custom("no such failure"))
    }

    const NAMES: [(&str, CallbackFailure); 13] = [
        ("body-multiplied", CallbackFailure::BodyMultiplied),
        ("body-too-long", CallbackFailure::BodyTooLong),
        ("cannot-connect", CallbackFailure::CannotConnect),
        ("image-info", CallbackFailure::ImageInfo),
        (
            "invalid-content-length",
            CallbackFailure::InvalidContentLength,
        ),
        ("malformed-answer", CallbackFailure::MalformedAnswer),
        ("no-content-length", CallbackFailure::NoContentLength),
        ("not-json", CallbackFailure::NotJson),
        ("plain-http", CallbackFailure::PlainHttp),
        ("speaks-tls", CallbackFailure::SpeaksTls),
        ("timed-out", CallbackFailure::TimedOut),
        ("too-long", CallbackFailure::TooLong),
        ("too-many", CallbackFailure::TooMany),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_kept_and_read_back() {
        for told in [
            Told::NotAsked,
            Told::Agreed {
                is_xml: true,
                body: Bytes::from_static(b"<a>\xff</a>"),
            },
            Told::Failed(CallbackFailure::Status(502)),
            Told::Failed(CallbackFailure::NotJson),
            Told::Failed(CallbackFailure::MalformedAnswer),
            Told::Failed(CallbackFailure::PlainHttp),
            Told::Failed(CallbackFailure::BodyMultiplied),
            Told::Failed(CallbackFailure::SpeaksTls),
            Told::Refused {
                status: 403,
                body: Bytes::from_static(b"{\"why\":\"virus\"}"),
            },
            Told::Unavailable(CallbackFailure::TimedOut),
            Told::Pending(CallbackFailure::CannotConnect),
        ] {
            let kept = ToldUpload {
                told,
                receipt: Receipt::default(),
            };
            let json = serde_json::to_string(&kept).unwrap();
            assert_eq!(serde_json::from_str::<ToldUpload>(&json).unwrap(), kept);
        }
    }
}
