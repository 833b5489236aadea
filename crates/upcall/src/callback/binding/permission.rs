//! What a policy's maker permits, and its text in a token.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::error::BindingError;

/// What a policy's maker permits: who may upload which objects of which bucket, and until when the
/// application believes a callback that says so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Permission {
    /// The bucket.
    pub bucket: String,
    /// The objects.
    pub permitted: Permitted,
    /// Who was permitted, in the application's own words.
    pub user: Option<String>,
    /// The last second at which it is good, since 1970; at most 2^53 − 1.
    pub expires: u64,
}

impl Permission {
    /// Good until `grace` after the policy's `expiration`; see [`GRACE`](super::GRACE).
    pub fn until(
        expiration: Timestamp,
        grace: Duration,
        bucket: &str,
        permitted: Permitted,
    ) -> Self {
        // A second that has begun counts whole.
        let begun = i64::from(expiration.subsec_nanosecond() > 0);
        let expiration = u64::try_from(expiration.as_second() + begun).unwrap_or(0);
        Self {
            bucket: bucket.to_owned(),
            permitted,
            user: None,
            expires: expiration.saturating_add(grace.as_secs()).min(MAX_EXPIRES),
        }
    }

    /// Names the user.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// The members in the order of the format, without blanks.
    pub(super) fn to_json(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let (name, value) = match &self.permitted {
            Permitted::Key(key) => ("key", key),
            Permitted::Prefix(prefix) => ("prefix", prefix),
        };
        let (bucket, value) = (text(&self.bucket), text(value));
        let user = self
            .user
            .as_deref()
            .map(|user| format!(r#","user":{}"#, text(user)));
        let (user, expires) = (user.unwrap_or_default(), self.expires);
        format!(r#"{{"bucket":{bucket},"{name}":{value}{user},"expires":{expires}}}"#)
    }

    /// Reads what had a good MAC; members that a later version may add are passed over.
    pub(super) fn parse_json(text: &str) -> Result<Self, BindingError> {
        let Ok(Value::Object(mut members)) = serde_json::from_str(text) else {
            return Err(BindingError::Malformed);
        };
        let mut text = |name| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(BindingError::Malformed),
        };
        let permitted = match (text("key")?, text("prefix")?) {
            (Some(key), None) => Permitted::Key(key),
            (None, Some(prefix)) => Permitted::Prefix(prefix),
            (Some(_), Some(_)) | (None, None) => return Err(BindingError::Malformed),
        };
        let bucket = text("bucket")?.ok_or(BindingError::Malformed)?;
        let user = text("user")?;
        let expires = members.get("expires").and_then(Value::as_u64);
        let expires = expires.filter(|expires| *expires <= MAX_EXPIRES);
        Ok(Self {
            bucket,
            permitted,
            user,
            expires: expires.ok_or(BindingError::Malformed)?,
        })
    }
}

/// Which objects of the bucket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Permitted {
    /// The one with this key.
    Key(String),
    /// All whose keys begin so. End it with `/`, or `eric` permits `eric2`.
    Prefix(String),
}

impl Permitted {
    pub(super) fn has(&self, object: &str) -> bool {
        match self {
            Self::Key(key) => object == key,
            Self::Prefix(prefix) => object.starts_with(prefix.as_str()),
        }
    }
}

/// What JavaScript's numbers count to without a gap.
const MAX_EXPIRES: u64 = (1 << 53) - 1;
