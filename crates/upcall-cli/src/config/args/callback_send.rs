//! `upcall callback send`.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::AdminArgs;

#[derive(Args, Debug)]
pub(crate) struct CallbackSendArgs {
    /// The application's address for callbacks
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Which upload it tells of: a photo, a text, or one whose name has what gets lost when it is
    /// decoded too early or too often
    #[arg(long, value_enum, default_value = "image")]
    pub(crate) fixture: FixtureArg,
    /// What is changed after it was signed; then an application that answers 200 is the failure
    #[arg(long, value_enum)]
    pub(crate) tamper: Option<TamperArg>,
    /// Where the public key is served while the call lasts, if no server runs that does
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8700")]
    pub(crate) key_listen: SocketAddr,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// An upload that never was.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum FixtureArg {
    // A photo, with width and height
    Image,
    // A text, without
    Text,
    // A text whose name has what is lost when it is decoded too early or too often
    Unicode,
}

/// What of a call is not what was signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum TamperArg {
    // The body has a field more
    Body,
    // It was signed for another path
    Path,
    // It was signed for another query
    Query,
    // It was signed with another key than the one that it names
    Key,
}

impl FixtureArg {
    /// The word that is typed for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Text => "text",
            Self::Unicode => "unicode",
        }
    }
}

impl TamperArg {
    /// The word that is typed for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Path => "path",
            Self::Query => "query",
            Self::Key => "key",
        }
    }
}
