//! What lies beside the log, the blobs and the catalog meets power cuts and failing disks, too: the
//! backup of the buckets' settings, a catalog that is made anew, backups and what is restored from
//! them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use upcall::name::BucketName;
use upcall_store::catalog::{BucketAcl, CallbackSettings, Gate, Writer};
use upcall_store::disk::{
    Call, Cut, Disk, Failure, Fault, FaultyDisk, PowerDisk, SystemDisk, Until,
};
use upcall_store::{EmbeddedStore, OpenError, StoreOptions, restore, restore_on};

use crate::fixture::copy_folder;
use crate::held::{damage_log, hold, lose_catalog};
use crate::power::{backup_is_the_catalog, buckets_in_backup, fast_folder, options};
use crate::store::{TestStore, list, make_bucket, put, read};

/// The collector looks for what is to be tried again only when it is asked.
fn quiet(disk: Arc<dyn Disk>) -> StoreOptions {
    StoreOptions {
        collector_interval: Duration::from_secs(3600),
        ..options(disk)
    }
}

async fn set_acl(store: &EmbeddedStore, bucket: &BucketName, acl: BucketAcl) {
    let set = store
        .catalog()
        .set_bucket_acl(bucket, acl, &Writer::Operator)
        .await;
    set.unwrap();
}

/// A bucket that was made private must not be public again with a new catalog, because a crash came
/// before the backup of the settings was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_a_crash_left_behind_are_brought_up_to_date_by_a_start() {
    let TestStore { store, folder } = TestStore::open();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    set_acl(&store, &bucket, BucketAcl::PublicRead).await;
    let backup = folder.path().join("buckets.json");
    let before = fs::read(&backup).unwrap();
    set_acl(&store, &bucket, BucketAcl::Private).await;
    drop(store);
    fs::write(&backup, before).unwrap();
    EmbeddedStore::open(folder.path()).unwrap().close();

    lose_catalog(folder.path());
    EmbeddedStore::rebuild(folder.path()).unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let found = store.catalog().bucket(&bucket).await.unwrap();
    assert_eq!(found.expect("a bucket").acl, BucketAcl::Private);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_could_not_be_backed_up_are_tried_again() {
    for call in [
        Call::Create,
        Call::Write,
        Call::Sync,
        Call::Rename,
        Call::SyncFolder,
    ] {
        let folder = fast_folder();
        let disk = FaultyDisk::new(Arc::new(SystemDisk));
        let options = quiet(Arc::new(disk.clone()));
        let store = EmbeddedStore::open_with(folder.path(), options).unwrap();
        tokio::task::block_in_place(|| store.settle());
        let bucket = make_bucket(store.catalog().as_ref()).await;
        let before = buckets_in_backup(folder.path()).unwrap();
        disk.break_with(Fault {
            call,
            number: 1,
            failure: Failure::Device,
            until: Until::MendedOfItsKind,
        });
        // The change is durable in the catalog: it has happened.
        set_acl(&store, &bucket, BucketAcl::PublicRead).await;
        assert!(disk.has_failed(), "{call:?}");
        if call != Call::SyncFolder {
            assert_eq!(
                buckets_in_backup(folder.path()).unwrap(),
                before,
                "{call:?}"
            );
        }
        disk.mend();
        tokio::task::block_in_place(|| store.settle());
        backup_is_the_catalog(folder.path(), &store).await.unwrap();
    }
}

