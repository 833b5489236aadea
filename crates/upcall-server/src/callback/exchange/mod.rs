//! One exchange over one connection: the request out, the answer in and judged.
//!
//! In: a [`Connection`] and a written request. Out: how it ended; what was seen on the way is in
//! [`Progress`]. A body is read up to its `Content-Length` and never beyond 1 MiB, a head up to
//! [`limits::CALLBACK_HEAD_BYTES`]; while the application thinks, a call holds 2 KiB to read into.
//! No redirect is followed.
//!
//! The request is sent once. Whether it is sent again, on another connection, is the dispatcher's
//! question.
//!
//! By hand and not by hyper's client, whose reader refuses a `Content-Length` that is no number as
//! it refuses any other head, where the uploader is owed a message of its own; and so that the
//! moments can be told apart and the bytes be recorded as they were.

mod chunked;
mod connector;
mod ending;
mod first_bytes;
mod head;
mod head_fault;
mod progress;
#[cfg(test)]
mod tests;
mod tls_failure;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, ReadBuf};
use upcall::callback::answer::{self, CallbackFailure};

pub(in crate::callback) use connector::{Connection, Connector};
pub(crate) use ending::{Ending, is_tls};
pub(crate) use head_fault::HeadFault;
pub(crate) use progress::{Answer, Progress, Stage, Timing};
pub(crate) use tls_failure::TlsFailure;

use self::chunked::{BadChunks, Chunks};
use self::head::{BadHead, Head};
use super::request::WrittenRequest;
use crate::limits;

/// What an answer that does not count is still read for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Curiosity {
    /// Its body is recorded, if it comes at once.
    Record,
    /// Its body is handed on to the uploader, as long as it may be.
    Refusal,
    Nothing,
}

/// Whether an answer may be chunked. By the protocol it may not: it has a `Content-Length`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Chunking {
    Refused,
    Taken,
}

impl Chunking {
    /// As a bucket says it.
    pub(crate) const fn of(is_taken: bool) -> Self {
        if is_taken { Self::Taken } else { Self::Refused }
    }
}

/// What is wanted of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) curiosity: Curiosity,
    pub(super) chunking: Chunking,
}

/// Sends the request and judges the answer. If the connection may serve another call after it, it
/// is given back: only after an answer that was as the protocol wants it and agreed. An application
/// that makes one mistake about where an answer ends may make another.
pub(super) async fn exchange(
    mut connection: Connection,
    request: &WrittenRequest,
    wanted: Wanted,
    progress: &mut Progress,
) -> (Ending, Option<Connection>) {
    match attempt(&mut connection, request, wanted, progress).await {
        Ok((Ending::Agreed, Rest::Possible)) => (Ending::Agreed, connection.at_rest()),
        Ok((ending, _)) | Err(ending) => (ending, None),
    }
}

/// Whether a connection is good for another call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rest {
    Possible,
    Impossible,
}

async fn attempt(
    connection: &mut Connection,
    request: &WrittenRequest,
    wanted: Wanted,
    progress: &mut Progress,
) -> Result<(Ending, Rest), Ending> {
    progress.enter(Stage::Sending);
    let sent = connection.send(request).await;
    progress.enter(Stage::Waiting);
    let head = match (read_head(connection, progress).await, &sent) {
        (Ok(head), _) => head,
        // The first that went wrong is what is told.
        (Err(_), Err(error)) => return Err(Ending::of_io(error, Stage::Sending)),
        (Err(ending), Ok(_)) => return Err(ending),
    };
    let rest = match sent {
        Ok(Sent::Whole) if head.keeps_alive => Rest::Possible,
        Ok(_) | Err(_) => Rest::Impossible,
    };
    let judged = answer::judge_head(head.status, head.content_length.as_deref());
    let announced = match &judged {
        Ok(length) => Some(*length),
        Err(_) => plain_length(&head),
    };
    progress.answer = Some(Answer {
        status: head.status,
        head: head.bytes.clone(),
        content_type: head.content_type.clone(),
        body: Bytes::new(),
        announced,
    });
    if head.is_chunked && wanted.chunking == Chunking::Taken {
        return answer_in_chunks(connection, &head, rest, wanted.curiosity, progress).await;
    }
    match judged {
        Ok(length) => {
            read_body(connection, length, progress).await?;
            let verdict = answer::judge_body(&head.content_type, &progress.received);
            Ok((verdict.map_or_else(Ending::from, |()| Ending::Agreed), rest))
        }
        Err(failure) => {
            match wanted.curiosity {
                Curiosity::Record => read_what_comes_at_once(connection, announced, progress).await,
                Curiosity::Refusal => match announced {
                    Some(length) if length <= limits::CALLBACK_ANSWER_BYTES as u64 => {
                        // What there is of it has been kept, if the rest does not come.
                        let _ = read_body(connection, length, progress).await;
                    }
                    _ => read_what_comes_at_once(connection, announced, progress).await,
                },
                Curiosity::Nothing => {}
            }
            Ok((Ending::Refused(failure), Rest::Impossible))
        }
    }
}

