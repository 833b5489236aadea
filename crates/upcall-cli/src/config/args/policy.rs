//! `upcall policy explain` and `upcall policy lint`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::AdminArgs;
use crate::config::units;

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The policy in base64, as it is signed [default: the form's field `policy`]
    #[arg(long, value_name = "BASE64")]
    pub(crate) policy: Option<String>,
    /// A field of the form; may be repeated
    #[arg(long, value_name = "FIELD=VALUE")]
    pub(crate) form: Vec<String>,
    /// A file with the form's fields: a `curl` command, a JSON object, or lines `FIELD: VALUE`; `-`
    /// is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) form_file: Option<PathBuf>,
    /// The content type that the form's file has
    #[arg(long, value_name = "TYPE")]
    pub(crate) file_type: Option<String>,
    /// The bucket that the form is posted to
    #[arg(long)]
    pub(crate) bucket: Option<String>,
    /// How long the file is
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    pub(crate) size: Option<u64>,
    /// When the form arrives, such as 2026-12-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// The id of an upload that a running server has refused of late, instead of policy and form
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["policy", "form", "form_file", "file_type", "bucket", "size", "at"]
    )]
    pub(crate) request_id: Option<String>,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Args, Debug)]
pub(crate) struct LintArgs {
    /// The policy, in base64 or as JSON; `-` is standard input
    #[arg(long, value_name = "POLICY")]
    pub(crate) policy: String,
    /// The bucket of a running server that the forms are posted to: what it closes is not open
    #[arg(long, value_name = "BUCKET")]
    pub(crate) bucket: Option<String>,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}
