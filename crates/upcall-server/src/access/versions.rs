//! Which versions of signatures are accepted.
//!
//! V1 is what the classic samples and many SDKs sign with. It hashes with SHA-1 and does not tell a
//! key from the parameters behind it; an operator whose clients sign with V4 can switch it off.

use upcall::error::{Refusal, WireError};
use upcall_store::catalog::{BucketFacts, BucketSignatures};

/// Versions of signatures that are accepted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SignatureVersions {
    /// V1 and V4, as OSS does.
    #[default]
    Any,
    /// V4 alone: in forms, headers and URLs.
    V4,
}

impl SignatureVersions {
    /// Reads `any` or `v4`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Any, Self::V4]
            .into_iter()
            .find(|versions| versions.as_str() == text)
    }

    /// `any` or `v4`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::V4 => "v4",
        }
    }

    /// What counts for a bucket: what the server says, or less.
    pub(crate) fn of_bucket(self, bucket: Option<&BucketFacts>) -> Self {
        match bucket.and_then(|bucket| bucket.callback.signatures) {
            Some(BucketSignatures::V4) => Self::V4,
            None => self,
        }
    }

    /// # Errors
    /// `InvalidArgument` with the code that OSS has for a version that it does not know: V1 is
    /// switched off.
    pub(crate) fn check_v1(self) -> Result<(), Refusal> {
        match self {
            Self::Any => Ok(()),
            Self::V4 => Err(Refusal::new(WireError::INVALID_ARGUMENT)
                .ec("0002-00000701")
                .extra("ArgumentName", "x-oss-signature-version")
                .hint(
                    "signatures of V1 are switched off here; sign with V4 (`OSS4-HMAC-SHA256`), for \
                     which SDKs have a setting",
                )),
        }
    }
}
