//! `upcall cors …`.

use clap::{Args, Subcommand};

use super::AdminArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum PageCommand {
    /// Ask as a browser does before an upload, and say what it would make of the answer
    #[command(
        after_help = "Example: upcall cors check http://127.0.0.1:8700/photos/ --origin \
                            https://www.example.com --method PUT --header content-type --bucket \
                            photos"
    )]
    Check(CorsCheckArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CorsCheckArgs {
    /// Where the page sends its request
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The page's origin, such as `https://www.example.com`
    #[arg(long)]
    pub(crate) origin: String,
    /// The method of the page's request
    #[arg(long, default_value = "POST")]
    pub(crate) method: String,
    /// A header of the page's request; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) header: Vec<String>,
    /// The bucket whose rules are asked for and explained, of the server that `--admin` or `--data`
    /// names
    #[arg(long)]
    pub(crate) bucket: Option<String>,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// A bucket and a rule for it.
#[derive(Args, Debug)]
pub(crate) struct CorsRuleArgs {
    /// The bucket
    pub(crate) name: String,
    /// An origin, with at most one `*`; may be repeated
    #[arg(long, required = true)]
    pub(crate) origin: Vec<String>,
    /// A method; may be repeated
    #[arg(long, default_values = ["GET", "HEAD", "POST", "PUT"])]
    pub(crate) method: Vec<String>,
    /// A request header, with at most one `*`; may be repeated
    #[arg(long, default_values = ["*"])]
    pub(crate) header: Vec<String>,
    /// A header of the answer that a page may read; may be repeated
    #[arg(long, default_values = ["ETag", "x-oss-request-id"])]
    pub(crate) expose: Vec<String>,
    /// How long a browser may remember a preflight, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub(crate) max_age: u32,
}
