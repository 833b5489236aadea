//! Looking after a store: damage is named, a lost catalog is made anew, a backup is a store.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use upcall::name::{BucketName, ObjectKey};
use upcall_store::catalog::{BucketAcl, ObjectFacts, Writer};
use upcall_store::maintenance::{CheckReport, MaintenanceError, RateLimit};
use upcall_store::{EmbeddedStore, StoreOptions, restore};

use crate::store::{TestStore, blob_path, list, make_bucket, put, read};

/// Small ones and large ones, some replaced and some deleted, over several segments.
async fn filled() -> (TestStore, BucketName) {
    let test = TestStore::open_with(options());
    let bucket = make_bucket(test.store.catalog().as_ref()).await;
    for round in 0..3 {
        for number in 0..40 {
            let bytes = content(number, round);
            put(&test.store, &bucket, &format!("key-{number:02}"), &bytes).await;
        }
    }
    for number in 30..40 {
        let key = ObjectKey::parse(&format!("key-{number:02}")).unwrap();
        let gone = test
            .store
            .catalog()
            .delete_object(&bucket, &key, &Writer::Operator)
            .await;
        test.store
            .blobs()
            .give_up(&gone.unwrap().expect("an object"));
    }
    (test, bucket)
}

fn options() -> StoreOptions {
    StoreOptions {
        small_bytes: 100_000,
        ..StoreOptions::default()
    }
}

/// Every tenth is a file of its own.
fn content(number: usize, round: usize) -> Vec<u8> {
    let length = if number % 10 == 3 {
        400_000
    } else {
        20_000 + number
    };
    (0..length)
        .map(|at| u8::try_from((at * 7 + number * 31 + round * 131) % 251).expect("small"))
        .collect()
}

/// Every object with its bytes.
async fn everything(
    store: &EmbeddedStore,
    bucket: &BucketName,
) -> BTreeMap<String, (ObjectFacts, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for mut object in list(store.catalog().as_ref(), bucket).await {
        let bytes = read(store, &object).await.unwrap();
        object.place = upcall_store::blobs::BlobPlace::default();
        all.insert(object.key.to_string(), (object, bytes));
    }
    all
}

fn check(store: &EmbeddedStore) -> CheckReport {
    tokio::task::block_in_place(|| store.check(RateLimit::default()).unwrap())
}

fn log_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("log")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_store_is_sound() {
    let (test, _) = filled().await;
    let report = check(&test.store);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.objects, 30);
    // Also after the log has given its room back.
    tokio::task::block_in_place(|| test.store.settle());
    let report = check(&test.store);
    assert!(report.is_clean(), "{report:?}");
}

