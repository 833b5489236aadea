//! What was typed: form only. What it means is decided in [`resolve`](super::resolve).

mod access;
mod bucket_callback;
mod bucket_uploads;
mod callback;
mod callback_check;
mod callback_send;
mod cors;
mod key;
mod policy;
mod proxies;
mod record;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::units::parse_listen;

pub(crate) use access::AccessArgs;
pub(crate) use bucket_callback::{BucketCallbackCommand, GateArg};
pub(crate) use bucket_uploads::BucketUploadsCommand;
pub(crate) use callback::{
    CallFilter, CallbackCommand, DeliverArgs, DropArgs, ListArgs, OwedArgs, ReplayArgs, ShowArgs,
    TailArgs,
};
pub(crate) use callback_check::{CallbackCheckArgs, VerifyArgs};
pub(crate) use callback_send::{CallbackSendArgs, FixtureArg, TamperArg};
pub(crate) use cors::{CorsCheckArgs, CorsRuleArgs, PageCommand};
pub(crate) use key::{CallbackKeyCommand, KeyClassArg, KeyCommand};
pub(crate) use policy::{ExplainArgs, LintArgs};
pub(crate) use proxies::ProxyArgs;
pub(crate) use record::RecordArgs;

/// Files go straight from a browser to storage, and the application hears of every one.
#[derive(Debug, Parser)]
#[command(
    name = "upcall",
    version,
    max_term_width = 100,
    propagate_version = true,
    after_help = "Example: upcall dev"
)]
pub(crate) struct Arguments {
    /// What to log: a level, or `target=level` pairs with commas between
    #[arg(
        long,
        global = true,
        env = "UPCALL_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    pub(crate) log: String,
    /// How to write the log: a line of text or a JSON object per event
    #[arg(
        long,
        global = true,
        env = "UPCALL_LOG_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run storage and the reference application on this machine, with a bucket and keys
    #[command(after_help = "Example: upcall dev --lan")]
    Dev(DevArgs),
    /// Run the storage server alone
    #[command(
        after_help = "Example: upcall serve --data /var/lib/upcall --listen 0.0.0.0:8700 \
                            --domain oss.example.com"
    )]
    Serve(Box<ServeArgs>),
    /// Run the reference application server alone
    #[command(
        after_help = "Example: UPCALL_ACCESS_KEY_ID=… UPCALL_ACCESS_KEY_SECRET=… upcall app \
                            --bucket photos --host http://127.0.0.1:8700/photos/ --key-url \
                            'http://127.0.0.1:8700/callback_pub_key_*.pem'"
    )]
    App(AppArgs),
    /// Create, list and set up buckets of a running server
    #[command(subcommand, after_help = "Example: upcall bucket create photos")]
    Bucket(BucketCommand),
    /// Access keys of a running server, and the keys that sign its callbacks
    #[command(
        subcommand,
        after_help = "Example: upcall key create --description 'application server'"
    )]
    Key(KeyCommand),
    /// Read every object and report damage; removes and repairs none
    #[command(after_help = "Example: upcall fsck --data /var/lib/upcall")]
    Fsck(FsckArgs),
    /// Copy the store of a running server into a folder
    #[command(after_help = "Example: upcall backup /backup/2026-11-25")]
    Backup(BackupArgs),
    /// Make a data directory from a backup
    #[command(after_help = "Example: upcall restore /backup/2026-11-25 --data /var/lib/upcall")]
    Restore(RestoreArgs),
    /// Sign upload policies, and look into them
    #[command(
        subcommand,
        after_help = "Example: upcall policy sign --bucket photos --max-size 10MiB"
    )]
    Policy(PolicyCommand),
    /// See the calls to applications, make them again, and find out why one is refused
    #[command(
        subcommand,
        after_help = "Example: upcall callback list --outcome failed"
    )]
    Callback(CallbackCommand),
    /// Find out why a browser refuses
    #[command(
        subcommand,
        after_help = "Example: upcall cors check http://127.0.0.1:8700/photos/ --origin \
                            https://www.example.com"
    )]
    Cors(PageCommand),
}

