//! What was written: one TOML file. An unknown key is an error that names the nearest known one.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::access::AccessSettings;
use super::proxies::ProxySettings;
use super::record::RecordSettings;
use crate::terminal::message::Failure;

/// Settings of a file; what it does not say is `None` or empty.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct FileSettings {
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<String>,
    pub(crate) admin: Option<String>,
    pub(crate) console_url: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) domains: Vec<String>,
    pub(crate) callback_allow: Vec<String>,
    pub(crate) callback_deny: Vec<String>,
    pub(crate) callback_ports: Vec<String>,
    pub(crate) callback_own_addresses: Vec<String>,
    pub(crate) callback_key_url: Option<String>,
    pub(crate) callback_key_bits: Option<String>,
    pub(crate) callback_anonymous: Option<String>,
    pub(crate) callback_unpinned: Option<String>,
    pub(crate) callback_webhook_signatures: Option<String>,
    pub(crate) memory: Option<String>,
    pub(crate) min_free: Option<String>,
    pub(crate) scrub_rate: Option<String>,
    pub(crate) proxies: ProxySettings,
    pub(crate) record: RecordSettings,
    pub(crate) access: AccessSettings,
}

/// Reads a file.
///
/// # Errors
/// With the file, the line and, for an unknown key, the nearest known one.
pub(crate) fn read(path: &Path) -> Result<FileSettings, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("cannot read `{}`: {error}", path.display()))
            .hint("`--config` names a TOML file")
    })?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, name: &str) -> Result<FileSettings, Failure> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let failure = Failure::new(format!("`{name}`, line {line}: {}", error.message()));
        match unquoted(text, line) {
            Some(quoted) => failure.hint(format!("text stands in quotes: `{quoted}`")),
            None => failure,
        }
    })?;
    let mut reader = Reader {
        text,
        name,
        settings: FileSettings::default(),
    };
    reader.table("", table.get_ref())?;
    Ok(reader.settings)
}

/// The line with its value in quotes, if it is one value without them.
fn unquoted(text: &str, line: usize) -> Option<String> {
    let line = text.lines().nth(line.checked_sub(1)?)?;
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let is_plain = !value.is_empty()
        && !value.contains(['"', '\'', '[', '{', '#'])
        && !value.contains(char::is_whitespace);
    is_plain.then(|| format!("{key} = \"{value}\""))
}

struct Reader<'t> {
    text: &'t str,
    name: &'t str,
    settings: FileSettings,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), Failure> {
        for (key, value) in table {
            let path = format!("{prefix}{}", key.get_ref());
            let at = line_of(self.text, key.span().start);
            match value.get_ref().as_table() {
                Some(inner) if TABLES.contains(&path.as_str()) => {
                    self.table(&format!("{path}."), inner)?;
                }
                _ => self.take(&path, value.get_ref(), at)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &str, value: &DeValue<'_>, line: usize) -> Result<(), Failure> {
        let wrong = |wanted: &str| {
            Failure::new(format!(
                "`{}`, line {line}: `{path}` is {wanted}",
                self.name
            ))
        };
        let text = || match value.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(wrong("a text, in quotes")),
        };
        let list = || {
            let items = value.as_array().ok_or_else(|| wrong("a list of texts"))?;
            let texts = items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned));
            texts
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| wrong("a list of texts"))
        };
        let number = || match value.as_integer() {
            Some(number) => Ok(number.to_string()),
            None => Err(wrong("a number")),
        };
        let switch = || match value.as_bool() {
            Some(on) => Ok(on.to_string()),
            None => Err(wrong("`true` or `false`")),
        };
        match path {
            "data" => self.settings.data = Some(text()?.into()),
            "listen" => self.settings.listen = Some(text()?),
            "admin" => self.settings.admin = Some(text()?),
            "console_url" => self.settings.console_url = Some(text()?),
            "memory" => self.settings.memory = Some(text()?),
            "proxy_protocol" => self.settings.proxies.protocol = Some(switch()?),
            "trusted_proxies" => self.settings.proxies.trusted = list()?,
            "region" => self.settings.region = Some(text()?),
            "cors_origins" => self.settings.access.cors_origins = list()?,
            "signatures" => self.settings.access.signatures = Some(text()?),
            "domains" => self.settings.domains = list()?,
            "callback.allow" => self.settings.callback_allow = list()?,
            "callback.deny" => self.settings.callback_deny = list()?,
            "callback.ports" => self.settings.callback_ports = list()?,
            "callback.own_addresses" => self.settings.callback_own_addresses = list()?,
            "callback.key_bits" => self.settings.callback_key_bits = Some(number()?),
            "callback.webhook_signatures" => {
                self.settings.callback_webhook_signatures = Some(switch()?);
            }
            "callback.anonymous" => self.settings.callback_anonymous = Some(text()?),
            "callback.unpinned" => self.settings.callback_unpinned = Some(text()?),
            "callback.key_url" => self.settings.callback_key_url = Some(text()?),
            "record.age" => self.settings.record.age = Some(text()?),
            "record.bytes" => self.settings.record.bytes = Some(text()?),
            "record.calls" => self.settings.record.calls = Some(text()?),
            "store.min_free" => self.settings.min_free = Some(text()?),
            "store.scrub_rate" => self.settings.scrub_rate = Some(text()?),
            unknown => {
                let shown = unknown.escape_debug();
                let failure = Failure::new(format!(
                    "`{}`, line {line}: unknown key `{shown}`",
                    self.name
                ));
                return Err(match nearest(unknown) {
                    Some(known) => failure.hint(format!("did you mean `{known}`?")),
                    None => failure.hint(format!("the keys are `{}`", KEYS.join("`, `"))),
                });
            }
        }
        Ok(())
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// The known key that is at most a third different.
fn nearest(unknown: &str) -> Option<&'static str> {
    let distance = |known: &&&str| edit_distance(unknown, known);
    KEYS.iter()
        .min_by_key(distance)
        .filter(|known| edit_distance(unknown, known) * 3 <= known.len().max(unknown.len()))
        .copied()
}

