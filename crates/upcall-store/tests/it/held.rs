//! Objects that are held back, where disks and catalogs are lost: nobody sees them without a yes.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use jiff::Timestamp;
use upcall::name::BucketName;
use upcall_store::EmbeddedStore;
use upcall_store::catalog::{
    CallbackSettings, CatalogError, Gate, ObjectFacts, Overwrite, OwedCall, Precondition, Writer,
};

use crate::store::{TestStore, blob_path, draft, list, make_bucket, object, put};

/// Holds an object of these bytes.
pub(crate) async fn hold(
    store: &EmbeddedStore,
    bucket: &BucketName,
    key: &str,
    bytes: &[u8],
) -> ObjectFacts {
    let mut facts = object(bucket, key, bytes);
    let draft = draft(store, &mut facts, bytes).await;
    let call = OwedCall {
        id: facts.blob,
        bucket: facts.bucket.clone(),
        key: facts.key.clone(),
        request_id: format!("request of {key}"),
        idempotency: None,
        created: Timestamp::UNIX_EPOCH,
        call: format!("the call of {key}"),
    };
    let held = store.catalog();
    let terms = Precondition::operator(Overwrite::Allow);
    let held = held.hold_object(&facts, &terms, &call);
    held.await.unwrap();
    draft.keep();
    facts
}

/// Changes one byte where this text stands in the log.
pub(crate) fn damage_log(folder: &Path, text: &str) {
    for file in fs::read_dir(folder.join("log")).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        if let Some(at) = bytes
            .windows(text.len())
            .position(|at| at == text.as_bytes())
        {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
            return;
        }
    }
    panic!("{text:?} is not in the log");
}

pub(crate) fn lose_catalog(folder: &Path) {
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = fs::remove_file(folder.join(name));
    }
}

async fn keys_after_rebuild(folder: &Path, bucket: &BucketName) -> Vec<String> {
    lose_catalog(folder);
    let rebuilt = EmbeddedStore::rebuild(folder).unwrap();
    assert!(!rebuilt.damages.is_empty(), "{rebuilt:?}");
    let store = EmbeddedStore::open(folder).unwrap();
    let objects = list(store.catalog().as_ref(), bucket).await;
    objects.iter().map(|facts| facts.key.to_string()).collect()
}

/// Files that no record names are taken in when the log is damaged; one that was refused is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_does_not_come_back_with_a_new_catalog() {
    let TestStore { store, folder } = TestStore::with_files();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    put(&store, &bucket, "plain", b"bytes").await;
    let refused = hold(&store, &bucket, "refused", b"virus").await;
    put(&store, &bucket, "damaged", b"bytes").await;
    let file = blob_path(folder.path(), &refused.blob.to_string());
    let content = fs::read(&file).unwrap();
    let settled = store.catalog().settle_call(refused.blob, None).await;
    assert!(settled.unwrap());
    tokio::task::block_in_place(|| store.settle());
    drop(store);
    // As if a crash had come before the file was removed.
    fs::write(&file, content).unwrap();
    damage_log(folder.path(), "\"damaged\"");

    let keys = keys_after_rebuild(folder.path(), &bucket).await;
    assert!(keys.contains(&"plain".to_owned()), "{keys:?}");
    assert!(!keys.contains(&"refused".to_owned()), "{keys:?}");
}

/// Of a bucket with a gate only the log can say what was agreed to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_under_a_damaged_record_stays_unseen() {
    let TestStore { store, folder } = TestStore::with_files();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    let settings = CallbackSettings {
        gate: Some(Gate::Keep),
        ..CallbackSettings::default()
    };
    let catalog = store.catalog();
    catalog
        .set_bucket_callback(&bucket, &settings, &Writer::Operator)
        .await
        .unwrap();
    drop(catalog);
    hold(&store, &bucket, "held", b"undecided").await;
    put(&store, &bucket, "plain", b"bytes").await;
    drop(store);
    damage_log(folder.path(), "the call of held");

    assert_eq!(keys_after_rebuild(folder.path(), &bucket).await, ["plain"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_call_says_that_it_is_damaged() {
    for small_bytes in [0, 1024 * 1024] {
        let TestStore { store, folder } = TestStore::open_with(upcall_store::StoreOptions {
            small_bytes,
            ..upcall_store::StoreOptions::default()
        });
        let bucket = make_bucket(store.catalog().as_ref()).await;
        let held = hold(&store, &bucket, "held", b"undecided").await;
        damage_log(folder.path(), "the call of held");
        let catalog = store.catalog();
        let read = catalog.owed_call(held.blob).await;
        assert!(matches!(read, Err(CatalogError::Corrupt(_))), "{read:?}");
        let published = catalog
            .publish_object(held.blob, &Writer::Operator, None)
            .await;
        assert!(matches!(published, Err(CatalogError::Corrupt(_))));
        // Whoever looks after it can drop it.
        assert!(catalog.settle_call(held.blob, None).await.unwrap());
    }
}