/// Reads a chunked answer and judges it as if its length had been announced.
async fn answer_in_chunks(
    connection: &mut Connection,
    head: &Head,
    rest: Rest,
    curiosity: Curiosity,
    progress: &mut Progress,
) -> Result<(Ending, Rest), Ending> {
    if head.status == 200 {
        read_chunks(connection, progress).await?;
        let verdict = answer::judge_body(&head.content_type, &progress.received);
        return Ok((verdict.map_or_else(Ending::from, |()| Ending::Agreed), rest));
    }
    let body = read_chunks(connection, progress);
    // As far as it came it is recorded; the status decides.
    match curiosity {
        Curiosity::Record => drop(tokio::time::timeout(GRACE, body).await),
        Curiosity::Refusal => drop(body.await),
        Curiosity::Nothing => {}
    }
    let failure = CallbackFailure::Status(head.status);
    Ok((Ending::Refused(failure), Rest::Impossible))
}

/// How much of a request went out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sent {
    Whole,
    /// The answer began before all of it was taken.
    Interrupted,
}

impl Connection {
    /// Writes the request. An application that refuses may answer, and read no more of it: so a
    /// write that has to wait waits for an answer, too.
    async fn send(&mut self, request: &WrittenRequest) -> io::Result<Sent> {
        let mut unsent = request.head.clone().chain(request.body.clone());
        poll_fn(|cx| {
            while unsent.has_remaining() {
                let mut slices = [io::IoSlice::new(&[]); 2];
                let count = unsent.chunks_vectored(&mut slices);
                let stream = Pin::new(&mut self.stream);
                match stream.poll_write_vectored(cx, &slices[..count])? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(written) => unsent.advance(written),
                    Poll::Pending => {
                        ready!(self.poll_interruption(cx))?;
                        return Poll::Ready(Ok(Sent::Interrupted));
                    }
                }
            }
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            Poll::Ready(Ok(Sent::Whole))
        })
        .await
    }

    /// Ready with the first bytes of an answer, or when there will be none.
    fn poll_interruption(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 256];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.unread.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }

    /// Reads once into `unread`; takes memory for it only when there is something to read, since
    /// thousands of calls may wait.
    async fn read_more(&mut self) -> io::Result<()> {
        if self.unread.is_empty() {
            self.stream.readable().await?;
        }
        if self.unread.spare_capacity_mut().is_empty() {
            let more = self.unread.len().max(FIRST_READ_BYTES);
            self.unread.reserve(more);
        }
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The connection between two calls; `None` if more came than was asked for.
    fn at_rest(mut self) -> Option<Self> {
        if !self.unread.is_empty() || self.stream.holds_plaintext() {
            return None;
        }
        if self.unread.capacity() > 4 * FIRST_READ_BYTES {
            self.unread = BytesMut::new();
        }
        Some(self)
    }
}

