//! `upcall serve`: the storage server alone.

use std::path::Path;

use crate::command::stop::Stop;
use crate::command::storage::{Storage, StorageSetup};
use crate::config::args::ServeArgs;
use crate::config::file::{self, FileSettings};
use crate::config::resolve::{self, ServeConfig};
use crate::data::{self, DataFolder};
use crate::terminal::message::{Failure, note};
use crate::terminal::output;

pub(crate) async fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = resolved(args)?;
    let mut stop = Stop::listen()?;
    let storage = Storage::start(StorageSetup {
        data: DataFolder::new(&config.data.value),
        listen: vec![config.listen.value],
        listen_flag: "--listen",
        admin: config.admin.value,
        region: config.region.value.clone(),
        domains: config.domains.value.clone(),
        callback_allow: config.callback_allow.value,
        callback_key_url: config.callback_key_url.map(|setting| setting.value),
    })
    .await?;
    root_key(&storage).await?;

    let node = &storage.node;
    let addresses = serde_json::json!({
        "storage": format!("http://{}", node.storage_address()),
        "admin": format!("http://{}", node.admin_address()),
        "region": config.region.value,
        "domains": config.domains.value,
        "publicKeyUrl": node.public_key_url(),
    });
    if args.json {
        output::json(&addresses)?;
    } else {
        output::line(format!(
            "storage      http://{}\nadmin        http://{}\nbuckets      BUCKET.{}, or /BUCKET/ on an \
             IP address\npublic key   {}",
            node.storage_address(),
            node.admin_address(),
            config.domains.value.join(", BUCKET."),
            node.public_key_url(),
        ))?;
    }
    stop.asked().await;
    note("stopping: running uploads and callbacks finish first");
    stop.finish(storage.stop()).await;
    Ok(())
}

/// Prints each setting and where it came from.
pub(crate) fn check(args: &ServeArgs) -> Result<(), Failure> {
    let config = resolved(args)?;
    let rules: Vec<String> = config
        .callback_allow
        .value
        .iter()
        .map(ToString::to_string)
        .collect();
    let key_url = config.callback_key_url.as_ref();
    let rows = [
        (
            "data",
            config.data.value.display().to_string(),
            config.data.source.to_string(),
        ),
        (
            "listen",
            config.listen.value.to_string(),
            config.listen.source.to_string(),
        ),
        (
            "admin",
            config.admin.value.to_string(),
            config.admin.source.to_string(),
        ),
        (
            "region",
            config.region.value.clone(),
            config.region.source.to_string(),
        ),
        (
            "domains",
            config.domains.value.join(", "),
            config.domains.source.to_string(),
        ),
        (
            "callback.allow",
            rules.join(", "),
            config.callback_allow.source.to_string(),
        ),
        (
            "callback.key_url",
            key_url.map_or("this server's own".to_owned(), |setting| {
                setting.value.clone()
            }),
            key_url.map_or("default".to_owned(), |setting| setting.source.to_string()),
        ),
        (
            "access key",
            "…".to_owned(),
            secret_source("UPCALL_ACCESS_KEY_SECRET", "made at first start")?,
        ),
        (
            "admin secret",
            "…".to_owned(),
            secret_source("UPCALL_ADMIN_SECRET", "data directory")?,
        ),
    ];
    if args.json {
        let settings: serde_json::Map<String, serde_json::Value> = rows
            .iter()
            .map(|(name, value, source)| {
                (
                    (*name).to_owned(),
                    serde_json::json!({ "value": value, "source": source }),
                )
            })
            .collect();
        output::json(&settings)?;
    } else {
        let cells = rows.map(|(name, value, source)| vec![name.to_owned(), value, source]);
        output::line(crate::terminal::table::write(
            &["SETTING", "VALUE", "FROM"],
            &cells,
        ))?;
    }
    Ok(())
}

fn secret_source(name: &'static str, otherwise: &str) -> Result<String, Failure> {
    let is_given = data::environment_secret(name)?.is_some();
    Ok(if is_given {
        format!("environment {name}")
    } else {
        otherwise.to_owned()
    })
}

fn resolved(args: &ServeArgs) -> Result<ServeConfig, Failure> {
    let file = match &args.config {
        Some(path) => file::read(Path::new(path))?,
        None => FileSettings::default(),
    };
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    resolve::serve(args, file, &environment)
}

/// The key from the environment; or, if the server has none at all, a new one, shown once.
async fn root_key(storage: &Storage) -> Result<(), Failure> {
    let id = data::environment_secret("UPCALL_ACCESS_KEY_ID")?;
    let secret = data::environment_secret("UPCALL_ACCESS_KEY_SECRET")?;
    match (id, secret) {
        (Some(id), Some(secret)) => storage.put_key(&id, &secret, "from the environment").await,
        (None, None) if storage.catalog.access_keys().await?.is_empty() => {
            let (id, secret) = (
                format!("root-{}", data::random_hex(6)?),
                data::random_hex(20)?,
            );
            storage.put_key(&id, &secret, "made at first start").await?;
            note(format!(
                "This server has its first access key. It is shown once:\n\n  \
                 UPCALL_ACCESS_KEY_ID={id}\n  UPCALL_ACCESS_KEY_SECRET={secret}\n"
            ));
            Ok(())
        }
        (None, None) => Ok(()),
        (Some(_), None) | (None, Some(_)) => Err(Failure::new(
            "of `UPCALL_ACCESS_KEY_ID` and `UPCALL_ACCESS_KEY_SECRET` only one is set",
        )
        .hint("set both, or the same names with `_FILE`")),
    }
}
