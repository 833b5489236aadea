//! A disk that fails: with an error of the device, without room, or in the middle of a write, once or
//! until it is mended. Operations are told so, none is told otherwise, and when the fault is gone the
//! service is back by itself.
//!
//! `UPCALL_STORE_FAULTS` sets up to which call of each kind faults go. From 200 on every kind of failure
//! is tried at every call; before that they take turns.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use upcall::name::BucketName;
use upcall_store::contract::{Broken, Ledger, Life, OnError, check, drive};
use upcall_store::disk::{Call, Disk, Failure, Fault, FaultyDisk, PowerDisk, SystemDisk, Until};
use upcall_store::{EmbeddedStore, StoreOptions};

use crate::fixture::copy_folder;
use crate::power::{backup_is_the_catalog, fast_folder, nothing_is_too_much, options};
use crate::store::{list, make_bucket, number_from, object, ports, read, try_put};
use upcall_store::catalog::Writer;

#[test]
fn no_failing_call_loses_what_was_acknowledged() {
    let most = number_from("UPCALL_STORE_FAULTS", 14);
    let mut lives = Lives::begin();
    // A history of their own: owed calls add up from life to life, and the log with them.
    let mut renames = Lives::begin();
    for number in 1..=most {
        for (place, call) in CALLS.into_iter().enumerate() {
            let ways = ways(call);
            let turn = usize::try_from(number).unwrap() + place;
            for (way, (failure, until)) in ways.iter().enumerate() {
                if most < 200 && way != turn % ways.len() {
                    continue;
                }
                let fault = Fault {
                    call,
                    number,
                    failure: *failure,
                    until: *until,
                };
                let lives = if call == Call::Rename {
                    &mut renames
                } else {
                    &mut lives
                };
                if let Err(broken) = lives.live(fault) {
                    panic!("life {}, {fault:?}: {broken}", lives.count);
                }
            }
        }
    }
    for lives in [lives, renames] {
        assert!(
            lives.failed * 2 > lives.count,
            "only {} of {} faults happened",
            lives.failed,
            lives.count
        );
    }
}

const CALLS: [Call; 7] = [
    Call::Create,
    Call::Open,
    Call::Remove,
    Call::Sync,
    Call::SyncFolder,
    Call::Write,
    Call::Rename,
];

fn ways(call: Call) -> Vec<(Failure, Until)> {
    let mut ways = vec![
        (Failure::Device, Until::Once),
        (Failure::Full, Until::Mended),
        (Failure::Full, Until::Once),
        (Failure::Device, Until::Mended),
        (Failure::Device, Until::MendedOfItsKind),
    ];
    if call == Call::Write {
        ways.push((Failure::Short, Until::Once));
        ways.push((Failure::Short, Until::Mended));
    }
    ways
}

/// Pieces of a history at most, to get to the call that fails.
const PIECES: usize = 20;

/// Many lives of one data directory, each with a fault in it.
struct Lives {
    base: TempDir,
    folder: PathBuf,
    ledger: Arc<Ledger>,
    count: u64,
    failed: u64,
}

impl Lives {
    fn begin() -> Self {
        let base = fast_folder();
        Self {
            folder: base.path().join("0"),
            base,
            ledger: Arc::default(),
            count: 0,
            failed: 0,
        }
    }

