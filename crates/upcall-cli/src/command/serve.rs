//! `upcall serve`: the storage server alone.

use std::path::Path;

use upcall::form::Strictness;
use upcall::name::AccessKeyId;
use upcall_server::FaultInjection;
use upcall_store::StoreOptions;
use upcall_store::maintenance::RateLimit;

use crate::command::machine_memory;
use crate::command::stop::Stop;
use crate::command::storage::{Storage, StorageSetup};
use crate::config::args::ServeArgs;
use crate::config::file::{self, FileSettings};
use crate::config::resolve::{self, ServeConfig, Setting, Source};
use crate::data::{self, DataFolder};
use crate::terminal::message::{Failure, note};
use crate::terminal::{output, table};

pub(crate) async fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = resolved(args)?;
    let root = given_root_key()?;
    let mut stop = Stop::listen()?;
    let folder = DataFolder::new(&config.data.value);
    let storage = Storage::start(StorageSetup {
        data: folder.clone(),
        listen: vec![config.listen.value],
        listen_flag: "--listen",
        admin: config.admin.value,
        console_url: config.console_url.as_ref().map(|url| url.value.clone()),
        region: config.region.value.clone(),
        domains: config.domains.value.clone(),
        callback_guard: config.callback.guard(),
        callback_key_url: config.callback.key_url(),
        callback_key_bits: config.callback.key_bits.value,
        vouching: config.callback.vouching(),
        webhook_signatures: config.callback.webhook_signatures(),
        store: StoreOptions {
            min_free: config.min_free.value,
            scrub: RateLimit {
                bytes_per_second: config.scrub_rate.value,
            },
            ..StoreOptions::default()
        },
        fault_injection: FaultInjection::Off,
        memory: config.memory.value,
        signatures: config.access.signatures.value,
        cors_origins: config.access.cors_origins.value.clone(),
        trusted_proxies: config.proxies.trusted_proxies(),
        strictness: Strictness::Lenient,
        record: Some(config.record.clone()),
    })
    .await?;
    put_root_key(&storage, &folder, root).await?;

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
            "storage      http://{}\nconsole      http://{}/\nbuckets      BUCKET.{}, or /BUCKET/ on an \
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
    let rows = rows(&resolved(args)?)?;
    if args.json {
        let settings: serde_json::Map<String, serde_json::Value> = rows
            .into_iter()
            .map(|[name, value, source]| {
                let said = serde_json::json!({ "value": value, "source": source });
                (name, said)
            })
            .collect();
        output::json(&settings)?;
    } else {
        let cells: Vec<_> = rows.into_iter().map(Vec::from).collect();
        output::line(table::write(&["SETTING", "VALUE", "FROM"], &cells))?;
    }
    Ok(())
}

