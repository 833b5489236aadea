//! `upcall bucket callback …`.

use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use super::AdminArgs;
use crate::config::units::parse_duration;

#[derive(Debug, Subcommand)]
pub(crate) enum BucketCallbackCommand {
    /// Show the settings
    #[command(after_help = "Example: upcall bucket callback get photos")]
    Get {
        /// The bucket
        name: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Replace all of them; what is not named is off
    #[command(
        after_help = "Example: upcall bucket callback set photos --required --redeliver 24h --default \
                            '{\"callbackUrl\":\"http://app/uploaded\",\"callbackBody\":\"key=${object}\"}'"
    )]
    Set {
        /// The bucket
        name: String,
        /// The callback of uploads that bring none, as JSON, or `@FILE`
        #[arg(long, value_name = "JSON")]
        default: Option<String>,
        /// Refuse uploads without a callback that the policy or the bucket fixed
        #[arg(long)]
        required: bool,
        /// Make calls that did not arrive again, for so long
        #[arg(long, value_name = "TIME", value_parser = parse_duration)]
        redeliver: Option<Duration>,
        /// Show an object only when the application has agreed; when it cannot be asked, refuse the
        /// upload, or keep it until it can
        #[arg(long, value_enum)]
        gate: Option<GateArg>,
        /// Let the calls of a bucket with a gate share connections; only for an application that is
        /// known to send one answer to each call
        #[arg(long, requires = "gate")]
        keep_alive: bool,
        /// Take an answer of the application that is chunked instead of having a Content-Length
        #[arg(long)]
        chunked_answers: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GateArg {
    Refuse,
    Keep,
}

impl GateArg {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Keep => "keep",
        }
    }
}
