//! Which key signs a call, by who answers for what the call says.
//!
//! In: the [`Author`] of an upload's callback, found out where the upload is admitted. Out:
//! [`KeyChoice`], which the order carries to the signer, and the record of an owed call to the next
//! attempt. There is no signing without one, and nothing else makes one.
//!
//! Promise: the key that receivers are told to trust signs what the bucket, a policy or a signed
//! request fixed, and what a key of this server permitted; never what an anonymous requester made up.

use serde::{Deserialize, Serialize};

/// Who made up the URL and the body of a callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Author {
    /// Nobody that we know: no signature came with the upload.
    Anonymous,
    /// The operator: it is the bucket's default, whoever uploads.
    Bucket,
    /// The application: a condition of the policy that it signed names the callback.
    PinnedForm,
    /// The owner of an access key, who signed the request and the callback in it.
    SignedRequest,
    /// The uploader of a form with a signed policy that leaves the callback open.
    UnpinnedForm,
    /// Perhaps the owner of an access key, perhaps a user who chose the key of the object: a V1
    /// signature is the same for a callback in the URL and for a key that ends like one.
    V1Query,
}

impl Author {
    /// Whether the uploader could not have changed it without losing the signature.
    pub(crate) const fn is_fixed(self) -> bool {
        match self {
            Self::Bucket | Self::PinnedForm | Self::SignedRequest => true,
            Self::Anonymous | Self::UnpinnedForm | Self::V1Query => false,
        }
    }
}

/// What becomes of a callback that an anonymous requester made up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AnonymousCallbacks {
    /// It is signed with a key that no receiver is told to trust.
    #[default]
    Separate,
    /// It is made without a signature.
    Unsigned,
    /// The upload is refused.
    Refuse,
}

/// Which key signs a callback that the uploader of a signed form chose, since the policy left it open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum UnpinnedCallbacks {
    /// The one that receivers trust, as with OSS: the classic page's policy pins nothing.
    #[default]
    Trusted,
    /// A key that no receiver is told to trust.
    Separate,
}

/// The settings that decide which key signs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct VouchingRules {
    /// For callbacks of anonymous requesters.
    pub anonymous: AnonymousCallbacks,
    /// For callbacks that a signed policy leaves open.
    pub unpinned: UnpinnedCallbacks,
}

impl VouchingRules {
    /// The key for a callback of this author.
    ///
    /// # Errors
    /// [`NotVouchedFor`] if the upload is to be refused.
    pub(crate) const fn choose(self, author: Author) -> Result<KeyChoice, NotVouchedFor> {
        let class = match (author, self.anonymous, self.unpinned) {
            (Author::Anonymous, AnonymousCallbacks::Separate, _) => KeyClass::Anonymous,
            (Author::Anonymous, AnonymousCallbacks::Unsigned, _) => KeyClass::Unsigned,
            (Author::Anonymous, AnonymousCallbacks::Refuse, _) => return Err(NotVouchedFor),
            (Author::UnpinnedForm | Author::V1Query, _, UnpinnedCallbacks::Separate) => {
                KeyClass::Unpinned
            }
            (Author::UnpinnedForm | Author::V1Query, _, UnpinnedCallbacks::Trusted)
            | (Author::Bucket | Author::PinnedForm | Author::SignedRequest, ..) => {
                KeyClass::Trusted
            }
        };
        Ok(KeyChoice(class))
    }
}

/// An anonymous requester made the callback up, and the server signs no such thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NotVouchedFor;

/// The kind of key that signs a call.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyClass {
    /// The bucket's own key if it has one, else the server's.
    Trusted,
    /// The key for callbacks that a signed policy left open.
    Unpinned,
    /// The key for what anonymous requesters made up.
    Anonymous,
    /// None: the call is not signed.
    Unsigned,
}

impl KeyClass {
    /// Its name in records and in what people read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Unpinned => "unpinned",
            Self::Anonymous => "anonymous",
            Self::Unsigned => "unsigned",
        }
    }
}

/// The key that was chosen for a call; every attempt is signed with the same kind.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct KeyChoice(KeyClass);

impl KeyChoice {
    pub(crate) const fn class(self) -> KeyClass {
        self.0
    }

    /// The choice of a record that names none: programs that wrote such records had one key.
    pub(super) const fn of_older_records() -> Self {
        Self(KeyClass::Trusted)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    pub(super) const fn is_trusted(&self) -> bool {
        matches!(self.0, KeyClass::Trusted)
    }

    /// For tests that are about something else.
    #[cfg(test)]
    pub(crate) const TRUSTED: Self = Self(KeyClass::Trusted);
}