/// Name, value and source of each setting; a secret is never a value here.
fn rows(config: &ServeConfig) -> Result<Vec<[String; 3]>, Failure> {
    fn row<T>(name: &str, setting: &Setting<T>, shown: impl FnOnce(&T) -> String) -> [String; 3] {
        [
            name.to_owned(),
            shown(&setting.value),
            setting.source.to_string(),
        ]
    }
    let hidden = |name: &str, source| [name.to_owned(), "…".to_owned(), source];
    let mut rows = vec![
        row("data", &config.data, |data| data.display().to_string()),
        row("listen", &config.listen, ToString::to_string),
        row("admin", &config.admin, ToString::to_string),
        match &config.console_url {
            Some(url) => row("console_url", url, ToString::to_string),
            None => [
                "console_url".to_owned(),
                "an IP address or localhost".to_owned(),
                Source::Default.to_string(),
            ],
        },
        row("region", &config.region, Clone::clone),
        row("domains", &config.domains, |names| names.join(", ")),
    ];
    rows.extend(config.access.rows());
    rows.extend(config.proxies.rows());
    rows.extend(config.callback.rows());
    rows.extend([
        row("record.calls", &config.record.calls, ToString::to_string),
        row("record.bytes", &config.record.bytes, |bytes| {
            format!("{bytes} bytes")
        }),
        row("record.age", &config.record.age, |age| {
            format!("{} s", age.as_secs())
        }),
        row("memory", &config.memory, |bytes| match bytes {
            Some(bytes) => format!("{bytes} bytes"),
            None => format!(
                "{} bytes, of what there is",
                machine_memory::for_requests(None)
            ),
        }),
        row("store.min_free", &config.min_free, |bytes| match bytes {
            Some(bytes) => format!("{bytes} bytes"),
            None => "64 MiB, or 1/16".to_owned(),
        }),
        row("store.scrub_rate", &config.scrub_rate, |bytes| {
            format!("{bytes} bytes/s")
        }),
        hidden(
            "access key",
            match given_root_key()? {
                Some(_) => "environment UPCALL_ACCESS_KEY_SECRET".to_owned(),
                None => "made at first start".to_owned(),
            },
        ),
        hidden(
            "admin secret",
            match data::environment_secret("UPCALL_ADMIN_SECRET")? {
                Some(_) => "environment UPCALL_ADMIN_SECRET".to_owned(),
                None => "data directory".to_owned(),
            },
        ),
    ]);
    Ok(rows)
}

fn resolved(args: &ServeArgs) -> Result<ServeConfig, Failure> {
    let file = match &args.config {
        Some(path) => file::read(Path::new(path))?,
        None => FileSettings::default(),
    };
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    resolve::serve(args, file, &environment)
}

/// The key from the environment; or, if the server has none at all, a new one, in a file of its own.
async fn put_root_key(
    storage: &Storage,
    folder: &DataFolder,
    given: Option<(String, String)>,
) -> Result<(), Failure> {
    if let Some((id, secret)) = given {
        storage.put_key(&id, &secret, FROM_ENVIRONMENT).await?;
        return forget_former_root_keys(storage, &id).await;
    }
    if storage.catalog.access_keys().await?.is_empty() {
        let id = format!("root-{}", data::random_hex(6)?);
        let secret = data::random_hex(20)?;
        // First the file: a key that the store knows and nobody else would be of no use.
        let file = folder.write_root_key(&id, &secret).map_err(|error| {
            let path = folder.path().display();
            Failure::new(format!(
                "cannot write the first access key into `{path}`: {error}"
            ))
        })?;
        storage.put_key(&id, &secret, "made at first start").await?;
        // The secret itself would lie in the journal.
        note(format!(
            "this server has its first access key, `{id}`; its secret lies in `{}`",
            file.display()
        ));
    }
    Ok(())
}

/// Whoever changes the key in the environment wants the one before to sign nothing any more.
async fn forget_former_root_keys(storage: &Storage, current: &str) -> Result<(), Failure> {
    for key in storage.catalog.access_keys().await? {
        if key.description == FROM_ENVIRONMENT && key.id.as_str() != current {
            storage.catalog.delete_access_key(&key.id).await?;
            note(format!(
                "the access key `{}` came from the environment once; it signs no longer",
                key.id
            ));
        }
    }
    Ok(())
}

/// How a key is described that the environment gave.
const FROM_ENVIRONMENT: &str = "from the environment";

/// The root key's id and secret in the environment.
///
/// # Errors
/// One of them is missing, or cannot be read.
fn given_root_key() -> Result<Option<(String, String)>, Failure> {
    let id = data::environment_secret("UPCALL_ACCESS_KEY_ID")?;
    let secret = data::environment_secret("UPCALL_ACCESS_KEY_SECRET")?;
    match (id, secret) {
        (Some(id), Some(secret)) => {
            AccessKeyId::parse(&id)?;
            Ok(Some((id, secret)))
        }
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(Failure::new(
            "of `UPCALL_ACCESS_KEY_ID` and `UPCALL_ACCESS_KEY_SECRET` only one is set",
        )
        .hint("set both, or the same names with `_FILE`")),
    }
}
