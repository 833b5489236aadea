//! The gate between a socket and hyper: it lets through only what has one reading, at a pace that is
//! bounded, and closes so that the last answer is still read.
//!
//! In: a connected socket. Out: the same bytes for hyper, head by head, each judged by
//! [`framing`](super::framing) before hyper sees it, each body exactly as long as its head said.
//!
//! - A head that could be read in two ways is replaced by a request of our own, which the service
//!   answers with the reason ([`Exchange::take_refusal`]); nothing of the peer's is read after it.
//! - Whoever is slower than the limits say is cut off: while a head comes, while a body comes, while
//!   an answer goes. Time in which we did not want to read or write does not count.
//! - Bytes that are no request are no progress: idle time counts from the last answer, and one empty
//!   line is allowed before a request line. A body, and an answer, has a time for the whole as well.
//! - A [voucher](super::voucher) in an answer is exchanged for the bytes of the file it stands for.
//! - After the last answer the write side is shut first and what still arrives is thrown away for a
//!   bounded time. A peer that is still sending would otherwise get a reset that destroys the answer.

mod exchange;

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::framing::{self, Framing, FramingError};
use super::peers::connections::Slot;
use super::timer::{Pace, Timer};
use crate::limits::{self, Limits};
use crate::memory::{Charge, MemoryScarce};
pub(crate) use exchange::{Answering, Exchange};

/// A socket behind its gate.
pub(crate) struct Gate {
    socket: TcpStream,
    slot: Arc<Slot>,
    /// Of a head that is longer than most.
    head_memory: Charge,
    /// Bytes that came and may not pass yet, or no longer fitted.
    inbox: BytesMut,
    /// How much of the inbox was already searched for the end of a head.
    scanned: usize,
    pass: Pass,
    exchange: Arc<Exchange>,
    pace: Pace,
    reading: Timer,
    writing: Timer,
    /// Whether hyper has nothing left to write.
    is_flushed: bool,
    lingering: Option<Lingering>,
    /// Since when an answer goes out: from its first flush to the peer's next bytes.
    answered_since: Option<Instant>,
    /// When the last answer went out, or the connection was accepted. Idle time counts from here,
    /// whatever comes that is no request.
    quiet_since: Instant,
    /// Whether an empty line has come since the last request.
    has_empty_line: bool,
    /// How long the body may keep us waiting in all, if its head says how long it is.
    allowance: Option<Duration>,
}

/// How many of the next bytes may pass.
#[derive(Clone, Copy, Debug)]
enum Pass {
    /// None before the next head is judged.
    Head,
    /// So many: what is left of a judged head and of its body.
    Bytes(u64),
    /// All, until the connection closes (a chunked body).
    All,
    /// No more, ever: the peer's head was refused.
    Nothing,
}

impl Gate {
    pub(crate) fn new(
        socket: TcpStream,
        limits: &Limits,
        slot: Arc<Slot>,
        head_memory: Charge,
    ) -> Self {
        Self {
            socket,
            slot,
            head_memory,
            inbox: BytesMut::new(),
            scanned: 0,
            pass: Pass::Head,
            exchange: Arc::default(),
            pace: Pace::new(limits),
            reading: Timer::default(),
            writing: Timer::default(),
            is_flushed: true,
            lingering: None,
            answered_since: None,
            quiet_since: Instant::now(),
            has_empty_line: false,
            allowance: None,
        }
    }

    /// Waits for the peer without a reader: whether it says something (or goes), in time.
    pub(crate) async fn awake(&mut self) -> bool {
        std::future::poll_fn(|cx| {
            // Without a reader there is no head of an earlier request.
            self.head_memory.clear();
            if !self.inbox.is_empty() || self.socket.poll_read_ready(cx).is_ready() {
                return Poll::Ready(true);
            }
            let deadline = self.quiet_since + self.pace.idle;
            self.reading.poll_until(cx, deadline).map(|()| false)
        })
        .await
    }

    /// Closes as after the last answer.
    pub(crate) async fn close(mut self) {
        // A peer that is gone already is as good as one that was told.
        let _ = std::future::poll_fn(|cx| Pin::new(&mut self).poll_shutdown(cx)).await;
    }

