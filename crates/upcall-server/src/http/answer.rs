//! Answers: what an operation says, before and after it is HTTP.
//!
//! In: a status, headers and a body, or a refusal. Out: hyper's response with the headers that every
//! answer has. Source: OSS, "Common response headers", "Error responses".

use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine as _;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use jiff::Timestamp;
use upcall::error::Refusal;

use super::gate::Answering;
use super::sandbox::{self, Author};
use super::voucher::Piece;
use crate::clock::http_date_header;
use crate::limits;
use crate::operations::get_object::{ObjectBody, ObjectPiece};
use crate::telemetry::request_line::RequestLine;

/// What an operation answers.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    content: Content,
    author: Author,
}

#[derive(Debug)]
enum Content {
    Empty,
    /// No body, but the length that one would have (HEAD).
    Announced(u64),
    Bytes(Bytes),
    Object(ObjectBody),
}

impl Answer {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self {
            status,
            // An object's answer has 14; growing there from none costs two moves of all.
            headers: HeaderMap::with_capacity(HEADERS),
            content: Content::Empty,
            author: Author::Outside,
        }
    }

    pub(crate) fn xml(status: StatusCode, xml: String) -> Self {
        Self::new(status).bytes("application/xml", xml)
    }

    /// A refusal, as XML; for HEAD, which has no body, in the header `x-oss-err`.
    pub(crate) fn refusal(refusal: &Refusal, request_id: &str, host: &str, is_head: bool) -> Self {
        let status =
            StatusCode::from_u16(refusal.row().status).expect("the table has statuses of HTTP");
        let mut answer = if is_head {
            let xml = refusal.to_short_xml(request_id, host, limits::ERROR_HEADER_BYTES);
            let encoded = base64::engine::general_purpose::STANDARD.encode(&xml);
            Self::new(status).header(X_OSS_ERR, &encoded)
        } else {
            Self::xml(status, refusal.to_xml(request_id, host))
        };
        if let Some(ec) = refusal.row().ec {
            answer = answer.header(X_OSS_EC, ec);
        }
        if let Some(seconds) = refusal.extra_text("RetryAfterSeconds") {
            answer = answer.header(header::RETRY_AFTER, seconds);
        }
        if let Some(verdict) = refusal.extra_text("Verdict") {
            answer = answer.header(X_UPCALL_VERDICT, verdict);
        }
        answer
    }

    #[must_use]
    pub(crate) fn bytes(mut self, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.content = Content::Bytes(bytes.into());
        self.header(header::CONTENT_TYPE, content_type)
    }

    #[must_use]
    pub(crate) fn object(mut self, body: ObjectBody) -> Self {
        self.content = Content::Object(body);
        self
    }

    /// A page of this program, with the policy that it runs under. Every other answer counts as
    /// bytes from outside and is sandboxed.
    #[must_use]
    pub(crate) fn own_page(mut self, policy: &'static str) -> Self {
        self.author = Author::Program;
        self.header(header::CONTENT_SECURITY_POLICY, policy)
    }

    /// Announces a length without a body (HEAD).
    #[must_use]
    pub(crate) fn announced(mut self, length: u64) -> Self {
        self.content = Content::Announced(length);
        self
    }

    /// Sets a header; a value that cannot stand in one is left out.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Some(value) = header_value(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// How long the body is, or would be.
    pub(crate) fn length(&self) -> u64 {
        match &self.content {
            Content::Empty => 0,
            Content::Announced(length) => *length,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Object(body) => body.length(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The response, which is sent `now`; `line` is written and `answering` ends when its body has gone,
    /// or is given up.
    pub(crate) fn into_response(
        mut self,
        now: Timestamp,
        line: RequestLine,
        answering: Answering,
    ) -> Response<AnswerBody> {
        let length = self.length();
        sandbox::add(&mut self.headers, self.author, length > 0);
        let is_bodiless = matches!(
            self.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        let mut response = Response::new(AnswerBody {
            content: self.content,
            line,
            answering,
        });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if !is_bodiless {
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
            .headers_mut()
            .insert(header::SERVER, HeaderValue::from_static(SERVER));
        response
            .headers_mut()
            .insert(header::DATE, http_date_header(now));
        response
    }
}

/// A header value of UTF-8 text, without control characters.
///
/// HTTP calls bytes over 0x7F "opaque"; OSS sends metadata so.
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

/// The body of an answer on its way out.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    content: Content,
    line: RequestLine,
    answering: Answering,
}

impl Body for AnswerBody {
    type Data = Piece;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Self::Error>>> {
        let body = self.get_mut();
        match &mut body.content {
            Content::Empty | Content::Announced(_) => Poll::Ready(None),
            Content::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                body.content = Content::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(Piece::Bytes(bytes)))))
            }
            Content::Object(object) => {
                let piece = std::task::ready!(object.poll_next(cx));
                if let Some(Err(error)) = &piece {
                    body.line.failed(error);
                }
                Poll::Ready(piece.map(|piece| {
                    piece.map(|piece| {
                        Frame::data(match piece {
                            ObjectPiece::Bytes(bytes) => Piece::Bytes(bytes),
                            ObjectPiece::File(bytes) => body.answering.voucher(bytes),
                        })
                    })
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty | Content::Announced(_) => true,
            Content::Bytes(bytes) => bytes.is_empty(),
            Content::Object(body) => body.length() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty | Content::Announced(_) => SizeHint::with_exact(0),
            Content::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Object(body) => SizeHint::with_exact(body.length()),
        }
    }
}

/// Headers that an answer has room for from the beginning.
const HEADERS: usize = 20;

/// What OSS calls itself; SDKs and proxies look for it.
const SERVER: &str = "AliyunOSS";

/// What became of a gated upload that was not agreed to: `refused`, `unavailable` or `pending`.
pub(crate) const X_UPCALL_VERDICT: HeaderName = HeaderName::from_static("x-upcall-verdict");
pub(crate) const X_OSS_EC: HeaderName = HeaderName::from_static("x-oss-ec");
pub(crate) const X_OSS_ERR: HeaderName = HeaderName::from_static("x-oss-err");
pub(crate) const X_OSS_HASH_CRC64ECMA: HeaderName = HeaderName::from_static("x-oss-hash-crc64ecma");
pub(crate) const X_OSS_REQUEST_ID: HeaderName = HeaderName::from_static("x-oss-request-id");
pub(crate) const X_OSS_SERVER_TIME: HeaderName = HeaderName::from_static("x-oss-server-time");
pub(crate) const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
