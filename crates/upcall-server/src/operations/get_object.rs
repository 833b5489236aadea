//! `GetObject` and `HeadObject`: an object, a part of it, or what is known of it.
//!
//! Source: OSS, "GetObject", "HeadObject"; RFC 9110, sections 13 and 14.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderName};
use upcall::error::{Refusal, WireError};
use upcall_store::blobs::{BlobError, BlobReader, FileRange};
use upcall_store::catalog::{BucketFacts, ObjectAcl, ObjectFacts};

use super::existing;
use super::object_conditions::{self, Part, Verdict};
use crate::access::{self, Action, Requester};
use crate::callback::is_reserved;
use crate::clock::http_date;
use crate::fault;
use crate::http::answer::{Answer, CONTENT_MD5, X_OSS_HASH_CRC64ECMA};
use crate::http::operation::Operation;
use crate::http::service::{Call, Outcome};
use crate::http::target::Query;
use crate::http::voucher;
use crate::http::warm_file::WarmFile;
use crate::node::Server;
use crate::telemetry::request_line::RequestLine;
use crate::upload::admit::OCTET_STREAM;

pub(crate) async fn run(
    server: &Arc<Server>,
    operation: Operation,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
    line: &mut RequestLine,
) -> Outcome {
    let requester = access::authenticate(server, &call).await?;
    let overrides = Overrides::parse(&call.target.query, &requester)?;
    let bucket = existing(&call, bucket)?;
    for _ in 0..LOOKS {
        let object = find(server, &call, &bucket, &requester).await?;
        if let Some(answer) = look(server, operation, &call, &object, &overrides).await? {
            line.bytes(answer.length());
            return Ok(answer);
        }
    }
    tracing::error!(id = %call.id, "an object's bytes are gone, however often it is looked up");
    Err(fault::internal())
}

/// The answer for this object; nothing if it was replaced or deleted before its blob was open.
async fn look(
    server: &Arc<Server>,
    operation: Operation,
    call: &Call,
    object: &ObjectFacts,
    overrides: &Overrides,
) -> Result<Option<Answer>, Refusal> {
    match object_conditions::judge(&call.headers, object) {
        Verdict::Go => {}
        Verdict::Failed => return Err(WireError::PRECONDITION_FAILED.into()),
        Verdict::NotModified => {
            let answer = Answer::new(StatusCode::NOT_MODIFIED);
            return Ok(Some(describe(answer, object, overrides)));
        }
    }
    let (status, range) = match object_conditions::part(&call.headers, object) {
        Part::Whole => (StatusCode::OK, 0..object.length),
        Part::Range(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Unsatisfiable => {
            return Err(Refusal::new(WireError::INVALID_RANGE)
                .extra("ActualObjectSize", object.length.to_string())
                .hint("ask for bytes that the object has"));
        }
    };
    let length = range.end - range.start;
    let mut answer = describe(Answer::new(status), object, overrides);
    if status == StatusCode::PARTIAL_CONTENT {
        let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, object.length);
        answer = answer.header(header::CONTENT_RANGE, &content_range);
    }
    if operation == Operation::HeadObject {
        return Ok(Some(answer.announced(length)));
    }
    match server.blobs.read(object, range).await {
        Ok(reader) => Ok(Some(answer.object(ObjectBody::new(reader, length)))),
        Err(BlobError::Missing { .. }) => Ok(None),
        Err(error) => Err(fault::of_blobs(&error, call.id)),
    }
}

/// The object, if the requester may see it. Whoever may not list the bucket does not learn from the
/// error whether a key exists.
async fn find(
    server: &Arc<Server>,
    call: &Call,
    bucket: &BucketFacts,
    requester: &Requester,
) -> Result<ObjectFacts, Refusal> {
    let key = call
        .target
        .key
        .as_ref()
        .expect("the route table asks for a key");
    // An object of such a name is from before it was reserved: nobody but its owner gets it, who signs.
    let is_hidden = *requester == Requester::Anonymous && is_reserved(key.as_str());
    let found = if is_hidden {
        None
    } else {
        let found = server.catalog.object(&bucket.name, key).await;
        found.map_err(|error| fault::of_catalog(&error, call.id))?
    };
    let Some(object) = found else {
        // With the words for an object that is there.
        access::may(requester, Action::Read(ObjectAcl::Default), Some(bucket))?;
        return Err(Refusal::new(WireError::NO_SUCH_KEY)
            .extra("Key", key.as_str())
            .hint("list the bucket to see which keys it has"));
    };
    access::may(requester, Action::Read(object.acl), Some(bucket))?;
    Ok(object)
}

