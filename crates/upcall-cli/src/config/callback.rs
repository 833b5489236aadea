//! The settings of `serve` that are about callbacks: where they may go, and what signs them.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use upcall_crypto::RsaPrivateKey;
use upcall_server::callback::{
    AnonymousCallbacks, CallbackRule, GuardConfig, KeyUrl, LookUp, OwnAddresses, PortRule,
    UnpinnedCallbacks, VouchingRules, WebhookSignatures,
};

use super::args::ServeCallbackArgs;
use super::file::FileSettings;
use super::resolve::{Names, Setting, Source, check, default, first, list, switch};
use crate::terminal::message::Failure;

/// What a server is told about callbacks.
#[derive(Debug)]
pub(crate) struct CallbackConfig {
    pub(crate) allow: Setting<Vec<CallbackRule>>,
    pub(crate) deny: Setting<Vec<CallbackRule>>,
    pub(crate) ports: Setting<Vec<PortRule>>,
    /// Addresses of this machine that no interface shows.
    pub(crate) own_addresses: Setting<Vec<IpAddr>>,
    /// By default the server's own.
    pub(crate) key_url: Option<Setting<String>>,
    pub(crate) key_bits: Setting<u32>,
    pub(crate) anonymous: Setting<AnonymousCallbacks>,
    pub(crate) unpinned: Setting<UnpinnedCallbacks>,
    pub(crate) webhook_signatures: Setting<bool>,
}

impl CallbackConfig {
    /// # Errors
    /// The first value that cannot be read, with where it came from.
    pub(super) fn resolve(
        args: &ServeCallbackArgs,
        file: &FileSettings,
        environment: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let text = |names: &Names, typed: Option<String>, written: &Option<String>| {
            first(names, typed, environment(names.variable), written.clone())
        };
        let list = |names: &Names, typed: &[String], written: &[String]| {
            list(names, typed, environment(names.variable), written)
        };
        let allow = list(&ALLOW, &args.allow, &file.callback_allow);
        let deny = list(&DENY, &args.deny, &file.callback_deny);
        let ports = list(&PORTS, &args.ports, &file.callback_ports);
        let own = list(&OWN, &args.own_address, &file.callback_own_addresses);
        let key_url = text(&KEY_URL, args.key_url.clone(), &file.callback_key_url);
        if let Some(url) = &key_url {
            let rule = "a public key has an address with `http://` or `https://`";
            check(url, rule, is_url)?;
        }
        let bits = args.key_bits.map(|bits| bits.to_string());
        let key_bits = text(&KEY_BITS, bits, &file.callback_key_bits);
        let anonymous = text(&ANONYMOUS, args.anonymous.clone(), &file.callback_anonymous);
        let unpinned = text(&UNPINNED, args.unpinned.clone(), &file.callback_unpinned);
        let on = args.webhook_signatures.map(|on| on.to_string());
        let webhook = text(&WEBHOOK, on, &file.callback_webhook_signatures);
        Ok(Self {
            allow: rules(allow, || vec![CallbackRule::Public])?,
            deny: rules(deny, Vec::new)?,
            ports: rules(ports, || vec![PortRule::Web])?,
            own_addresses: addresses(own)?,
            key_url,
            key_bits: self::key_bits(key_bits)?,
            anonymous: one_of(anonymous, &ANONYMOUS_VALUES)?,
            unpinned: one_of(unpinned, &UNPINNED_VALUES)?,
            webhook_signatures: switch(webhook)?,
        })
    }

    /// Where callbacks may go.
    pub(crate) fn guard(&self) -> GuardConfig {
        GuardConfig {
            allow: self.allow.value.clone(),
            deny: self.deny.value.clone(),
            ports: self.ports.value.clone(),
            look_up: LookUp::system(),
            own: OwnAddresses::system(self.own_addresses.value.clone()),
        }
    }

    pub(crate) fn key_url(&self) -> Option<KeyUrl> {
        self.key_url.as_ref().map(|url| KeyUrl::new(&url.value))
    }

    /// Which kind of key signs what.
    pub(crate) const fn vouching(&self) -> VouchingRules {
        VouchingRules {
            anonymous: self.anonymous.value,
            unpinned: self.unpinned.value,
        }
    }

    pub(crate) fn webhook_signatures(&self) -> WebhookSignatures {
        if self.webhook_signatures.value {
            WebhookSignatures::On
        } else {
            WebhookSignatures::Off
        }
    }

    /// Name, value and source of each, as `--check` prints them.
    pub(crate) fn rows(&self) -> [[String; 3]; 9] {
        let row = |name: &str, value: String, source: &Source| {
            [format!("callback.{name}"), value, source.to_string()]
        };
        let (key_url, key_url_source) = match &self.key_url {
            Some(url) => (url.value.clone(), &url.source),
            None => ("this server's own".to_owned(), &Source::Default),
        };
        let Self {
            allow,
            deny,
            ports,
            own_addresses,
            key_bits,
            anonymous,
            unpinned,
            webhook_signatures: webhook,
            ..
        } = self;
        [
            row("allow", listed(&allow.value), &allow.source),
            row("deny", listed(&deny.value), &deny.source),
            row("ports", listed(&ports.value), &ports.source),
            row(
                "own_addresses",
                listed(&own_addresses.value),
                &own_addresses.source,
            ),
            row("key_url", key_url, key_url_source),
            row("key_bits", key_bits.value.to_string(), &key_bits.source),
            row(
                "anonymous",
                name_of(anonymous.value, &ANONYMOUS_VALUES),
                &anonymous.source,
            ),
            row(
                "unpinned",
                name_of(unpinned.value, &UNPINNED_VALUES),
                &unpinned.source,
            ),
            row(
                "webhook_signatures",
                webhook.value.to_string(),
                &webhook.source,
            ),
        ]
    }
}

