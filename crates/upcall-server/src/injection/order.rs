//! An order as it is typed, and as it is meant.

use std::time::Duration;

use serde::Deserialize;
use upcall::name::{BucketName, InvalidBucketName, InvalidObjectKey, ObjectKey};

use super::kind::{self, CallFault, Fault, UploadFault};

/// Which calls or uploads, what happens to them, and to how many.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FaultOrder {
    pub(crate) bucket: BucketName,
    /// Only those of this key.
    pub(crate) key: Option<ObjectKey>,
    pub(crate) fault: Fault,
    pub(crate) count: u32,
}

/// An order as JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OrderRequest {
    bucket: String,
    #[serde(default)]
    key: Option<String>,
    on: String,
    kind: String,
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    delay_ms: Option<u64>,
}

impl OrderRequest {
    /// # Errors
    /// Says which member cannot be meant so.
    pub(crate) fn parse(self) -> Result<FaultOrder, InvalidOrder> {
        let count = self.count.unwrap_or(1);
        if !(1..=MOST_TIMES).contains(&count) {
            return Err(InvalidOrder::Count);
        }
        let slow = || match self.delay_ms.map(Duration::from_millis) {
            Some(delay) if (Duration::from_millis(1)..=MOST_DELAY).contains(&delay) => Ok(delay),
            _ => Err(InvalidOrder::Delay),
        };
        let fault = match (self.on.as_str(), self.kind.as_str()) {
            (kind::ON_CALL, name) => Fault::Call(match name {
                kind::BAD_JSON => CallFault::BadJson,
                kind::INTERNAL_ERROR => CallFault::InternalError,
                kind::REFUSE => CallFault::Refuse,
                kind::RESET => CallFault::Reset,
                kind::SLOW => CallFault::Slow(slow()?),
                kind::TWICE => CallFault::Twice,
                kind::WRONG_SIGNATURE => CallFault::WrongSignature,
                _ => return Err(InvalidOrder::CallKind),
            }),
            (kind::ON_UPLOAD, name) => Fault::Upload(match name {
                kind::DISK_FULL => UploadFault::DiskFull,
                kind::INTERNAL_ERROR => UploadFault::InternalError,
                kind::REFUSE => UploadFault::Refuse,
                kind::RESET => UploadFault::Reset,
                kind::SLOW => UploadFault::Slow(slow()?),
                _ => return Err(InvalidOrder::UploadKind),
            }),
            _ => return Err(InvalidOrder::On),
        };
        if self.delay_ms.is_some() && fault.delay().is_none() {
            return Err(InvalidOrder::NotSlow);
        }
        Ok(FaultOrder {
            bucket: BucketName::parse(&self.bucket)?,
            key: self.key.as_deref().map(ObjectKey::parse).transpose()?,
            fault,
            count,
        })
    }
}

/// Why an order cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidOrder {
    #[error(transparent)]
    Bucket(#[from] InvalidBucketName),
    #[error(
        "what happens to a call is `refuse`, `slow`, `reset`, `500`, `bad-json`, `wrong-signature` \
         or `twice`"
    )]
    CallKind,
    #[error("`count` is a number from 1 to {MOST_TIMES}")]
    Count,
    #[error(
        "`slow` needs `delayMs`, a number of milliseconds from 1 to {}",
        MOST_DELAY.as_millis()
    )]
    Delay,
    #[error(transparent)]
    Key(#[from] InvalidObjectKey),
    #[error("only `slow` has a `delayMs`")]
    NotSlow,
    #[error("`on` is `call` or `upload`")]
    On,
    #[error("what happens to an upload is `refuse`, `slow`, `reset`, `500` or `disk-full`")]
    UploadKind,
}

/// How often one fault happens: more often than any test makes calls.
const MOST_TIMES: u32 = 10_000;

/// Longer than any client waits, and than a call may take.
const MOST_DELAY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<FaultOrder, String> {
        let request: OrderRequest = serde_json::from_str(json).map_err(|why| why.to_string())?;
        request.parse().map_err(|why| why.to_string())
    }

    #[test]
    fn an_order_is_read() {
        let order = parse(
            r#"{"bucket":"one","key":"a","on":"call","kind":"slow","count":2,"delayMs":300}"#,
        );
        let meant = FaultOrder {
            bucket: BucketName::parse("one").unwrap(),
            key: Some(ObjectKey::parse("a").unwrap()),
            fault: Fault::Call(CallFault::Slow(Duration::from_millis(300))),
            count: 2,
        };
        assert_eq!(order, Ok(meant));
        for (on, kind) in [
            ("call", "refuse"),
            ("call", "reset"),
            ("call", "500"),
            ("call", "bad-json"),
            ("call", "wrong-signature"),
            ("call", "twice"),
            ("upload", "refuse"),
            ("upload", "reset"),
            ("upload", "500"),
            ("upload", "disk-full"),
        ] {
            let order = format!(r#"{{"bucket":"one","on":"{on}","kind":"{kind}"}}"#);
            let order = parse(&order).unwrap();
            assert_eq!(
                (order.fault.on(), order.fault.name(), order.count),
                (on, kind, 1)
            );
        }
    }

    #[test]
    fn what_means_nothing_is_refused_with_a_sentence() {
        for (members, sentence) in [
            (
                r#""on":"call","kind":"disk-full""#,
                "what happens to a call is",
            ),
            (
                r#""on":"upload","kind":"twice""#,
                "what happens to an upload is",
            ),
            (
                r#""on":"upload","kind":"bad-json""#,
                "what happens to an upload is",
            ),
            (
                r#""on":"bucket","kind":"refuse""#,
                "`on` is `call` or `upload`",
            ),
            (r#""on":"call","kind":"slow""#, "`slow` needs `delayMs`"),
            (
                r#""on":"call","kind":"slow","delayMs":0"#,
                "`slow` needs `delayMs`",
            ),
            (
                r#""on":"call","kind":"slow","delayMs":60001"#,
                "from 1 to 60000",
            ),
            (
                r#""on":"call","kind":"reset","delayMs":5"#,
                "only `slow` has a `delayMs`",
            ),
            (
                r#""on":"call","kind":"reset","count":0"#,
                "`count` is a number from 1",
            ),
            (
                r#""on":"call","kind":"reset","times":1"#,
                "unknown field `times`",
            ),
            (r#""on":"call""#, "missing field `kind`"),
        ] {
            let refused = parse(&format!(r#"{{"bucket":"one",{members}}}"#)).unwrap_err();
            assert!(refused.contains(sentence), "{members}: {refused}");
        }
        let no_bucket = parse(r#"{"on":"call","kind":"reset"}"#).unwrap_err();
        assert!(no_bucket.contains("missing field `bucket`"), "{no_bucket}");
    }
}
