//! The proxies in front of the server.

use clap::Args;

#[derive(Args, Debug, Default)]
#[expect(clippy::doc_markdown, reason = "these texts are printed by `--help`")]
pub(crate) struct ProxyArgs {
    /// A proxy, by its address or network, whose `Forwarded` and `X-Forwarded-For` name the client;
    /// may be repeated [env: UPCALL_TRUSTED_PROXY] [default: none]
    #[arg(long = "trusted-proxy", value_name = "NETWORK")]
    pub(crate) trusted: Vec<String>,
    /// Whether connections of trusted proxies begin with a PROXY protocol header, version 2
    /// [env: UPCALL_PROXY_PROTOCOL] [default: false]
    #[arg(
        long = "proxy-protocol",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub(crate) protocol: Option<bool>,
}