    pub(crate) fn exchange(&self) -> Arc<Exchange> {
        Arc::clone(&self.exchange)
    }

    /// Judges the head that `bytes` begins with, if it is whole, and says how much may pass.
    fn judge(&mut self, bytes: &[u8], scanned: usize) -> Result<Option<Pass>, FramingError> {
        let Some(length) = framing::head_length(bytes, scanned) else {
            return if bytes.len() > limits::REQUEST_HEAD_BYTES {
                Err(FramingError::TooLong)
            } else {
                Ok(None)
            };
        };
        if length > limits::REQUEST_HEAD_BYTES {
            return Err(FramingError::TooLong);
        }
        match framing::judge(&bytes[..length])? {
            Framing::Length(body) => Ok(Some(Pass::Bytes(body.saturating_add(length as u64)))),
            Framing::Chunked => {
                self.exchange.must_close.store(true, Ordering::Relaxed);
                Ok(Some(Pass::All))
            }
        }
    }

    /// A head was judged: its request begins.
    fn begin(&mut self, pass: Pass) {
        self.has_empty_line = false;
        self.allowance = match pass {
            Pass::Bytes(bytes) => Some(self.pace.allowance(bytes)),
            Pass::Head | Pass::All | Pass::Nothing => None,
        };
        self.exchange.is_wide.store(false, Ordering::Relaxed);
        self.pass = pass;
        self.reading.begin();
        self.writing.begin();
    }

    /// Something has come that may be a request: from now on the connection is nobody else's.
    ///
    /// # Errors
    /// It was closed in favour of another before.
    fn claim(&self) -> io::Result<()> {
        if self.slot.wake() {
            Ok(())
        } else {
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    }

    /// Counts a head that does not end where most do.
    fn count_head(&mut self) -> Result<(), FramingError> {
        if self.inbox.len() <= limits::FORM_FREE_BYTES {
            return Ok(());
        }
        let counted = self.head_memory.grow_to(limits::LONG_HEAD_BYTES);
        counted.map_err(|MemoryScarce| FramingError::NoMemory)
    }

    /// Puts a request of ours in the place of what came.
    fn refuse(&mut self, reason: FramingError) {
        *self
            .exchange
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(reason);
        self.exchange.must_close.store(true, Ordering::Relaxed);
        self.inbox = BytesMut::from(STAND_IN);
        self.pass = Pass::Bytes(STAND_IN.len() as u64);
    }

    /// Hands out bytes of the inbox, as many as may pass and fit.
    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let may_pass = match self.pass {
            Pass::Head | Pass::Nothing => 0,
            Pass::Bytes(left) => usize::try_from(left).unwrap_or(usize::MAX),
            Pass::All => usize::MAX,
        };
        let count = may_pass.min(self.inbox.len()).min(buf.remaining());
        buf.put_slice(&self.inbox[..count]);
        self.inbox.advance(count);
        self.passed(count as u64);
    }

    fn passed(&mut self, count: u64) {
        if let Pass::Bytes(left) = self.pass {
            self.pass = match left - count {
                0 if self.exchange.must_close() => Pass::Nothing,
                0 => Pass::Head,
                left => Pass::Bytes(left),
            };
            self.scanned = 0;
        }
    }
}

