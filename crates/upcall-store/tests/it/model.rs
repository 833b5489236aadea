//! A long history against the model: one operation after the other, with the store closed and opened
//! again, or its process dead, in between.
//!
//! `UPCALL_STORE_OPERATIONS` sets how many (a million takes minutes in a release build),
//! `UPCALL_STORE_SEED` which.

use std::sync::Arc;

use upcall_store::EmbeddedStore;
use upcall_store::contract::{History, Random};
use upcall_store::disk::PowerDisk;

use crate::power::{fast_folder, options};
use crate::store::{number_from, ports};

#[test]
fn a_long_history_agrees_with_the_model() {
    let operations = number_from("UPCALL_STORE_OPERATIONS", 6_000);
    let seed = number_from("UPCALL_STORE_SEED", 1);
    let mut random = Random::new(!seed);
    let mut history = History::new(seed);
    let base = fast_folder();
    let mut folder = base.path().join("0");
    let mut disk = PowerDisk::new(&folder, &base.path().join("aside"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    // The longer it is, the rarer is what costs as much as all that is there.
    let pieces = (operations / 300).clamp(1, 200);
    let share = (operations / 20_000).max(1);
    for piece in 1..=pieces {
        let open = options(Arc::new(disk.clone()));
        let store = Arc::new(EmbeddedStore::open_with(&folder, open).unwrap());
        let count = operations * piece / pieces - operations * (piece - 1) / pieces;
        runtime.block_on(async {
            let ports = ports(&store);
            history.compare(&ports, share).await;
            history.run(&ports, usize::try_from(count).unwrap()).await;
        });
        if random.below(2) == 0 {
            // The process dies: nothing that is done from here on counts.
            disk.cut();
            drop(store);
            let next = base.path().join(piece.to_string());
            disk.after_crash(&next, &base.path().join("gone")).unwrap();
            std::fs::remove_dir_all(std::mem::replace(&mut folder, next)).unwrap();
        } else {
            drop(store);
        }
        // No power is cut here, so nobody needs what was removed.
        let _ = std::fs::remove_dir_all(base.path().join("aside"));
        let _ = std::fs::remove_dir_all(base.path().join("gone"));
        disk = PowerDisk::new(&folder, &base.path().join("aside"));
    }
    let store = Arc::new(EmbeddedStore::open_with(&folder, options(Arc::new(disk))).unwrap());
    runtime.block_on(history.compare(&ports(&store), 1));
}
