//! What was typed about who is let in.

use clap::Args;

/// Which signatures count, and which pages may read what belongs to no bucket.
#[derive(Args, Debug, Default)]
#[expect(clippy::doc_markdown, reason = "these texts are printed by `--help`")]
pub(crate) struct AccessArgs {
    /// Versions of signatures that are accepted: any (V1 and V4), or v4 alone
    /// [env: UPCALL_SIGNATURES] [default: any]
    #[arg(long, value_name = "VERSIONS")]
    pub(crate) signatures: Option<String>,
    /// An origin whose pages may read refusals that belong to no bucket, such as
    /// https://www.example.com, https://*.example.com or *; may be repeated
    /// [env: UPCALL_CORS_ORIGINS] [default: none]
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) cors_origins: Vec<String>,
}
