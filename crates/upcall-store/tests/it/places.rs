//! Places in the log and names of files, when what tells of them is damaged or old.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use upcall::name::{BucketName, ObjectKey};
use upcall_store::disk::SystemDisk;
use upcall_store::{EmbeddedStore, StoreOptions};

use crate::fixture::copy_folder;
use crate::power::{fast_folder, options};
use crate::store::{blob_files, list, make_bucket, put, read};
use upcall_store::catalog::Writer;

fn open(folder: &Path) -> EmbeddedStore {
    EmbeddedStore::open_with(folder, options(Arc::new(SystemDisk))).unwrap()
}

/// The last segment is empty and could go. Were its number given again, the index would take what it
/// gets for what it had: the index knows how far it has read by the segment's number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_a_segment_is_not_given_again() {
    let base = fast_folder();
    let folder = base.path().join("open");
    let store = open(&folder);
    let bucket = make_bucket(store.catalog().as_ref()).await;
    put(&store, &bucket, "stays", b"bytes").await;
    store.close();
    let store = open(&folder);
    put(&store, &bucket, "goes", &[7; 9_000]).await;
    let key = ObjectKey::parse("goes").unwrap();
    store
        .catalog()
        .delete_object(&bucket, &key, &Writer::Operator)
        .await
        .unwrap();
    store.close();
    let store = open(&folder);
    store.settle();
    store.close();
    // A collector that is at work has the index follow at once.
    let quiet = StoreOptions {
        collector_interval: Duration::from_secs(3600),
        ..options(Arc::new(SystemDisk))
    };
    let store = EmbeddedStore::open_with(&folder, quiet).unwrap();
    store.settle();
    put(&store, &bucket, "new", b"bytes").await;
    // The process dies, before the index has it.
    let left = base.path().join("left");
    copy_folder(&folder, &left);
    assert_eq!(list(open(&left).catalog().as_ref(), &bucket).await.len(), 2);
}

/// A place in the catalog that is no record's begin: what stands there is not what a crash cut off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_place_in_the_catalog_cuts_nothing_off() {
    let folder = fast_folder();
    let store = open(folder.path());
    let bucket = make_bucket(store.catalog().as_ref()).await;
    put(&store, &bucket, "a", &[7; 3_000]).await;
    store.close();
    let catalog = rusqlite::Connection::open(folder.path().join("catalog.sqlite")).unwrap();
    let sql = "UPDATE log SET offset = offset - 512";
    assert_eq!(catalog.execute(sql, []).unwrap(), 1);
    drop(catalog);
    let store = open(folder.path());
    let found = list(store.catalog().as_ref(), &bucket).await;
    assert_eq!(read(&store, &found[0]).await.unwrap(), [7; 3_000]);
}

/// The last record has no other behind it that knows it was durable; the index knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_record_at_the_end_is_not_taken_for_a_torn_one() {
    let folder = fast_folder();
    let store = open(folder.path());
    let bucket = make_bucket(store.catalog().as_ref()).await;
    put(&store, &bucket, "a", &[7; 3_000]).await;
    store.close();
    let log = folder.path().join("log/0000000000000001.log");
    let mut bytes = fs::read(&log).unwrap();
    let last = bytes.len() - 100;
    bytes[last] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let store = open(folder.path());
    let found = list(store.catalog().as_ref(), &bucket).await;
    read(&store, &found[0]).await.unwrap_err();
    store.close();
    assert!(fs::read(&log).unwrap() == bytes);
}

/// SQLite has the id twice, in the row and in the index of files. Neither alone is believed when a file
/// is to be removed.
#[test]
fn a_file_whose_id_is_damaged_in_the_catalog_is_kept() {
    let base = fast_folder();
    let whole = base.path().join("whole");
    let store = open(&whole);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let found = runtime.unwrap().block_on(async {
        let bucket = make_bucket(store.catalog().as_ref()).await;
        put(&store, &bucket, "a", &vec![7; 70_000]).await
    });
    store.close();
    assert_eq!(found.bucket, BucketName::parse("photos").unwrap());
    let catalog = fs::read(whole.join("catalog.sqlite")).unwrap();
    let id = found.blob.as_bytes();
    let places: Vec<usize> = (0..catalog.len())
        .filter(|at| catalog[*at..].starts_with(id))
        .collect();
    assert!(places.len() >= 2, "{places:?}");
    for at in places {
        let folder = base.path().join(at.to_string());
        copy_folder(&whole, &folder);
        let mut damaged = catalog.clone();
        damaged[at + 9] ^= 4;
        fs::write(folder.join("catalog.sqlite"), damaged).unwrap();
        let store = open(&folder);
        store.settle();
        assert_eq!(blob_files(&folder), [found.blob.to_string()], "{at}");
    }
}
