//! `upcall backup` and `upcall restore`: a copy of a running server's store, and a store from it.

use std::path::Path;

use hyper::Method;
use serde_json::json;
use upcall_store::maintenance::{MaintenanceError, RateLimit};
use upcall_store::{EmbeddedStore, OpenError, StoreOptions};

use super::admin_client::AdminClient;
use super::storage::{NEWER, cannot_open};
use crate::config::args::{BackupArgs, RestoreArgs};
use crate::terminal::message::Failure;
use crate::terminal::output;

pub(crate) async fn run(args: BackupArgs) -> Result<(), Failure> {
    let to = std::path::absolute(&args.to)?;
    let client = AdminClient::new(&args.admin)?.patient();
    let report = client
        .ask(Method::POST, "/v1/store/backup", Some(&json!({ "to": to })))
        .await?;
    if args.admin.json {
        output::json(&report)?;
    } else {
        output::line(format!(
            "{} files, {} bytes, in `{}`",
            report["files"],
            report["bytes"],
            to.display()
        ))?;
    }
    Ok(())
}

/// Copies the backup back, opens it and reads everything once.
pub(crate) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let report = upcall_store::restore(&args.from, &args.data).map_err(cannot_restore)?;
    let options = StoreOptions {
        scrub: RateLimit::default(),
        ..StoreOptions::default()
    };
    let store = EmbeddedStore::open_with(&args.data, options).map_err(cannot_open)?;
    let found = store.check(RateLimit::default())?;
    store.close();
    if args.json {
        output::json(&json!({
            "folder": args.data,
            "files": report.files,
            "bytes": report.bytes,
            "objects": found.objects,
            "damaged": found.damaged,
        }))?;
    } else {
        output::line(format!(
            "{} objects in `{}`, all read: {} damaged",
            found.objects,
            args.data.display(),
            found.damaged
        ))?;
    }
    if found.is_clean() {
        return Ok(());
    }
    Err(Failure::new("the backup is damaged")
        .hint(format!(
            "`upcall fsck --data {}` lists what",
            shown(&args.data)
        ))
        .the_answer_is_no())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn cannot_restore(error: MaintenanceError) -> Failure {
    let hint = match &error {
        MaintenanceError::NotEmpty { .. } => "name a data directory that is not there yet",
        MaintenanceError::Backup(why) if matches!(**why, OpenError::Format { .. }) => NEWER,
        MaintenanceError::Backup(_)
        | MaintenanceError::Catalog(_)
        | MaintenanceError::Closed
        | MaintenanceError::Io { .. } => return Failure::from(error),
    };
    Failure::from(error).hint(hint)
}
