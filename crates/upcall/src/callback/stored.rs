//! Is the object of a callback there? For applications that want more than *permitted*.
//!
//! Without a socket: [`HeadCheck`] gives the address of one `HEAD` request, presigned, and judges its
//! answer against what the callback's body says. The request is your HTTP client's.
//!
//! ```
//! use upcall::callback::CallbackBody;
//! use upcall::callback::stored::{HeadCheck, NotStored};
//! use upcall::name::{AccessKeyId, AccessKeySecret};
//! use upcall::policy::signed::V4Signer;
//! use upcall::signature::Scope;
//!
//! let body = CallbackBody::parse(b"bucket=photos&object=a%20b.txt&size=5&etag=5D41402ABC4B2A76B9719D911017C592")?;
//! let check = HeadCheck::of(&body)?;
//! let (id, secret) = (AccessKeyId::parse("ak")?, AccessKeySecret::new("sk"));
//! let signer = V4Signer {
//!     access_key_id: &id,
//!     secret: &secret,
//!     scope: Scope::oss("cn-hangzhou"),
//!     security_token: None,
//!     now: "2026-12-01T12:00:00Z".parse()?,
//! };
//! let url = check.url("https://photos.oss-cn-hangzhou.aliyuncs.com", &signer);
//! assert!(url.starts_with("https://photos.oss-cn-hangzhou.aliyuncs.com/a%20b.txt?x-oss-signature-version="));
//!
//! // `HEAD url`, by a client that follows no redirects, within a second or two:
//! let headers = [("Content-Length", "5"), ("ETag", "\"5D41402ABC4B2A76B9719D911017C592\"")];
//! assert_eq!(check.judge(200, &headers), Ok(()));
//! assert_eq!(check.judge(404, &[]), Err(NotStored::Missing));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a bucket with a gate the object is not visible before the application has agreed, so every
//! such request is answered 404: ask there after you answered, or use a callback key of the bucket's
//! own. Where objects are replaced, the newer one may be there already; then it has another tag.
//!
//! Source: OSS, "`HeadObject`" and "Include a V4 signature in a URL".

use jiff::SignedDuration;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::body::CallbackBody;
use crate::policy::signed::V4Signer;
use crate::signature::{SignedRequest, v4};

/// What a callback's body says of an object, to be held against the answer of a `HEAD` request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeadCheck {
    bucket: String,
    object: String,
    size: u64,
    etag: String,
}

impl HeadCheck {
    /// Takes `bucket`, `object`, `size` and `etag` from the body of a verified callback.
    ///
    /// # Errors
    /// Which of them the body does not tell.
    pub fn of(body: &CallbackBody) -> Result<Self, Untold> {
        let text = |name| {
            let value = body.get(name).filter(|value| !value.is_empty());
            value.ok_or(Untold { name })
        };
        let size = text("size")?.parse();
        Ok(Self {
            bucket: text("bucket")?.to_owned(),
            object: text("object")?.to_owned(),
            size: size.map_err(|_| Untold { name: "size" })?,
            etag: plain(text("etag")?).to_owned(),
        })
    }

    /// The address to send `HEAD` to, good for a minute. `bucket_url` addresses the bucket:
    /// `https://BUCKET.ENDPOINT`, or `http://HOST:PORT/BUCKET`; the bucket that the body names must
    /// have been compared with yours.
    pub fn url(&self, bucket_url: &str, signer: &V4Signer<'_>) -> String {
        let token = signer.security_token.map(str::to_owned);
        let token = token.map(|token| ("x-oss-security-token".to_owned(), token));
        let query: Vec<_> = token.into_iter().collect();
        let request = SignedRequest {
            method: "HEAD",
            bucket: Some(&self.bucket),
            key: Some(&self.object),
            query: &query,
            headers: &[],
        };
        let credential = v4::Credential::new(signer.access_key_id, signer.scope, signer.now);
        let signed = v4::presign(
            &credential,
            signer.secret,
            &request,
            &[],
            signer.now,
            VALIDITY,
        );
        let bucket_url = bucket_url.trim_end_matches('/');
        let path = utf8_percent_encode(&self.object, IN_PATH);
        format!("{bucket_url}/{path}?{signed}")
    }

    /// Judges the answer: its status, and its headers in any case and order.
    ///
    /// # Errors
    /// That there is no such object, another one, or that the answer does not say.
    pub fn judge(&self, status: u16, headers: &[(&str, &str)]) -> Result<(), NotStored> {
        let header = |name: &str| {
            let mut headers = headers.iter();
            let found = headers.find(|(has, _)| has.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim())
        };
        match status {
            200 => {}
            404 => return Err(NotStored::Missing),
            _ => return Err(NotStored::Unanswered { status }),
        }
        let unanswered = NotStored::Unanswered { status };
        let size: u64 = header("content-length")
            .and_then(|length| length.parse().ok())
            .ok_or(unanswered)?;
        let etag = plain(header("etag").ok_or(unanswered)?);
        if size != self.size {
            return Err(NotStored::Size { stored: size });
        }
        if !etag.eq_ignore_ascii_case(&self.etag) {
            return Err(NotStored::ETag);
        }
        Ok(())
    }
}

