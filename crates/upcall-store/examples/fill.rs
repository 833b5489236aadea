//! Fills a data directory with small objects, through the store's ports, for a server to be measured
//! with: `cargo run --release -p upcall-store --example fill -- DIR COUNT`.
//!
//! The bucket is `photos`; the keys are `user/ab12/0000000042` below some hundred prefixes.
//! `cargo xtask bench store-list` knows how a number becomes a key.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest, Md5};
use tokio::task::JoinSet;
use upcall::name::{BucketName, ETag, ObjectKey};
use upcall_store::EmbeddedStore;
use upcall_store::blobs::{BlobFacts, BlobPlace, Blobs};
use upcall_store::catalog::{
    BucketAcl, BucketFacts, Catalog, ObjectAcl, ObjectFacts, Overwrite, Precondition,
    StoredHeaders, Writer,
};

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args_os().skip(1);
    let folder: PathBuf = arguments.next().ok_or(USAGE)?.into();
    let count = arguments.next().and_then(|count| count.into_string().ok());
    let count: u64 = count.ok_or(USAGE)?.parse()?;
    let store = EmbeddedStore::open(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()?;
    let filled = runtime.block_on(fill(store.catalog(), store.blobs(), count));
    drop(runtime);
    store.close();
    filled
}

async fn fill(
    catalog: Arc<dyn Catalog>,
    blobs: Arc<dyn Blobs>,
    count: u64,
) -> Result<(), AnyError> {
    let bucket = BucketFacts {
        callback: upcall_store::catalog::CallbackSettings::default(),
        forms: upcall_store::catalog::FormRules::default(),
        name: BucketName::parse("photos")?,
        acl: BucketAcl::Private,
        cors: None,
        owner: "upcall".to_owned(),
        created: Timestamp::now(),
    };
    catalog.create_bucket(&bucket, &Writer::Operator).await?;
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (catalog, blobs) = (Arc::clone(&catalog), Arc::clone(&blobs));
        let (bucket, next) = (bucket.name.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, AnyError>(());
                }
                put(&*catalog, &*blobs, &bucket, number).await?;
            }
        });
    }
    let watched = Arc::clone(&next);
    let watch = tokio::spawn(async move {
        let began = Instant::now();
        loop {
            tokio::time::sleep(EVERY).await;
            let done = watched.load(Ordering::Relaxed).min(count);
            writeln!(stdout(), "{done} of {count} objects, {:?}", began.elapsed()).ok();
        }
    });
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    watch.abort();
    Ok(())
}

/// One object, as an upload makes it.
async fn put(
    catalog: &dyn Catalog,
    blobs: &dyn Blobs,
    bucket: &BucketName,
    number: u64,
) -> Result<(), AnyError> {
    let bytes = format!("{number:016}");
    let mut draft = blobs.begin(0).await?;
    let facts = BlobFacts {
        bucket: bucket.clone(),
        key: key(number)?,
        length: bytes.len() as u64,
        md5: Md5::digest(&bytes).into(),
        crc64: crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, bytes.as_bytes()),
        content_type: "text/plain".to_owned(),
        headers: StoredHeaders::default(),
        metadata: Vec::new(),
        acl: ObjectAcl::Default,
        storage_class: "Standard".to_owned(),
        modified: Timestamp::now(),
    };
    let object = ObjectFacts {
        bucket: facts.bucket.clone(),
        key: facts.key.clone(),
        blob: draft.id(),
        place: BlobPlace::default(),
        length: facts.length,
        etag: ETag::from_md5(facts.md5),
        crc64: facts.crc64,
        content_type: facts.content_type.clone(),
        headers: facts.headers.clone(),
        metadata: facts.metadata.clone(),
        acl: facts.acl,
        storage_class: facts.storage_class.clone(),
        modified: facts.modified,
    };
    draft.finish(vec![Bytes::from(bytes)], facts).await?;
    catalog
        .commit_object(&object, &Precondition::operator(Overwrite::Allow), None)
        .await?;
    draft.keep();
    Ok(())
}

/// The key of a number: neighbours lie under different prefixes.
fn key(number: u64) -> Result<ObjectKey, AnyError> {
    let user = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let text = format!("user/{:04x}/{number:010}", 0xab00 + user % USERS);
    Ok(ObjectKey::parse(&text)?)
}

const AT_ONCE: usize = 256;
const EVERY: Duration = Duration::from_secs(10);
const USAGE: &str = "say which folder to fill, and with how many objects: DIR COUNT";
const USERS: u64 = 400;
