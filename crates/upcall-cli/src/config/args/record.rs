//! What is kept of the calls that were made.

use clap::Args;

#[derive(Args, Debug, Default)]
#[expect(clippy::doc_markdown, reason = "these texts are printed by `--help`")]
pub(crate) struct RecordArgs {
    /// How many callbacks are kept to be looked at; 0 is none [env: UPCALL_RECORD_CALLS]
    /// [default: 1000]
    #[arg(long = "record-calls", value_name = "N")]
    pub(crate) calls: Option<String>,
    /// How much memory they take at most; 0 keeps none [env: UPCALL_RECORD_BYTES]
    /// [default: 64MiB]
    #[arg(long = "record-bytes", value_name = "SIZE")]
    pub(crate) bytes: Option<String>,
    /// How long they are kept; 0 keeps none [env: UPCALL_RECORD_AGE] [default: 1d]
    #[arg(long = "record-age", value_name = "TIME")]
    pub(crate) age: Option<String>,
}
