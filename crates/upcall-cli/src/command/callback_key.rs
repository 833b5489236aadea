//! `upcall key … -callback`: the keys that sign callbacks.

use hyper::Method;
use serde_json::{Value, json};
use upcall::name::BucketName;

use super::admin_client::AdminClient;
use super::bucket::{items, text};
use crate::config::args::{AdminArgs, CallbackKeyCommand, KeyClassArg};
use crate::terminal::message::Failure;
use crate::terminal::{output, table};

pub(super) async fn run(command: CallbackKeyCommand) -> Result<(), Failure> {
    match command {
        CallbackKeyCommand::Rotate {
            keys,
            bits,
            overlap,
            admin,
        } => {
            let body = json!({
                "bits": bits,
                "overlapSeconds": overlap.as_secs(),
                "bucket": keys.bucket,
                "class": keys.class.map(KeyClassArg::as_str),
            });
            let client = AdminClient::new(&admin)?;
            let path = "/v1/callback-key/rotate";
            let keys = client.ask(Method::POST, path, Some(&body)).await?;
            show_callback_keys(&keys, &admin)?;
        }
        CallbackKeyCommand::Show { keys, admin } => {
            let query = match (&keys.bucket, keys.class) {
                (Some(bucket), _) => format!("?bucket={}", bucket_name(bucket)?),
                (None, Some(class)) => format!("?class={}", class.as_str()),
                (None, None) => String::new(),
            };
            let client = AdminClient::new(&admin)?;
            let path = format!("/v1/callback-key{query}");
            let keys = client.ask(Method::GET, &path, None).await?;
            show_callback_keys(&keys, &admin)?;
        }
        CallbackKeyCommand::Remove { bucket, admin } => {
            let bucket = bucket_name(&bucket)?;
            let path = format!("/v1/callback-key?bucket={bucket}");
            AdminClient::new(&admin)?
                .ask(Method::DELETE, &path, None)
                .await?;
            if admin.json {
                output::json(&json!({ "bucket": bucket.as_str() }))?;
            } else {
                output::line(format!(
                    "the server's keys sign the callbacks of `{bucket}` again"
                ))?;
            }
        }
    }
    Ok(())
}

/// What is in a bucket's name needs no encoding in a query.
fn bucket_name(text: &str) -> Result<BucketName, Failure> {
    BucketName::parse(text).map_err(|error| {
        let failure = Failure::new(format!("`{}` is no bucket name", text.escape_debug()));
        failure.hint(error.to_string())
    })
}

/// The key that signs first, then those that are still known.
fn show_callback_keys(keys: &Value, admin: &AdminArgs) -> Result<(), Failure> {
    if admin.json {
        return output::json(keys).map_err(Failure::from);
    }
    let row = |key: &Value, until: String| {
        vec![
            text(&key["id"]),
            until,
            text(&key["url"]),
            text(&key["webhookKey"]),
        ]
    };
    let mut rows = vec![row(&keys["current"], "signs".to_owned())];
    let former = items(&keys["former"]);
    rows.extend(former.map(|key| row(key, format!("until {}", text(&key["servedUntil"])))));
    output::line(table::write(
        &["ID", "KNOWN", "PUBLIC KEY", "WEBHOOK KEY"],
        &rows,
    ))?;
    Ok(())
}
