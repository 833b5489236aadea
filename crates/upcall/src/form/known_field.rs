//! The fields that are read by name, each of which a form has once at most.
//!
//! A field can be looked up by a [`KnownField`] only, and no form with a second one of it is made: so
//! what was checked is what is acted upon, whichever of the two a client meant. A field that is not
//! known here is looked up by nothing but a policy's condition, which fails if the field was repeated.
//!
//! Source: OSS, "`PostObject`" (form elements).

/// The name of a field that is read, in lower case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KnownField(&'static str);

impl KnownField {
    /// The lower-case name.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Whether a form may have a field once only, by its lower-case name: it is looked up by that name,
    /// or it is one of those that are read all together (metadata and the callback's variables).
    ///
    /// `x-oss-` is OSS's own prefix: none of its fields means anything twice.
    pub(super) fn stands_once(name: &str) -> bool {
        let is_of_a_family = [CALLBACK_VARIABLE_PREFIX, OSS_PREFIX]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        is_of_a_family || Self::ALL.iter().any(|known| known.0 == name)
    }
}

macro_rules! known_fields {
    ($($constant:ident = $name:literal;)*) => {
        impl KnownField {
            $(
                #[doc = concat!("`", $name, "`, whatever its case.")]
                pub const $constant: Self = Self($name);
            )*

            /// Every field that is read by name.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];
        }
    };
}

known_fields! {
    CACHE_CONTROL = "cache-control";
    CALLBACK = "callback";
    CONTENT_DISPOSITION = "content-disposition";
    CONTENT_ENCODING = "content-encoding";
    CONTENT_TYPE = "content-type";
    EXPIRES = "expires";
    IDEMPOTENCY_KEY = "idempotency-key";
    KEY = "key";
    OSS_ACCESS_KEY_ID = "ossaccesskeyid";
    POLICY = "policy";
    SIGNATURE = "signature";
    SUCCESS_ACTION_REDIRECT = "success_action_redirect";
    SUCCESS_ACTION_STATUS = "success_action_status";
    X_OSS_CONTENT_TYPE = "x-oss-content-type";
    X_OSS_CREDENTIAL = "x-oss-credential";
    X_OSS_DATE = "x-oss-date";
    X_OSS_FORBID_OVERWRITE = "x-oss-forbid-overwrite";
    X_OSS_OBJECT_ACL = "x-oss-object-acl";
    X_OSS_SECURITY_TOKEN = "x-oss-security-token";
    X_OSS_SERVER_SIDE_ENCRYPTION = "x-oss-server-side-encryption";
    X_OSS_SIGNATURE = "x-oss-signature";
    X_OSS_SIGNATURE_VERSION = "x-oss-signature-version";
    X_OSS_STORAGE_CLASS = "x-oss-storage-class";
}

/// What the names of a callback's variables begin with.
const CALLBACK_VARIABLE_PREFIX: &str = "x:";
const OSS_PREFIX: &str = "x-oss-";
