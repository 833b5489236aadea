//! The buckets' settings once more, as JSON beside the catalog, for the day on which it is lost.
//!
//! `buckets.json` is written after every change; the catalog is right where both exist. Access keys are
//! not in it: secrets are kept in one place.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall::name::BucketName;

use crate::catalog::{BucketAcl, BucketFacts, CallbackSettings, Cors, FormRules};

#[derive(Deserialize, Serialize)]
struct StoredBucket {
    name: String,
    acl: String,
    cors: Option<Cors>,
    owner: String,
    created_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    callback: CallbackSettings,
    #[serde(default, skip_serializing_if = "is_default")]
    forms: FormRules,
}

fn is_default<T: Default + PartialEq>(settings: &T) -> bool {
    *settings == T::default()
}

/// Writes the file anew.
pub(super) fn write<'b>(
    folder: &Path,
    buckets: impl Iterator<Item = &'b BucketFacts>,
) -> io::Result<()> {
    let stored: Vec<StoredBucket> = buckets
        .map(|bucket| StoredBucket {
            name: bucket.name.to_string(),
            acl: bucket.acl.as_str().to_owned(),
            cors: bucket.cors.clone(),
            owner: bucket.owner.clone(),
            created_ms: bucket.created.as_millisecond(),
            callback: bucket.callback.clone(),
            forms: bucket.forms.clone(),
        })
        .collect();
    let half = folder.join("buckets.json.new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)?;
    file.write_all(&serde_json::to_vec_pretty(&stored)?)?;
    file.sync_all()?;
    fs::rename(&half, folder.join(NAME))?;
    fs::File::open(folder)?.sync_all()
}

/// Whether there is one.
pub(super) fn is_there(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

/// What is in the file; nothing, if there is none.
///
/// # Errors
/// The system's, and `InvalidData` for one that cannot be understood.
pub(super) fn read(folder: &Path) -> io::Result<Vec<BucketFacts>> {
    let json = match fs::read(folder.join(NAME)) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let stored: Vec<StoredBucket> = serde_json::from_slice(&json)?;
    let buckets: Option<Vec<BucketFacts>> = stored.into_iter().map(parse).collect();
    buckets.ok_or_else(|| {
        let what = "`buckets.json` holds a value that cannot be; move it away to go on without it";
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

fn parse(stored: StoredBucket) -> Option<BucketFacts> {
    Some(BucketFacts {
        name: BucketName::parse(&stored.name).ok()?,
        acl: BucketAcl::parse(&stored.acl)?,
        cors: stored.cors,
        owner: stored.owner,
        created: Timestamp::from_millisecond(stored.created_ms).ok()?,
        callback: stored.callback,
        forms: stored.forms,
    })
}

const NAME: &str = "buckets.json";
