//! What it means: flags before environment before file before default, each with where it came from.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use upcall_server::ConsoleUrl;

use super::access::{self, AccessConfig};
use super::args::ServeArgs;
use super::callback::CallbackConfig;
use super::file::FileSettings;
use super::proxies::ProxyConfig;
use super::record::{self, RecordConfig};
use super::units::{parse_listen, parse_size};
use crate::terminal::message::Failure;

/// A value, and who said so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

impl<T> Setting<T> {
    /// The same, said of another value.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting {
            value: change(self.value),
            source: self.source,
        }
    }
}

/// Where a setting came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    Flag(&'static str),
    Environment(&'static str),
    File(&'static str),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(key) => write!(f, "file, {key}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The settings of `serve`.
#[derive(Debug)]
pub(crate) struct ServeConfig {
    pub(crate) data: Setting<PathBuf>,
    pub(crate) listen: Setting<SocketAddr>,
    pub(crate) admin: Setting<SocketAddr>,
    pub(crate) console_url: Option<Setting<ConsoleUrl>>,
    pub(crate) region: Setting<String>,
    pub(crate) domains: Setting<Vec<String>>,
    pub(crate) access: AccessConfig,
    pub(crate) callback: CallbackConfig,
    pub(crate) proxies: ProxyConfig,
    /// Bytes; `None` is the store's own choice.
    pub(crate) min_free: Setting<Option<u64>>,
    /// Bytes; `None` is a part of what the machine has.
    pub(crate) memory: Setting<Option<u64>>,
    /// Bytes in a second; zero is none.
    pub(crate) scrub_rate: Setting<u64>,
    pub(crate) record: RecordConfig,
}

/// Resolves the settings of `serve`. `environment` looks up a variable.
///
/// # Errors
/// The first value that cannot be read, with where it came from.
pub(crate) fn serve(
    args: &ServeArgs,
    file: FileSettings,
    environment: &impl Fn(&str) -> Option<String>,
) -> Result<ServeConfig, Failure> {
    let callback = CallbackConfig::resolve(&args.callback, &file, environment)?;
    let text = |names: &Names, typed: Option<String>, written| {
        first(names, typed, environment(names.variable), written)
    };
    let typed = |typed: Option<SocketAddr>| typed.map(|address| address.to_string());

    let in_environment = environment(DATA.variable).map(PathBuf::from);
    let data = first(&DATA, args.data.clone(), in_environment, file.data);
    let listen = text(&LISTEN, typed(args.listen), file.listen);
    let admin = text(&ADMIN, typed(args.admin), file.admin);
    let console_url = text(&CONSOLE_URL, args.console_url.clone(), file.console_url);
    let region = region(text(&REGION, args.region.clone(), file.region))?;
    let in_environment = environment(DOMAIN.variable);
    let domains = list(&DOMAIN, &args.domain, in_environment, &file.domains)
        .unwrap_or_else(|| default(vec![format!("oss-{}.localhost", region.value)]));
    let memory = text(&MEMORY, args.memory.clone(), file.memory);
    let min_free = text(&MIN_FREE, args.min_free.clone(), file.min_free);
    let scrub_rate = text(&SCRUB_RATE, args.scrub_rate.clone(), file.scrub_rate);
    Ok(ServeConfig {
        access: access::resolve(&args.access, file.access, environment)?,
        proxies: ProxyConfig::resolve(&args.proxies, file.proxies, environment)?,
        record: record::resolve(&args.record, file.record, environment)?,
        memory: match memory {
            Some(setting) => size(setting)?.map(Some),
            None => default(None),
        },
        min_free: match min_free {
            Some(setting) => size(setting)?.map(Some),
            None => default(None),
        },
        scrub_rate: size(scrub_rate.unwrap_or_else(|| default("4MiB".to_owned())))?,
        data: data.ok_or_else(|| {
            Failure::new("no data directory was given")
                .hint("name one with `--data DIR`, `UPCALL_DATA` or `data` in the file")
        })?,
        listen: address(listen, "127.0.0.1:8700")?,
        admin: address(admin, "127.0.0.1:8702")?,
        console_url: console_url.map(parsed_console_url).transpose()?,
        region,
        domains: normalised(domains)?,
        callback,
    })
}

/// What a setting is called by each who may say it.
pub(super) struct Names {
    flag: &'static str,
    pub(super) variable: &'static str,
    key: &'static str,
}

impl Names {
    pub(super) const fn new(flag: &'static str, variable: &'static str, key: &'static str) -> Self {
        Self {
            flag,
            variable,
            key,
        }
    }
}

const DATA: Names = Names::new("--data", "UPCALL_DATA", "data");
const LISTEN: Names = Names::new("--listen", "UPCALL_LISTEN", "listen");
const ADMIN: Names = Names::new("--admin", "UPCALL_ADMIN", "admin");
const CONSOLE_URL: Names = Names::new("--console-url", "UPCALL_CONSOLE_URL", "console_url");
const REGION: Names = Names::new("--region", "UPCALL_REGION", "region");
const DOMAIN: Names = Names::new("--domain", "UPCALL_DOMAIN", "domains");
const MEMORY: Names = Names::new("--memory", "UPCALL_MEMORY", "memory");
const MIN_FREE: Names = Names::new("--min-free", "UPCALL_MIN_FREE", "store.min_free");
const SCRUB_RATE: Names = Names::new("--scrub-rate", "UPCALL_SCRUB_RATE", "store.scrub_rate");

/// A size in bytes, as people write it.
pub(super) fn size(setting: Setting<String>) -> Result<Setting<u64>, Failure> {
    match parse_size(&setting.value) {
        Ok(bytes) => Ok(setting.map(|_| bytes)),
        Err(error) => Err(wrong(&setting, "a size").hint(error)),
    }
}

/// Says that a setting is not what it should be.
pub(super) fn wrong(setting: &Setting<String>, wanted: &str) -> Failure {
    let shown = setting.value.escape_debug();
    Failure::new(format!("`{shown}` ({}) is not {wanted}", setting.source))
}

/// The first of them that was said.
pub(super) fn first<T>(
    names: &Names,
    typed: Option<T>,
    in_environment: Option<T>,
    written: Option<T>,
) -> Option<Setting<T>> {
    let by = |value: Option<T>, source| value.map(|value| Setting { value, source });
    by(typed, Source::Flag(names.flag))
        .or_else(|| by(in_environment, Source::Environment(names.variable)))
        .or_else(|| by(written, Source::File(names.key)))
}

/// A list is taken whole from the first who gives one; in the environment there are commas between.
pub(super) fn list(
    names: &Names,
    typed: &[String],
    in_environment: Option<String>,
    written: &[String],
) -> Option<Setting<Vec<String>>> {
    let said = |values: &[String]| Some(values.to_vec()).filter(|values| !values.is_empty());
    let split = |text: String| text.split(',').map(|part| part.trim().to_owned()).collect();
    let in_environment = in_environment.map(split);
    first(names, said(typed), in_environment, said(written))
}

fn region(said: Option<Setting<String>>) -> Result<Setting<String>, Failure> {
    let region = said.unwrap_or_else(|| default("cn-hangzhou".to_owned()));
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_region = |text: &str| !text.is_empty() && text.bytes().all(is_plain);
    let rule = "a region is lower-case letters, digits and `-`";
    check(&region, rule, is_region)?;
    Ok(region)
}

pub(super) fn default<T>(value: T) -> Setting<T> {
    Setting {
        value,
        source: Source::Default,
    }
}

pub(super) fn check(
    setting: &Setting<String>,
    rule: &str,
    is_good: impl Fn(&str) -> bool,
) -> Result<(), Failure> {
    if is_good(&setting.value) {
        return Ok(());
    }
    let shown = setting.value.escape_debug();
    Err(Failure::new(format!("`{shown}` ({}) cannot be used", setting.source)).hint(rule))
}

/// `true` or `false`; the latter if nothing is said.
pub(super) fn switch(setting: Option<Setting<String>>) -> Result<Setting<bool>, Failure> {
    let Some(setting) = setting else {
        return Ok(default(false));
    };
    let shown = setting.value.escape_debug();
    let sentence = format!("`{shown}` ({}) cannot be used", setting.source);
    let refused = |_| Failure::new(sentence).hint("it is `true` or `false`");
    let on = setting.value.parse().map_err(refused)?;
    Ok(setting.map(|_| on))
}

fn address(
    setting: Option<Setting<String>>,
    default_text: &str,
) -> Result<Setting<SocketAddr>, Failure> {
    let setting = setting.unwrap_or_else(|| default(default_text.to_owned()));
    let value = parse_listen(&setting.value).map_err(|instead| {
        let shown = setting.value.escape_debug();
        Failure::new(format!("`{shown}` ({}) is not an address", setting.source)).hint(instead)
    })?;
    Ok(Setting {
        value,
        source: setting.source,
    })
}

fn parsed_console_url(setting: Setting<String>) -> Result<Setting<ConsoleUrl>, Failure> {
    let shown = format!("`{}` ({})", setting.value.escape_debug(), setting.source);
    match ConsoleUrl::parse(&setting.value) {
        Ok(url) => Ok(setting.map(|_| url)),
        Err(rule) => Err(Failure::new(format!("{shown} cannot be used")).hint(rule.to_string())),
    }
}

/// In lower case, and nothing in them that cannot be in a host name.
fn normalised(domains: Setting<Vec<String>>) -> Result<Setting<Vec<String>>, Failure> {
    let value: Vec<String> = domains
        .value
        .iter()
        .map(|domain| domain.to_ascii_lowercase())
        .collect();
    let is_domain = |domain: &String| {
        !domain.is_empty()
            && domain.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            })
    };
    if let Some(bad) = value.iter().find(|domain| !is_domain(domain)) {
        let shown = bad.escape_debug();
        return Err(
            Failure::new(format!("`{shown}` ({}) is not a domain", domains.source))
                .hint("write a name such as `oss.example.com`, without scheme, port or `*`"),
        );
    }
    Ok(Setting {
        value,
        source: domains.source,
    })
}

