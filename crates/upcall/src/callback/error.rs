//! Why an upload is refused for what it says of its callback.

use super::template::InvalidTemplate;
use super::url::InvalidCallbackUrl;
use crate::error::{Refusal, WireError, beginning};

/// A callback parameter, or its variables, that cannot be used; the upload is refused.
///
/// Printing it tells what to change. The value that was given is not printed: it is the uploader's,
/// and goes back to it in `ArgumentValue` alone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{why}")]
pub struct CallbackError {
    why: InvalidCallback,
    argument: &'static str,
    value: String,
}

impl CallbackError {
    pub(super) fn new(why: InvalidCallback, argument: &'static str, value: &str) -> Self {
        Self {
            why,
            argument,
            value: beginning(value, MAX_ECHOED_BYTES).to_owned(),
        }
    }

    /// The reason.
    pub const fn why(&self) -> &InvalidCallback {
        &self.why
    }

    /// What the client gets to read: 400 `InvalidArgument` in OSS's words.
    pub fn refusal(&self) -> Refusal {
        let (message, ec) = self.why.wire();
        let mut refusal = Refusal::new(WireError::INVALID_ARGUMENT);
        if let Some(message) = message {
            refusal = refusal.message(message);
        }
        if let Some(ec) = ec {
            refusal = refusal.ec(ec);
        }
        refusal
            .extra("ArgumentName", self.argument)
            .extra("ArgumentValue", self.value.clone())
            .hint(self.why.to_string())
    }
}

/// What is wrong with a callback parameter or its variables.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidCallback {
    /// `callbackBody` is missing or empty.
    #[error("give `callbackBody` a text, such as `object=${{object}}&size=${{size}}`")]
    BodyEmpty,
    /// `callbackBody` is no text.
    #[error("`callbackBody` must be a JSON string")]
    BodyNotText,
    /// `callbackBody` is no template.
    #[error("`callbackBody` cannot be used as a template: {0}")]
    BodyTemplate(InvalidTemplate),
    /// `callbackBodyType` is no text.
    #[error("`callbackBodyType` must be a JSON string")]
    BodyTypeNotText,
    /// A binding is to stand in a body that has no place for it, or does not name what it binds.
    #[error(
        "a callback with a binding needs `${{bucket}}` and `${{object}}` in `callbackBody`, and a JSON \
         body must be one object"
    )]
    BodyUnbindable,
    /// `callbackBodyType` is another text.
    #[error("`callbackBodyType` must be `application/x-www-form-urlencoded` or `application/json`")]
    BodyTypeUnsupported,
    /// `callbackHost` is no text.
    #[error("`callbackHost` must be a JSON string")]
    HostNotText,
    /// `callbackHost` cannot stand in `Host`.
    #[error("`callbackHost` must be a host name or IPv4 address, with or without a port")]
    HostInvalid,
    /// A member stands twice, so that two readers could take different ones.
    #[error("member {name:?} stands twice in the callback; write it once")]
    MemberRepeated {
        /// Its name, as it stands there the second time.
        name: String,
    },
    /// The whole is no base64.
    #[error("encode the callback as base64 with the standard alphabet and padding")]
    NotBase64,
    /// The decoded text is no JSON object.
    #[error("the callback, decoded, must be one JSON object in UTF-8")]
    NotJson,
    /// A URL leads to an address that may not be called.
    #[error("the host of `callbackUrl` resolves to an address that this server may not call")]
    PrivateAddress,
    /// `callbackSNI` is no boolean.
    #[error("`callbackSNI` must be `true` or `false`, without quotes")]
    SniNotBoolean,
    /// The whole is too long.
    #[error("the callback is {bytes} bytes long; as base64 it has at most 5,120")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// There are too many URLs.
    #[error("`callbackUrl` names {count} addresses; it may name 5")]
    TooManyUrls {
        /// How many there are.
        count: usize,
    },
    /// The host of a URL has no address.
    #[error("the host of `callbackUrl` does not resolve to an IPv4 address")]
    Unresolvable,
    /// A URL is none.
    #[error("address {number} of `callbackUrl` cannot be used: {why}")]
    Url {
        /// Which one, from 1.
        number: usize,
        /// Why not.
        why: InvalidCallbackUrl,
    },
    /// `callbackUrl` is missing.
    #[error("the callback has no `callbackUrl`")]
    UrlMissing,
    /// `callbackUrl` is no text.
    #[error("`callbackUrl` must be a JSON string")]
    UrlNotText,
    /// The variables are no base64.
    #[error("encode `callback-var` as base64 with the standard alphabet and padding")]
    VarsNotBase64,
    /// The variables are not what they should be.
    #[error(
        "`callback-var`, decoded, must be a JSON object whose names begin with `x:` and whose \
         values are strings"
    )]
    VarsNotFlat,
    /// A variable stands twice, so that two readers could take different ones.
    #[error("variable {name:?} stands twice in `callback-var`; write it once")]
    VarRepeated {
        /// Its name, as it stands there the second time.
        name: String,
    },
    /// The variables, put into the body, make it too long.
    #[error("the variables make the callback's body too long; they may take 512 KiB of it")]
    VarsTooLarge,
    /// The variables are too long.
    #[error("`callback-var` is {bytes} bytes long; as base64 it has at most 5,120")]
    VarsTooLong {
        /// How long they are.
        bytes: usize,
    },
}

impl InvalidCallback {
    /// Message and EC as OSS documents them, where it does.
    const fn wire(&self) -> (Option<&'static str>, Option<&'static str>) {
        let (message, ec) = match self {
            Self::TooLong { .. } => ("The length of callback exceed max value.", "0007-00000001"),
            Self::NotBase64 => (
                "The callback configuration is not base64 encoded.",
                "0007-00000002",
            ),
            Self::NotJson | Self::MemberRepeated { .. } => (
                "The callback configuration is not json format.",
                "0007-00000003",
            ),
            Self::Url { .. } | Self::UrlMissing | Self::UrlNotText => (
                "The callback url configuration is invalid.",
                "0007-00000004",
            ),
            Self::TooManyUrls { .. } => (
                "The number of callback url exceed max value.",
                "0007-00000005",
            ),
            Self::Unresolvable => ("Can not get ip by this host.", "0007-00000007"),
            Self::PrivateAddress => ("Private address is forbidden to callback.", "0007-00000008"),
            Self::HostNotText | Self::HostInvalid => (
                "The callback host configuration is invalid.",
                "0007-00000009",
            ),
            Self::BodyNotText | Self::BodyTemplate(_) | Self::BodyUnbindable => {
                ("The callback body is invalid.", "0007-00000010")
            }
            Self::BodyEmpty => ("The callback body is empty.", "0007-00000011"),
            Self::BodyTypeNotText => (
                "The callback body type configuration is invalid.",
                "0007-00000012",
            ),
            Self::BodyTypeUnsupported => (
                "The body type of callback is not supported.",
                "0007-00000013",
            ),
            Self::VarsTooLong { .. } | Self::VarsTooLarge => (
                "The length of callback var exceed max value.",
                "0007-00000101",
            ),
            // OSS's message for this one is not documented; the row's own stands in.
            Self::VarsNotBase64 => return (None, Some("0007-00000102")),
            Self::VarsNotFlat | Self::VarRepeated { .. } => {
                ("The callback var is not expecten json.", "0007-00000103")
            }
            // Nothing is documented for this one.
            Self::SniNotBoolean => return (None, None),
        };
        (Some(message), Some(ec))
    }
}

/// How much of a value is sent back: all of one that is not too long.
const MAX_ECHOED_BYTES: usize = 5 * 1024;
