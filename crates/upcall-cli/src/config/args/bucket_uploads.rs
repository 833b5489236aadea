//! `upcall bucket uploads …`.

use clap::Subcommand;

use super::AdminArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum BucketUploadsCommand {
    /// Show what is refused
    #[command(after_help = "Example: upcall bucket uploads get photos")]
    Get {
        /// The bucket
        name: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Replace all of it; what is not named is off
    #[command(
        after_help = "Example: upcall bucket uploads set photos --forbid-overwrite --forbid-acl \
                            --no-redirects --pages-as-downloads"
    )]
    Set {
        /// The bucket
        name: String,
        /// Let no form replace an object, as if it had `x-oss-forbid-overwrite`
        #[arg(long)]
        forbid_overwrite: bool,
        /// Refuse forms that make their object public
        #[arg(long)]
        forbid_acl: bool,
        /// What `success_action_redirect` may begin with, such as <https://app.example/>; may be
        /// repeated [default: anything]
        #[arg(long, value_name = "URL")]
        redirect: Vec<String>,
        /// Refuse forms that send the browser elsewhere
        #[arg(long, conflicts_with = "redirect")]
        no_redirects: bool,
        /// Store what browsers run (HTML, XML, SVG, PDF) as downloads
        #[arg(long)]
        pages_as_downloads: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
}
