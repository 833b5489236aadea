//! The collector beside uploads, through kills: nothing missing, nothing left over.
//!
//! The child of [`crash`](crate::crash) uploads small and large files, overwrites, deletes and gives
//! drafts up, while the collector looks every 10 ms. It lives long enough to fill and empty segments.
//! After each kill everything is compared, and the store must have given its room back and be sound.

use std::path::Path;
use std::time::Duration;

use upcall_store::maintenance::RateLimit;

use crate::crash::{Told, compare, open, run_and_kill};

/// How many changes must have been answered; long runs set more.
const COMMITS: &str = "UPCALL_STORE_COMMITS";

#[test]
fn the_collector_takes_nothing_that_counts_and_leaves_nothing_over() {
    let commits: u64 =
        std::env::var(COMMITS).map_or(5_000, |count| count.parse().expect("a number of commits"));
    let folder = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    let mut lives = 0;
    while told.answers < commits {
        // Some are too short for one segment; most are not.
        let life = Duration::from_millis(100 + (lives * 1_371) % 3_000);
        run_and_kill(folder.path(), life, &mut told);
        compare(folder.path(), &mut told, lives);
        room_is_given_back(folder.path(), lives);
        lives += 1;
        assert!(lives < 20 + commits / 100, "{} answers only", told.answers);
    }
}

fn room_is_given_back(folder: &Path, life: u64) {
    let store = open(folder);
    store.settle();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let usage = runtime.unwrap().block_on(store.maintenance().usage());
    let usage = usage.unwrap();
    let (log, live) = (usage.log_bytes, usage.log_live_bytes);
    assert!(
        log <= live + live / 2 + TOLERATED_BYTES,
        "life {life}: {log} bytes, of which {live} count"
    );
    let report = store.check(RateLimit::default()).unwrap();
    assert!(report.is_clean(), "life {life}: {:?}", report.damages);
    store.close();
}

/// What the collector leaves, and a segment that was just begun.
const TOLERATED_BYTES: u64 = 3 * 1024 * 1024;
