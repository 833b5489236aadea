//! At the end: what is there, against what the application has written down and the uploaders know.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};

use super::Bucket;
use super::journal::Journal;
use super::uploader::{Told, Upload};
use crate::http::Connection;
use crate::storage::Storage;

/// What is wrong, in sentences.
pub(super) async fn judge(
    storage: &Storage,
    journal: &Journal,
    uploads: &[Upload],
) -> Result<Vec<String>> {
    let mut journal = journal.clone();
    journal.refresh()?;
    let mut visible = BTreeMap::new();
    for bucket in Bucket::ALL {
        visible.insert(bucket, list(storage, bucket).await?);
    }
    let mut by_key: BTreeMap<(Bucket, &str), Vec<&Upload>> = BTreeMap::new();
    for upload in uploads {
        by_key
            .entry((upload.bucket, &upload.key))
            .or_default()
            .push(upload);
    }
    let mut wrong = Vec::new();
    for ((bucket, key), uploads) in &by_key {
        let place = format!("{}/{key}", bucket.name());
        let is_there = visible[bucket].contains(*key);
        for sentence in of_key(*bucket, uploads, is_there, journal.of(&place)) {
            wrong.push(format!(
                "{place}: {sentence}; {uploads:?}, {:?}",
                journal.of(&place)
            ));
        }
    }
    for (bucket, keys) in &visible {
        for key in keys {
            if !by_key.contains_key(&(*bucket, key.as_str())) {
                wrong.push(format!("nobody uploaded {}/{key}", bucket.name()));
            }
        }
    }
    let repeated = uploads.iter().filter(|upload| upload.is_repeat).count();
    println!(
        "{} keys, {repeated} of them sent again, are compared with the journal",
        by_key.len()
    );
    Ok(wrong)
}

fn of_key(
    bucket: Bucket,
    uploads: &[&Upload],
    is_there: bool,
    calls: &[super::journal::Entry],
) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let agreed = calls.iter().any(|call| call.is_yes);
    let told = |what| uploads.iter().any(|upload| upload.told == what);
    let ids: BTreeSet<&str> = calls.iter().map(|call| call.id.as_str()).collect();
    if ids.len() > uploads.len() {
        wrong.push("it was called for under more ids than there were uploads");
    }
    if told(Told::Stored) && !is_there {
        wrong.push("its uploader was told that it is stored");
    }
    for upload in uploads {
        if let Some(id) = &upload.id
            && !ids.contains(id.as_str())
        {
            wrong.push("its uploader got an answer that the application has not given");
        }
    }
    if bucket == Bucket::Owed {
        if is_there && calls.is_empty() {
            wrong.push("it is stored, and the application has never heard of it");
        }
        if !is_there && !calls.is_empty() {
            wrong.push("the application has heard of it, and it is not there");
        }
        return wrong;
    }
    if is_there && !agreed {
        wrong.push("it is there, and nobody has agreed to it");
    }
    let all = |what| uploads.iter().all(|upload| upload.told == what);
    if is_there && all(Told::Refused) {
        wrong.push("it is there, and its uploader was told that it was refused");
    }
    if is_there && all(Told::Unavailable) {
        wrong.push("it is there, and its uploader was told to send it again");
    }
    if bucket == Bucket::GatedKeep && agreed && !is_there {
        wrong.push("the application has agreed, and it is not there");
    }
    wrong
}

/// The keys of a bucket.
async fn list(storage: &Storage, bucket: Bucket) -> Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    let mut marker = String::new();
    let mut connection = Connection::open(storage.address).await?;
    loop {
        let request = format!(
            "GET /{}/?max-keys=1000&marker={marker} HTTP/1.1\r\nHost: {}\r\n\r\n",
            bucket.name(),
            storage.address
        );
        let answer = connection.exchange(request.as_bytes()).await;
        let answer = answer.map_err(|broken| anyhow::anyhow!("no listing: {broken:?}"))?;
        ensure!(
            answer.status == 200,
            "a listing was answered {}",
            answer.status
        );
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let found = text.split("<Key>").skip(1);
        let found = found.filter_map(|rest| rest.split("</Key>").next());
        keys.extend(found.map(str::to_owned));
        if !text.contains("<IsTruncated>true</IsTruncated>") {
            return Ok(keys);
        }
        marker = keys.last().context("a page that is cut has keys")?.clone();
    }
}
