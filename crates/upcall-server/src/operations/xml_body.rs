//! A small body: read whole, bounded, its digest checked.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use upcall::error::{Refusal, WireError};
use upcall_crypto::Md5;

use crate::http::answer::CONTENT_MD5;
use crate::http::service::Call;
use crate::limits;
use crate::upload::form::parse_content_md5;

/// # Errors
/// `MalformedXML` if it is longer than [`limits::XML_BYTES`], `InvalidDigest` if `Content-MD5` is not
/// its digest.
pub(super) async fn read(call: Call) -> Result<Bytes, Refusal> {
    let expected = call
        .headers
        .get(CONTENT_MD5)
        .map(parse_content_md5)
        .transpose()?;
    let body = Limited::new(call.body, limits::XML_BYTES)
        .collect()
        .await
        .map_err(|_| {
            Refusal::new(WireError::MALFORMED_XML).hint(format!(
                "the document has at most {} bytes and must arrive whole",
                limits::XML_BYTES
            ))
        })?;
    let bytes = body.to_bytes();
    if let Some(expected) = expected {
        let mut md5 = Md5::new();
        md5.update(&bytes);
        if md5.finish() != expected {
            return Err(Refusal::new(WireError::INVALID_DIGEST)
                .hint("the body has another MD5 than `Content-MD5` says"));
        }
    }
    Ok(bytes)
}
