//! `upcall key …`.

use clap::{Args, Subcommand, ValueEnum};

use super::AdminArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create an access key; its secret is shown once
    #[command(after_help = "Example: upcall key create --description 'application server'")]
    Create {
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// List the access keys, without their secrets
    #[command(after_help = "Example: upcall key list")]
    List {
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Delete an access key; what it signed is refused from then on
    #[command(after_help = "Example: upcall key delete UC0123456789ABCDEF01")]
    Delete {
        /// Its id
        id: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    #[command(flatten)]
    Callback(CallbackKeyCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CallbackKeyCommand {
    /// Make new keys that sign callbacks; the former ones stay known for a time
    #[command(after_help = "Example: upcall key rotate-callback --bucket photos")]
    #[command(name = "rotate-callback")]
    Rotate {
        #[command(flatten)]
        keys: CallbackKeysArgs,
        /// Bits of the new RSA key, 512 to 4096 [default: the server's setting]
        #[arg(long)]
        bits: Option<u32>,
        /// How long the keys before stay known; 0 for a key that was stolen
        #[arg(long, default_value = "30d", value_name = "TIME", value_parser = crate::config::units::parse_overlap)]
        overlap: std::time::Duration,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show the public keys that verify callbacks
    #[command(after_help = "Example: upcall key show-callback --json")]
    #[command(name = "show-callback")]
    Show {
        #[command(flatten)]
        keys: CallbackKeysArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Take a bucket's own callback keys away: the server's sign for it again
    #[command(after_help = "Example: upcall key remove-callback --bucket photos")]
    #[command(name = "remove-callback")]
    Remove {
        /// The bucket
        #[arg(long, value_name = "BUCKET")]
        bucket: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// Which of the keys that sign callbacks; the server's, if nothing is said.
#[derive(Args, Debug)]
pub(crate) struct CallbackKeysArgs {
    /// Those of one bucket; `rotate-callback` gives a bucket its first ones
    #[arg(long, value_name = "BUCKET")]
    pub(crate) bucket: Option<String>,
    /// Those for callbacks that an anonymous uploader made up, or that a signed policy leaves open
    #[arg(long, value_enum, conflicts_with = "bucket")]
    pub(crate) class: Option<KeyClassArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KeyClassArg {
    Anonymous,
    Unpinned,
}

impl KeyClassArg {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Unpinned => "unpinned",
        }
    }
}