/// At no moment is there none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backup_of_settings_is_the_old_one_or_the_new_one() {
    let base = fast_folder();
    for cut in [Cut::Before(1), Cut::After(1), Cut::Before(2), Cut::After(2)] {
        let data = base.path().join(format!("{cut:?}"));
        let disk = PowerDisk::new(&data, &data.with_extension("aside"));
        let store = EmbeddedStore::open_with(&data, quiet(Arc::new(disk.clone()))).unwrap();
        tokio::task::block_in_place(|| store.settle());
        let bucket = make_bucket(store.catalog().as_ref()).await;
        disk.cut_at(match cut {
            Cut::Before(flush) => Cut::Before(disk.syncs() + flush),
            Cut::After(flush) => Cut::After(disk.syncs() + flush),
        });
        set_acl(&store, &bucket, BucketAcl::PublicRead).await;
        assert!(disk.is_cut());
        for seed in 0..8 {
            let left = base.path().join("left");
            disk.after_cut(&left, seed).unwrap();
            let found = buckets_in_backup(&left).unwrap();
            let acl = found.get("photos").map(String::as_str);
            assert!(
                matches!(acl, Some("private" | "public-read")),
                "{cut:?}, seed {seed}: {found:?}"
            );
            fs::remove_dir_all(&left).unwrap();
        }
    }
}

/// A directory whose catalog is lost and whose log is damaged: two objects are plain, and of two files
/// only the application knows whether they are objects.
async fn damaged() -> (TempDir, BucketName, BTreeSet<String>) {
    let TestStore { store, folder } = TestStore::with_files();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    let settings = CallbackSettings {
        gate: Some(Gate::Keep),
        ..CallbackSettings::default()
    };
    let set = store
        .catalog()
        .set_bucket_callback(&bucket, &settings, &Writer::Operator)
        .await;
    set.unwrap();
    let mut undecided = BTreeSet::new();
    for key in ["held", "kept"] {
        let held = hold(&store, &bucket, key, key.as_bytes()).await;
        undecided.insert(held.blob.to_string());
    }
    put(&store, &bucket, "a", b"plain").await;
    put(&store, &bucket, "b", b"simple").await;
    drop(store);
    for key in ["held", "kept"] {
        damage_log(folder.path(), &format!("the call of {key}"));
    }
    // Spoilt, and with a log of its own that must never be read with the new one.
    fs::write(folder.path().join("catalog.sqlite"), SPOILT).unwrap();
    fs::write(folder.path().join("catalog.sqlite-wal"), "a log").unwrap();
    (folder, bucket, undecided)
}

const SPOILT: [u8; 8192] = [b'x'; 8192];

/// Wherever the power goes, the directory can be rebuilt afterwards, or it was; and no file that only
/// the application can judge was swept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_survives_power_cuts() {
    let (folder, bucket, undecided) = damaged().await;
    let base = fast_folder();
    let mut cuts = 0;
    let mut opened = 0;
    for flush in 1.. {
        let mut was_cut = false;
        for (number, cut) in [Cut::Before(flush), Cut::After(flush)]
            .into_iter()
            .enumerate()
        {
            let data = base.path().join(format!("data-{flush}-{number}"));
            copy_folder(folder.path(), &data);
            let disk = PowerDisk::new(&data, &base.path().join(format!("aside-{flush}-{number}")));
            disk.cut_at(cut);
            let beneath: Arc<dyn Disk> = Arc::new(disk.clone());
            let rebuilt = EmbeddedStore::rebuild_on(&beneath, &data);
            if !disk.is_cut() {
                rebuilt.unwrap();
                continue;
            }
            was_cut = true;
            cuts += 1;
            for seed in 0..8 {
                let left = base.path().join("left");
                disk.after_cut(&left, seed).unwrap();
                opened += rebuild_if_needed(&left);
                everything_is_there(&left, &bucket, &undecided).await;
                fs::remove_dir_all(&left).unwrap();
            }
        }
        if !was_cut {
            break;
        }
    }
    assert!(
        cuts > 10 && opened > 0,
        "{cuts} cuts, {opened} times it was done"
    );
}

/// What an operator does: starts the server, and rebuilds if it says so. Whether it started at once.
fn rebuild_if_needed(folder: &Path) -> u32 {
    let started = match EmbeddedStore::open(folder) {
        Ok(store) => {
            // Also the sweep of the start is over.
            store.settle();
            store.close();
            return 1;
        }
        Err(error) => error,
    };
    assert!(
        started.is_broken_catalog() || matches!(started, OpenError::CatalogMissing { .. }),
        "{started:?}"
    );
    EmbeddedStore::rebuild(folder).unwrap();
    0
}

