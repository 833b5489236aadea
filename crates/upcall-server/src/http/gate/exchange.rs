//! What a gate and the service that answers on the same connection tell each other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use upcall_store::blobs::FileRange;

use crate::http::framing::FramingError;
use crate::http::voucher::{Ledger, Piece};

/// What the gate and the service that answers on the same connection tell each other.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(super) refused: Mutex<Option<FramingError>>,
    pub(super) must_close: AtomicBool,
    pub(super) answering: AtomicUsize,
    /// Nothing is under way, and has not been for a while.
    pub(super) is_resting: AtomicBool,
    pub(super) is_request_over: AtomicBool,
    /// Whether the buffer of what is read may grow.
    pub(super) is_wide: AtomicBool,
    /// The connection ends without an answer.
    pub(super) is_reset: AtomicBool,
    pub(in crate::http) ledger: Ledger,
}

impl Exchange {
    /// The reason why the head was refused in whose place the current request came.
    pub(crate) fn take_refusal(&self) -> Option<FramingError> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Whether this connection must close after the current answer.
    pub(crate) fn must_close(&self) -> bool {
        self.must_close.load(Ordering::Relaxed)
    }

    /// The whole request has come. Of a chunked body the gate does not see the end itself.
    pub(crate) fn request_is_over(&self) {
        self.is_request_over.store(true, Ordering::Relaxed);
    }

    /// From now on as much is read at a time as comes: memory for it was counted.
    pub(crate) fn widen(&self) {
        self.is_wide.store(true, Ordering::Relaxed);
    }

    /// The connection is to end at once and without an answer, as if something on the way had cut it.
    pub(crate) fn reset(&self) {
        self.is_reset.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_reset(&self) -> bool {
        self.is_reset.load(Ordering::Relaxed)
    }

    /// Whether hyper may be sent away: the peer has been silent between two requests for a while.
    /// Told once; the gate keeps no time until [`Gate::awake`] is asked.
    pub(crate) fn take_rest(&self) -> bool {
        self.is_resting.swap(false, Ordering::Relaxed)
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed) > 0
    }

    /// From now until the guard is dropped it is the peer who waits: an answer is made or sent.
    pub(crate) fn answering(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }
}

/// While it lives, silence of the peer is not idleness.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Exchange>);

impl Answering {
    /// Stands for these bytes in the answer.
    pub(crate) fn voucher(&self, bytes: FileRange) -> Piece {
        self.0.voucher(bytes)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}
