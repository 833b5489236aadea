//! Vouchers: what hyper carries in the place of a file's bytes, and the gate exchanges for them.
//!
//! In: a range of a file, as a piece of an answer's body. Out: those bytes in the socket, moved by
//! the kernel (`sendfile`), so that a large body never passes through our memory. hyper only knows
//! bodies that are bytes; a voucher shows it bytes of a region that nobody ever reads, as many as the
//! file's, and the gate knows that region by its address.
//!
//! - The region's own bytes never reach a peer: whoever *copied* them would have to tell the voucher
//!   that they are used ([`Buf::advance`]) before it can write the copy, and a voucher that is used
//!   without having been redeemed breaks its connection.
//! - What is owed and what is redeemed is counted on both sides; where the two differ, where the
//!   file ends early or cannot be read, the connection breaks.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::Interest;
use tokio::net::TcpStream;
use upcall_store::blobs::FileRange;

use super::gate::Exchange;

/// A piece of an answer's body.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    Voucher(Voucher),
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.remaining(),
            Self::Voucher(voucher) => voucher.left,
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.chunk(),
            Self::Voucher(voucher) => &REGION[..voucher.left.min(REGION.len())],
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::Voucher(voucher) => voucher.used(count),
        }
    }
}

/// Stands for bytes of a file that this connection owes its peer.
#[derive(Debug)]
pub(crate) struct Voucher {
    left: usize,
    exchange: Arc<Exchange>,
}

impl Voucher {
    fn used(&mut self, count: usize) {
        let ledger = &self.exchange.ledger;
        let redeemed = ledger.redeemed(count);
        if !redeemed || count > self.left {
            ledger.break_off();
        }
        self.left = self.left.saturating_sub(count);
    }
}

impl Drop for Voucher {
    /// Whoever throws a voucher away writes something else next, or nothing.
    fn drop(&mut self) {
        if self.left > 0 {
            self.exchange.ledger.break_off();
        }
    }
}

/// What one connection owes.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    open: Mutex<Open>,
    is_broken: AtomicBool,
}

#[derive(Debug, Default)]
struct Open {
    owed: VecDeque<FileRange>,
    /// Bytes that were sent, and whose vouchers do not know it yet.
    sent: usize,
}

impl Exchange {
    /// A voucher for these bytes, which go out in the order of their vouchers.
    pub(crate) fn voucher(self: &Arc<Self>, bytes: FileRange) -> Piece {
        let length = bytes.range.end.saturating_sub(bytes.range.start);
        let Ok(left) = usize::try_from(length) else {
            // Not before files are larger than memory can be; then the answer falls short, and breaks.
            self.ledger.break_off();
            return Piece::Bytes(Bytes::new());
        };
        if left > 0 {
            self.ledger.open().owed.push_back(bytes);
        }
        let exchange = Arc::clone(self);
        Piece::Voucher(Voucher { left, exchange })
    }
}

impl Ledger {
    /// Writes what `slices` begin with: bytes as they are, a voucher as what it stands for.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        socket: &mut TcpStream,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        use tokio::io::AsyncWrite as _;

        if self.is_broken.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::Error::other("the answer fell apart")));
        }
        match slices.iter().position(|slice| is_voucher(slice)) {
            None => std::pin::Pin::new(socket).poll_write_vectored(cx, slices),
            Some(0) => self.poll_redeem(cx, socket, slices[0].len()),
            Some(at) => std::pin::Pin::new(socket).poll_write_vectored(cx, &slices[..at]),
        }
    }

    /// Everything has been written, hyper says.
    pub(super) fn written(&self) -> io::Result<()> {
        let open = self.open();
        if open.owed.is_empty() && open.sent == 0 {
            return Ok(());
        }
        drop(open);
        self.break_off();
        Err(io::Error::other("a part of the answer was left out"))
    }

    fn poll_redeem(
        &self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let mut open = self.open();
        let Some(owed) = open.owed.front_mut() else {
            return Poll::Ready(Err(io::Error::other("nothing is owed")));
        };
        let result = loop {
            ready!(socket.poll_write_ready(cx))?;
            match send(socket, owed, most) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => break result,
            }
        };
        match result {
            Ok(count) => {
                owed.range.start += count as u64;
                if owed.range.is_empty() {
                    open.owed.pop_front();
                }
                open.sent += count;
            }
            Err(_) => self.break_off(),
        }
        Poll::Ready(result)
    }

    /// Whether so many bytes were sent; they are settled then.
    fn redeemed(&self, count: usize) -> bool {
        let mut open = self.open();
        let left = open.sent.checked_sub(count);
        open.sent = left.unwrap_or(0);
        left.is_some()
    }

    fn break_off(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this system sends files by itself.
pub(crate) fn are_taken() -> bool {
    cfg!(target_os = "linux") && !IS_UNSUPPORTED.load(Ordering::Relaxed)
}

fn is_voucher(slice: &[u8]) -> bool {
    REGION.as_ptr_range().contains(&slice.as_ptr())
}

#[cfg(target_os = "linux")]
fn send(socket: &TcpStream, bytes: &FileRange, most: usize) -> io::Result<usize> {
    use rustix::io::Errno;

    let left = bytes.range.end - bytes.range.start;
    let count = usize::try_from(left).map_or(most, |left| most.min(left));
    let mut offset = bytes.range.start;
    let mut failed = None;
    let result = socket.try_io(Interest::WRITABLE, || {
        rustix::io::retry_on_intr(|| {
            rustix::fs::sendfile(socket, &bytes.file, Some(&mut offset), count)
        })
        .map_err(|errno| {
            failed = Some(errno);
            errno.into()
        })
    });
    match failed {
        // Of the peer, or of its pace.
        None | Some(Errno::AGAIN | Errno::PIPE | Errno::CONNRESET | Errno::TIMEDOUT) => {}
        Some(errno) => {
            if matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) {
                IS_UNSUPPORTED.store(true, Ordering::Relaxed);
            }
            tracing::error!(error = %errno, "an object's file could not be sent");
        }
    }
    if matches!(result, Ok(0)) {
        tracing::error!("an object's file became shorter while it was sent");
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    result
}

#[cfg(not(target_os = "linux"))]
fn send(_: &TcpStream, _: &FileRange, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The file system or the kernel cannot: answers that begin from now on take the other road.
static IS_UNSUPPORTED: AtomicBool = AtomicBool::new(false);

/// What vouchers show. Its pages are never touched, so it takes address space and no memory.
static REGION: LazyLock<Box<[u8]>> =
    LazyLock::new(|| vec![0; MOST_AT_ONCE_BYTES].into_boxed_slice());

/// Bytes of one call of `sendfile`.
///
/// 256 KiB: a call takes some 50 µs then, and is to the socket what a piece of a body in memory is.
const MOST_AT_ONCE_BYTES: usize = 256 * 1024;
