//! Prints what the embedded store does in a second, in a folder of your choice:
//! `cargo run --release -p upcall-store --example figures -- /srv/disk-to-measure`.
//!
//! `docs/decisions/catalog-engine.md` holds the figures that decided.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinSet;
use upcall::name::{BucketName, ETag, ObjectKey};
use upcall_store::EmbeddedStore;
use upcall_store::blobs::{BlobFacts, BlobId};
use upcall_store::catalog::{
    BucketAcl, BucketFacts, ListObjects, ObjectAcl, ObjectFacts, Overwrite, StoredHeaders,
};

const AT_ONCE: usize = 64;
const OBJECTS: usize = 100_000;
const UPLOADS: usize = 5_000;
const PAGES: usize = 200;

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let folder: PathBuf = std::env::args_os()
        .nth(1)
        .ok_or("say in which folder to measure; a store is made in it")?
        .into();
    let store = Arc::new(EmbeddedStore::open(&folder)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    runtime.block_on(measure(Arc::clone(&store)))?;
    drop(runtime);
    drop(store);
    let begin = Instant::now();
    let store = EmbeddedStore::open(&folder)?;
    say("open", begin.elapsed(), 1)?;
    let begin = Instant::now();
    store.settle();
    say("sweep of all blobs", begin.elapsed(), UPLOADS)
}

async fn measure(store: Arc<EmbeddedStore>) -> Result<(), AnyError> {
    let bucket = BucketFacts {
        name: BucketName::parse("figures")?,
        acl: BucketAcl::Private,
        cors: None,
        owner: "figures".to_owned(),
        created: Timestamp::UNIX_EPOCH,
    };
    store.catalog().create_bucket(&bucket).await?;
    let bucket = bucket.name;

    let begin = Instant::now();
    at_once(OBJECTS, {
        let (store, bucket) = (Arc::clone(&store), bucket.clone());
        move |number| commit(Arc::clone(&store), bucket.clone(), number)
    })
    .await?;
    say("commit of a row, 64 at once", begin.elapsed(), OBJECTS)?;

    let begin = Instant::now();
    at_once(UPLOADS, {
        let (store, bucket) = (Arc::clone(&store), bucket.clone());
        move |number| upload(Arc::clone(&store), bucket.clone(), OBJECTS + number)
    })
    .await?;
    say("upload of 4 KiB, 64 at once", begin.elapsed(), UPLOADS)?;

    let begin = Instant::now();
    let alone = 200;
    for number in 0..alone {
        upload(
            Arc::clone(&store),
            bucket.clone(),
            OBJECTS + UPLOADS + number,
        )
        .await?;
    }
    say("upload of 4 KiB, one client", begin.elapsed(), alone)?;

    for (what, delimiter) in [
        ("page of 1,000 keys", None),
        ("page of 1,000 prefixes", Some("/")),
    ] {
        let mut slowest = Duration::ZERO;
        let all = Instant::now();
        for number in 0..PAGES {
            let begin = Instant::now();
            let page = store
                .catalog()
                .list_objects(&ListObjects {
                    bucket: bucket.clone(),
                    prefix: String::new(),
                    // The last page still has a thousand behind it.
                    marker: format!("{:04x}", number * 300),
                    delimiter: delimiter.map(str::to_owned),
                    max_keys: 1000,
                })
                .await?;
            slowest = slowest.max(begin.elapsed());
            if page.objects.len() + page.common_prefixes.len() < 1000 {
                return Err("a page is not full".into());
            }
        }
        say(what, all.elapsed(), PAGES)?;
        say("  the slowest", slowest, 1)?;
    }

    let begin = Instant::now();
    for number in 0..2_000 {
        let key = key(number * 37 % OBJECTS);
        if store.catalog().object(&bucket, &key).await?.is_none() {
            return Err("an object is missing".into());
        }
    }
    say("look-up of an object", begin.elapsed(), 2_000)
}

/// Runs `count` jobs, [`AT_ONCE`] of them at a time.
async fn at_once<F>(
    count: usize,
    job: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Result<(), AnyError>
where
    F: Future<Output = Result<(), AnyError>> + Send,
{
    let mut workers = JoinSet::new();
    for worker in 0..AT_ONCE {
        let job = job.clone();
        workers.spawn(async move {
            for number in (worker..count).step_by(AT_ONCE) {
                job(number).await?;
            }
            Ok::<(), AnyError>(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

async fn commit(
    store: Arc<EmbeddedStore>,
    bucket: BucketName,
    number: usize,
) -> Result<(), AnyError> {
    let object = object(bucket, number, BlobId::new());
    store
        .catalog()
        .commit_object(&object, Overwrite::Forbid)
        .await?;
    Ok(())
}

async fn upload(
    store: Arc<EmbeddedStore>,
    bucket: BucketName,
    number: usize,
) -> Result<(), AnyError> {
    let mut draft = store.blobs().begin().await?;
    let object = object(bucket, number, draft.id());
    let facts = BlobFacts {
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        length: object.length,
        md5: *object.etag.md5(),
        crc64: object.crc64,
        content_type: object.content_type.clone(),
        headers: object.headers.clone(),
        metadata: object.metadata.clone(),
        acl: object.acl,
        storage_class: object.storage_class.clone(),
        modified: object.modified,
    };
    draft
        .finish(vec![Bytes::from_static(&[7; 4096])], facts)
        .await?;
    store
        .catalog()
        .commit_object(&object, Overwrite::Forbid)
        .await?;
    draft.keep();
    Ok(())
}

fn object(bucket: BucketName, number: usize, blob: BlobId) -> ObjectFacts {
    ObjectFacts {
        bucket,
        key: key(number),
        blob,
        length: 4096,
        etag: ETag::from_md5([7; 16]),
        crc64: 7,
        content_type: "image/jpeg".to_owned(),
        headers: StoredHeaders::default(),
        metadata: Vec::new(),
        acl: ObjectAcl::Default,
        storage_class: "Standard".to_owned(),
        modified: Timestamp::UNIX_EPOCH,
    }
}

/// 57 bytes, in no order, as random names come; the first six make a folder that is nearly always the
/// key's alone.
fn key(number: usize) -> ObjectKey {
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (folder, name) = (mixed >> 40, mixed & 0xff_ffff_ffff);
    ObjectKey::parse(&format!(
        "{folder:06x}/user/photos/{name:010x}-{mixed:016x}-{number:06}.jpg"
    ))
    .expect("it is a plain name")
}

fn say(what: &str, took: Duration, count: usize) -> Result<(), AnyError> {
    let count = u32::try_from(count)?;
    let each = took / count;
    let rate = f64::from(count) / took.as_secs_f64();
    writeln!(stdout(), "{what:32} {each:>12.1?} each {rate:>12.0} /s")?;
    Ok(())
}