/// Wherever a bit flips, the object is named, and only that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_damaged_object_is_named() {
    let (test, bucket) = filled().await;
    tokio::task::block_in_place(|| test.store.settle());
    let objects = list(test.store.catalog().as_ref(), &bucket).await;
    let large = objects.iter().find(|object| object.length == 400_000);
    let large = large.expect("a file").clone();
    let path = blob_path(test.folder.path(), &large.blob.to_string());
    let flip = |path: &Path, at: u64| {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    };
    flip(&path, 300_000);
    let report = check(&test.store);
    assert_eq!(report.damaged, 1, "{report:?}");
    assert_eq!(report.damages[0].key.as_deref(), Some(large.key.as_str()));
    flip(&path, 300_000);

    // Anywhere in the log: each flip names the object whose record it is in, or hits what counts no more.
    let mut named = std::collections::BTreeSet::new();
    for file in log_files(test.folder.path()) {
        let length = fs::metadata(&file).unwrap().len();
        for at in (50..length).step_by(9973) {
            flip(&file, at);
            let report = check(&test.store);
            for damage in &report.damages {
                named.extend(damage.key.clone());
            }
            let keys = report.damages.iter().filter(|damage| damage.key.is_some());
            assert!(keys.count() <= 1, "byte {at}: {report:?}");
            flip(&file, at);
        }
    }
    let small = objects.iter().filter(|object| object.length < 100_000);
    for object in small {
        assert!(
            named.contains(object.key.as_str()),
            "{}: {named:?}",
            object.key
        );
    }
    assert!(check(&test.store).is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_broken_or_gone_is_named() {
    let (test, bucket) = filled().await;
    let TestStore { store, folder } = test;
    let before = list(store.catalog().as_ref(), &bucket).await;
    drop(store);
    let catalog = rusqlite::Connection::open(folder.path().join("catalog.sqlite")).unwrap();
    catalog
        .execute(
            "UPDATE objects SET length = length + 1 WHERE key = 'key-05'",
            [],
        )
        .unwrap();
    catalog
        .execute("DELETE FROM objects WHERE key = 'key-07'", [])
        .unwrap();
    drop(catalog);

    let store = EmbeddedStore::open_with(folder.path(), options()).unwrap();
    let broken = ObjectKey::parse("key-05").unwrap();
    assert!(store.catalog().object(&bucket, &broken).await.is_err());
    let report = check(&store);
    let mut keys: Vec<_> = report
        .damages
        .iter()
        .filter_map(|damage| damage.key.as_deref())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, ["key-05", "key-07"], "{report:?}");
    assert_eq!(before.len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_catalog_is_made_anew() {
    for settled in [false, true] {
        let (test, bucket) = filled().await;
        let TestStore { store, folder } = test;
        if settled {
            // Records have moved, and what told them dead may be gone.
            tokio::task::block_in_place(|| store.settle());
        }
        let acl = store
            .catalog()
            .set_bucket_acl(&bucket, BucketAcl::PublicRead, &Writer::Operator)
            .await;
        acl.unwrap();
        let before = everything(&store, &bucket).await;
        assert_eq!(before.len(), 30);
        drop(store);
        for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
            let _ = fs::remove_file(folder.path().join(name));
        }
        assert!(EmbeddedStore::open(folder.path()).is_err());

        let rebuilt = EmbeddedStore::rebuild(folder.path()).unwrap();
        assert_eq!(rebuilt.objects, 30);
        assert!(
            rebuilt.damages.is_empty() && rebuilt.plain_buckets.is_empty(),
            "{rebuilt:?}"
        );

        let store = EmbeddedStore::open_with(folder.path(), options()).unwrap();
        assert!(
            everything(&store, &bucket).await == before,
            "settled: {settled}"
        );
        let facts = store
            .catalog()
            .bucket(&bucket)
            .await
            .unwrap()
            .expect("a bucket");
        assert_eq!(facts.acl, BucketAcl::PublicRead);
        let report = check(&store);
        assert!(report.is_clean(), "{report:?}");
        // It is a store like any other.
        put(&store, &bucket, "new", b"bytes").await;
        tokio::task::block_in_place(|| store.settle());
        assert_eq!(everything(&store, &bucket).await.len(), 31);
    }
}

#[tokio::test]
async fn a_directory_of_format_1_is_rebuilt_from_its_files() {
    let (test, bucket) = (
        TestStore::with_files(),
        BucketName::parse("photos").unwrap(),
    );
    make_bucket(test.store.catalog().as_ref()).await;
    put(&test.store, &bucket, "a", b"bytes").await;
    let TestStore { store, folder } = test;
    drop(store);
    // As if the log had been lost too.
    fs::remove_dir_all(folder.path().join("log")).unwrap();
    fs::remove_file(folder.path().join("catalog.sqlite")).unwrap();
    let rebuilt = EmbeddedStore::rebuild(folder.path()).unwrap();
    assert_eq!(rebuilt.objects, 1, "{rebuilt:?}");
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let objects = list(store.catalog().as_ref(), &bucket).await;
    assert_eq!(read(&store, &objects[0]).await.unwrap(), b"bytes");
}

/// While uploads, overwrites and deletions go on, and the collector is busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_the_store_as_it_was() {
    let (test, bucket) = filled().await;
    let store = Arc::clone(&test.store);
    let busy = {
        let (store, bucket) = (Arc::clone(&store), bucket.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let bytes = content(number % 40, 7);
                put(&store, &bucket, &format!("busy-{}", number % 40), &bytes).await;
                if number > 400 {
                    return;
                }
            }
        })
    };
    let before = everything(&store, &bucket).await;
    let target = test.folder.path().join("backup");
    fs::write(test.folder.path().join("callback-key.pem"), "a key").unwrap();
    let report = store.maintenance().backup(&target).await.unwrap();
    assert!(report.files > 5 && report.bytes > 1_000_000, "{report:?}");
    let again = store.maintenance().backup(&target).await;
    assert!(
        matches!(again, Err(MaintenanceError::NotEmpty { .. })),
        "{again:?}"
    );
    busy.await.unwrap();
    let after = everything(&store, &bucket).await;

    let restored = test.folder.path().join("restored");
    restore(&target, &restored).unwrap();
    assert_eq!(
        fs::read_to_string(restored.join("callback-key.pem")).unwrap(),
        "a key"
    );
    let copy = EmbeddedStore::open_with(&restored, options()).unwrap();
    let report = check(&copy);
    assert!(report.is_clean(), "{report:?}");
    let found = everything(&copy, &bucket).await;
    for (key, object) in &before {
        if !key.starts_with("busy") {
            assert!(found.get(key) == Some(object), "{key}");
        }
    }
    // What was busy is as it was at some moment: every object whole.
    assert!(
        found.keys().all(|key| after.contains_key(key)),
        "{:?}",
        found.keys()
    );
    let half = test.folder.path().join("half");
    fs::create_dir(&half).unwrap();
    assert!(
        restore(&half, &test.folder.path().join("no")).is_err(),
        "no whole backup"
    );
}

/// Ten times the live data goes through; the disk has at most half as much again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_comes_back_after_a_churn() {
    let test = TestStore::open_with(StoreOptions {
        collector_interval: Duration::from_millis(10),
        ..StoreOptions::default()
    });
    let bucket = make_bucket(test.store.catalog().as_ref()).await;
    let mut random = 1_u64;
    let keys = 400;
    for step in 0..keys * 11 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let key = if step < keys {
            step
        } else {
            (random >> 33) % keys
        };
        let bytes = vec![u8::try_from(step % 251).expect("small"); 100_000];
        put(&test.store, &bucket, &format!("key-{key}"), &bytes).await;
    }
    tokio::task::block_in_place(|| test.store.settle());
    let live: u64 = list(test.store.catalog().as_ref(), &bucket)
        .await
        .iter()
        .map(|object| object.length)
        .sum();
    let taken = size_of(test.folder.path());
    let log: u64 = log_files(test.folder.path())
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    assert!(
        taken * 2 <= live * 3,
        "{live} bytes live, {taken} on the disk, {log} in the log"
    );
    assert!(check(&test.store).is_clean());
}

fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let data = entry.metadata().unwrap();
            if data.is_dir() {
                size_of(&entry.path())
            } else {
                data.len()
            }
        })
        .sum()
}
