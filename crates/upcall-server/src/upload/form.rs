//! The form's head: every field before `file`, and the file as a source of bytes.
//!
//! In: a request whose body is a form. Out: [`FormHead`] and [`FormFile`], which share the one parser
//! there is. Fields are bounded one by one; of the file nothing is read beyond what came along with
//! the last field.
//!
//! Source: OSS, "PostObject"; RFC 7578.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use http::header;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use upcall::error::{Refusal, WireError};
use upcall::form::{Boundary, FormEvent, FormParser, PostForm};
use upcall_crypto::Md5;

use super::ingest::{FileSource, IngestError};
use crate::http::answer::CONTENT_MD5;
use crate::http::gate::Exchange;
use crate::http::peers::Peer;
use crate::http::service::{Call, text_of};
use crate::limits;
use crate::memory::{Charge, MemoryScarce};
use crate::node::Server;

/// What is known before the file is read.
#[derive(Debug)]
pub(crate) struct FormHead {
    pub(crate) call: CallFacts,
    /// Those of the request. Whoever waits for an application must not keep them: they hold the buffer
    /// that they were read into.
    pub(crate) headers: http::HeaderMap,
    pub(crate) form: Arc<PostForm>,
    /// The least bytes that the file must have, as far as the form's announced length tells.
    pub(crate) file_at_least: u64,
    /// Which bucket was addressed.
    pub(crate) bucket_name: String,
    /// Given back when the fields are.
    pub(crate) memory: FormMemory,
}

/// What of the request matters after its body was taken.
#[derive(Debug)]
pub(crate) struct CallFacts {
    pub(crate) id: crate::http::request_id::RequestId,
    pub(crate) peer: std::net::SocketAddr,
    pub(crate) host: String,
    pub(crate) style: crate::http::target::Style,
    pub(crate) exchange: Arc<Exchange>,
}

/// Reads the form up to its file.
pub(crate) async fn read_head(
    call: Call,
    server: &Server,
) -> Result<(FormHead, FormFile), Refusal> {
    let content_type = text_of(&call.headers, &header::CONTENT_TYPE).unwrap_or_default();
    let boundary = Boundary::from_content_type(content_type).map_err(|error| error.refusal())?;
    let announced = announced_length(&call.headers, &call.body)?;
    let mut file = FormFile {
        body: call.body,
        parser: FormParser::new(boundary, server.limits.form),
        memory: Some(FormMemory::new(
            server.memory.open(Peer::of(call.peer.ip())),
        )),
        received: 0,
        digest: expected_digest(&call.headers)?,
        file_is_over: false,
    };
    let mut fields = Vec::new();
    let form = loop {
        match file.next_event().await.map_err(|error| error.refusal())? {
            FormEvent::Field(field) => fields.push(field),
            FormEvent::File(head) => {
                break PostForm::new(fields, head).map_err(|error| error.refusal())?;
            }
            FormEvent::FileBytes(_) | FormEvent::FileEnd | FormEvent::End => {
                return Err(Refusal::new(WireError::MALFORMED_POST_REQUEST)
                    .hint("the form has no field `file`; it must be the last one"));
            }
        }
    };
    let bucket_name = call
        .target
        .bucket
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let headers = call.headers;
    let call = CallFacts {
        id: call.id,
        peer: call.peer,
        host: call.host,
        style: call.target.style,
        exchange: call.exchange,
    };
    // What came includes the head, and parts behind the file are small; the rest must be file.
    let file_at_least = announced
        .unwrap_or(0)
        .saturating_sub(file.received + FORM_TAIL_BYTES);
    let memory = file.memory.take().ok_or_else(crate::fault::internal)?;
    Ok((
        FormHead {
            call,
            headers,
            form: Arc::new(form),
            file_at_least,
            bucket_name,
            memory,
        },
        file,
    ))
}

/// How long a body says it is; a chunked one does not.
///
/// # Errors
/// `MissingContentLength` if it is neither. HTTP would have it empty; for an upload, which may take the
/// place of an object, somebody has to have said so.
pub(crate) fn announced_length(
    headers: &http::HeaderMap,
    body: &Incoming,
) -> Result<Option<u64>, Refusal> {
    let is_framed = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING]
        .iter()
        .any(|name| headers.contains_key(name));
    if !is_framed {
        return Err(Refusal::new(WireError::MISSING_CONTENT_LENGTH)
            .hint("send `Content-Length`, `0` for an empty body, or send the body in chunks"));
    }
    Ok(body.size_hint().exact())
}

/// `Content-MD5` of a form is that of the whole body.
fn expected_digest(headers: &http::HeaderMap) -> Result<Option<BodyDigest>, Refusal> {
    let Some(value) = headers.get(CONTENT_MD5) else {
        return Ok(None);
    };
    Ok(Some(BodyDigest {
        md5: Md5::new(),
        expected: parse_content_md5(value)?,
    }))
}

