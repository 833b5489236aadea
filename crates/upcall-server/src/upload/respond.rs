//! Respond: the application's answer, or what the form asked for.
//!
//! In: [`Committed`] and [`Notified`]. Out: the answer. Source: OSS, "PostObject" (response elements),
//! "PutObject", "Callback".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use upcall::error::escape_xml;
use upcall::form::SuccessAction;

use super::commit::Committed;
use super::notify::Notified;
use crate::http::answer::{Answer, CONTENT_MD5, X_OSS_HASH_CRC64ECMA};
use crate::http::target::Style;

pub(crate) fn respond(committed: &Committed, notified: Notified) -> Answer {
    let answer = match notified {
        Notified::Agreed(answer) => {
            Answer::new(StatusCode::OK).bytes(answer.content_type, answer.body)
        }
        // 203, not 502: the object *is* stored. A 5xx would make SDKs send the file again.
        Notified::Failed(failure) => {
            let refusal = failure.refusal();
            let call = &committed.admitted.call;
            Answer::refusal(&refusal, &call.id.to_string(), &call.host, false)
        }
        Notified::NotAsked => as_the_form_asked(committed),
    };
    let object = &committed.object;
    answer
        .header(header::ETAG, &object.etag.quoted())
        .header(X_OSS_HASH_CRC64ECMA, &object.crc64.to_string())
        .header(CONTENT_MD5, &STANDARD.encode(object.etag.md5()))
}

fn as_the_form_asked(committed: &Committed) -> Answer {
    match &committed.admitted.success {
        SuccessAction::Redirect(url) => redirect(url, committed),
        SuccessAction::Status(201) => Answer::xml(StatusCode::CREATED, created(committed)),
        SuccessAction::Status(status) => {
            Answer::new(StatusCode::from_u16(*status).unwrap_or(StatusCode::NO_CONTENT))
        }
    }
}

/// 303 with bucket, key and `ETag` in the query, as S3 does it; OSS does not publish its own.
fn redirect(url: &str, committed: &Committed) -> Answer {
    let encoded = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    let object = &committed.object;
    let (before, fragment) = match url.split_once('#') {
        Some((before, fragment)) => (before, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let joint = if before.contains('?') { '&' } else { '?' };
    let location = format!(
        "{before}{joint}bucket={}&key={}&etag={}{fragment}",
        encoded(object.bucket.as_str()),
        encoded(object.key.as_str()),
        encoded(&object.etag.quoted()),
    );
    Answer::new(StatusCode::SEE_OTHER).header(header::LOCATION, &location)
}

fn created(committed: &Committed) -> String {
    let object = &committed.object;
    let host = &committed.admitted.call.host;
    let key = utf8_percent_encode(object.key.as_str(), QUERY);
    let location = match committed.admitted.call.style {
        Style::VirtualHost => format!("http://{host}/{key}"),
        Style::Path => format!("http://{host}/{}/{key}", object.bucket),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>\n  <Bucket>{}</Bucket>\n  \
         <Location>{}</Location>\n  <Key>{}</Key>\n  <ETag>{}</ETag>\n</PostResponse>\n",
        object.bucket,
        escape_xml(&location),
        escape_xml(object.key.as_str()),
        escape_xml(&object.etag.quoted()),
    )
}

/// Everything but the unreserved characters of RFC 3986.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
