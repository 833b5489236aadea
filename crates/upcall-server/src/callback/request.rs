//! The request as OSS sends it: signed, and written as bytes.
//!
//! In: a [`CallbackOrder`] and one of its URLs. Out: [`WrittenRequest`]; the same bytes go out and
//! into the record. The signature and whatever headers come with it are asked of the [`Signer`] in
//! one call.
//!
//! Source: OSS, "Callback" (step 3); captures of 2018 and 2019 for the headers. `Connection:
//! close`, which OSS sends, is sent with a call that has a connection of its own.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use upcall::callback::{CallbackParameter, CallbackUrl, string_to_sign};
use upcall::name::{BucketName, ObjectKey};
use upcall_crypto::Md5;
use upcall_store::catalog::Gate;

use super::exchange::Chunking;
use super::signer::{CallToSign, SignError, Signer, WebhookHeaders};
use super::vouching::KeyChoice;

/// A call to make.
#[derive(Debug)]
pub(crate) struct CallbackOrder {
    pub(crate) parameter: CallbackParameter,
    /// The rendered body.
    pub(crate) body: Bytes,
    pub(crate) request_id: String,
    pub(crate) bucket: BucketName,
    pub(crate) key: ObjectKey,
    pub(crate) owner: String,
    pub(crate) requester: String,
    pub(crate) connection: ConnectionUse,
    pub(crate) chunking: Chunking,
    pub(crate) origin: Origin,
    /// Who sent the upload; `None` once the call is made again.
    pub(crate) peer: Option<IpAddr>,
    /// The kind of key that signs it.
    pub(crate) signing_key: KeyChoice,
}

/// Who decided where a call goes and what it says.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Origin {
    /// The bucket, a policy, or the signature of a request.
    Fixed,
    /// The uploader, as far as its policy left that open.
    Uploader,
}

/// Whether a call shares its connection with other calls of its bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ConnectionUse {
    /// It may take a kept connection, and its own is kept after a good answer.
    Kept,
    /// It has a connection of its own, as at OSS: its answer decides about the object, and bytes that
    /// an application sends too late must not become the answer to another call.
    Own,
}

impl ConnectionUse {
    /// `keep_alive` says that the operator trusts the application of a gated bucket to send one answer
    /// for each call.
    pub(crate) const fn of(gate: Option<Gate>, keep_alive: bool) -> Self {
        match gate {
            Some(_) if !keep_alive => Self::Own,
            Some(_) | None => Self::Kept,
        }
    }
}

/// A request as it goes out.
#[derive(Clone, Debug)]
pub(crate) struct WrittenRequest {
    /// Request line and headers, with the empty line.
    pub(crate) head: Bytes,
    pub(crate) body: Bytes,
}

/// What is signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signing {
    /// What is sent.
    Genuine,
    /// Something else, so that no receiver must believe it: for those who test theirs.
    Wrong,
}

