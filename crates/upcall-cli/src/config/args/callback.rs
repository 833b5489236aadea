//! `upcall callback …`.

use clap::{Args, Subcommand};

use super::AdminArgs;
use super::callback_check::{CallbackCheckArgs, VerifyArgs};
use super::callback_send::CallbackSendArgs;

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
    /// List calls that have not arrived yet, and those that were given up
    #[command(after_help = "Example: upcall callback owed --given-up")]
    Owed(OwedArgs),
    /// Make an owed call now, or all that were given up
    #[command(after_help = "Example: upcall callback deliver --all")]
    Deliver(DeliverArgs),
    /// Forget an owed call; an object that is held for it is dropped
    #[command(after_help = "Example: upcall callback drop 019ac0a4d2c27f0b8d3a1f2e5b6c7d8e")]
    Drop(DropArgs),
    /// Say why a callback does not verify: which byte differs, and what happened on the way
    #[command(
        after_help = "Example: upcall callback verify received.txt --sent sent.txt --key-url \
                            http://127.0.0.1:8700/callback_pub_key_v1.pem"
    )]
    Verify(VerifyArgs),
    /// Send an application a genuine call and forged ones, and judge its answers by each rule
    #[command(
        after_help = "Example: upcall callback check http://127.0.0.1:8701/callback --key-url \
                            http://127.0.0.1:8700/callback_pub_key_v1.pem"
    )]
    Check(CallbackCheckArgs),
    /// Send an application one signed call without an upload, and judge its answer
    #[command(
        after_help = "Example: upcall callback send http://127.0.0.1:3000/callback --fixture unicode"
    )]
    Send(CallbackSendArgs),
}

#[derive(Args, Debug)]
pub(crate) struct OwedArgs {
    /// Only those that nobody tries any more
    #[arg(long)]
    pub(crate) given_up: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["id", "all"])))]
pub(crate) struct DeliverArgs {
    /// The call
    pub(crate) id: Option<String>,
    /// All that were given up
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Args, Debug)]
pub(crate) struct DropArgs {
    /// The call
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
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
