//! `upcall callback …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum CallbackCommand {
    /// Say why a callback does not verify: which byte differs, and what happened on the way
    #[command(
        after_help = "Example: upcall callback verify received.txt --sent sent.txt --key-url \
                            http://127.0.0.1:8700/callback_pub_key_v1.pem"
    )]
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The request as the application received it: request line, headers, an empty line, body; `-`
    /// is standard input
    #[arg(value_name = "FILE")]
    pub(crate) received: PathBuf,
    /// The public key that the application verifies with, as PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The one address that the application takes keys from; the key is fetched from there, unless
    /// `--key` gives it
    #[arg(long, value_name = "URL")]
    pub(crate) key_url: Option<String>,
    /// The request as it was sent, in the same form
    #[arg(long, value_name = "FILE")]
    pub(crate) sent: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
