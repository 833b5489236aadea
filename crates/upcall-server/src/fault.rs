//! Faults: what is ours or the disk's. The cause goes to the log, the client reads only that it was
//! not its doing, and the request id.

use std::error::Error;
use std::fmt::Write as _;

use upcall::error::{Refusal, WireError};
use upcall_store::blobs::BlobError;
use upcall_store::catalog::CatalogError;

use crate::access;
use crate::http::request_id::RequestId;
use crate::upload::hasher::HasherGone;

/// An error with everything that caused it, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {next}");
        cause = next.source();
    }
    text
}

/// The catalog did not do what was asked: it could not, or the right to it was taken away meanwhile.
pub(crate) fn of_catalog(error: &CatalogError, id: RequestId) -> Refusal {
    if let Some(refusal) = access::revoked(error) {
        return refusal;
    }
    tracing::error!(%id, error = %chain(error), "the catalog failed");
    if error.is_out_of_space() {
        out_of_space()
    } else {
        internal()
    }
}

/// The blobs could not be written or read.
pub(crate) fn of_blobs(error: &BlobError, id: RequestId) -> Refusal {
    tracing::error!(%id, error = %chain(error), "the blob store failed");
    if error.is_out_of_space() {
        out_of_space()
    } else {
        internal()
    }
}

/// The hasher could not finish.
pub(crate) fn of_hasher(error: &HasherGone, id: RequestId) -> Refusal {
    tracing::error!(%id, error = %chain(error), "the hasher failed");
    internal()
}

/// Something else of ours failed.
pub(crate) fn internal() -> Refusal {
    Refusal::new(WireError::INTERNAL_ERROR).hint("the server's log says more under this request id")
}

/// There is no room for what should be stored.
pub(crate) fn out_of_space() -> Refusal {
    Refusal::new(WireError::SERVICE_UNAVAILABLE)
        .message("The server is out of storage space.")
        .hint("nothing was stored; try again when the operator has made space")
}
