//! Respond: the application's answer, or what the form asked for.
//!
//! In: [`Committed`] and what the uploader is told. Out: the answer. Source: OSS, "PostObject" (response elements),
//! "PutObject", "Callback".

use http::StatusCode;
use http::header;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use upcall::callback::answer::CallbackFailure;
use upcall::error::{Refusal, WireError, escape_xml};
use upcall::form::SuccessAction;

use super::commit::Committed;
use crate::callback::{Told, ToldUpload};
use crate::http::answer::{Answer, CONTENT_MD5, X_OSS_HASH_CRC64ECMA, X_UPCALL_VERDICT};
use crate::http::target::Style;

/// The answer to the upload itself.
pub(crate) fn respond(committed: &Committed, told: &ToldUpload) -> Answer {
    let call = &committed.admitted.call;
    let plain = || as_the_form_asked(committed);
    answer(told, &call.id.to_string(), &call.host, plain)
}

/// What was told, as an answer; `plain` is the one where nobody was called.
pub(crate) fn answer(
    told: &ToldUpload,
    request_id: &str,
    host: &str,
    plain: impl FnOnce() -> Answer,
) -> Answer {
    let refused = |refusal: &Refusal| Answer::refusal(refusal, request_id, host, false);
    let ToldUpload { told, receipt } = told;
    let answer = match told {
        Told::Agreed { is_xml, body } => {
            let media_type = if *is_xml {
                "application/xml"
            } else {
                "application/json"
            };
            Answer::new(StatusCode::OK).bytes(media_type, body.clone())
        }
        // 203, not 502: the object *is* stored. A 5xx would make SDKs send the file again.
        Told::Failed(failure) => refused(&failure.refusal()),
        Told::NotAsked => plain(),
        Told::Refused { status, body } => {
            return match StatusCode::from_u16(*status) {
                Ok(status) if !body.is_empty() => Answer::new(status)
                    .bytes("application/json", body.clone())
                    .header(X_UPCALL_VERDICT, "refused"),
                _ => refused(&not_wanted()),
            };
        }
        Told::Unavailable(failure) => return refused(&unavailable(*failure)),
        Told::Pending(failure) => return refused(&pending(*failure)),
    };
    answer
        .header(header::ETAG, &receipt.etag)
        .header(X_OSS_HASH_CRC64ECMA, &receipt.crc64.to_string())
        .header(CONTENT_MD5, &receipt.content_md5)
}

/// The application has refused, and said nothing that can be handed on.
fn not_wanted() -> Refusal {
    Refusal::new(WireError::ACCESS_DENIED)
        .message("The application has refused this upload.")
        .extra("Verdict", "refused")
        .hint("the file is gone; sending it again will not help")
}

/// Nobody could be asked, and what nobody agreed to is not kept.
pub(crate) fn unavailable(failure: CallbackFailure) -> Refusal {
    Refusal::new(WireError::SERVICE_UNAVAILABLE)
        .message(failure.refusal().text().to_owned())
        .extra("Verdict", "unavailable")
        .extra("RetryAfterSeconds", "5")
        .hint(format!(
            "nothing was stored, send the file again later: {failure}"
        ))
}

/// Nobody could be asked, and the object waits.
fn pending(failure: CallbackFailure) -> Refusal {
    Refusal::new(WireError::CALLBACK_PENDING)
        .extra("Verdict", "pending")
        .extra("Cause", failure.refusal().text().to_owned())
        .hint("the file is here and nobody sees it until the application agrees; do not send it again")
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
