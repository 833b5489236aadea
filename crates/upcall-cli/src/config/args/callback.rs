//! `upcall callback …`.

use clap::Subcommand;

use super::callback_check::{CallbackCheckArgs, VerifyArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum CallbackCommand {
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
}
