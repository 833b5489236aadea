//! The proxies that are believed when they name a client.

use upcall_server::{Network, ProxyProtocol, TrustedProxies};

use super::args::ProxyArgs;
use super::resolve::{Names, Setting, Source, default, first, list, switch};
use crate::terminal::message::Failure;

/// Where trusted proxies stand, and whether they speak the PROXY protocol.
#[derive(Debug)]
pub(crate) struct ProxyConfig {
    pub(crate) trusted: Setting<Vec<Network>>,
    pub(crate) protocol: Setting<bool>,
}

/// What a file says of it.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct ProxySettings {
    pub(crate) trusted: Vec<String>,
    pub(crate) protocol: Option<String>,
}

impl ProxyConfig {
    /// # Errors
    /// The first value that cannot be read, with where it came from; or a protocol without a proxy
    /// that could speak it.
    pub(super) fn resolve(
        args: &ProxyArgs,
        file: ProxySettings,
        environment: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let said = environment(TRUSTED.variable);
        let trusted = list(&TRUSTED, &args.trusted, said, &file.trusted);
        let on = args.protocol.map(|on| on.to_string());
        let protocol = first(&PROTOCOL, on, environment(PROTOCOL.variable), file.protocol);
        let config = Self {
            trusted: match trusted {
                Some(setting) => networks(setting)?,
                None => default(Vec::new()),
            },
            protocol: switch(protocol)?,
        };
        if config.protocol.value && config.trusted.value.is_empty() {
            let source = &config.protocol.source;
            return Err(Failure::new(format!(
                "the PROXY protocol is switched on ({source}), and no proxy is trusted"
            ))
            .hint("name the proxy's address with `--trusted-proxy NETWORK`"));
        }
        Ok(config)
    }

    pub(crate) fn trusted_proxies(&self) -> TrustedProxies {
        TrustedProxies {
            networks: self.trusted.value.clone(),
            protocol: if self.protocol.value {
                ProxyProtocol::On
            } else {
                ProxyProtocol::Off
            },
        }
    }

    /// Name, value and source of each, as `--check` prints them.
    pub(crate) fn rows(&self) -> [[String; 3]; 2] {
        let row = |name: &str, value: String, source: &Source| {
            [name.to_owned(), value, source.to_string()]
        };
        let networks: Vec<_> = self.trusted.value.iter().map(ToString::to_string).collect();
        let networks = if networks.is_empty() {
            "none".to_owned()
        } else {
            networks.join(", ")
        };
        let on = self.protocol.value.to_string();
        [
            row("trusted_proxies", networks, &self.trusted.source),
            row("proxy_protocol", on, &self.protocol.source),
        ]
    }
}

fn networks(setting: Setting<Vec<String>>) -> Result<Setting<Vec<Network>>, Failure> {
    let mut networks = Vec::with_capacity(setting.value.len());
    for text in &setting.value {
        networks.push(
            text.parse()
                .map_err(|error: upcall_server::InvalidNetwork| {
                    let shown = text.escape_debug();
                    Failure::new(format!("`{shown}` ({}) is not a network", setting.source))
                        .hint(error.to_string())
                })?,
        );
    }
    Ok(setting.map(|_| networks))
}

const TRUSTED: Names = Names::new("--trusted-proxy", "UPCALL_TRUSTED_PROXY", "trusted_proxies");
const PROTOCOL: Names = Names::new(
    "--proxy-protocol",
    "UPCALL_PROXY_PROTOCOL",
    "proxy_protocol",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(trusted: &[&str], protocol: Option<bool>) -> Result<ProxyConfig, String> {
        let args = ProxyArgs {
            trusted: trusted.iter().map(ToString::to_string).collect(),
            protocol,
        };
        let resolved = ProxyConfig::resolve(&args, ProxySettings::default(), &|_| None);
        resolved.map_err(|failure| failure.to_string())
    }

    #[test]
    fn networks_are_read_and_the_protocol_needs_one() {
        let config = resolved(&["10.0.0.0/8", "::1"], Some(true)).unwrap();
        assert_eq!(
            config.rows(),
            [
                [
                    "trusted_proxies",
                    "10.0.0.0/8, ::1/128",
                    "flag --trusted-proxy"
                ],
                ["proxy_protocol", "true", "flag --proxy-protocol"],
            ]
            .map(|row| row.map(str::to_owned))
        );
        assert_eq!(
            resolved(&["proxy.local"], None).unwrap_err(),
            "`proxy.local` (flag --trusted-proxy) is not a network"
        );
        assert_eq!(
            resolved(&[], Some(true)).unwrap_err(),
            "the PROXY protocol is switched on (flag --proxy-protocol), and no proxy is trusted"
        );
        assert!(resolved(&[], None).unwrap().trusted.value.is_empty());
    }
}
