//! Uploads that go wrong because somebody ordered it: after they were admitted, since nobody else's
//! uploads count, and before the file is read, so that nothing is stored.

use upcall::error::{Refusal, WireError};

use super::admit::Admitted;
use crate::fault;
use crate::injection::{Injected, Injector, UploadFault};

/// What is ordered for this upload happens to it; nothing, or some time, if it goes on.
///
/// # Errors
/// The refusal that was ordered.
pub(super) async fn apply(injector: &Injector, admitted: &Admitted) -> Result<(), Refusal> {
    let injected = injector.of_upload(&admitted.bucket.name, &admitted.key);
    let Some(Injected { id, fault }) = injected else {
        return Ok(());
    };
    let refusal = match fault {
        UploadFault::Slow(delay) => {
            tokio::time::sleep(delay).await;
            return Ok(());
        }
        UploadFault::DiskFull => fault::out_of_space(),
        UploadFault::InternalError => fault::internal(),
        UploadFault::Refuse => Refusal::new(WireError::ACCESS_DENIED),
        UploadFault::Reset => {
            admitted.call.exchange.reset();
            fault::internal()
        }
    };
    // The hint is the one part of the answer that OSS does not have: nobody is to hunt this.
    let name = fault.name();
    Err(refusal.hint(format!("fault {id} (`{name}`) was ordered for this upload")))
}
