//! The data directory: who may open it, what it refuses, what stays and what goes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use upcall::name::{AccessKeyId, AccessKeySecret, ObjectKey};
use upcall_store::blobs::{BlobError, BlobId};
use upcall_store::catalog::{AccessKeyFacts, CatalogError, Writer};
use upcall_store::maintenance::MaintenanceError;
use upcall_store::{EmbeddedStore, OpenError, StoreOptions};

use crate::store::{TestStore, blob_files, blob_path, draft, list, make_bucket, put, read};

#[test]
fn a_second_opener_is_told_who_has_the_directory() {
    let first = TestStore::open();
    let refused = EmbeddedStore::open(first.folder.path()).unwrap_err();
    assert!(
        matches!(refused, OpenError::Held { process, .. } if process == Some(std::process::id()))
    );
    let folder = first.folder.path().display();
    let id = std::process::id();
    assert_eq!(
        refused.to_string(),
        format!("cannot open the store in `{folder}`: process {id} has it open")
    );

    let TestStore { store, folder } = first;
    drop(store);
    EmbeddedStore::open(folder.path()).unwrap().close();
}

#[test]
fn only_its_owner_may_look_inside() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("made/here");
    let options = StoreOptions {
        small_bytes: 0,
        ..StoreOptions::default()
    };
    let store = EmbeddedStore::open_with(&folder, options).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("blobs")), 0o700);
    assert_eq!(mode(&folder.join("blobs/00")), 0o700);
    let runtime = runtime();
    runtime.block_on(async {
        let bucket = make_bucket(store.catalog().as_ref()).await;
        put(&store, &bucket, "a", b"bytes").await;
    });
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.push(blob_path(
        &folder,
        &blob_files(&folder).pop().expect("a blob"),
    ));
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_first_start_that_crashed_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("format.new"), "upc").unwrap();
    EmbeddedStore::open(folder.path()).unwrap().close();
    // Behind the format comes an empty catalog.
    for name in ["catalog.sqlite", "catalog.sqlite-wal"] {
        let _ = fs::remove_file(folder.path().join(name));
    }
    fs::write(folder.path().join("catalog.sqlite"), "").unwrap();
    EmbeddedStore::open(folder.path()).unwrap().close();
    assert!(!folder.path().join("format.new").exists());
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let TestStore { store, folder } = TestStore::open();
    drop(store);
    let format = folder.path().join("format");
    assert_eq!(fs::read_to_string(&format).unwrap(), "upcall-data 2\n");
    fs::write(&format, "upcall-data 3\n").unwrap();
    let refused = EmbeddedStore::open(folder.path()).unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("it has format 3, this program knows 2"),
        "{refused}"
    );
    refuses_to_restore(folder.path(), "it has format 3, this program knows 2");
    fs::write(&format, "something else").unwrap();
    let refused = EmbeddedStore::open(folder.path()).unwrap_err();
    assert!(matches!(refused, OpenError::NotOurs { .. }), "{refused}");
    refuses_to_restore(folder.path(), "its file `format` is not one of upcall's");

    fs::write(&format, "upcall-data 2\n").unwrap();
    let catalog = rusqlite::Connection::open(folder.path().join("catalog.sqlite")).unwrap();
    catalog.pragma_update(None, "user_version", 5).unwrap();
    drop(catalog);
    let refused = EmbeddedStore::open(folder.path()).unwrap_err();
    let cause = std::error::Error::source(&refused)
        .and_then(std::error::Error::source)
        .expect("a cause");
    assert_eq!(
        cause.to_string(),
        "the catalog has version 5, this program knows 4; use the newer program"
    );
    refuses_to_restore(folder.path(), "cannot open the catalog in");
}

/// Nothing is made where the store was to go.
#[track_caller]
fn refuses_to_restore(backup: &Path, why: &str) {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("restored");
    let refused = upcall_store::restore(backup, &target).unwrap_err();
    assert!(
        matches!(refused, MaintenanceError::Backup(_)) && refused.to_string().contains(why),
        "{refused}"
    );
    assert!(!target.exists());
}

/// Root is denied nothing, so a folder stands where the file should be.
#[test]
fn the_file_that_cannot_be_opened_is_named() {
    for name in ["lock", "format", "catalog.sqlite"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("something"), "").unwrap();
        let refused = EmbeddedStore::open(folder.path()).unwrap_err();
        assert!(!refused.is_broken_catalog(), "{refused:?}");
        let mut causes = vec![refused.to_string()];
        let mut cause = std::error::Error::source(&refused);
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        let expected = format!("`{}`: Is a directory", path.display());
        assert!(
            causes.iter().any(|cause| cause.starts_with(&expected)),
            "{causes:?}"
        );
    }
}

