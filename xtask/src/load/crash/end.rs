//! After everything: is the room given back that nothing needs, and does `upcall fsck` agree?

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::worker::{LARGE_BYTES, State};
use super::{End, Options, Run, stop};
use crate::storage::Storage;

/// What is wrong with the store, in sentences. Ends the server.
pub(super) async fn check(options: &Options, run: &Run, storage: Storage) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let large = run.workers.iter().flat_map(|worker| worker.slots.values());
    let large = large.filter(|slot| match slot.answered {
        State::Is(content) => content.length as u64 >= LARGE_BYTES,
        State::Absent => false,
    });
    let large = large.count();
    let since = Instant::now();
    loop {
        let usage = storage.usage().await?;
        let (log, live) = (number(&usage, "logBytes")?, number(&usage, "logLiveBytes")?);
        let files = blob_files(&run.data)?;
        if log <= live + live / 2 + TOLERATED_BYTES && files == large {
            println!(
                "in the log {log} bytes, of which {live} count; {files} files; after {:?}",
                since.elapsed()
            );
            break;
        }
        if since.elapsed() > LIMIT {
            complaints.push(format!(
                "the log has {log} bytes, of which {live} count; {files} files for {large} objects"
            ));
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    complaints.extend(stop(storage, End::Term).await?);
    complaints.extend(fsck(&options.upcall, &run.data)?);
    Ok(complaints)
}

/// What `upcall fsck` says of a directory that nobody has open, if it is anything but good.
fn fsck(upcall: &Path, data: &Path) -> Result<Option<String>> {
    let mut fsck = Command::new(upcall);
    fsck.args(["fsck", "--json", "--data"]).arg(data);
    let output = fsck.output().context("cannot run `upcall fsck`")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value = serde_json::from_str(&printed).unwrap_or_default();
    if output.status.success() && report["damaged"] == 0 {
        println!("fsck: {} objects, 0 damaged", report["objects"]);
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(Some(format!("fsck, {}: {printed}{said}", output.status)))
}

fn number(usage: &Value, name: &str) -> Result<u64> {
    let number = usage[name].as_u64();
    number.with_context(|| format!("the store's usage has no number `{name}`"))
}

/// How many files of objects there are, whoever they belong to.
fn blob_files(data: &Path) -> Result<usize> {
    let mut files = 0;
    let shards = fs::read_dir(data.join("blobs")).context("the store has a folder of files")?;
    for shard in shards {
        files += fs::read_dir(shard?.path())?.count();
    }
    Ok(files)
}

/// Room in the log that nobody misses: a segment that is written to gives none back.
const TOLERATED_BYTES: u64 = 4 << 20;

/// How long it may take to give room back.
const LIMIT: Duration = Duration::from_secs(30);