impl Gate {
    /// Waits for the peer's bytes, at the pace that the phase allows; `Ok(0)` at the end.
    fn poll_socket(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<u64>> {
        let before = buf.filled().len();
        let read = if self.exchange.is_wide.load(Ordering::Relaxed) {
            Pin::new(&mut self.socket).poll_read(cx, buf)
        } else {
            // Else hyper's buffer would grow with a peer that has signed nothing.
            let mut narrow = (&mut self.socket).take(limits::NARROW_READ_BYTES);
            Pin::new(&mut narrow).poll_read(cx, buf)
        };
        if let Poll::Ready(result) = read {
            let count = (buf.filled().len() - before) as u64;
            self.reading.moved(count);
            self.answered_since = None;
            return Poll::Ready(result.map(|()| count));
        }
        let pace = &self.pace;
        let allowance = self
            .allowance
            .unwrap_or_else(|| pace.allowance(self.reading.whole_moved()));
        let expired = match self.pass {
            Pass::Head if self.exchange.is_answering() => {
                // Until something of the answer has gone out, nobody has to look: thousands may wait for
                // an application.
                self.reading.restart();
                if let Some(since) = self.answered_since {
                    let period = since.elapsed().clamp(REST_AFTER, LONGEST_LOOK);
                    self.reading.look_again(cx, period);
                }
                return Poll::Pending;
            }
            // A chunked body is the connection's last; while its answer is made, the peer may be silent.
            Pass::All if self.exchange.is_request_over.load(Ordering::Relaxed) => {
                return Poll::Pending;
            }
            Pass::Head if self.inbox.is_empty() => {
                if !self.is_flushed {
                    self.reading.look_again(cx, REST_AFTER);
                    return Poll::Pending;
                }
                self.slot.rest(self.quiet_since);
                if self.reading.poll_idle(cx, REST_AFTER).is_ready() {
                    self.exchange.is_resting.store(true, Ordering::Relaxed);
                }
                return Poll::Pending;
            }
            Pass::Head => self.reading.poll_deadline(cx, pace.head),
            Pass::Nothing => Poll::Pending, // `poll_read` does not come here then
            Pass::Bytes(left) => {
                self.reading
                    .poll_progress(cx, pace.window, pace.least.min(left), allowance)
            }
            Pass::All => self
                .reading
                .poll_progress(cx, pace.window, pace.least, allowance),
        };
        expired.map(|()| Err(io::Error::from(io::ErrorKind::TimedOut)))
    }

    /// Reads a head, straight into hyper's buffer where it comes whole, else through the inbox.
    /// `Ready(Ok(true))` when something may pass or the peer is done.
    fn poll_head(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        // One empty line before the request line is allowed for (RFC 9112, 2.2).
        while self.inbox.starts_with(b"\r\n") {
            if std::mem::replace(&mut self.has_empty_line, true) {
                self.refuse(FramingError::EmptyLines);
                return Poll::Ready(Ok(true));
            }
            self.inbox.advance(2);
            self.scanned = 0;
        }
        if !self.inbox.is_empty() {
            self.claim()?;
            let inbox = std::mem::take(&mut self.inbox);
            let judged = self.judge(&inbox, self.scanned);
            self.scanned = inbox.len();
            self.inbox = inbox;
            match judged {
                Ok(Some(pass)) => {
                    self.begin(pass);
                    return Poll::Ready(Ok(true));
                }
                Ok(None) => {
                    if let Err(reason) = self.count_head() {
                        self.refuse(reason);
                        return Poll::Ready(Ok(true));
                    }
                }
                Err(reason) => {
                    self.refuse(reason);
                    return Poll::Ready(Ok(true));
                }
            }
        }
        let start = buf.filled().len();
        if ready!(self.poll_socket(cx, buf))? == 0 {
            return Poll::Ready(Ok(true));
        }
        if self.inbox.is_empty() {
            self.claim()?;
            self.reading.restart();
            // The usual case: the head came whole, and nothing has to be copied.
            match self.judge(&buf.filled()[start..], 0) {
                Ok(Some(pass)) => {
                    self.begin(pass);
                    self.let_through(buf, start);
                    return Poll::Ready(Ok(true));
                }
                Ok(None) => {}
                // Perhaps only an empty line before the request line; the inbox will tell.
                Err(_) if buf.filled()[start] == b'\r' => {}
                Err(reason) => {
                    buf.set_filled(start);
                    self.refuse(reason);
                    return Poll::Ready(Ok(true));
                }
            }
        }
        self.inbox.extend_from_slice(&buf.filled()[start..]);
        buf.set_filled(start);
        Poll::Ready(Ok(false))
    }

    /// Of what was read into `buf` behind `start`, leaves there what may pass and keeps the rest.
    fn let_through(&mut self, buf: &mut ReadBuf<'_>, start: usize) {
        let Pass::Bytes(left) = self.pass else {
            return;
        };
        let came = buf.filled().len() - start;
        let passing = usize::try_from(left).map_or(came, |left| came.min(left));
        self.inbox
            .extend_from_slice(&buf.filled()[start + passing..]);
        buf.set_filled(start + passing);
        self.passed(passing as u64);
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(lingering) = &mut self.lingering else {
            return Poll::Ready(());
        };
        let mut scratch = [0; 16 * 1024];
        while lingering.left > 0 && lingering.until.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buf));
            if read.is_err() || buf.filled().is_empty() {
                break;
            }
            lingering.left = lingering.left.saturating_sub(buf.filled().len() as u64);
        }
        Poll::Ready(())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if self.exchange.is_reset() {
            // Closed so, the kernel sends a reset. If it cannot be had, the peer sees an end.
            let _ = self.socket.set_zero_linger();
        }
    }
}

