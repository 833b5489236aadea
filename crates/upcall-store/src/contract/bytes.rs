//! Blobs: what is written comes back, and what is not kept goes.

use ::bytes::Bytes;

use super::{Ports, at_once, blob_facts, bucket, noise, object};
use crate::blobs::{BlobError, BlobId};
use crate::catalog::{ObjectAcl, StoredHeaders};

/// Any range of a blob of any size, written in any pieces.
pub async fn bytes_come_back_by_range(ports: &Ports) {
    let piece = 256 * 1024;
    for (size, cut) in [
        (0, 1),
        (1, 1),
        (piece - 1, 1000),
        (piece, piece),
        (piece + 1, 100_000),
        (3 * piece + 5, 65_536),
    ] {
        let bytes = noise(size as u64, size);
        let mut facts = object(&bucket("any").name, "a");
        let mut draft = ports.blobs.begin().await.expect("a draft");
        let mut pieces: Vec<Bytes> = bytes.chunks(cut).map(Bytes::copy_from_slice).collect();
        // Half in batches of two with an empty piece between, the rest with the end.
        let rest = pieces.split_off(pieces.len() / 2);
        for pair in pieces.chunks(2) {
            let mut batch = pair.to_vec();
            batch.insert(1, Bytes::new());
            draft.write(batch).await.expect("a write");
        }
        facts.length = size as u64;
        let finished = draft.finish(rest, blob_facts(&facts)).await;
        finished.expect("a finished draft");
        let id = draft.id();

        let end = size as u64;
        for range in [
            0..end,
            0..end.min(1),
            end / 3..end / 2,
            end..end,
            end.saturating_sub(1)..end,
        ] {
            let mut reader = ports.blobs.read(id, range.clone()).await.expect("a reader");
            let mut found = Vec::new();
            while let Some(piece) = reader.next().await {
                let piece = piece.expect("a piece");
                assert!(!piece.is_empty());
                found.extend_from_slice(&piece);
            }
            let at = |place: u64| usize::try_from(place).expect("the blobs are small");
            let expected = &bytes[at(range.start)..at(range.end)];
            assert!(found == expected, "{range:?} of {size}");
        }
        let beyond = ports.blobs.read(id, 0..end + 1).await;
        assert!(
            matches!(beyond, Err(BlobError::Damaged { .. })),
            "{beyond:?}"
        );
        drop(draft);
    }
}

/// A blob says of itself what it was told.
pub async fn facts_come_back_with_the_bytes(ports: &Ports) {
    let mut object = object(&bucket("any").name, &"ü".repeat(511));
    object.headers = StoredHeaders {
        cache_control: Some("max-age=\"1\"".to_owned()),
        ..StoredHeaders::default()
    };
    object.metadata = vec![("名".to_owned(), "x\u{7f}".to_owned()); 100];
    object.acl = ObjectAcl::PublicReadWrite;
    let draft = ports.draft(&mut object, b"bytes").await;
    let facts = ports.blobs.facts(draft.id()).await.expect("facts");
    assert_eq!(facts, blob_facts(&object));

    let unknown = ports.blobs.facts(BlobId::new()).await;
    assert!(
        matches!(unknown, Err(BlobError::Missing { .. })),
        "{unknown:?}"
    );
    let unknown = ports.blobs.read(BlobId::new(), 0..0).await;
    assert!(
        matches!(unknown, Err(BlobError::Missing { .. })),
        "{unknown:?}"
    );
}

/// Wherever a draft's end comes, its bytes go.
pub async fn a_draft_that_is_not_kept_is_gone(ports: &Ports) {
    let mut facts = object(&bucket("any").name, "a");
    let begun = ports.blobs.begin().await.expect("a draft");
    let mut written = ports.blobs.begin().await.expect("a draft");
    let written_once = written.write(vec![Bytes::from_static(b"half")]).await;
    written_once.expect("a write");
    let finished = ports.draft(&mut facts, b"whole").await;
    assert_eq!(ports.read(finished.id(), 5).await.expect("bytes"), b"whole");

    let ids = [begun.id(), written.id(), finished.id()];
    drop((begun, written, finished));
    // The write may be under way still; its thread gives the blob up when it is through.
    let mut left = ids.to_vec();
    for _ in 0..1000 {
        ports.settle().await;
        let mut still = Vec::new();
        for id in left {
            match ports.blobs.read(id, 0..0).await {
                Err(BlobError::Missing { .. }) => {}
                _ => still.push(id),
            }
        }
        left = still;
        if left.is_empty() {
            return;
        }
    }
    panic!("{left:?} of {ids:?} are still there");
}

/// A reader that is open reads the old bytes to their end.
pub async fn a_reader_finishes_whoever_gives_the_blob_up(ports: &Ports) {
    let bytes = noise(5, 1_000_000);
    let mut facts = object(&bucket("any").name, "a");
    let draft = ports.draft(&mut facts, &bytes).await;
    let id = draft.id();
    let mut reader = ports
        .blobs
        .read(id, 0..facts.length)
        .await
        .expect("a reader");
    let mut found = reader
        .next()
        .await
        .expect("a piece")
        .expect("bytes")
        .to_vec();
    assert!(found.len() < bytes.len(), "one piece would prove nothing");

    draft.keep();
    ports.blobs.give_up(id);
    ports.settle().await;
    let gone = ports.blobs.read(id, 0..1).await;
    assert!(matches!(gone, Err(BlobError::Missing { .. })), "{gone:?}");
    while let Some(piece) = reader.next().await {
        found.extend_from_slice(&piece.expect("a piece"));
    }
    assert!(found == bytes);
}

/// Facts that do not fit the bytes make no blob, and such a draft cannot be kept.
pub async fn a_draft_needs_its_whole_length(ports: &Ports) {
    let mut facts = object(&bucket("any").name, "a");
    facts.length = 6;
    let mut draft = ports.blobs.begin().await.expect("a draft");
    let id = draft.id();
    let pieces = vec![Bytes::from_static(b"bytes")];
    let refused = draft.finish(pieces, blob_facts(&facts)).await;
    assert!(
        matches!(
            refused,
            Err(BlobError::Length {
                written: 5,
                stated: 6,
                ..
            })
        ),
        "{refused:?}"
    );
    let again = draft.finish(Vec::new(), blob_facts(&facts)).await;
    assert!(matches!(again, Err(BlobError::Lost { .. })), "{again:?}");
    draft.keep();
    ports.settle().await;
    let gone = ports.blobs.read(id, 0..0).await;
    assert!(matches!(gone, Err(BlobError::Missing { .. })), "{gone:?}");
}

/// Uploads at the same time each get their own bytes.
pub async fn many_drafts_at_once_do_not_mix(ports: &Ports) {
    let drafts = at_once((0..48).map(|seed| {
        let ports = ports.clone();
        async move {
            let bytes = noise(seed, 150_000);
            let mut facts = object(&bucket("any").name, "a");
            let mut draft = ports.blobs.begin().await.expect("a draft");
            for batch in bytes.chunks(40_000) {
                let pieces = batch.chunks(7_000).map(Bytes::copy_from_slice);
                draft.write(pieces.collect()).await.expect("a write");
            }
            facts.length = 150_000;
            let finished = draft.finish(Vec::new(), blob_facts(&facts)).await;
            finished.expect("a finished draft");
            (seed, draft)
        }
    }))
    .await;
    for (seed, draft) in drafts {
        let found = ports.read(draft.id(), 150_000).await.expect("bytes");
        assert!(found == noise(seed, 150_000), "draft {seed}");
    }
}