/// Writes the request for one URL of an order, and signs it.
///
/// # Errors
/// The signature failed, or a value cannot stand in a header.
pub(super) fn write(
    order: &CallbackOrder,
    url: &CallbackUrl,
    signer: &Signer,
    signing: Signing,
    now: Timestamp,
) -> Result<WrittenRequest, RequestError> {
    let body = &order.body;
    let signed_body = match signing {
        Signing::Genuine => body.clone(),
        Signing::Wrong => [body, &b"&"[..]].concat().into(),
    };
    let signed = signer.sign(&CallToSign {
        key: order.signing_key,
        bucket: &order.bucket,
        id: &order.request_id,
        string_to_sign: &string_to_sign(url.path_and_query(), &signed_body),
        body: &signed_body,
        at: now,
    })?;
    let mut md5 = Md5::new();
    md5.update(body);
    let authority = url.authority();
    let host = order.parameter.host.as_deref().unwrap_or(&authority);

    let mut head = HeadWriter::begin(url.path_and_query())?;
    head.line("Host", host)?;
    if order.connection == ConnectionUse::Own {
        head.line("Connection", "close")?;
    }
    head.line("Content-Length", body.len().to_string())?;
    if let Some(signed) = &signed {
        head.line("Authorization", &signed.authorization)?;
    }
    head.line("Content-MD5", STANDARD.encode(md5.finish()))?;
    head.line("Content-Type", order.parameter.body_type.as_str())?;
    head.line("Date", crate::clock::http_date(now))?;
    head.line("User-Agent", USER_AGENT)?;
    head.line("x-oss-additional-headers", "")?;
    head.line("x-oss-bucket", order.bucket.as_str())?;
    head.line("x-oss-owner", &order.owner)?;
    if let Some(signed) = &signed {
        let key_url = signed.public_key_url.to_str().unwrap_or_default();
        head.line("x-oss-pub-key-url", key_url)?;
    }
    head.line("x-oss-request-id", &order.request_id)?;
    head.line("x-oss-requester", &order.requester)?;
    if signed.is_some() {
        head.line("x-oss-signature-version", "1.0")?;
    }
    head.line("x-oss-tag", "CALLBACK")?;
    let webhook = signed.iter().filter_map(|signed| signed.webhook.as_ref());
    for (name, value) in webhook.flat_map(WebhookHeaders::pairs) {
        head.line(name, value)?;
    }
    Ok(WrittenRequest {
        head: head.end(),
        body: body.clone(),
    })
}

/// Writes a head line by line.
struct HeadWriter(Vec<u8>);

impl HeadWriter {
    fn begin(target: &str) -> Result<Self, RequestError> {
        let mut head = Vec::with_capacity(HEAD_BYTES + target.len());
        head.extend_from_slice(b"POST ");
        head.extend_from_slice(checked("the request line", target.as_bytes())?);
        head.extend_from_slice(b" HTTP/1.1\r\n");
        Ok(Self(head))
    }

