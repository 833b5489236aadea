//! `upcall fsck`: is every object what it was?
//!
//! A directory that nobody has open is opened and looked at whole: objects, catalog, log. Of a running
//! server the objects are asked for. No object is repaired or removed; opening a directory ends what a
//! crash left open, as every start does.

use hyper::Method;
use serde_json::{Value, json};
use upcall_store::maintenance::{CheckReport, RateLimit};
use upcall_store::{EmbeddedStore, OpenError, StoreOptions};

use super::admin_client::AdminClient;
use super::storage::cannot_open;
use crate::config::args::FsckArgs;
use crate::terminal::message::{Failure, note};
use crate::terminal::output;

pub(crate) fn run(args: &FsckArgs) -> Result<(), Failure> {
    if args.rebuild {
        rebuild(args)?;
    }
    if !args.admin.data.join("format").exists() {
        return Err(Failure::new(format!(
            "there is no store in `{}`",
            args.admin.data.display()
        ))
        .hint("name the data directory with `--data DIR`"));
    }
    let options = StoreOptions {
        scrub: RateLimit::default(),
        ..StoreOptions::default()
    };
    let report = match EmbeddedStore::open_with(&args.admin.data, options) {
        Ok(store) => serde_json::to_value(check(&store)?)?,
        Err(OpenError::Held { .. }) => super::on_runtime(ask(args))?,
        Err(error) => return Err(cannot_check(args, error)),
    };
    print(args, &report)
}

/// A store is opened for writing to be checked; a copy that is read-only has to be copied first.
fn cannot_check(args: &FsckArgs, error: OpenError) -> Failure {
    if !error.is_denied() {
        return cannot_open(error);
    }
    Failure::from(error).hint(format!(
        "a check opens the store for writing: run it as the server's user, or have a read-only copy \
         copied and every object read with `upcall restore '{}' --data NEW_DIR`",
        args.admin.data.display()
    ))
}

fn check(store: &EmbeddedStore) -> Result<CheckReport, Failure> {
    Ok(store.check(RateLimit::default())?)
}

async fn ask(args: &FsckArgs) -> Result<Value, Failure> {
    note(
        "a server has the directory open: it reads every object; stop it to have the log compared too",
    );
    let client = AdminClient::new(&args.admin)?.patient();
    client
        .ask(Method::POST, "/v1/store/fsck", Some(&json!({})))
        .await
}

fn rebuild(args: &FsckArgs) -> Result<(), Failure> {
    let rebuilt = EmbeddedStore::rebuild(&args.admin.data).map_err(cannot_open)?;
    note(format!(
        "the catalog was made anew: {} objects",
        rebuilt.objects
    ));
    if let Some(old) = &rebuilt.old_catalog {
        note(format!("the one that was there is `{}` now", old.display()));
    }
    for bucket in &rebuilt.plain_buckets {
        note(format!(
            "the settings of bucket `{bucket}` were lost: it is private, without CORS rules"
        ));
    }
    note("access keys were lost with the catalog: make new ones with `upcall key create`");
    for damage in &rebuilt.damages {
        note(&damage.what);
    }
    Ok(())
}

fn print(args: &FsckArgs, report: &Value) -> Result<(), Failure> {
    if args.admin.json {
        output::json(report)?;
    } else {
        for damage in super::bucket::items(&report["damages"]) {
            let name = |field: &str| super::bucket::text(&damage[field]);
            let what = name("what");
            output::line(match (&damage["bucket"], &damage["key"]) {
                (Value::String(bucket), Value::String(key)) => {
                    format!("{bucket}/{}: {what}", key.escape_debug())
                }
                _ => what,
            })?;
        }
        output::line(format!(
            "{} objects, {} bytes, {} damaged",
            report["objects"], report["bytes"], report["damaged"]
        ))?;
    }
    if report["damaged"] == 0 {
        return Ok(());
    }
    Err(Failure::new("there is damage")
        .hint(
            "restore what is named from a backup, and where it is the catalog that is broken, have \
               `upcall fsck --rebuild` make it anew; no object was removed",
        )
        .the_answer_is_no())
}