#[derive(Args, Debug)]
pub(crate) struct DevArgs {
    /// Where data and keys are kept
    #[arg(
        long,
        env = "UPCALL_DATA",
        default_value = "./upcall-data",
        value_name = "DIR"
    )]
    pub(crate) data: PathBuf,
    /// Where storage listens; port 0 means any free one
    #[arg(long, default_value = "127.0.0.1:8700", value_name = "ADDR", value_parser = parse_listen)]
    pub(crate) storage: SocketAddr,
    /// Where the application listens
    #[arg(long, default_value = "127.0.0.1:8701", value_name = "ADDR", value_parser = parse_listen)]
    pub(crate) app: SocketAddr,
    /// Where the admin interface listens
    #[arg(long, default_value = "127.0.0.1:8702", value_name = "ADDR", value_parser = parse_listen)]
    pub(crate) admin: SocketAddr,
    /// The callback address of your own application server, path and query included: it is called
    /// instead of the reference application
    #[arg(long, value_name = "URL")]
    pub(crate) app_url: Option<String>,
    /// Write what an application server needs into this file, as NAME='value' lines; its other
    /// lines stay
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Refuse what OSS is known to refuse and this server takes otherwise: a part whose Content-Type
    /// stands first; and say nothing of pictures that OSS says nothing of
    #[arg(long)]
    pub(crate) strict: bool,
    /// Listen on the local network too, and print a QR code that a phone can open
    #[arg(long)]
    pub(crate) lan: bool,
    /// Print one JSON object with the addresses and keys when ready
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug, Default)]
#[expect(clippy::doc_markdown, reason = "these texts are printed by `--help`")]
pub(crate) struct ServeArgs {
    /// Where data and keys are kept [env: UPCALL_DATA]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where storage listens [env: UPCALL_LISTEN] [default: 127.0.0.1:8700]
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the admin interface listens [env: UPCALL_ADMIN] [default: 127.0.0.1:8702]
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    pub(crate) admin: Option<SocketAddr>,
    /// Where browsers reach the console, such as https://upcall-admin.example.com
    /// [env: UPCALL_CONSOLE_URL] [default: by an IP address or localhost only]
    #[arg(long, value_name = "URL")]
    pub(crate) console_url: Option<String>,
    /// The region, which V4 signatures name [env: UPCALL_REGION] [default: cn-hangzhou]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// A domain under which buckets are BUCKET.DOMAIN; may be repeated [env: UPCALL_DOMAIN]
    /// [default: oss-REGION.localhost]
    #[arg(long, value_name = "D")]
    pub(crate) domain: Vec<String>,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    #[command(flatten)]
    pub(crate) proxies: ProxyArgs,
    #[command(flatten)]
    pub(crate) callback: ServeCallbackArgs,
    /// Memory that requests under way may take, such as 512MiB [env: UPCALL_MEMORY]
    /// [default: a quarter of the machine's, or of its control group's, 64MiB at least]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Bytes that uploads leave free on the disk, such as 2GiB [env: UPCALL_MIN_FREE]
    /// [default: a sixteenth of the disk, 64MiB at most]
    #[arg(long, value_name = "SIZE")]
    pub(crate) min_free: Option<String>,
    /// How much the background scrub reads in a second; 0 is not at all [env: UPCALL_SCRUB_RATE]
    /// [default: 4MiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) scrub_rate: Option<String>,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// A TOML file with settings
    #[arg(long, env = "UPCALL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print each setting and where it came from, and start nothing
    #[arg(long)]
    pub(crate) check: bool,
    /// Print one JSON object with the addresses when ready
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `serve` is told about callbacks.
#[derive(Args, Debug, Default)]
#[expect(clippy::doc_markdown, reason = "these texts are printed by `--help`")]
pub(crate) struct ServeCallbackArgs {
    /// Where callbacks may go: public, loopback, private, a network, a host name, or *.NAME for all
    /// names below; may be repeated [env: UPCALL_CALLBACK_ALLOW] [default: public]
    #[arg(long = "callback-allow", value_name = "RULE")]
    pub(crate) allow: Vec<String>,
    /// Where callbacks may not go, whatever allows it; may be repeated
    /// [env: UPCALL_CALLBACK_DENY] [default: nothing]
    #[arg(long = "callback-deny", value_name = "RULE")]
    pub(crate) deny: Vec<String>,
    /// To which ports: web (80, 443, from 1024 on, but for databases and the like), any, a port, or
    /// FIRST-LAST; may be repeated [env: UPCALL_CALLBACK_PORTS] [default: web]
    #[arg(long = "callback-ports", value_name = "PORTS")]
    pub(crate) ports: Vec<String>,
    /// An address of this machine that no interface shows, as with 1:1 NAT: callbacks go there only
    /// where loopback is allowed; may be repeated [env: UPCALL_OWN_ADDRESS] [default: none]
    #[arg(long = "own-address", value_name = "ADDR")]
    pub(crate) own_address: Vec<String>,
    /// The address of the public key that callbacks announce, {id} for the key's id
    /// [env: UPCALL_CALLBACK_KEY_URL] [default: this server's own]
    #[arg(long = "callback-key-url", value_name = "URL")]
    pub(crate) key_url: Option<String>,
    /// Bits of a new key that signs callbacks, 512 to 4096
    /// [env: UPCALL_CALLBACK_KEY_BITS] [default: 2048]
    #[arg(long = "callback-key-bits", value_name = "BITS")]
    pub(crate) key_bits: Option<u32>,
    /// How callbacks that an anonymous uploader made up are signed: separate (with a key that no
    /// receiver is told to trust), unsigned, or refuse (the upload) [env: UPCALL_CALLBACK_ANONYMOUS]
    /// [default: separate]
    #[arg(long = "callback-anonymous", value_name = "HOW")]
    pub(crate) anonymous: Option<String>,
    /// How callbacks that a signed policy leaves open are signed: trusted (as all others) or separate
    /// [env: UPCALL_CALLBACK_UNPINNED] [default: trusted]
    #[arg(long = "callback-unpinned", value_name = "HOW")]
    pub(crate) unpinned: Option<String>,
    /// Whether callbacks carry the headers of Standard Webhooks, too
    /// [env: UPCALL_CALLBACK_WEBHOOK_SIGNATURES] [default: false]
    #[arg(
        long = "callback-webhook-signatures",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub(crate) webhook_signatures: Option<bool>,
}

#[derive(Args, Debug)]
pub(crate) struct AppArgs {
    /// Where the application listens; port 0 means any free one
    #[arg(long, default_value = "127.0.0.1:8701", value_name = "ADDR", value_parser = parse_listen)]
    pub(crate) listen: SocketAddr,
    /// The bucket that files go to
    #[arg(long)]
    pub(crate) bucket: String,
    /// The bucket's region, which V4 signatures name
    #[arg(long, default_value = "cn-hangzhou")]
    pub(crate) region: String,
    /// The bucket's address, as browsers reach it
    #[arg(long, value_name = "URL")]
    pub(crate) host: String,
    /// The address of this application's `/callback`, as the storage server reaches it
    /// [default: where it listens]
    #[arg(long, value_name = "URL")]
    pub(crate) callback_url: Option<String>,
    /// From where public keys are taken, and nowhere else, * for a key's id; `oss` is OSS's own
    /// address; may be repeated [default: oss]
    #[arg(long, value_name = "URL")]
    pub(crate) key_url: Vec<String>,
    /// The SQLite file that keeps what callbacks said
    #[arg(long, default_value = "./upcall-app.sqlite", value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// The largest file that a policy permits
    #[arg(long, default_value = "1GiB", value_name = "SIZE", value_parser = super::units::parse_size)]
    pub(crate) max_size: u64,
    /// How long a policy is good for
    #[arg(long, default_value = "5m", value_name = "TIME", value_parser = super::units::parse_duration)]
    pub(crate) policy_lifetime: std::time::Duration,
    /// Print one JSON object with the address when ready
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct FsckArgs {
    /// Make a lost catalog anew from the log and the blobs; no server may run
    #[arg(long)]
    pub(crate) rebuild: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// A folder on the server's machine, which is made
    #[arg(value_name = "DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// The data directory, which is made
    #[arg(long, env = "UPCALL_DATA", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a running server is reached.
#[derive(Args, Debug)]
pub(crate) struct AdminArgs {
    /// The admin address of the server [default: the one that the data directory names]
    #[arg(long, env = "UPCALL_ADMIN", value_name = "ADDR")]
    pub(crate) admin: Option<String>,
    /// The server's data directory, which holds the admin secret
    #[arg(
        long,
        env = "UPCALL_DATA",
        default_value = "./upcall-data",
        value_name = "DIR"
    )]
    pub(crate) data: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// Create a bucket
    #[command(after_help = "Example: upcall bucket create photos --acl public-read")]
    Create {
        /// Its name
        name: String,
        /// What anonymous requests may do: private, public-read or public-read-write
        #[arg(long, default_value = "private")]
        acl: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Set which signatures a bucket accepts: any (as the server), or v4 alone
    #[command(after_help = "Example: upcall bucket signatures photos v4")]
    Signatures {
        /// The bucket
        name: String,
        /// any or v4
        versions: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// List the buckets
    #[command(after_help = "Example: upcall bucket list --json")]
    List {
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Delete an empty bucket
    #[command(after_help = "Example: upcall bucket delete photos")]
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Change what anonymous requests may do
    #[command(after_help = "Example: upcall bucket acl photos public-read")]
    Acl {
        /// The bucket
        name: String,
        /// private, public-read or public-read-write
        acl: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show or set how uploads call the application
    #[command(
        subcommand,
        after_help = "Example: upcall bucket callback set photos --redeliver 24h"
    )]
    Callback(BucketCallbackCommand),
    /// What is refused of forms, whatever their policies leave open
    #[command(
        subcommand,
        after_help = "Example: upcall bucket uploads set photos --forbid-overwrite --no-redirects"
    )]
    Uploads(BucketUploadsCommand),
    /// Show, add, set or delete the CORS rules
    #[command(subcommand, after_help = "Example: upcall bucket cors get photos")]
    Cors(CorsCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CorsCommand {
    /// Show the rules
    #[command(after_help = "Example: upcall bucket cors get photos --json")]
    Get {
        /// The bucket
        name: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Add a rule, and keep those that are there
    #[command(
        after_help = "Example: upcall bucket cors add photos --origin https://www.example.com"
    )]
    Add {
        #[command(flatten)]
        rule: CorsRuleArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Replace the rules by one
    #[command(
        after_help = "Example: upcall bucket cors set photos --origin https://www.example.com \
                            --method GET --method POST --header '*'"
    )]
    Set {
        #[command(flatten)]
        rule: CorsRuleArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Take all rules away
    #[command(after_help = "Example: upcall bucket cors delete photos")]
    Delete {
        /// The bucket
        name: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Sign a policy with the key in `UPCALL_ACCESS_KEY_ID` and `UPCALL_ACCESS_KEY_SECRET`
    #[command(
        after_help = "Example: upcall policy sign --bucket photos --key-prefix user/eric/ \
                            --max-size 10MiB --expires 1h"
    )]
    Sign(SignArgs),
    /// Say of every condition whether a form meets it, and what the form has
    #[command(
        after_help = "Example: upcall policy explain --form-file curl.txt --bucket photos --size 2MiB"
    )]
    Explain(ExplainArgs),
    /// Warn of what a policy leaves open
    #[command(after_help = "Example: upcall policy lint --policy - < policy.json")]
    Lint(LintArgs),
}

