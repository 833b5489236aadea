//! What a call came to: did the application agree, did it refuse, or could it not be asked?

use bytes::Bytes;
use upcall::callback::answer::CallbackFailure;
use upcall_store::catalog::CatalogError;

use super::CallbackAnswer;

/// A call that was made, over all of its URLs.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    /// As the protocol has it: the answer, or what the uploader is told with 203.
    pub(crate) result: Result<CallbackAnswer, CallbackFailure>,
    /// What the application said with a status of 400 to 499, if that is JSON.
    pub(crate) refusal: Option<Bytes>,
}

/// What it means for an upload that waits for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Yes,
    /// The application has heard of it and does not want it; asking again changes nothing.
    No,
    /// It could not be asked, or did not give an answer that counts.
    Later(CallbackFailure),
}

impl Called {
    pub(crate) fn failure(&self) -> Option<CallbackFailure> {
        self.result.as_ref().err().copied()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match &self.result {
            Ok(_) => Verdict::Yes,
            Err(CallbackFailure::Status(status)) if is_final(*status) => Verdict::No,
            Err(failure) => Verdict::Later(*failure),
        }
    }
}

/// A client error says that the request is not wanted, but for those that are about time and load.
/// Source: RFC 9110, 15.5; RFC 8470; RFC 6585.
const fn is_final(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 408 | 425 | 429)
}

/// Whether the catalog will never publish a held object, though the application agreed: its key was taken,
/// or the right to write it was taken away while it was held.
pub(crate) const fn is_unpublishable(error: &CatalogError) -> bool {
    match error {
        CatalogError::BucketDenied
        | CatalogError::KeyDeleted
        | CatalogError::NoSuchBucket
        | CatalogError::ObjectDenied
        | CatalogError::ObjectExists => true,
        CatalogError::BucketExists
        | CatalogError::BucketNotEmpty
        | CatalogError::Closed
        | CatalogError::Corrupt(_)
        | CatalogError::Engine(_)
        | CatalogError::NotOwed
        | CatalogError::SettingsChanged => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_error_is_a_no_and_everything_else_is_for_later() {
        let verdict = |status| {
            let called = Called {
                result: Err(CallbackFailure::Status(status)),
                refusal: None,
            };
            called.verdict()
        };
        for status in [400, 401, 403, 404, 409, 410, 413, 422, 451] {
            assert_eq!(verdict(status), Verdict::No, "{status}");
        }
        for status in [201, 204, 301, 302, 408, 425, 429, 500, 502, 503, 504] {
            let later = Verdict::Later(CallbackFailure::Status(status));
            assert_eq!(verdict(status), later, "{status}");
        }
    }
}