/// Reads heads until one is final. Interim ones (100 to 199) say nothing; 101 ends HTTP, and is as
/// final as any.
async fn read_head(connection: &mut Connection, progress: &mut Progress) -> Result<Head, Ending> {
    let mut passed = 0;
    let mut looked_at = 0;
    loop {
        if !connection.unread.is_empty() && progress.stage == Stage::Waiting {
            progress.enter(Stage::Head);
        }
        match head::take(&mut connection.unread, &mut looked_at) {
            Ok(Some(head)) => {
                passed += head.bytes.len();
                if passed > limits::CALLBACK_HEAD_BYTES {
                    return Err(Ending::HeadTooLong);
                }
                if matches!(head.status, 100 | 102..=199) {
                    continue;
                }
                return Ok(head);
            }
            Ok(None) => {}
            Err(BadHead::TooManyHeaders) => return Err(Ending::HeadTooLong),
            Err(BadHead::Malformed(fault)) => return Err(Ending::MalformedHead(fault)),
            Err(BadHead::NotHttp) => {
                let start = connection.unread.len().min(SHOWN_START_BYTES);
                return Err(Ending::NotHttp {
                    start: connection.unread[..start].into(),
                });
            }
        }
        if passed + connection.unread.len() > limits::CALLBACK_HEAD_BYTES {
            return Err(Ending::HeadTooLong);
        }
        let read = connection.read_more().await;
        read.map_err(|error| Ending::of_io(&error, progress.stage))?;
    }
}

/// Reads a body of this length, in steps of what has come, so that an announcement alone takes no
/// memory. What has come is in `progress` also if the rest does not.
async fn read_body(
    connection: &mut Connection,
    announced: u64,
    progress: &mut Progress,
) -> Result<(), Ending> {
    let length = usize::try_from(announced).map_err(|_| CallbackFailure::TooLong)?;
    let in_buffer = connection.unread.len().min(length);
    progress.received.reserve(length.min(BODY_STEP_BYTES));
    let begun = connection.unread.split_to(in_buffer);
    progress.received.extend_from_slice(&begun);
    progress.enter(Stage::Body {
        announced: Some(announced),
    });
    while progress.received.len() < length {
        let missing = length - progress.received.len();
        if progress.received.spare_capacity_mut().is_empty() {
            let step = progress.received.len().max(BODY_STEP_BYTES);
            progress.received.reserve(missing.min(step));
        }
        let mut rest = (&mut progress.received).limit(missing);
        let read = match connection.stream.read_buf(&mut rest).await {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        };
        read.map_err(|error| Ending::of_io(&error, progress.stage))?;
    }
    Ok(())
}

/// Reads a chunked body. Once it is whole, its length is known as if it had been announced.
async fn read_chunks(connection: &mut Connection, progress: &mut Progress) -> Result<(), Ending> {
    progress.enter(Stage::Body { announced: None });
    let mut chunks = Chunks::begin();
    loop {
        match chunks.take(&mut connection.unread, &mut progress.received) {
            Ok(true) => break,
            Ok(false) => {}
            Err(BadChunks::TooLong) => return Err(CallbackFailure::TooLong.into()),
            Err(BadChunks::Malformed) => return Err(Ending::MalformedChunks),
        }
        let read = connection.read_more().await;
        read.map_err(|error| Ending::of_io(&error, progress.stage))?;
    }
    if let Some(answer) = &mut progress.answer {
        answer.announced = Some(progress.received.len() as u64);
    }
    Ok(())
}

/// Reads the body of an answer that does not count, for whoever looks at the record, if that takes
/// no time worth mentioning.
async fn read_what_comes_at_once(
    connection: &mut Connection,
    announced: Option<u64>,
    progress: &mut Progress,
) {
    let most = limits::RECORDED_BODY_BYTES;
    if let Some(length) = announced.filter(|length| *length <= most as u64) {
        let body = read_body(connection, length, progress);
        // As far as it came it is recorded.
        let _ = tokio::time::timeout(GRACE, body).await;
        return;
    }
    // How long it would be is not known, or it is too long to be shown: what has come already.
    let shown = connection.unread.len().min(most);
    progress
        .received
        .extend_from_slice(&connection.unread[..shown]);
}

/// The length of a body that is announced as HTTP wants it, whatever else is wrong.
fn plain_length(head: &Head) -> Option<u64> {
    if head.status == 204 || head.status == 304 {
        return Some(0);
    }
    let text = head.content_length.as_deref()?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Bytes of the first buffer to read into: an answer's head and a short body, as most are. There
/// may be thousands of calls that wait.
const FIRST_READ_BYTES: usize = 2 * 1024;

/// Bytes of body for which memory is taken at a time.
const BODY_STEP_BYTES: usize = 16 * 1024;

/// Bytes kept of what is no HTTP.
const SHOWN_START_BYTES: usize = 64;

/// How long the body of an answer that does not count is waited for: the uploader waits, too.
const GRACE: Duration = Duration::from_millis(100);
