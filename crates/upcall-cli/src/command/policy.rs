//! `upcall policy`: sign upload policies by hand.

use jiff::{SignedDuration, Timestamp};
use upcall::callback::CallbackParameter;
use upcall::name::{AccessKeySecret, BucketName};
use upcall::policy::PolicyBuilder;
use upcall::signature::v1;

use super::app::access_key;
use crate::config::args::{PolicyCommand, SignArgs};
use crate::terminal::message::Failure;
use crate::terminal::output;

pub(crate) fn run(command: &PolicyCommand) -> Result<(), Failure> {
    let PolicyCommand::Sign(args) = command;
    let (id, secret) = access_key()?;
    let bucket = BucketName::parse(&args.bucket)?;
    let callback = callback(args)?;
    let lifetime = SignedDuration::try_from(args.expires)?;
    let expiration = Timestamp::now().checked_add(lifetime)?;
    let mut builder = PolicyBuilder::new(expiration)
        .bucket(bucket.as_str())
        .starts_with("key", &args.key_prefix)
        .content_length_range(0, args.max_size);
    if let Some(callback) = &callback {
        builder = builder.equals("callback", callback);
    }
    let document = builder.build();
    let policy = document.encode();
    let signature = v1::sign_policy(&AccessKeySecret::new(secret), &policy);
    let url = format!("{}/{bucket}/", args.storage.trim_end_matches('/'));
    let mut fields = vec![
        ("key", format!("{}${{filename}}", args.key_prefix)),
        ("OSSAccessKeyId", id),
        ("policy", policy),
        ("Signature", signature),
        ("success_action_status", "200".to_owned()),
    ];
    fields.extend(callback.map(|callback| ("callback", callback)));
    if args.json {
        let object: serde_json::Map<_, _> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone().into()))
            .collect();
        output::json(&serde_json::json!({
            "url": url,
            "fields": object,
            "expiration": expiration.to_string(),
            "document": document.to_json(),
            "curl": curl(&url, &fields),
        }))?;
    } else {
        for (name, value) in &fields {
            output::line(format!("{name}: {value}"))?;
        }
        output::line(format!("\n{}", curl(&url, &fields)))?;
    }
    Ok(())
}

fn callback(args: &SignArgs) -> Result<Option<String>, Failure> {
    let Some((first, others)) = args.callback_url.split_first() else {
        return Ok(None);
    };
    let mut builder = CallbackParameter::builder(first, &args.callback_body);
    for url in others {
        builder = builder.or_url(url);
    }
    let parameter = builder.build().map_err(|error| {
        Failure::new(format!("the callback cannot be used: {error}"))
            .hint("check `--callback-url` and `--callback-body`")
    })?;
    Ok(Some(parameter.encode()))
}

/// A line for the shell; only the name of the file is to be replaced.
fn curl(url: &str, fields: &[(&str, String)]) -> String {
    let form = fields
        .iter()
        .map(|(name, value)| format!(" \\\n  -F {}", quoted(&format!("{name}={value}"))));
    format!(
        "curl -i{} \\\n  -F file=@FILE {}",
        form.collect::<String>(),
        quoted(url)
    )
}

/// In single quotes, inside of which a shell reads nothing.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_shell_reads_nothing_in_a_value() {
        assert_eq!(super::quoted("a'b$(c)`d`"), "'a'\\''b$(c)`d`'");
    }
}