    fn live(&mut self, fault: Fault) -> Result<(), Broken> {
        self.count += 1;
        let aside = self.base.path().join("aside").join(self.count.to_string());
        let power = PowerDisk::new(&self.folder, &aside);
        let disk = FaultyDisk::new(Arc::new(power.clone()));
        disk.break_with(fault);
        let store = self.open(Arc::new(disk.clone())).or_else(|_| {
            self.failed += u64::from(disk.mend());
            self.open(Arc::new(disk.clone()))
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let lived = runtime.block_on(async {
            // Until the call has come that fails, and on with what that leaves.
            for _ in 0..PIECES {
                let was_failing = disk.has_failed();
                drive(&self.life(&store, OnError::Uncertain, 20)).await?;
                if was_failing {
                    break;
                }
            }
            self.failed += u64::from(disk.mend());
            // Nobody has to do anything for it.
            drive(&self.life(&store, OnError::Broken, 6)).await
        });
        if self.count.is_multiple_of(2) {
            // What a failed flush left must not have been promised.
            power.cut();
            drop((runtime, store));
            let next = self.base.path().join(self.count.to_string());
            power.after_cut(&next, self.count).unwrap();
            let gone = std::mem::replace(&mut self.folder, next);
            let _ = std::fs::remove_dir_all(gone);
        } else {
            if lived.is_ok() {
                // What could not be written was tried again by itself.
                store.settle();
                runtime.block_on(backup_is_the_catalog(&self.folder, &store))?;
            }
            drop((runtime, store));
        }
        let _ = std::fs::remove_dir_all(self.base.path().join("aside"));
        lived?;
        let store = self.open(Arc::new(SystemDisk))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let life = self.life(&store, OnError::Broken, 0);
        let objects = runtime.unwrap().block_on(check(&life))?;
        store.settle();
        nothing_is_too_much(&self.folder, &objects)
    }

    fn open(&self, disk: Arc<dyn Disk>) -> Result<Arc<EmbeddedStore>, Broken> {
        EmbeddedStore::open_with(&self.folder, options(disk))
            .map(Arc::new)
            .map_err(|error| Broken(format!("the store does not open: {error:?}")))
    }

    fn life(&self, store: &Arc<EmbeddedStore>, on_error: OnError, operations: usize) -> Life {
        Life {
            ports: ports(store),
            ledger: Arc::clone(&self.ledger),
            is_over: Arc::new(|| false),
            on_error,
            seed: self.count,
            operations,
        }
    }
}

/// One operation at a time and nothing beside it: whoever's call failed is told so, and the next one
/// succeeds.
#[test]
fn an_operation_whose_call_failed_does_not_succeed() {
    let folder = fast_folder();
    let disk = FaultyDisk::new(Arc::new(SystemDisk));
    let quiet = StoreOptions {
        collector_interval: Duration::from_secs(3600),
        ..options(Arc::new(disk.clone()))
    };
    let store = EmbeddedStore::open_with(folder.path(), quiet).unwrap();
    store.settle();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build();
    let failed = runtime.unwrap().block_on(async {
        let bucket = make_bucket(store.catalog().as_ref()).await;
        let mut failed = 0;
        for round in 0..200_usize {
            let fault = Fault {
                call: [Call::Write, Call::Sync, Call::SyncFolder, Call::Create][round % 4],
                number: 1 + round as u64 / 4 % 3,
                failure: [Failure::Device, Failure::Full, Failure::Short][round % 3],
                until: [Until::Once, Until::Mended][round / 2 % 2],
            };
            let before = list(store.catalog().as_ref(), &bucket).await;
            disk.break_with(fault);
            let done = operate(&store, &bucket, round).await;
            let has_failed = disk.mend();
            assert!(
                !(has_failed && done.is_ok()),
                "round {round}: {fault:?} was not told of"
            );
            if has_failed {
                failed += 1;
                let after = list(store.catalog().as_ref(), &bucket).await;
                assert_eq!(
                    before, after,
                    "round {round}: {fault:?} has changed something"
                );
            }
            operate(&store, &bucket, round)
                .await
                .unwrap_or_else(|error| panic!("round {round}, after {fault:?}: {error}"));
            for found in list(store.catalog().as_ref(), &bucket).await {
                let bytes = read(&store, &found).await.unwrap();
                assert_eq!(object(&bucket, "a", &bytes).etag, found.etag);
            }
        }
        failed
    });
    assert!(failed > 60, "only {failed} calls failed");
}

/// The flush of a commit fails, and so does cutting off what it wrote. The record may be there after a
/// crash; then its file must be, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_commit_may_have_happened_is_kept() {
    let folder = fast_folder();
    let disk = FaultyDisk::new(Arc::new(SystemDisk));
    let open = folder.path().join("open");
    let store = EmbeddedStore::open_with(&open, options(Arc::new(disk.clone()))).unwrap();
    store.settle();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    let (first, second) = (vec![1; 70_000], vec![2; 80_000]);
    try_put(&store, &bucket, "a", &first).await.unwrap();
    disk.break_with(Fault {
        call: Call::Sync,
        // The file's own is the first.
        number: 2,
        failure: Failure::Device,
        until: Until::MendedOfItsKind,
    });
    try_put(&store, &bucket, "a", &second).await.unwrap_err();
    store.settle();
    // The process dies here.
    let left = folder.path().join("left");
    copy_folder(&open, &left);
    let after = EmbeddedStore::open_with(&left, options(Arc::new(SystemDisk))).unwrap();
    let found = list(after.catalog().as_ref(), &bucket).await;
    let bytes = read(&after, &found[0]).await.unwrap();
    assert!(bytes == first || bytes == second);
    // And here it goes on.
    disk.mend();
    try_put(&store, &bucket, "a", &second).await.unwrap();
}

/// A segment cannot be begun, and what there is of it cannot be removed either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_failed_segment_left_is_not_in_the_way() {
    let folder = fast_folder();
    let disk = FaultyDisk::new(Arc::new(SystemDisk));
    let store = EmbeddedStore::open_with(folder.path(), options(Arc::new(disk.clone()))).unwrap();
    store.settle();
    let bucket = make_bucket(store.catalog().as_ref()).await;
    disk.break_with(Fault {
        call: Call::SyncFolder,
        number: 1,
        failure: Failure::Full,
        until: Until::Mended,
    });
    try_put(&store, &bucket, "a", b"bytes").await.unwrap_err();
    disk.mend();
    try_put(&store, &bucket, "a", b"bytes").await.unwrap();
}

/// Uploads small and large in turn, so that each replaces the other, and deletes.
async fn operate(store: &EmbeddedStore, bucket: &BucketName, round: usize) -> Result<(), String> {
    let key = format!("key/{}", round % 3);
    let size = [10, 70_000, 20_000, 300_000][round / 5 % 4];
    if round % 7 == 6 {
        // There is something to be deleted.
        let key = upcall::name::ObjectKey::parse(&key).unwrap();
        let found = store.catalog().object(bucket, &key).await.unwrap();
        if found.is_some() {
            let deleted = store
                .catalog()
                .delete_object(bucket, &key, &Writer::Operator)
                .await;
            let deleted = deleted.map_err(|error| error.to_string())?;
            store.blobs().give_up(&deleted.expect("it was there"));
            return Ok(());
        }
    }
    let bytes: Vec<u8> = round.to_le_bytes().into_iter().cycle().take(size).collect();
    try_put(store, bucket, &key, &bytes).await
}
