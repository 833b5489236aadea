//! Any `.await` may be the last: what a dropped future leaves behind.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ::bytes::Bytes;

use super::{Ports, blob_facts, crc64, noise, object, without_place};
use crate::blobs::BlobError;
use crate::catalog::{Overwrite, Precondition, Writer};

/// Polls once, then drops.
fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// An upload that is dropped in the middle of its commit leaves the whole object or none: never a row
/// without its bytes, never a blob without a row.
pub async fn a_dropped_commit_is_all_or_nothing(ports: &Ports) {
    let bucket = ports.bucket("dropped").await;
    let mut committed = Vec::new();
    for round in 0..200_u64 {
        let bytes = noise(round, 500);
        let mut facts = object(&bucket, &format!("key-{round}"));
        let draft = ports.draft(&mut facts, &bytes).await;
        if round % 8 == 0 {
            // Never polled: nothing may have happened.
            drop(ports.catalog.commit_object(
                &facts,
                &Precondition::operator(Overwrite::Allow),
                None,
            ));
            drop(draft);
            let found = ports.catalog.object(&bucket, &facts.key).await;
            assert_eq!(found.expect("an answer"), None);
            continue;
        }
        let _ = poll_once(ports.catalog.commit_object(
            &facts,
            &Precondition::operator(Overwrite::Allow),
            None,
        ));
        // Now nobody holds the blob but the commit, if there is one.
        drop(draft);
        committed.push(facts);
    }
    // Behind every change that was begun.
    let asked = ports.catalog.referenced(&[]).await;
    asked.expect("an answer");
    ports.settle().await;
    let mut there = 0;
    for facts in committed {
        if let Some(found) = ports.found(&facts).await {
            assert_eq!(without_place(found.clone()), facts);
            let bytes = ports.read(&found).await.expect("its bytes");
            assert_eq!(crc64(&bytes), facts.crc64);
            there += 1;
        } else {
            let gone = ports.read(&facts).await;
            assert!(matches!(gone, Err(BlobError::Missing { .. })), "{gone:?}");
        }
    }
    assert!(there > 0, "no commit came far enough to prove anything");
}

/// Giving up what an object points to is a mistake that does no harm.
pub async fn a_blob_that_an_object_points_to_is_not_removed(ports: &Ports) {
    let bucket = ports.bucket("pointed-to").await;
    // Once small, once in a file of its own where an engine has such.
    for length in [5, 3_000_000] {
        let bytes = noise(length, usize::try_from(length).expect("few"));
        let mut facts = object(&bucket, "a");
        let found = ports.put(&mut facts, &bytes).await;
        ports.blobs.give_up(&found);
        ports.settle().await;
        let found = ports.found(&facts).await.expect("an object");
        assert!(ports.read(&found).await.expect("bytes") == bytes);

        let removed = ports
            .catalog
            .delete_object(&bucket, &facts.key, &Writer::Operator)
            .await;
        removed.expect("deleted");
        ports.blobs.give_up(&found);
        ports.settle().await;
        assert_eq!(ports.found(&facts).await, None);
        if length > 1_000_000 {
            let gone = ports.read(&found).await;
            assert!(matches!(gone, Err(BlobError::Missing { .. })), "{gone:?}");
        }
    }
}

/// A write that was abandoned leaves a draft of which nobody knows what it holds: it takes nothing
/// more.
pub async fn a_dropped_write_loses_the_draft_and_nothing_else(ports: &Ports) {
    let mut abandoned = 0;
    for round in 0..50 {
        let facts = object(&super::bucket("any").name, "a");
        let mut draft = ports.blobs.begin(0).await.expect("a draft");
        // More than any engine keeps in memory.
        let pieces = vec![Bytes::from(noise(round, 3_000_000))];
        draft.write(pieces).await.expect("a write");
        // Waits for the batch before, most likely.
        if poll_once(draft.write(vec![Bytes::from_static(b"abc")])).is_ready() {
            continue;
        }
        abandoned += 1;
        let lost = draft.finish(Vec::new(), blob_facts(&facts)).await;
        assert!(matches!(lost, Err(BlobError::Lost { .. })), "{lost:?}");
    }
    assert!(abandoned > 0, "no write was slow enough to be abandoned");
}
