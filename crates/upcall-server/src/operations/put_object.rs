//! `PutObject`: a file as the whole body, its description in headers; the rest is the upload path.
//!
//! Source: OSS, "PutObject", "Callback" (header and query parameters).

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use upcall::callback::{CallbackError, CallbackParameter, CallbackVars};
use upcall::error::{Refusal, WireError};
use upcall::form::SuccessAction;
use upcall::policy::LengthRange;
use upcall_store::catalog::{BucketFacts, Overwrite, StoredHeaders};

use super::existing;
use crate::access::{self, Action, Authenticated, Requester, SignedQuery};
use crate::callback::Author;
use crate::http::answer::CONTENT_MD5;
use crate::http::service::{Call, Outcome};
use crate::http::target::Query;
use crate::limits;
use crate::node::Server;
use crate::telemetry::request_line::RequestLine;
use crate::upload;
use crate::upload::admit::{self, Admitted};
use crate::upload::again::UploadName;
use crate::upload::callback::{self, GivenCallback};
use crate::upload::form::{CallFacts, announced_length, parse_content_md5};
use crate::upload::ingest::{FileSource, IngestError};
use crate::upload::new_key::NewKey;

pub(crate) async fn run(
    server: &Arc<Server>,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
    line: &mut RequestLine,
) -> Outcome {
    let (admitted, file) = line.timed("admit", admit(server, call, bucket)).await?;
    upload::run(server, Box::new(admitted), file, line).await
}

async fn admit(
    server: &Arc<Server>,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Result<(Admitted, PlainFile), Refusal> {
    let Authenticated { requester, query } = access::authenticate_query(server, &call).await?;
    let bucket = existing(&call, bucket)?;
    access::may(&requester, Action::Write, Some(&bucket))?;
    let key = call
        .target
        .key
        .clone()
        .expect("the route table asks for a key");
    let key = NewKey::admit(key)?;
    access::may_replace(server, &requester, &bucket, &key, call.id).await?;

    let headers = &call.headers;
    refuse_what_is_missing(headers)?;
    let announced = announced_length(headers, &call.body)?;
    let length = length_range(announced)?;
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let author = author(&requester, query, &call.target.query);
    let (given, variables) = parse_callback(headers, &call.target.query, author)?;
    let is_v1 = requester != Requester::Anonymous && query == SignedQuery::Unsure;
    let has_v1_variables = is_v1 && check_v1_query(&bucket, given.as_ref(), &call.target.query)?;
    let wanted = callback::wanted(server.signer.vouching(), &bucket, given, || variables)?;
    let callback = callback::judged(server, &bucket, wanted).await?;
    let idempotency = text("idempotency-key")
        .filter(|key| !key.is_empty())
        .map(|key| UploadName::new(&bucket.name, &key))
        .transpose()?;
    let admitted = Admitted {
        operation: "PutObject",
        is_signed_with_v1: is_v1,
        requester,
        bucket,
        key,
        length,
        at_least: announced.unwrap_or(0),
        expires: None,
        content_md5: headers
            .get(CONTENT_MD5)
            .map(parse_content_md5)
            .transpose()?,
        overwrite: overwrite(headers)?,
        callback,
        is_callback_pinned: author.is_fixed(),
        has_v1_variables,
        idempotency,
        content_type: text("content-type")
            .filter(|value| !value.trim().is_empty())
            .unwrap_or_else(|| admit::OCTET_STREAM.to_owned()),
        headers: stored_headers(headers),
        metadata: metadata(headers)?,
        acl: admit::parse_object_acl(text("x-oss-object-acl").as_deref())?,
        storage_class: admit::parse_storage_class(text("x-oss-storage-class").as_deref())?,
        success: SuccessAction::Status(200),
        call: CallFacts {
            id: call.id,
            peer: call.peer,
            host: call.host,
            style: call.target.style,
            exchange: call.exchange,
        },
    };
    Ok((admitted, PlainFile { body: call.body }))
}

/// # Errors
/// The length that the request announces is more than a file may have.
fn length_range(announced: Option<u64>) -> Result<LengthRange, Refusal> {
    let max = limits::FILE_BYTES;
    if announced.is_some_and(|announced| announced > max) {
        return Err(IngestError::TooLarge { most: max }.refusal());
    }
    Ok(LengthRange { min: 0, max })
}

/// Whether the query of a request that is signed with V1 has variables.
fn check_v1_query(
    bucket: &BucketFacts,
    given: Option<&GivenCallback>,
    query: &Query,
) -> Result<bool, Refusal> {
    let (callback, variables) = (query.has("callback"), query.has("callback-var"));
    callback::check_v1_query(bucket, given, callback, variables)?;
    Ok(variables)
}

fn stored_headers(headers: &HeaderMap) -> StoredHeaders {
    // A blank one counts as absent, as in a form.
    let text = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        (!value.trim().is_empty()).then(|| value.to_owned())
    };
    StoredHeaders {
        cache_control: text("cache-control"),
        content_disposition: text("content-disposition"),
        content_encoding: text("content-encoding"),
        expires: text("expires"),
    }
}

