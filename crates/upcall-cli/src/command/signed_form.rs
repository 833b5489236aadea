//! A signed form: what has to be posted beside the file, and the `curl` line that posts it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use upcall::callback::CallbackParameter;
use upcall::name::{AccessKeySecret, BucketName};
use upcall::policy::{PolicyBuilder, PolicyDocument};
use upcall::signature::v1;

use crate::terminal::message::Failure;

/// What a policy is to permit.
#[derive(Debug)]
pub(super) struct Permission<'a> {
    pub(super) bucket: &'a BucketName,
    /// How keys must begin.
    pub(super) key_prefix: &'a str,
    pub(super) max_bytes: u64,
    pub(super) expiration: Timestamp,
    pub(super) callback: Option<&'a CallbackParameter>,
    /// Which content types the file may have; none is any.
    pub(super) types: &'a [String],
    pub(super) overwrite: Overwrite,
}

/// Whether a form may replace what is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Overwrite {
    Allow,
    Forbid,
}

/// So long from now, as precise as a policy writes it.
///
/// # Errors
/// The lifetime leads beyond the calendar.
pub(super) fn expiration(lifetime: Duration) -> Result<Timestamp, Failure> {
    let lifetime = SignedDuration::try_from(lifetime)?;
    let expiration = Timestamp::now().checked_add(lifetime)?;
    Ok(Timestamp::from_millisecond(expiration.as_millisecond())?)
}

/// A policy, its signature, and the other fields that go with them.
#[derive(Debug)]
pub(super) struct SignedForm {
    /// Where the form is posted to.
    pub(super) url: String,
    /// Names and values, in the order in which they are posted, before the file.
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) expiration: Timestamp,
    pub(super) document: PolicyDocument,
}

impl SignedForm {
    /// Signs with V1. `storage` is the server's address.
    pub(super) fn sign(
        permission: &Permission<'_>,
        storage: &str,
        (id, secret): (&str, &str),
    ) -> Self {
        let expiration = permission.expiration;
        let callback = permission.callback.map(CallbackParameter::encode);
        let mut builder = PolicyBuilder::new(expiration)
            .bucket(permission.bucket.as_str())
            .starts_with("key", permission.key_prefix)
            .content_length_range(0, permission.max_bytes)
            .not_in("x-oss-object-acl", ["public-read", "public-read-write"])
            .equals("success_action_redirect", "");
        if permission.overwrite == Overwrite::Forbid {
            builder = builder.equals("x-oss-forbid-overwrite", "true");
        }
        if !permission.types.is_empty() {
            builder = builder.is_in("content-type", permission.types);
        }
        if let Some(callback) = &callback {
            builder = builder.equals("callback", callback);
        }
        let document = builder.build();
        let policy = document.encode();
        let signature = v1::sign_policy(&AccessKeySecret::new(secret), &policy);
        let mut fields = vec![
            ("key", format!("{}${{filename}}", permission.key_prefix)),
            ("OSSAccessKeyId", id.to_owned()),
            ("policy", policy),
            ("signature", signature),
            ("success_action_redirect", String::new()),
            ("success_action_status", "200".to_owned()),
        ];
        if permission.overwrite == Overwrite::Forbid {
            fields.push(("x-oss-forbid-overwrite", "true".to_owned()));
        }
        // Beside one type alone there is none to choose.
        if let [content_type] = permission.types {
            fields.push(("Content-Type", content_type.clone()));
        }
        fields.extend(callback.map(|callback| ("callback", callback)));
        let storage = storage.trim_end_matches('/');
        Self {
            url: format!("{storage}/{}/", permission.bucket),
            fields,
            expiration,
            document,
        }
    }

    /// A line for the shell; only the name of the file is to be replaced.
    pub(super) fn curl(&self, file: &str) -> String {
        let fields = self.fields.iter().map(|(name, value)| {
            // `-F` would read a file for `@…` and `<…`, and a type after `;`.
            let is_plain = !value.starts_with(['@', '<']) && !value.contains([';', '"']);
            let flag = if is_plain { "-F" } else { "--form-string" };
            format!(" \\\n  {flag} {}", quoted(&format!("{name}={value}")))
        });
        format!(
            "curl -i{} \\\n  -F file=@{file} {}",
            fields.collect::<String>(),
            quoted(&self.url)
        )
    }
}

/// In single quotes, inside of which a shell reads nothing.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curl_with_prefix(key_prefix: &str) -> String {
        let bucket = BucketName::parse("photos").unwrap();
        let permission = Permission {
            bucket: &bucket,
            key_prefix,
            max_bytes: 1,
            expiration: expiration(Duration::from_secs(1)).unwrap(),
            callback: None,
            types: &[],
            overwrite: Overwrite::Forbid,
        };
        SignedForm::sign(&permission, "http://127.0.0.1:8700/", ("id", "secret")).curl("FILE")
    }

    #[test]
    fn a_shell_reads_nothing_in_a_value() {
        assert_eq!(quoted("a'b$(c)`d`"), "'a'\\''b$(c)`d`'");
    }

    #[test]
    fn curl_reads_nothing_in_a_value() {
        for prefix in ["@/etc/", "</etc/", "a;type=b/", "\""] {
            let flag = format!("  --form-string 'key={prefix}${{filename}}' \\\n");
            assert!(curl_with_prefix(prefix).contains(&flag), "{prefix}");
        }
        let line = curl_with_prefix("user/@");
        assert!(line.contains("  -F 'key=user/@${filename}' \\\n"), "{line}");
        assert!(line.ends_with("  -F file=@FILE 'http://127.0.0.1:8700/photos/'"));
    }
}
