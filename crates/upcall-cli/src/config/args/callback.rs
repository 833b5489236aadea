//! `upcall callback …`.

use clap::{Args, Subcommand};

use super::AdminArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum CallbackCommand {
    /// List the calls that were made of late, the newest last
    #[command(after_help = "Example: upcall callback list --outcome failed")]
    List(ListArgs),
    /// Show all of a call: what was sent, what came back, how long it took, and why it failed
    #[command(after_help = "Example: upcall callback show 000643a1f30d51c4 --curl")]
    Show(ShowArgs),
    /// Make a call once more: the same body to the same URL, signed anew
    #[command(after_help = "Example: upcall callback replay 000643a1f30d51c4")]
    Replay(ReplayArgs),
    /// Print each call as it ends, until it is stopped
    #[command(after_help = "Example: upcall callback tail --bucket photos")]
    Tail(TailArgs),
}

/// Which calls.
#[derive(Args, Debug)]
pub(crate) struct CallFilter {
    /// Only those for objects in this bucket
    #[arg(long)]
    pub(crate) bucket: Option<String>,
    /// Only those for the object with this key
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Only those for the upload with this id (`x-oss-request-id`)
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Only those that ended so: agreed or failed
    #[arg(long)]
    pub(crate) outcome: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: CallFilter,
    /// How many at most; 1,000 is the most
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The call's id
    pub(crate) id: String,
    /// Print a `curl` command that sends the same request
    #[arg(long, conflicts_with = "json")]
    pub(crate) curl: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// The call's id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Args, Debug)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) filter: CallFilter,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}