/// How many characters to insert, delete or replace (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

const TABLES: [&str; 3] = ["callback", "record", "store"];

const KEYS: [&str; 24] = [
    "admin",
    "callback.allow",
    "callback.anonymous",
    "callback.deny",
    "callback.key_bits",
    "callback.key_url",
    "callback.ports",
    "callback.unpinned",
    "callback.webhook_signatures",
    "console_url",
    "cors_origins",
    "data",
    "domains",
    "listen",
    "memory",
    "proxy_protocol",
    "record.age",
    "record.bytes",
    "record.calls",
    "region",
    "signatures",
    "store.min_free",
    "store.scrub_rate",
    "trusted_proxies",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_read() {
        let settings = parse(
            "data = \"/srv\"\nlisten = \"0.0.0.0:80\"\ndomains = [\"a.example\"]\nsignatures = \"v4\"\ncors_origins = [\"*\"]\n\n[callback]\nallow = [\"private\"]\ndeny = [\"a.example\"]\nports = [\"web\", \"81\"]\nkey_url = \"https://k/\"\nkey_bits = 3072\nanonymous = \"refuse\"\nunpinned = \"separate\"\nwebhook_signatures = true\n",
            "u.toml",
        )
        .unwrap();
        assert_eq!(settings.data, Some("/srv".into()));
        assert_eq!(settings.access.signatures.as_deref(), Some("v4"));
        assert_eq!(settings.access.cors_origins, ["*"]);
        assert_eq!(settings.callback_allow, ["private"]);
        assert_eq!(settings.callback_deny, ["a.example"]);
        assert_eq!(settings.callback_ports, ["web", "81"]);
        assert_eq!(settings.callback_key_url.as_deref(), Some("https://k/"));
        assert_eq!(settings.callback_key_bits.as_deref(), Some("3072"));
        assert_eq!(settings.callback_anonymous.as_deref(), Some("refuse"));
        assert_eq!(settings.callback_unpinned.as_deref(), Some("separate"));
        assert_eq!(
            settings.callback_webhook_signatures.as_deref(),
            Some("true")
        );
    }

    #[test]
    fn a_value_without_quotes_is_shown_with_them() {
        let hint = |text: &str| {
            let failure = parse(text, "u.toml").unwrap_err();
            failure.hint_text().map(str::to_owned)
        };
        assert_eq!(
            hint("region = \"a\"\nlisten = 127.0.0.1:8700").as_deref(),
            Some("text stands in quotes: `listen = \"127.0.0.1:8700\"`")
        );
        assert_eq!(
            hint("data=/srv/upcall").as_deref(),
            Some("text stands in quotes: `data = \"/srv/upcall\"`")
        );
        assert_eq!(hint("domains = [\"a\", 1.2.3]"), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, sentence) in [
            (
                "\n\n[callback]\nkey-url = \"x\"",
                "`u.toml`, line 4: unknown key `callback.key-url`",
            ),
            ("lisen = \"x\"", "`u.toml`, line 1: unknown key `lisen`"),
            (
                "callback.key_bits = \"2048\"",
                "`u.toml`, line 1: `callback.key_bits` is a number",
            ),
            (
                "callback.webhook_signatures = 1",
                "`u.toml`, line 1: `callback.webhook_signatures` is `true` or `false`",
            ),
            ("data = 7", "`u.toml`, line 1: `data` is a text, in quotes"),
            (
                "domains = \"a\"",
                "`u.toml`, line 1: `domains` is a list of texts",
            ),
        ] {
            assert_eq!(parse(text, "u.toml").unwrap_err().to_string(), sentence);
        }
        assert_eq!(nearest("callback.key-url"), Some("callback.key_url"));
        assert_eq!(nearest("lisen"), Some("listen"));
        assert_eq!(nearest("colour"), None);
    }
}