/// What is known of an object, in headers.
fn describe(answer: Answer, object: &ObjectFacts, overrides: &Overrides) -> Answer {
    let content_type = overrides
        .content_type
        .as_deref()
        .unwrap_or_else(|| served_type(&object.content_type));
    let mut answer = answer
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_TYPE, content_type)
        .header(header::ETAG, &object.etag.quoted())
        .header(header::LAST_MODIFIED, &http_date(object.modified))
        .header(CONTENT_MD5, &STANDARD.encode(object.etag.md5()))
        .header(X_OSS_HASH_CRC64ECMA, &object.crc64.to_string())
        .header(X_OSS_OBJECT_TYPE, "Normal")
        .header(X_OSS_STORAGE_CLASS, &object.storage_class);
    let stored = &object.headers;
    for (name, override_value, stored_value) in [
        (
            header::CACHE_CONTROL,
            &overrides.cache_control,
            &stored.cache_control,
        ),
        (
            header::CONTENT_DISPOSITION,
            &overrides.content_disposition,
            &stored.content_disposition,
        ),
        (
            header::CONTENT_ENCODING,
            &overrides.content_encoding,
            &stored.content_encoding,
        ),
        (header::CONTENT_LANGUAGE, &overrides.content_language, &None),
        (header::EXPIRES, &overrides.expires, &stored.expires),
    ] {
        if let Some(value) = override_value.as_ref().or(stored_value.as_ref()) {
            answer = answer.header(name, value);
        }
    }
    for (name, value) in &object.metadata {
        if let Ok(name) = HeaderName::try_from(format!("x-oss-meta-{name}")) {
            answer = answer.header(name, value);
        }
    }
    answer
}

/// The type under which an object is served; earlier versions stored a blank one as it came.
fn served_type(stored: &str) -> &str {
    if stored.trim().is_empty() {
        OCTET_STREAM
    } else {
        stored
    }
}

/// Headers that a signed request may set for its own answer (`response-content-type` …).
#[derive(Debug, Default)]
struct Overrides {
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    content_type: Option<String>,
    expires: Option<String>,
}

impl Overrides {
    /// # Errors
    /// Anonymous requests may not: a link could make a harmless object look like a page.
    fn parse(query: &Query, requester: &Requester) -> Result<Self, Refusal> {
        let value = |name: &str| {
            let value = query.value(name).filter(|value| !value.trim().is_empty());
            value.map(str::to_owned)
        };
        let overrides = Self {
            cache_control: value("response-cache-control"),
            content_disposition: value("response-content-disposition"),
            content_encoding: value("response-content-encoding"),
            content_language: value("response-content-language"),
            content_type: value("response-content-type"),
            expires: value("response-expires"),
        };
        let has_any = query
            .pairs()
            .iter()
            .any(|(name, _)| name.starts_with("response-"));
        if has_any && *requester == Requester::Anonymous {
            return Err(Refusal::new(WireError::INVALID_ARGUMENT)
                .message("The request signature is required when response headers are overridden.")
                .hint("sign the request, or leave the `response-…` parameters out"));
        }
        Ok(overrides)
    }
}

/// An object's bytes on their way out.
#[derive(Debug)]
pub(crate) struct ObjectBody {
    source: Source,
    left: u64,
}

#[derive(Debug)]
enum Source {
    Pieces(BlobReader),
    File(WarmFile),
}

/// Some bytes of an object.
#[derive(Debug)]
pub(crate) enum ObjectPiece {
    Bytes(Bytes),
    File(FileRange),
}

impl ObjectPiece {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(bytes) => bytes.range.end - bytes.range.start,
        }
    }
}

impl ObjectBody {
    pub(crate) fn new(mut reader: BlobReader, length: u64) -> Self {
        let file = voucher::are_taken().then(|| reader.as_file()).flatten();
        let source = match file {
            Some(file) => Source::File(WarmFile::new(file)),
            None => Source::Pieces(reader),
        };
        Self {
            source,
            left: length,
        }
    }

    /// How many bytes are still to come.
    pub(crate) fn length(&self) -> u64 {
        self.left
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<ObjectPiece>>> {
        let piece = match &mut self.source {
            Source::Pieces(reader) => ready!(reader.poll_next(cx))
                .map(|piece| piece.map(ObjectPiece::Bytes).map_err(io::Error::other)),
            Source::File(file) => {
                ready!(file.poll_next(cx)).map(|piece| piece.map(ObjectPiece::File))
            }
        };
        if let Some(Ok(piece)) = &piece {
            self.left = self.left.saturating_sub(piece.length());
        }
        Poll::Ready(piece)
    }
}

const X_OSS_OBJECT_TYPE: HeaderName = HeaderName::from_static("x-oss-object-type");
const X_OSS_STORAGE_CLASS: HeaderName = HeaderName::from_static("x-oss-storage-class");

/// How often an object is looked up that is replaced each time before it can be read.
const LOOKS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_type_of_an_earlier_version_is_served_as_none() {
        for (stored, served) in [("", OCTET_STREAM), (" \t", OCTET_STREAM), ("a/b", "a/b")] {
            assert_eq!(served_type(stored), served, "{stored:?}");
        }
    }
}