#[cfg(test)]
mod tests {
    use upcall_server::callback::{CallbackRule, PortRule};

    use super::super::args::ServeCallbackArgs;
    use super::*;

    fn resolved(args: &ServeArgs, file: FileSettings, environment: &[(&str, &str)]) -> ServeConfig {
        let environment = |wanted: &str| {
            environment
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| (*value).to_owned())
        };
        serve(args, file, &environment).unwrap()
    }

    #[test]
    fn a_flag_comes_before_the_environment_before_the_file_before_the_default() {
        let file = || FileSettings {
            data: Some("/file".into()),
            region: Some("file".to_owned()),
            listen: Some("1.1.1.1:1".to_owned()),
            ..FileSettings::default()
        };
        let environment = [("UPCALL_DATA", "/env"), ("UPCALL_REGION", "env")];
        let args = ServeArgs {
            data: Some("/flag".into()),
            ..ServeArgs::default()
        };

        let config = resolved(&args, file(), &environment);

        let source = |text: &str| text.to_owned();
        assert_eq!(config.data.source.to_string(), source("flag --data"));
        assert_eq!(
            config.region.source.to_string(),
            source("environment UPCALL_REGION")
        );
        assert_eq!(config.listen.source.to_string(), source("file, listen"));
        assert_eq!(config.admin.source, Source::Default);
        assert_eq!(config.domains.value, ["oss-env.localhost"]);
        assert_eq!(config.callback.allow.value, [CallbackRule::Public]);
        assert_eq!(config.callback.deny.value, []);
        assert_eq!(config.callback.ports.value, [PortRule::Web]);
        assert!(config.callback.own_addresses.value.is_empty());
        assert_eq!(config.callback.key_bits.value, 2048);
        assert!(!config.callback.webhook_signatures.value);
    }

    #[test]
    fn a_list_is_taken_whole_from_the_first_who_gives_one() {
        let args = |rules: &[&str]| ServeArgs {
            data: Some("/d".into()),
            callback: ServeCallbackArgs {
                allow: rules.iter().map(ToString::to_string).collect(),
                ..ServeCallbackArgs::default()
            },
            ..ServeArgs::default()
        };
        let file = || FileSettings {
            callback_allow: vec!["public".to_owned(), "loopback".to_owned()],
            ..FileSettings::default()
        };
        let environment = [("UPCALL_CALLBACK_ALLOW", "private, 10.1.0.0/16")];
        let shown = |config: ServeConfig| {
            let allow = config.callback.allow;
            let rules: Vec<String> = allow.value.iter().map(ToString::to_string).collect();
            (rules.join(" "), allow.source)
        };

        let by_flag = shown(resolved(&args(&["loopback"]), file(), &environment));
        let by_environment = shown(resolved(&args(&[]), file(), &environment));
        let by_file = shown(resolved(&args(&[]), file(), &[]));

        let (flag, variable) = ("--callback-allow", "UPCALL_CALLBACK_ALLOW");
        assert_eq!(by_flag, ("loopback".to_owned(), Source::Flag(flag)));
        assert_eq!(
            by_environment,
            (
                "private 10.1.0.0/16".to_owned(),
                Source::Environment(variable)
            )
        );
        assert_eq!(
            by_file,
            ("public loopback".to_owned(), Source::File("callback.allow"))
        );
    }

    #[test]
    fn how_a_callback_is_signed_is_one_of_a_few_words() {
        let refused = |callback: ServeCallbackArgs| {
            let args = ServeArgs {
                data: Some("/d".into()),
                callback,
                ..ServeArgs::default()
            };
            let resolved = serve(&args, FileSettings::default(), &|_: &str| None);
            resolved.unwrap_err().to_string()
        };
        let anonymous = ServeCallbackArgs {
            anonymous: Some("trusted".to_owned()),
            ..ServeCallbackArgs::default()
        };
        let sentence = "`trusted` (flag --callback-anonymous) cannot be used";
        assert_eq!(refused(anonymous), sentence);
        let unpinned = ServeCallbackArgs {
            unpinned: Some("refuse".to_owned()),
            ..ServeCallbackArgs::default()
        };
        let sentence = "`refuse` (flag --callback-unpinned) cannot be used";
        assert_eq!(refused(unpinned), sentence);
    }

    #[test]
    fn a_value_that_cannot_be_read_is_named_with_its_source() {
        let none = |_: &str| None;
        let args = |change: fn(&mut ServeArgs)| {
            let mut args = ServeArgs {
                data: Some("/d".into()),
                ..ServeArgs::default()
            };
            change(&mut args);
            serve(&args, FileSettings::default(), &none)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            args(|args| args.callback.allow = vec!["all".to_owned()]),
            "`all` (flag --callback-allow) is not a rule"
        );
        assert_eq!(
            args(|args| args.callback.ports = vec!["http".to_owned()]),
            "`http` (flag --callback-ports) is not a rule"
        );
        assert_eq!(
            args(|args| args.callback.deny = vec!["10.0.0.0/99".to_owned()]),
            "`10.0.0.0/99` (flag --callback-deny) is not a rule"
        );
        for bits in [0, 511, 1000, 4224, u32::MAX] {
            let environment = |_: &str| None;
            let args = ServeArgs {
                data: Some("/d".into()),
                callback: ServeCallbackArgs {
                    key_bits: Some(bits),
                    ..ServeCallbackArgs::default()
                },
                ..ServeArgs::default()
            };
            let refused = serve(&args, FileSettings::default(), &environment).unwrap_err();
            let sentence = format!("`{bits}` (flag --callback-key-bits) is no size of a key");
            assert_eq!(refused.to_string(), sentence);
        }
        assert_eq!(
            args(|args| args.domain = vec!["*.example.com".to_owned()]),
            "`*.example.com` (flag --domain) is not a domain"
        );
        assert_eq!(
            args(|args| args.region = Some("A".to_owned())),
            "`A` (flag --region) cannot be used"
        );
        for url in ["k.example.com", "ftp://k/", "https://", "https://k/a b"] {
            let args = ServeArgs {
                data: Some("/d".into()),
                callback: ServeCallbackArgs {
                    key_url: Some(url.to_owned()),
                    ..ServeCallbackArgs::default()
                },
                ..ServeArgs::default()
            };
            assert_eq!(
                serve(&args, FileSettings::default(), &none)
                    .unwrap_err()
                    .to_string(),
                format!("`{url}` (flag --callback-key-url) cannot be used")
            );
        }
        assert_eq!(
            args(|args| args.console_url = Some("admin.example.com".to_owned())),
            "`admin.example.com` (flag --console-url) cannot be used"
        );
        assert_eq!(args(|args| args.data = None), "no data directory was given");
    }
}