impl AsyncRead for Gate {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        if matches!(gate.pass, Pass::Nothing) {
            // Not the end of the stream: hyper would drop the answer that is being made.
            return gate
                .reading
                .poll_deadline(cx, gate.pace.window)
                .map(|()| Err(io::Error::from(io::ErrorKind::TimedOut)));
        }
        let start = buf.filled().len();
        while matches!(gate.pass, Pass::Head) {
            if ready!(gate.poll_head(cx, buf))? {
                break;
            }
        }
        if matches!(gate.pass, Pass::Head) || buf.filled().len() > start {
            return Poll::Ready(Ok(())); // the peer is done, or the head has passed
        }
        if gate.inbox.is_empty() {
            ready!(gate.poll_socket(cx, buf))?;
            gate.let_through(buf, start);
        } else {
            gate.hand_out(buf);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gate {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let gate = self.get_mut();
        // Also while the peer takes nothing: what hyper holds is not to be thrown away as idle.
        gate.is_flushed = false;
        let written = gate
            .exchange
            .ledger
            .poll_write(cx, &mut gate.socket, slices);
        gate.pace_write(cx, written)
    }

    /// hyper must not gather pieces into a buffer of its own: vouchers are not to be copied.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        gate.exchange.ledger.written()?;
        ready!(Pin::new(&mut gate.socket).poll_flush(cx))?;
        if !gate.is_flushed && matches!(gate.pass, Pass::Head) {
            // hyper does not always ask again when the answer is out; then the peer's time would never
            // begin.
            gate.answered_since = Some(Instant::now());
            gate.reading.look_again(cx, REST_AFTER);
        }
        if !gate.is_flushed {
            gate.quiet_since = Instant::now();
            if matches!(gate.pass, Pass::Head)
                && gate.inbox.is_empty()
                && !gate.exchange.is_answering()
            {
                gate.slot.rest(gate.quiet_since);
            }
        }
        gate.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        if gate.lingering.is_none() {
            // The peer may be gone already; then there is nothing to linger for.
            if ready!(Pin::new(&mut gate.socket).poll_shutdown(cx)).is_err() {
                return Poll::Ready(Ok(()));
            }
            gate.lingering = Some(Lingering {
                until: Box::pin(tokio::time::sleep(gate.pace.linger)),
                left: gate.pace.linger_bytes,
            });
        }
        gate.poll_linger(cx).map(Ok)
    }
}

impl Gate {
    fn pace_write(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(result) => {
                if let Ok(count) = result {
                    self.writing.moved(count as u64);
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                let pace = &self.pace;
                let allowance = pace.allowance(self.writing.whole_moved());
                self.writing
                    .poll_progress(cx, pace.window, pace.least, allowance)
                    .map(|()| Err(io::Error::from(io::ErrorKind::TimedOut)))
            }
        }
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("pass", &self.pass)
            .finish_non_exhaustive()
    }
}

/// What is left of the time and the bytes that the last answer may take to be read.
#[derive(Debug)]
struct Lingering {
    until: Pin<Box<Sleep>>,
    left: u64,
}

/// How long a connection keeps hyper, with its two buffers of 8 KiB, after an answer.
///
/// 100 ms: whoever sends request after request is not made to wait for new ones, and of ten thousand
/// connections that wait for a user, few have any.
const REST_AFTER: Duration = Duration::from_millis(100);

/// The longest time between two looks at an answer that goes out.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// Stands in the place of a refused head. Whatever it says, the service asks for the verdict first.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nHost: -\r\nConnection: close\r\n\r\n";