/// # Errors
/// `InvalidArgument` for what is neither `true` nor `false`: taken for `false`, it would cost an object.
fn overwrite(headers: &HeaderMap) -> Result<Overwrite, Refusal> {
    let Some(value) = headers.get(FORBID_OVERWRITE) else {
        return Ok(Overwrite::Allow);
    };
    match value.as_bytes() {
        b"" => Ok(Overwrite::Allow),
        value if value.eq_ignore_ascii_case(b"false") => Ok(Overwrite::Allow),
        value if value.eq_ignore_ascii_case(b"true") => Ok(Overwrite::Forbid),
        value => Err(Refusal::new(WireError::INVALID_ARGUMENT)
            .extra("ArgumentName", FORBID_OVERWRITE)
            .extra("ArgumentValue", String::from_utf8_lossy(value))
            .hint("it is `true` or `false`")),
    }
}

/// What would change what is stored, and this server does not do.
fn refuse_what_is_missing(headers: &HeaderMap) -> Result<(), Refusal> {
    for name in [
        "x-oss-copy-source",
        "x-oss-server-side-encryption",
        "x-oss-symlink-target",
    ] {
        if headers.contains_key(name) {
            return Err(Refusal::new(WireError::NOT_IMPLEMENTED)
                .extra("Header", name)
                .hint(format!("this server has no `{name}`; leave it out")));
        }
    }
    Ok(())
}

fn metadata(headers: &HeaderMap) -> Result<Vec<(String, String)>, Refusal> {
    let mut metadata = Vec::new();
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix("x-oss-meta-") {
            let value = std::str::from_utf8(value.as_bytes()).map_err(|_| {
                Refusal::new(WireError::INVALID_ARGUMENT)
                    .extra("ArgumentName", format!("x-oss-meta-{name}"))
                    .hint("metadata is UTF-8")
            })?;
            metadata.push((name.to_owned(), value.to_owned()));
        }
    }
    admit::check_metadata_size(&metadata)?;
    Ok(metadata)
}

/// Who answers for the callback of a request.
fn author(requester: &Requester, signed: SignedQuery, query: &Query) -> Author {
    match (requester, signed) {
        // Nobody has signed it.
        (Requester::Anonymous, _) => Author::Anonymous,
        (Requester::Key { .. }, SignedQuery::Unsure) if query.has("callback") => Author::V1Query,
        // The signature of a request covers its callback.
        (Requester::Key { .. }, SignedQuery::Sure | SignedQuery::Unsure) => Author::SignedRequest,
    }
}

/// The callback of a request, from its headers or its query.
///
/// The variables come by themselves, too: for the callback of the bucket.
fn parse_callback(
    headers: &HeaderMap,
    query: &Query,
    author: Author,
) -> Result<(Option<GivenCallback>, CallbackVars), Refusal> {
    let parameter = one_of(headers, query, "x-oss-callback", "callback")?;
    let variables = one_of(headers, query, "x-oss-callback-var", "callback-var")?;
    let refusal = |error: CallbackError| error.refusal();
    let variables = match variables {
        Some(text) => CallbackVars::decode(text).map_err(refusal)?,
        None => CallbackVars::default(),
    };
    let parameter = match parameter {
        Some(text) => CallbackParameter::decode(text).map_err(refusal)?,
        None => None,
    };
    let given = parameter.map(|parameter| GivenCallback {
        parameter,
        variables: variables.clone(),
        author,
    });
    Ok((given, variables))
}

fn one_of<'a>(
    headers: &'a HeaderMap,
    query: &'a Query,
    header: &'static str,
    parameter: &'static str,
) -> Result<Option<&'a str>, Refusal> {
    let in_header = headers
        .get(header)
        .map(|value| value.to_str().unwrap_or("\u{fffd}"));
    match (in_header, query.value(parameter)) {
        (Some(_), Some(_)) => {
            let refusal = Refusal::new(WireError::INVALID_ARGUMENT)
                .message(format!(
                    "Either the {parameter} query string parameter or the {header} header should \
                     be specified, not both."
                ))
                .extra("ArgumentName", parameter)
                .hint("send one of the two");
            // The EC of the twin was never seen.
            Err(if parameter == "callback" {
                refusal.ec("0007-00000027")
            } else {
                refusal
            })
        }
        (in_header, in_query) => Ok(in_header.or(in_query)),
    }
}

/// A body that is the file.
#[derive(Debug)]
struct PlainFile {
    body: Incoming,
}

impl FileSource for PlainFile {
    async fn next(&mut self) -> Result<Option<Bytes>, IngestError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(IngestError::Gone(error)),
                Some(Ok(frame)) => {
                    // Trailers carry nothing that is acted upon.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

const FORBID_OVERWRITE: &str = "x-oss-forbid-overwrite";
