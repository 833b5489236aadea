//! `upcall bucket uploads`: what a bucket refuses of forms, whatever their policies leave open.

use hyper::Method;
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::bucket::{path, text};
use crate::config::args::{AdminArgs, BucketUploadsCommand};
use crate::terminal::message::Failure;
use crate::terminal::{output, table};

pub(crate) async fn run(command: BucketUploadsCommand) -> Result<(), Failure> {
    match command {
        BucketUploadsCommand::Get { name, admin } => show(&name, &admin).await,
        BucketUploadsCommand::Set {
            name,
            forbid_overwrite,
            forbid_acl,
            redirect,
            no_redirects,
            pages_as_downloads,
            admin,
        } => {
            let is_bound = no_redirects || !redirect.is_empty();
            let settings = json!({
                "forbidOverwrite": forbid_overwrite,
                "forbidAcl": forbid_acl,
                "redirects": is_bound.then_some(redirect),
                "pagesAsDownloads": pages_as_downloads,
            });
            AdminClient::new(&admin)?
                .ask(Method::PUT, &path(&name, "/uploads")?, Some(&settings))
                .await?;
            if admin.json {
                output::json(&settings)?;
            } else {
                output::line(format!("bucket `{name}` changed"))?;
            }
            Ok(())
        }
    }
}

/// What the server says of the bucket.
pub(super) async fn settings(name: &str, admin: &AdminArgs) -> Result<Value, Failure> {
    AdminClient::new(admin)?
        .ask(Method::GET, &path(name, "/uploads")?, None)
        .await
}

async fn show(name: &str, admin: &AdminArgs) -> Result<(), Failure> {
    let settings = settings(name, admin).await?;
    if admin.json {
        output::json(&settings)?;
        return Ok(());
    }
    let redirects = match settings["redirects"].as_array() {
        None => "any".to_owned(),
        Some(list) if list.is_empty() => "none".to_owned(),
        Some(list) => list.iter().map(text).collect::<Vec<_>>().join(" "),
    };
    let rows = [
        ("forbid-overwrite", text(&settings["forbidOverwrite"])),
        ("forbid-acl", text(&settings["forbidAcl"])),
        ("redirects", redirects),
        ("pages-as-downloads", text(&settings["pagesAsDownloads"])),
    ];
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    output::line(table::write(&["SETTING", "VALUE"], &rows))?;
    Ok(())
}
