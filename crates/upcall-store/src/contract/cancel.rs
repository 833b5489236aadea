//! Any `.await` may be the last: what a dropped future leaves behind.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ::bytes::Bytes;

use super::{Ports, blob_facts, crc64, noise, object};
use crate::blobs::BlobError;
use crate::catalog::Overwrite;

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
            drop(ports.catalog.commit_object(&facts, Overwrite::Allow));
            drop(draft);
            let found = ports.catalog.object(&bucket, &facts.key).await;
            assert_eq!(found.expect("an answer"), None);
            continue;
        }
        let _ = poll_once(ports.catalog.commit_object(&facts, Overwrite::Allow));
        // Now nobody holds the blob but the commit, if there is one.
        drop(draft);
        committed.push(facts);
    }
    ports.settle().await;
    for facts in committed {
        let known = ports.catalog.referenced(&[facts.blob]).await;
        let known = known.expect("an answer").contains(&facts.blob);
        let found = ports.catalog.object(&bucket, &facts.key).await;
        assert_eq!(found.expect("an answer"), known.then(|| facts.clone()));
        match ports.read(facts.blob, facts.length).await {
            Ok(bytes) if known => assert_eq!(crc64(&bytes), facts.crc64),
            Err(BlobError::Missing { .. }) if !known => {}
            other => panic!("known to the catalog: {known}; read: {other:?}"),
        }
    }
}

/// Giving up what an object points to is a mistake that does no harm.
pub async fn a_blob_that_an_object_points_to_is_not_removed(ports: &Ports) {
    let bucket = ports.bucket("pointed-to").await;
    let mut facts = object(&bucket, "a");
    let draft = ports.draft(&mut facts, b"bytes").await;
    let committed = ports.catalog.commit_object(&facts, Overwrite::Allow).await;
    committed.expect("a commit");
    draft.keep();
    ports.blobs.give_up(facts.blob);
    ports.settle().await;
    assert_eq!(ports.read(facts.blob, 5).await.expect("bytes"), b"bytes");

    let removed = ports.catalog.delete_object(&bucket, &facts.key).await;
    removed.expect("deleted");
    ports.blobs.give_up(facts.blob);
    ports.settle().await;
    let gone = ports.read(facts.blob, 5).await;
    assert!(matches!(gone, Err(BlobError::Missing { .. })), "{gone:?}");
}

/// A write that was abandoned leaves a draft of which nobody knows what it holds: it takes nothing
/// more.
pub async fn a_dropped_write_loses_the_draft_and_nothing_else(ports: &Ports) {
    let mut abandoned = 0;
    for round in 0..50 {
        let facts = object(&super::bucket("any").name, "a");
        let mut draft = ports.blobs.begin().await.expect("a draft");
        let pieces = vec![Bytes::from(noise(round, 300_000))];
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
