//! Measures up to which size an object should go into the log: uploads of one size, 64 at a time, into
//! a store that puts them into the log and into one that gives each a file, in turn:
//! `cargo run --release -p upcall-store --example threshold -- DIR`.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinSet;
use upcall::name::{BucketName, ETag, ObjectKey};
use upcall_store::blobs::{BlobFacts, BlobPlace};
use upcall_store::catalog::{
    BucketAcl, BucketFacts, ObjectAcl, ObjectFacts, Overwrite, Precondition, StoredHeaders, Writer,
};
use upcall_store::{EmbeddedStore, StoreOptions};

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let folder = std::env::args_os().nth(1);
    let folder: PathBuf = folder.ok_or("say in which folder to measure")?.into();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()?;
    writeln!(stdout(), "KiB      log MiB/s   files MiB/s   log is")?;
    for kib in SIZES_KIB {
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            for (way, small_bytes) in [MOST_SMALL_BYTES, 0].into_iter().enumerate() {
                let place = folder.join(format!("{kib}-{round}-{way}"));
                let store = open(&place, small_bytes)?;
                rates[way].push(runtime.block_on(measure(&store, kib * 1024))?);
                drop(store);
                remove(&place)?;
            }
        }
        let [log, files] = rates.map(median);
        writeln!(
            stdout(),
            "{kib:<8} {log:>9.0}   {files:>11.0}   {:>6.2}",
            log / files
        )?;
    }
    Ok(())
}

fn open(place: &Path, small_bytes: u64) -> Result<Arc<EmbeddedStore>, AnyError> {
    let options = StoreOptions {
        small_bytes,
        staging_bytes: 512 * 1024 * 1024,
        ..StoreOptions::default()
    };
    Ok(Arc::new(EmbeddedStore::open_with(place, options)?))
}

/// Mebibytes in a second.
async fn measure(store: &Arc<EmbeddedStore>, size: usize) -> Result<f64, AnyError> {
    let bucket = BucketFacts {
        callback: upcall_store::catalog::CallbackSettings::default(),
        forms: upcall_store::catalog::FormRules::default(),
        name: BucketName::parse("photos")?,
        acl: BucketAcl::Private,
        cors: None,
        owner: "upcall".to_owned(),
        created: Timestamp::UNIX_EPOCH,
    };
    store
        .catalog()
        .create_bucket(&bucket, &Writer::Operator)
        .await?;
    let (bytes, next) = (Bytes::from(vec![7; size]), Arc::new(AtomicU64::new(0)));
    let (begun, until) = (Instant::now(), Instant::now() + TIME);
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, bytes, next) = (Arc::clone(store), bytes.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            while Instant::now() < until {
                put(&store, next.fetch_add(1, Ordering::Relaxed), &bytes).await?;
            }
            Ok::<_, AnyError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let kib = next.load(Ordering::Relaxed) * (size as u64 / 1024);
    let mib = f64::from(u32::try_from(kib / 1024)?);
    Ok(mib / begun.elapsed().as_secs_f64())
}

async fn put(store: &EmbeddedStore, number: u64, bytes: &Bytes) -> Result<(), AnyError> {
    let mut draft = store.blobs().begin(bytes.len() as u64).await?;
    let facts = BlobFacts {
        bucket: BucketName::parse("photos")?,
        key: ObjectKey::parse(&format!("key-{number}"))?,
        length: bytes.len() as u64,
        md5: [7; 16],
        crc64: 7,
        content_type: "image/jpeg".to_owned(),
        headers: StoredHeaders::default(),
        metadata: Vec::new(),
        acl: ObjectAcl::Default,
        storage_class: "Standard".to_owned(),
        modified: Timestamp::UNIX_EPOCH,
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
    draft.finish(vec![bytes.clone()], facts).await?;
    store
        .catalog()
        .commit_object(&object, &Precondition::operator(Overwrite::Allow), None)
        .await?;
    draft.keep();
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

const AT_ONCE: usize = 64;
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_millis(1500);
const SIZES_KIB: [usize; 6] = [16, 64, 256, 1024, 2048, 4096];
/// As large as a record may be.
const MOST_SMALL_BYTES: u64 = 16 * 1024 * 1024;

#[expect(
    clippy::disallowed_methods,
    reason = "the folder is the example's, not the engine's"
)]
fn remove(place: &Path) -> std::io::Result<()> {
    std::fs::remove_dir_all(place)
}