fn listed(values: &[impl Display]) -> String {
    if values.is_empty() {
        return "nothing".to_owned();
    }
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

fn rules<T: FromStr<Err: Display>>(
    setting: Option<Setting<Vec<String>>>,
    otherwise: impl FnOnce() -> Vec<T>,
) -> Result<Setting<Vec<T>>, Failure> {
    let Some(setting) = setting else {
        return Ok(default(otherwise()));
    };
    let rules = setting.value.iter().map(|text| {
        text.parse::<T>().map_err(|error| {
            let shown = text.escape_debug();
            Failure::new(format!("`{shown}` ({}) is not a rule", setting.source))
                .hint(error.to_string())
        })
    });
    Ok(Setting {
        value: rules.collect::<Result<_, _>>()?,
        source: setting.source,
    })
}

fn addresses(setting: Option<Setting<Vec<String>>>) -> Result<Setting<Vec<IpAddr>>, Failure> {
    let Some(setting) = setting else {
        return Ok(default(Vec::new()));
    };
    let addresses = setting.value.iter().map(|text| {
        text.parse::<IpAddr>().map_err(|_| {
            let shown = text.escape_debug();
            Failure::new(format!("`{shown}` ({}) is not an address", setting.source))
                .hint("write the address by which others reach this machine, such as `203.0.113.7`")
        })
    });
    Ok(Setting {
        value: addresses.collect::<Result<_, _>>()?,
        source: setting.source,
    })
}

fn key_bits(setting: Option<Setting<String>>) -> Result<Setting<u32>, Failure> {
    let Some(setting) = setting else {
        return Ok(default(KEY_BITS_DEFAULT));
    };
    let bits = setting.value.parse().ok().filter(|bits: &u32| {
        let is_offered = (RsaPrivateKey::MIN_BITS..=RsaPrivateKey::MAX_BITS).contains(bits);
        is_offered && bits.is_multiple_of(128)
    });
    let shown = setting.value.escape_debug();
    let sentence = format!("`{shown}` ({}) is no size of a key", setting.source);
    let refused = || Failure::new(sentence).hint("a key has 512 to 4096 bits, in steps of 128");
    let bits = bits.ok_or_else(refused)?;
    Ok(setting.map(|_| bits))
}

/// The value of a setting that is one of a few words; the first is the default.
fn one_of<T: Copy>(
    setting: Option<Setting<String>>,
    values: &[(&str, T)],
) -> Result<Setting<T>, Failure> {
    let Some(setting) = setting else {
        return Ok(default(values[0].1));
    };
    let known = values.iter().find(|(name, _)| *name == setting.value);
    let Some((_, value)) = known else {
        let shown = setting.value.escape_debug();
        let names: Vec<String> = values.iter().map(|(name, _)| format!("`{name}`")).collect();
        let (last, first) = names.split_last().expect("a setting has values");
        let sentence = format!("`{shown}` ({}) cannot be used", setting.source);
        return Err(Failure::new(sentence).hint(format!("it is {} or {last}", first.join(", "))));
    };
    let value = *value;
    Ok(setting.map(|_| value))
}

fn name_of<T: Copy + PartialEq>(value: T, values: &[(&str, T)]) -> String {
    let found = values.iter().find(|(_, known)| *known == value);
    found.map_or_else(String::new, |(name, _)| (*name).to_owned())
}

const ANONYMOUS_VALUES: [(&str, AnonymousCallbacks); 3] = [
    ("separate", AnonymousCallbacks::Separate),
    ("unsigned", AnonymousCallbacks::Unsigned),
    ("refuse", AnonymousCallbacks::Refuse),
];

const UNPINNED_VALUES: [(&str, UnpinnedCallbacks); 2] = [
    ("trusted", UnpinnedCallbacks::Trusted),
    ("separate", UnpinnedCallbacks::Separate),
];

fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic()))
    })
}

const ALLOW: Names = Names::new(
    "--callback-allow",
    "UPCALL_CALLBACK_ALLOW",
    "callback.allow",
);
const DENY: Names = Names::new("--callback-deny", "UPCALL_CALLBACK_DENY", "callback.deny");
const PORTS: Names = Names::new(
    "--callback-ports",
    "UPCALL_CALLBACK_PORTS",
    "callback.ports",
);
const OWN: Names = Names::new(
    "--own-address",
    "UPCALL_OWN_ADDRESS",
    "callback.own_addresses",
);
const KEY_URL: Names = Names::new(
    "--callback-key-url",
    "UPCALL_CALLBACK_KEY_URL",
    "callback.key_url",
);
const KEY_BITS: Names = Names::new(
    "--callback-key-bits",
    "UPCALL_CALLBACK_KEY_BITS",
    "callback.key_bits",
);
const ANONYMOUS: Names = Names::new(
    "--callback-anonymous",
    "UPCALL_CALLBACK_ANONYMOUS",
    "callback.anonymous",
);
const UNPINNED: Names = Names::new(
    "--callback-unpinned",
    "UPCALL_CALLBACK_UNPINNED",
    "callback.unpinned",
);
const WEBHOOK: Names = Names::new(
    "--callback-webhook-signatures",
    "UPCALL_CALLBACK_WEBHOOK_SIGNATURES",
    "callback.webhook_signatures",
);

/// Bits of a new callback key: what receivers accept everywhere, and 0.3 ms a signature.
pub(crate) const KEY_BITS_DEFAULT: u32 = 2048;