    fn line(&mut self, name: &'static str, value: impl AsRef<[u8]>) -> Result<(), RequestError> {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(checked(name, value.as_ref())?);
        self.0.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn end(mut self) -> Bytes {
        self.0.extend_from_slice(b"\r\n");
        self.0.into()
    }
}

/// The types keep line breaks out of every value long before; the last one who could let one
/// through looks once more.
fn checked<'v>(name: &'static str, value: &'v [u8]) -> Result<&'v [u8], RequestError> {
    if value.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return Err(RequestError::Value { name });
    }
    Ok(value)
}

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the request could not be signed")]
    Signature(#[from] SignError),
    #[error("{name} would hold a control character")]
    Value { name: &'static str },
}

/// What OSS calls itself when it calls. Source: a capture of 2019.
const USER_AGENT: &str = "aliyun-oss-callback";

/// Bytes of a usual head with a signature of 2,048 bits.
const HEAD_BYTES: usize = 1024;

/// An order of a bucket, for tests of what a call counts for.
#[cfg(test)]
pub(super) fn order_of(bucket: &str, peer: IpAddr, origin: Origin) -> CallbackOrder {
    let json = r#"{"callbackUrl":"http://app.example/","callbackBody":"a=b"}"#;
    CallbackOrder {
        parameter: CallbackParameter::parse_json(json).unwrap().unwrap(),
        body: Bytes::from_static(b"a=b"),
        request_id: "5C3D9175B6FC201293AD0000".to_owned(),
        bucket: BucketName::parse(bucket).unwrap(),
        key: ObjectKey::parse("a").unwrap(),
        owner: "owner".to_owned(),
        requester: "-".to_owned(),
        signing_key: KeyChoice::TRUSTED,
        connection: ConnectionUse::Kept,
        chunking: Chunking::Refused,
        origin,
        peer: Some(peer),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::callback::{
        KeyKeeper, KeyRing, KeyScope, KeyUrl, SignerConfig, VouchingRules, WebhookSignatures,
    };

    fn order(owner: &str) -> CallbackOrder {
        let json = r#"{"callbackUrl":"http://app.example:8080/up?x=1","callbackBody":"a=b"}"#;
        CallbackOrder {
            parameter: CallbackParameter::parse_json(json).unwrap().unwrap(),
            body: Bytes::from_static(b"a=b"),
            request_id: "5C3D9175B6FC201293AD0000".to_owned(),
            bucket: BucketName::parse("photos").unwrap(),
            key: ObjectKey::parse("a").unwrap(),
            owner: owner.to_owned(),
            requester: "-".to_owned(),
            signing_key: KeyChoice::TRUSTED,
            connection: ConnectionUse::Kept,
            chunking: Chunking::Refused,
            origin: Origin::Fixed,
            peer: None,
        }
    }

    fn signer() -> Signer {
        struct Nowhere;
        impl KeyKeeper for Nowhere {
            fn keep(&self, _: &KeyScope, _: &KeyRing) -> std::io::Result<()> {
                Ok(())
            }
            fn remove(&self, _: &KeyScope) -> std::io::Result<()> {
                Ok(())
            }
        }
        let config = SignerConfig {
            keys: KeyRing::first(1024, Timestamp::UNIX_EPOCH).unwrap(),
            other_keys: Vec::new(),
            vouching: VouchingRules::default(),
            keeper: Box::new(Nowhere),
            new_key_bits: 1024,
            key_url: None,
            webhook_signatures: WebhookSignatures::Off,
        };
        Signer::new(config, KeyUrl::new("http://k/"))
    }

    #[test]
    fn a_request_is_written_as_oss_writes_it() {
        let signer = signer();
        let order = order("owner");
        let now = Timestamp::from_second(784_111_777).unwrap();

        let request = write(
            &order,
            &order.parameter.urls[0],
            &signer,
            Signing::Genuine,
            now,
        )
        .unwrap();

        let head = String::from_utf8(request.head.to_vec()).unwrap();
        let signature = signer.server_keys().signing_key().sign_md5(b"/up?x=1\na=b");
        let signature = STANDARD.encode(signature.unwrap());
        let expected = format!(
            "POST /up?x=1 HTTP/1.1\r\nHost: app.example:8080\r\nContent-Length: 3\r\n\
             Authorization: {signature}\r\nContent-MD5: esqsFUlOaCCx7W2LU5rwiQ==\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\
             Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nUser-Agent: aliyun-oss-callback\r\n\
             x-oss-additional-headers: \r\nx-oss-bucket: photos\r\nx-oss-owner: owner\r\n\
             x-oss-pub-key-url: aHR0cDovL2sv\r\nx-oss-request-id: 5C3D9175B6FC201293AD0000\r\n\
             x-oss-requester: -\r\nx-oss-signature-version: 1.0\r\nx-oss-tag: CALLBACK\r\n\r\n"
        );
        assert_eq!(head, expected);
        assert_eq!(&request.body[..], b"a=b");
        let own = CallbackOrder {
            connection: ConnectionUse::Own,
            ..order
        };
        let url = &own.parameter.urls[0];
        let request = write(&own, url, &signer, Signing::Genuine, now).unwrap();
        let head = String::from_utf8(request.head.to_vec()).unwrap();
        let closing = expected.replacen("Content-Length", "Connection: close\r\nContent-Length", 1);
        assert_eq!(head, closing);
    }

    #[test]
    fn no_value_begins_a_line_of_its_own() {
        let signer = signer();
        let order = order("a\r\nX-Evil: b");
        let written = write(
            &order,
            &order.parameter.urls[0],
            &signer,
            Signing::Genuine,
            Timestamp::UNIX_EPOCH,
        );
        assert!(matches!(
            written,
            Err(RequestError::Value {
                name: "x-oss-owner"
            })
        ));
    }
}