/// Reads a `Content-MD5`: base64 of 16 bytes. Source: RFC 1864.
pub(crate) fn parse_content_md5(value: &http::HeaderValue) -> Result<[u8; 16], Refusal> {
    base64::engine::general_purpose::STANDARD
        .decode(value.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            Refusal::new(WireError::INVALID_DIGEST)
                .hint("`Content-MD5` is the base64 of the 16 bytes of an MD5, 24 characters")
        })
}

/// What one form takes of the memory of all requests. A stranger can send 8 MB of fields on each of
/// thousands of connections, and nothing of it can be judged before the last field.
#[derive(Debug)]
pub(crate) struct FormMemory {
    charge: Charge,
    bytes: usize,
}

impl FormMemory {
    fn new(charge: Charge) -> Self {
        Self { charge, bytes: 0 }
    }

    /// Takes some more, twice what came: a value that grows may have room for as much again. The first
    /// [`limits::FORM_FREE_BYTES`] are counted with the request.
    fn grow(&mut self, bytes: usize) -> Result<(), IngestError> {
        self.bytes += bytes;
        let beyond = self.bytes.saturating_sub(limits::FORM_FREE_BYTES);
        self.charge
            .grow_to(beyond.saturating_mul(2))
            .map_err(|MemoryScarce| IngestError::Busy)
    }
}

#[derive(Debug)]
struct BodyDigest {
    md5: Md5,
    expected: [u8; 16],
}

/// The file of a form, as its bytes come.
#[derive(Debug)]
pub(crate) struct FormFile {
    body: Incoming,
    parser: FormParser,
    /// Until the file begins.
    memory: Option<FormMemory>,
    received: u64,
    digest: Option<BodyDigest>,
    file_is_over: bool,
}

impl FormFile {
    async fn next_event(&mut self) -> Result<FormEvent, IngestError> {
        loop {
            if let Some(event) = self.parser.next().map_err(IngestError::Form)? {
                return Ok(event);
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    // Trailers carry nothing that is acted upon.
                    if let Ok(bytes) = frame.into_data() {
                        self.push(bytes)?;
                    }
                }
                Some(Err(error)) => return Err(IngestError::Gone(error)),
                None => self.parser.finish(),
            }
        }
    }

    /// A form is as large as a file may be, and its fields' bounds more.
    fn count(&mut self, bytes: &Bytes) -> Result<(), IngestError> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > limits::FILE_BYTES + FORM_OVERHEAD_BYTES {
            return Err(IngestError::TooLarge {
                most: limits::FILE_BYTES,
            });
        }
        Ok(())
    }

    fn push(&mut self, bytes: Bytes) -> Result<(), IngestError> {
        self.count(&bytes)?;
        if let Some(memory) = &mut self.memory {
            memory.grow(bytes.len())?;
        }
        if let Some(digest) = &mut self.digest {
            digest.md5.update(&bytes);
        }
        self.parser.push(bytes);
        Ok(())
    }

    /// Reads what follows the file, up to the end of the form, and checks the whole body's digest.
    async fn read_tail(&mut self) -> Result<(), IngestError> {
        while !matches!(self.next_event().await?, FormEvent::End) {}
        let Some(mut digest) = self.digest.take() else {
            return Ok(());
        };
        // The digest covers the epilogue too.
        while let Some(frame) = self.body.frame().await {
            if let Ok(bytes) = frame.map_err(IngestError::Gone)?.into_data() {
                self.count(&bytes)?;
                digest.md5.update(&bytes);
            }
        }
        if digest.md5.finish() == digest.expected {
            Ok(())
        } else {
            Err(IngestError::DigestMismatch)
        }
    }
}

impl FileSource for FormFile {
    async fn next(&mut self) -> Result<Option<Bytes>, IngestError> {
        if self.file_is_over {
            return Ok(None);
        }
        match self.next_event().await? {
            FormEvent::FileBytes(bytes) => Ok(Some(bytes)),
            FormEvent::FileEnd => {
                self.file_is_over = true;
                self.read_tail().await?;
                Ok(None)
            }
            FormEvent::Field(_) | FormEvent::File(_) | FormEvent::End => {
                unreachable!("the parser gives FileEnd before anything else that follows a file")
            }
        }
    }
}

/// What a form may have beside its file: fields, heads and delimiters.
const FORM_OVERHEAD_BYTES: u64 = 16 * 1024 * 1024;

/// What may follow the file in a form before we would misjudge an announced length.
const FORM_TAIL_BYTES: u64 = 64 * 1024;