#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// The bucket that the form must be posted to
    #[arg(long)]
    pub(crate) bucket: String,
    /// How the key must begin
    #[arg(long, default_value = "")]
    pub(crate) key_prefix: String,
    /// A content type that the file may have; may be repeated [default: any]
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Let the form replace an object that is there already
    #[arg(long)]
    pub(crate) allow_overwrite: bool,
    /// The largest file
    #[arg(long, default_value = "5GiB", value_name = "SIZE", value_parser = super::units::parse_size)]
    pub(crate) max_size: u64,
    /// How long the policy is good for
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = super::units::parse_duration)]
    pub(crate) expires: std::time::Duration,
    /// Where the storage server is to call; may be repeated, the next one is tried when one fails
    #[arg(long, value_name = "URL")]
    pub(crate) callback_url: Vec<String>,
    /// What it is to send there
    #[arg(
        long,
        value_name = "TEMPLATE",
        default_value = "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&mimeType=${mimeType}"
    )]
    pub(crate) callback_body: String,
    /// Who is permitted, for the binding that the callback carries; it is made with
    /// `UPCALL_BINDING_SECRET` or else the access key's secret, and permits bucket and prefix
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Leave the binding out, for an application that knows none
    #[arg(long, conflicts_with = "user")]
    pub(crate) no_binding: bool,
    /// The storage server, for the `curl` line
    #[arg(long, default_value = "http://127.0.0.1:8700", value_name = "URL")]
    pub(crate) storage: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