/// Wherever it is broken: it is no database, a page of it is another's, or a table is missing.
#[test]
fn a_catalog_that_is_not_what_was_written_is_called_broken() {
    let breaks: [fn(&Path); 3] = [
        |catalog| fs::write(catalog, [b'x'; 8192]).unwrap(),
        |catalog| {
            let file = OpenOptions::new().write(true).open(catalog).unwrap();
            file.write_all_at(&[0xff; 4096 - 100], 100).unwrap();
        },
        |catalog| {
            let connection = rusqlite::Connection::open(catalog).unwrap();
            connection.execute_batch("DROP TABLE log").unwrap();
        },
    ];
    for (number, make_broken) in breaks.into_iter().enumerate() {
        let TestStore { store, folder } = TestStore::open();
        drop(store);
        make_broken(&folder.path().join("catalog.sqlite"));
        let refused = EmbeddedStore::open(folder.path()).unwrap_err();
        assert!(refused.is_broken_catalog(), "{number}: {refused:?}");
        EmbeddedStore::rebuild(folder.path()).unwrap();
        EmbeddedStore::open(folder.path()).unwrap().close();
    }
}

#[tokio::test]
async fn objects_without_a_catalog_are_not_swept() {
    for test in [TestStore::open(), TestStore::with_files()] {
        let TestStore { store, folder } = test;
        let bucket = make_bucket(store.catalog().as_ref()).await;
        put(&store, &bucket, "a", b"bytes").await;
        drop(store);
        let before = blob_files(folder.path());
        let log: Vec<_> = fs::read_dir(folder.path().join("log")).unwrap().collect();
        assert_eq!(log.len(), 1);
        for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
            let _ = fs::remove_file(folder.path().join(name));
        }
        let refused = EmbeddedStore::open(folder.path()).unwrap_err();
        assert!(
            matches!(refused, OpenError::CatalogMissing { .. }),
            "{refused}"
        );
        assert_eq!(blob_files(folder.path()), before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_after_it_was_closed() {
    let TestStore { store, folder } = TestStore::open();
    let catalog = store.catalog();
    let bucket = make_bucket(catalog.as_ref()).await;
    let object = put(&store, &bucket, "a", b"bytes").await;
    let key = AccessKeyFacts {
        id: AccessKeyId::parse("id").unwrap(),
        secret: AccessKeySecret::new("secret"),
        created: jiff::Timestamp::UNIX_EPOCH,
        description: "d".to_owned(),
    };
    catalog.put_access_key(&key).await.unwrap();
    drop(store);
    let refused = catalog
        .delete_object(&bucket, &object.key, &Writer::Operator)
        .await;
    assert!(matches!(refused, Err(CatalogError::Closed)), "{refused:?}");
    let refused = catalog.object(&bucket, &object.key).await;
    assert!(matches!(refused, Err(CatalogError::Closed)), "{refused:?}");
    assert!(!folder.path().join("catalog.sqlite-wal").exists());

    let store = EmbeddedStore::open(folder.path()).unwrap();
    let catalog = store.catalog();
    let found = catalog.object(&bucket, &object.key).await.unwrap();
    assert_eq!(found, Some(object));
    assert!(catalog.bucket(&bucket).await.unwrap().is_some());
    let found = catalog.access_key(&key.id).await.unwrap().unwrap();
    assert_eq!(found.secret, key.secret);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_removes_what_nobody_wants_and_nothing_else() {
    let TestStore { store, folder } = TestStore::with_files();
    store.settle();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    let object = put(&store, &bucket, "a", b"bytes").await;
    let mut half_way = crate::store::object(&bucket, "b", b"xyz");
    let begun = draft(&store, &mut half_way, b"xyz").await;
    // What crashes leave: a whole blob, half a blob; and somebody else's file.
    let orphan = BlobId::new().to_string();
    let half = BlobId::new().to_string();
    let whole = fs::read(blob_path(folder.path(), &object.blob.to_string())).unwrap();
    fs::write(blob_path(folder.path(), &orphan), whole).unwrap();
    fs::write(blob_path(folder.path(), &half), b"ha").unwrap();
    fs::write(folder.path().join("blobs/00/README"), b"mine").unwrap();

    let before = store.settle();
    store.sweep();
    assert_eq!(store.settle() - before, 2);
    let mut expected = vec![
        "README".to_owned(),
        object.blob.to_string(),
        begun.id().to_string(),
    ];
    expected.sort();
    assert_eq!(blob_files(folder.path()), expected);

    // The start sweeps by itself; the draft of the process before is nobody's now.
    drop(begun);
    drop(store);
    fs::write(blob_path(folder.path(), &half), b"ha").unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    store.settle();
    assert_eq!(
        blob_files(folder.path()),
        [object.blob.to_string(), "README".to_owned()]
    );
}

/// The collector runs all the time beside uploads, overwrites and deletions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweeping_beside_uploads_loses_nothing_and_leaves_nothing() {
    let TestStore { store, folder } = TestStore::with_files();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    let uploads = (0..8).map(|worker| {
        let (store, bucket) = (Arc::clone(&store), bucket.clone());
        async move {
            for round in 0..40 {
                let bytes = format!("{worker} {round}");
                let key = format!("{worker}/{}", round % 5);
                put(&store, &bucket, &key, bytes.as_bytes()).await;
                store.sweep();
                if round % 7 == 0 {
                    let key = ObjectKey::parse(&key).unwrap();
                    let gone = store
                        .catalog()
                        .delete_object(&bucket, &key, &Writer::Operator)
                        .await
                        .unwrap();
                    store.blobs().give_up(&gone.expect("an object"));
                }
            }
        }
    });
    uploads
        .collect::<tokio::task::JoinSet<()>>()
        .join_all()
        .await;
    tokio::task::block_in_place(|| store.settle());
    let mut expected = Vec::new();
    for object in list(store.catalog().as_ref(), &bucket).await {
        assert!(read(&store, &object).await.is_ok(), "{object:?}");
        expected.push(object.blob.to_string());
    }
    expected.sort();
    // Round 35 deletes, and no later one uploads under that key.
    assert_eq!(expected.len(), 8 * 4);
    assert_eq!(blob_files(folder.path()), expected);
}

#[tokio::test]
async fn damage_is_an_error_and_never_other_bytes() {
    let TestStore { store, folder } = TestStore::with_files();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    let bytes = vec![7_u8; 300_000];
    let object = put(&store, &bucket, "a", &bytes).await;
    let path = blob_path(folder.path(), &object.blob.to_string());
    let whole = fs::read(&path).unwrap();

    for length in [0, 10, 100, 299_999, 300_000, 300_010, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let found = read(&store, &object).await;
        assert!(
            matches!(found, Err(BlobError::Damaged { .. })),
            "{length}: {found:?}"
        );
        let found = store.blobs().facts(&object).await;
        assert!(
            matches!(found, Err(BlobError::Damaged { .. })),
            "{length}: {found:?}"
        );
    }
    // A flipped bit anywhere: in the bytes, the table, the facts, the trailer.
    for at in (0..bytes.len())
        .step_by(4999)
        .chain(bytes.len()..whole.len())
    {
        fs::write(&path, &whole).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[whole[at] ^ 0x20], at as u64).unwrap();
        let found = read(&store, &object).await;
        assert!(
            matches!(found, Err(BlobError::Damaged { .. })),
            "byte {at}: {found:?}"
        );
    }
    // A file that becomes shorter under a reader.
    fs::write(&path, &whole).unwrap();
    let mut reader = store.blobs().read(&object, 0..object.length).await.unwrap();
    assert!(reader.next().await.unwrap().is_ok());
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(280_000)
        .unwrap();
    let second = reader.next().await.unwrap();
    assert!(
        matches!(second, Err(BlobError::Damaged { .. })),
        "{second:?}"
    );
    assert!(reader.next().await.is_none());
}

/// No bit of the log may flip unseen, wherever it is.
#[tokio::test]
async fn damage_in_the_log_is_an_error_and_never_other_bytes() {
    let TestStore { store, folder } = TestStore::open();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    let object = put(&store, &bucket, "a", &[7; 1000]).await;
    let segment = fs::read_dir(folder.path().join("log")).unwrap().next();
    let path = segment.unwrap().unwrap().path();
    let whole = fs::read(&path).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    // The record follows the segment's header of 48 bytes.
    for (at, byte) in whole.iter().enumerate().skip(48) {
        file.write_all_at(&[byte ^ 0x04], at as u64).unwrap();
        let found = read(&store, &object).await;
        assert!(
            matches!(found, Err(BlobError::Damaged { .. })),
            "byte {at}: {found:?}"
        );
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    assert_eq!(read(&store, &object).await.unwrap(), [7; 1000]);
}

/// Set in the child whose files cannot grow.
const SMALL_DISK: &str = "UPCALL_STORE_SMALL_DISK";

/// The real thing: a process of its own with a limit on the size of its files stands for a disk that
/// is full.
#[test]
fn a_full_disk_is_a_typed_error_and_service_returns() {
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "ulimit -f 600; trap '' XFSZ; {SMALL_DISK}=1 exec '{}' --ignored --exact directory::child_with_a_small_disk --nocapture",
            std::env::current_exe().unwrap().display()
        ))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("the child is through"), "{text}\n{errors}");
}

#[tokio::test]
#[ignore = "runs as a child of a_full_disk_is_a_typed_error_and_service_returns"]
async fn child_with_a_small_disk() {
    if std::env::var_os(SMALL_DISK).is_none() {
        return;
    }
    let TestStore { store, folder } = TestStore::with_files();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    // `ulimit -f` counts blocks of 512 or 1,024 bytes: 300 or 600 KiB.
    let mut draft = store.blobs().begin(0).await.unwrap();
    let batch = vec![Bytes::from(vec![0; 400_000])];
    draft.write(batch.clone()).await.unwrap();
    let full = draft.write(batch).await;
    let full = match full {
        Ok(()) => draft.write(Vec::new()).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(full.is_out_of_space(), "{full:?}");
    drop(draft);
    let object = put(&store, &bucket, "a", b"small ones go on").await;
    assert_eq!(read(&store, &object).await.unwrap(), b"small ones go on");
    store.settle();
    assert_eq!(blob_files(folder.path()).len(), 1);
    writeln!(std::io::stdout(), "the child is through").unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}
