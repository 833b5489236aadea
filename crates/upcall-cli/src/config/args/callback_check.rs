//! `upcall callback verify` and `upcall callback check`.

use std::path::PathBuf;

use clap::Args;

use super::AdminArgs;

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

#[derive(Args, Debug)]
pub(crate) struct CallbackCheckArgs {
    /// The application's address for callbacks
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The address of the public key that the calls name [default: the running server's]
    #[arg(long, value_name = "URL")]
    pub(crate) key_url: Option<String>,
    /// The body of the genuine call: JSON if it begins with `{`, else a form. It gets a binding if it
    /// has none and the application's secret is known: `UPCALL_BINDING_SECRET`,
    /// `UPCALL_ACCESS_KEY_SECRET` or the key of `upcall dev`
    /// [default: bucket, object, etag, size, mimeType and requestId]
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Option<String>,
    /// Count it as broken, not only as a warning, that the application takes a genuine signature over
    /// another's body: for applications that demand a binding
    #[arg(long)]
    pub(crate) require_binding: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}