async fn everything_is_there(folder: &Path, bucket: &BucketName, undecided: &BTreeSet<String>) {
    let store = EmbeddedStore::open(folder).unwrap();
    tokio::task::block_in_place(|| store.settle());
    let objects = list(store.catalog().as_ref(), bucket).await;
    let keys: Vec<_> = objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(read(&store, &objects[0]).await.unwrap(), b"plain");
    backup_is_the_catalog(folder, &store).await.unwrap();
    drop(store);
    let aside = fs::read_dir(folder.join("undecided")).unwrap();
    let aside = aside.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(aside.collect::<BTreeSet<_>>(), *undecided);
    // An operator may still find something in it.
    let old = fs::read(folder.join("catalog.sqlite.old-1")).unwrap();
    assert!(old == SPOILT);
}

/// Each call of a rebuild fails once: it says so, and the next attempt succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_failed_is_told_of_and_can_be_made_again() {
    let (folder, bucket, undecided) = damaged().await;
    let base = fast_folder();
    let mut failed = 0;
    for call in [
        Call::Create,
        Call::Open,
        Call::Remove,
        Call::Rename,
        Call::SyncFolder,
    ] {
        for number in 1..=6 {
            let data = base.path().join(format!("{call:?}-{number}"));
            copy_folder(folder.path(), &data);
            let disk = FaultyDisk::new(Arc::new(SystemDisk));
            disk.break_with(Fault {
                call,
                number,
                failure: Failure::Device,
                until: Until::Once,
            });
            let beneath: Arc<dyn Disk> = Arc::new(disk.clone());
            let rebuilt = EmbeddedStore::rebuild_on(&beneath, &data);
            // What cannot be opened is a damage that it names.
            let is_told = match &rebuilt {
                Ok(rebuilt) => call == Call::Open && !rebuilt.damages.is_empty(),
                Err(_) => true,
            };
            if !disk.mend() {
                continue;
            }
            failed += 1;
            assert!(is_told, "{call:?} {number}: {rebuilt:?}");
            rebuild_if_needed(&data);
            if rebuilt.is_err() {
                everything_is_there(&data, &bucket, &undecided).await;
            }
        }
    }
    assert!(failed > 10, "only {failed} calls failed");
}

/// A store with small and large objects, and a backup of it.
async fn backed_up() -> (TestStore, BucketName, PathBuf) {
    let test = TestStore::open_with(quiet(Arc::new(SystemDisk)));
    let bucket = make_bucket(test.store.catalog().as_ref()).await;
    put(&test.store, &bucket, "a", b"bytes").await;
    put(&test.store, &bucket, "b", &vec![7; 70_000]).await;
    let target = test.folder.path().join("backup");
    test.store.maintenance().backup(&target).await.unwrap();
    (test, bucket, target)
}

async fn has_both(folder: &Path, bucket: &BucketName) {
    let store = EmbeddedStore::open_with(folder, quiet(Arc::new(SystemDisk))).unwrap();
    tokio::task::block_in_place(|| store.settle());
    let objects = list(store.catalog().as_ref(), bucket).await;
    assert_eq!(objects.len(), 2);
    assert_eq!(read(&store, &objects[0]).await.unwrap(), b"bytes");
    assert_eq!(read(&store, &objects[1]).await.unwrap(), vec![7; 70_000]);
    backup_is_the_catalog(folder, &store).await.unwrap();
}