/// Without the quotes that a header and XML put around an entity tag.
fn plain(etag: &str) -> &str {
    etag.trim_matches('"')
}

/// A callback's body does not tell what is needed to look for the object.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the body does not tell `{name}`; put `{name}=${{{name}}}` into `callbackBody`")]
pub struct Untold {
    /// The field.
    pub name: &'static str,
}

/// Why an answer does not show the object that a callback told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotStored {
    /// Another file is under the key.
    #[error("the object has another entity tag than the callback says")]
    ETag,
    /// There is none.
    #[error("there is no such object")]
    Missing,
    /// Another file is under the key.
    #[error("the object has {stored} bytes, which is not what the callback says")]
    Size {
        /// How many it has.
        stored: u64,
    },
    /// The answer does not say: ask again later.
    #[error("the answer of status {status} does not say whether there is such an object")]
    Unanswered {
        /// The status.
        status: u16,
    },
}

/// The request is sent at once.
const VALIDITY: SignedDuration = SignedDuration::from_secs(60);

/// RFC 3986's unreserved characters stay, and the slashes of a key.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{AccessKeyId, AccessKeySecret};
    use crate::signature::{RequestSignature, Scope};

    const BODY: &[u8] = b"bucket=photos&object=uploads%2F%E7%8C%AB%20%3F.txt&size=5&etag=5D41";

    fn check() -> HeadCheck {
        HeadCheck::of(&CallbackBody::parse(BODY).unwrap()).unwrap()
    }

    #[test]
    fn the_address_is_signed_for_this_object_and_head() {
        let (id, secret) = (
            AccessKeyId::parse("ak").unwrap(),
            AccessKeySecret::new("sk"),
        );
        let now = "2026-12-01T12:00:00Z".parse().unwrap();
        let signer = V4Signer {
            access_key_id: &id,
            secret: &secret,
            scope: Scope::oss("cn-hangzhou"),
            security_token: Some("a+token"),
            now,
        };
        let url = check().url("http://127.0.0.1:8700/photos/", &signer);
        let (address, query) = url.split_once('?').unwrap();
        let expected = "http://127.0.0.1:8700/photos/uploads/%E7%8C%AB%20%3F.txt";
        assert_eq!(address, expected);
        let decode = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
            decoded.unwrap().into_owned()
        };
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
        let query: Vec<_> = pairs.map(|(n, v)| (decode(n), decode(v))).collect();
        assert!(query.contains(&("x-oss-security-token".to_owned(), "a+token".to_owned())));
        let request = |method| SignedRequest {
            method,
            bucket: Some("photos"),
            key: Some("uploads/猫 ?.txt"),
            query: &query,
            headers: &[],
        };
        let signature = RequestSignature::find(&request("HEAD")).unwrap().unwrap();
        let scope = Scope::oss("cn-hangzhou");
        let verify = |method, now| signature.verify(Some(&secret), &request(method), scope, now);
        assert_eq!(verify("HEAD", now), Ok(()));
        assert!(verify("PUT", now).is_err());
        assert!(verify("HEAD", now + SignedDuration::from_mins(2)).is_err());
    }

    #[test]
    fn only_the_very_object_passes() {
        let check = check();
        let answer = |length, etag| [("content-length", length), ("ETag", etag)];
        assert_eq!(check.judge(200, &answer("5", "\"5d41\"")), Ok(()));
        let refused = |status, headers: &[_]| check.judge(status, headers).unwrap_err();
        let unanswered = |status| NotStored::Unanswered { status };
        assert_eq!(
            refused(200, &answer("6", "\"5D41\"")),
            NotStored::Size { stored: 6 }
        );
        assert_eq!(refused(200, &answer("5", "\"5D42\"")), NotStored::ETag);
        assert_eq!(refused(404, &answer("5", "\"5D41\"")), NotStored::Missing);
        assert_eq!(refused(200, &answer("many", "\"5D41\"")), unanswered(200));
        assert_eq!(refused(200, &[("ETag", "\"5D41\"")]), unanswered(200));
        for status in [204, 301, 403, 503] {
            assert_eq!(
                refused(status, &answer("5", "\"5D41\"")),
                unanswered(status)
            );
        }
    }

    #[test]
    fn a_body_that_does_not_tell_enough_says_what_is_missing() {
        for (body, name) in [
            (&b"object=a&size=5&etag=5D41"[..], "bucket"),
            (b"bucket=photos&size=5&etag=5D41", "object"),
            (b"bucket=photos&object=&size=5&etag=5D41", "object"),
            (b"bucket=photos&object=a&etag=5D41", "size"),
            (b"bucket=photos&object=a&size=-1&etag=5D41", "size"),
            (b"bucket=photos&object=a&size=5", "etag"),
        ] {
            let body = CallbackBody::parse(body).unwrap();
            assert_eq!(HeadCheck::of(&body), Err(Untold { name }));
        }
    }
}
