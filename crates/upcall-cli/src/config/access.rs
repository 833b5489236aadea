//! Who is let in: versions of signatures, and pages that may read what belongs to no bucket.

use upcall_server::SignatureVersions;

use super::args::AccessArgs;
use super::resolve::{Names, Setting, check, default, first, list, wrong};
use crate::terminal::message::Failure;

/// What was resolved.
#[derive(Clone, Debug)]
pub(crate) struct AccessConfig {
    pub(crate) signatures: Setting<SignatureVersions>,
    pub(crate) cors_origins: Setting<Vec<String>>,
}

/// What a file says of it.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct AccessSettings {
    pub(crate) signatures: Option<String>,
    pub(crate) cors_origins: Vec<String>,
}

/// # Errors
/// The first value that cannot be used, with where it came from.
pub(super) fn resolve(
    args: &AccessArgs,
    file: AccessSettings,
    environment: &impl Fn(&str) -> Option<String>,
) -> Result<AccessConfig, Failure> {
    let in_environment = environment(SIGNATURES.variable);
    let typed = args.signatures.clone();
    let signatures = first(&SIGNATURES, typed, in_environment, file.signatures)
        .unwrap_or_else(|| default(SignatureVersions::Any.as_str().to_owned()));
    let versions = SignatureVersions::parse(&signatures.value)
        .ok_or_else(|| wrong(&signatures, "`any` or `v4`").hint("`any` is V1 and V4"))?;
    let in_environment = environment(ORIGINS.variable);
    let origins = list(
        &ORIGINS,
        &args.cors_origins,
        in_environment,
        &file.cors_origins,
    )
    .unwrap_or_else(|| default(Vec::new()));
    for origin in &origins.value {
        let said = Setting {
            value: origin.clone(),
            source: origins.source.clone(),
        };
        check(&said, ORIGIN_RULE, is_origin)?;
    }
    Ok(AccessConfig {
        signatures: signatures.map(|_| versions),
        cors_origins: origins,
    })
}

impl AccessConfig {
    /// Name, value and source of each.
    pub(crate) fn rows(&self) -> [[String; 3]; 2] {
        let origins = &self.cors_origins;
        let shown = match origins.value.as_slice() {
            [] => "none".to_owned(),
            some => some.join(", "),
        };
        [
            [
                "signatures".to_owned(),
                self.signatures.value.as_str().to_owned(),
                self.signatures.source.to_string(),
            ],
            ["cors_origins".to_owned(), shown, origins.source.to_string()],
        ]
    }
}

/// As a browser sends it, with one `*` at most; or `*` alone.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else {
        return text == "*";
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*:[]".contains(&byte);
    !scheme.is_empty()
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'*')
        && !host.is_empty()
        && host.bytes().all(is_plain)
        && text.matches('*').count() <= 1
}

const SIGNATURES: Names = Names::new("--signatures", "UPCALL_SIGNATURES", "signatures");
const ORIGINS: Names = Names::new("--cors-origins", "UPCALL_CORS_ORIGINS", "cors_origins");
const ORIGIN_RULE: &str = "an origin is a scheme, a host and perhaps a port, such as \
                           `https://www.example.com`, with one `*` at most and nothing behind it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for origin in [
            "*",
            "https://a.example",
            "http://localhost:5173",
            "https://*.example",
            "http://[::1]:80",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for text in [
            "",
            "a.example",
            "https://",
            "https://a.example/",
            "https://*.a.*",
            "https://a b",
            "**",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }

    #[test]
    fn what_was_said_is_read_and_what_cannot_be_is_named() {
        let nothing = |_: &str| None;
        let resolved = |signatures: Option<&str>, origins: &[&str]| {
            let args = AccessArgs {
                signatures: signatures.map(str::to_owned),
                cors_origins: origins.iter().map(ToString::to_string).collect(),
            };
            super::resolve(&args, AccessSettings::default(), &nothing)
        };
        let config = resolved(Some("v4"), &["*"]).unwrap();
        assert_eq!(config.signatures.value, SignatureVersions::V4);
        assert_eq!(config.cors_origins.value, ["*"]);
        let config = resolved(None, &[]).unwrap();
        assert_eq!(config.rows()[0], ["signatures", "any", "default"]);
        assert_eq!(config.rows()[1], ["cors_origins", "none", "default"]);
        let refused = resolved(Some("v1"), &[]).unwrap_err().to_string();
        assert_eq!(refused, "`v1` (flag --signatures) is not `any` or `v4`");
        let refused = resolved(None, &["https://a/"]).unwrap_err().to_string();
        assert_eq!(refused, "`https://a/` (flag --cors-origins) cannot be used");
    }
}