/// Wherever the power goes: what says that it is whole, is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_restored_is_whole_or_says_that_it_is_not() {
    let (_test, bucket, backup) = backed_up().await;
    let base = fast_folder();
    let mut whole = 0;
    // Most flushes are those of the 256 folders of blobs; the first and the last say the most.
    let all = {
        let data = base.path().join("uncut");
        let disk = PowerDisk::new(&data, &base.path().join("aside"));
        restore_on(&disk, &backup, &data).unwrap();
        has_both(&data, &bucket).await;
        disk.syncs()
    };
    for flush in (1..=8).chain(all.saturating_sub(8)..=all) {
        for (number, cut) in [Cut::Before(flush), Cut::After(flush)]
            .into_iter()
            .enumerate()
        {
            let data = base.path().join(format!("data-{flush}-{number}"));
            let disk = PowerDisk::new(&data, &base.path().join(format!("aside-{flush}-{number}")));
            disk.cut_at(cut);
            let restored = restore_on(&disk, &backup, &data);
            assert!(disk.is_cut());
            restored.unwrap_err();
            for seed in 0..6 {
                let left = base.path().join("left");
                if data.exists() {
                    disk.after_cut(&left, seed).unwrap();
                }
                if left.join("format").exists() {
                    has_both(&left, &bucket).await;
                    whole += 1;
                } else if has_objects(&left) == [false; 3] {
                    // Nothing of a store came that far.
                    EmbeddedStore::open(&left).unwrap().close();
                } else {
                    let refused = EmbeddedStore::open(&left).unwrap_err();
                    assert!(
                        matches!(refused, OpenError::Unfinished { .. }),
                        "{refused:?}"
                    );
                }
                let _ = fs::remove_dir_all(&left);
            }
        }
    }
    assert!(whole > 0, "none was whole");
}

/// Whether there is a catalog, a log, a blob.
fn has_objects(folder: &Path) -> [bool; 3] {
    let catalog = fs::metadata(folder.join("catalog.sqlite"));
    let is_made = catalog.is_ok_and(|catalog| catalog.len() > 0);
    [
        is_made,
        has_file(&folder.join("log")),
        has_file(&folder.join("blobs")),
    ]
}

/// Whether it is a file, or holds one.
fn has_file(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.any(|entry| has_file(&entry.unwrap().path())),
        Err(_) => path.exists(),
    }
}

/// Each call of a backup fails, and of what is restored from one: it says so, and what is left is not
/// taken for whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_failed_is_told_of_and_is_none() {
    let folder = fast_folder();
    let disk = FaultyDisk::new(Arc::new(SystemDisk));
    let data = folder.path().join("data");
    let store = EmbeddedStore::open_with(&data, quiet(Arc::new(disk.clone()))).unwrap();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    put(&store, &bucket, "a", b"bytes").await;
    put(&store, &bucket, "b", &vec![7; 70_000]).await;
    let whole = folder.path().join("whole");
    store.maintenance().backup(&whole).await.unwrap();
    let mut failed = 0;
    for call in [
        Call::Create,
        Call::Open,
        Call::Rename,
        Call::Sync,
        Call::SyncFolder,
        Call::Write,
    ] {
        for number in 1..=10 {
            for is_backup in [true, false] {
                let target = folder.path().join(format!("{call:?}-{number}-{is_backup}"));
                disk.break_with(Fault {
                    call,
                    number,
                    failure: [Failure::Device, Failure::Short][usize::from(number % 2 == 0)],
                    until: Until::Once,
                });
                let copied = if is_backup {
                    store.maintenance().backup(&target).await
                } else {
                    restore_on(&disk, &whole, &target)
                };
                if !disk.mend() {
                    continue;
                }
                failed += 1;
                // The last flush may be the one that failed: everything is there then.
                let is_last = copied.is_err() && target.join("format").exists();
                if is_last {
                    has_both(&target, &bucket).await;
                    continue;
                }
                copied.unwrap_err();
                let refused = restore(&target, &folder.path().join("no")).unwrap_err();
                assert!(!folder.path().join("no").exists(), "{refused:?}");
            }
        }
    }
    assert!(failed > 50, "only {failed} calls failed");
}
