//! Blobs: what is written comes back, and what is not kept goes.

use ::bytes::Bytes;

use super::{Ports, at_once, blob_facts, bucket, noise, object};
use crate::blobs::BlobError;
use crate::catalog::{ObjectAcl, Overwrite, Precondition, StoredHeaders};

/// Any range of a blob of any size, written in any pieces.
pub async fn bytes_come_back_by_range(ports: &Ports) {
    let bucket = ports.bucket("by-range").await;
    let piece = 256 * 1024;
    for (size, cut) in [
        (0, 1),
        (1, 1),
        (piece - 1, 1000),
        (piece, piece),
        (piece + 1, 100_000),
        (3 * piece + 5, 65_536),
        (4 * piece, piece),
        (4 * piece + 1, 65_536),
        (9 * piece + 5, 65_536),
    ] {
        let bytes = noise(size as u64, size);
        let mut facts = object(&bucket, "a");
        let mut draft = ports.blobs.begin(0).await.expect("a draft");
        let mut pieces: Vec<Bytes> = bytes.chunks(cut).map(Bytes::copy_from_slice).collect();
        // Half in batches of two with an empty piece between, the rest with the end.
        let rest = pieces.split_off(pieces.len() / 2);
        for pair in pieces.chunks(2) {
            let mut batch = pair.to_vec();
            batch.insert(1, Bytes::new());
            draft.write(batch).await.expect("a write");
        }
        facts.blob = draft.id();
        facts.length = size as u64;
        let finished = draft.finish(rest, blob_facts(&facts)).await;
        finished.expect("a finished draft");
        let committed = ports
            .catalog
            .commit_object(&facts, &Precondition::operator(Overwrite::Allow), None)
            .await;
        committed.expect("a commit");
        draft.keep();
        let found = ports.found(&facts).await.expect("an object");

        let end = size as u64;
        for range in [
            0..end,
            0..end.min(1),
            end / 3..end / 2,
            end..end,
            end.saturating_sub(1)..end,
        ] {
            let mut reader = ports
                .blobs
                .read(&found, range.clone())
                .await
                .expect("a reader");
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
        let beyond = ports.blobs.read(&found, 0..end + 1).await;
        assert!(
            matches!(beyond, Err(BlobError::Damaged { .. })),
            "{beyond:?}"
        );
    }
}

/// A blob says of itself what it was told.
pub async fn facts_come_back_with_the_bytes(ports: &Ports) {
    let bucket = ports.bucket("facts").await;
    for length in [5_u64, 3_000_000] {
        let mut facts = object(&bucket, &"ü".repeat(511));
        facts.headers = StoredHeaders {
            cache_control: Some("max-age=\"1\"".to_owned()),
            ..StoredHeaders::default()
        };
        facts.metadata = vec![("名".to_owned(), "x\u{7f}".to_owned()); 100];
        facts.acl = ObjectAcl::PublicReadWrite;
        let bytes = noise(length, usize::try_from(length).expect("few"));
        let found = ports.put(&mut facts, &bytes).await;
        let stated = ports.blobs.facts(&found).await.expect("facts");
        assert_eq!(stated, blob_facts(&facts));
    }
    let unknown = object(&bucket, "unknown");
    let facts = ports.blobs.facts(&unknown).await;
    assert!(matches!(facts, Err(BlobError::Missing { .. })), "{facts:?}");
    let read = ports.blobs.read(&unknown, 0..0).await;
    assert!(matches!(read, Err(BlobError::Missing { .. })), "{read:?}");
}

/// What the catalog says and what the blob says must agree: a row that leads to other bytes is not
/// served.
pub async fn another_objects_bytes_are_not_read(ports: &Ports) {
    let bucket = ports.bucket("mixed-up").await;
    for length in [5_u64, 3_000_000] {
        let bytes = noise(length, usize::try_from(length).expect("few"));
        let mine = ports.put(&mut object(&bucket, "mine"), &bytes).await;
        let other = ports.put(&mut object(&bucket, "other"), &bytes).await;
        let mut mixed = mine.clone();
        mixed.place = other.place;
        mixed.blob = if length > 1_000_000 {
            other.blob
        } else {
            mine.blob
        };
        let read = ports.read(&mixed).await;
        assert!(matches!(read, Err(BlobError::Damaged { .. })), "{read:?}");
    }
}

/// Wherever a draft's end comes, its bytes go.
pub async fn a_draft_that_is_not_kept_is_gone(ports: &Ports) {
    let bucket = ports.bucket("not-kept").await;
    let mut facts = object(&bucket, "a");
    let begun = ports.blobs.begin(0).await.expect("a draft");
    let mut written = ports.blobs.begin(0).await.expect("a draft");
    let written_once = written.write(vec![Bytes::from(noise(1, 3_000_000))]).await;
    written_once.expect("a write");
    let finished = ports.draft(&mut facts, &noise(2, 3_000_000)).await;

    let ids = [begun.id(), written.id(), finished.id()];
    drop((begun, written, finished));
    // The write may be under way still; its thread gives the blob up when it is through.
    let mut left = ids.to_vec();
    for _ in 0..1000 {
        ports.settle().await;
        let mut still = Vec::new();
        for id in left {
            facts.blob = id;
            match ports.blobs.read(&facts, 0..0).await {
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
    let bucket = ports.bucket("finishes").await;
    for length in [800_000_u64, 3_000_000] {
        let bytes = noise(length, usize::try_from(length).expect("few"));
        let mut facts = object(&bucket, "a");
        let found = ports.put(&mut facts, &bytes).await;
        let mut reader = ports.blobs.read(&found, 0..length).await.expect("a reader");
        let mut read = reader
            .next()
            .await
            .expect("a piece")
            .expect("bytes")
            .to_vec();
        assert!(read.len() < bytes.len(), "one piece would prove nothing");

        ports.put(&mut object(&bucket, "a"), b"new").await;
        ports.settle().await;
        while let Some(piece) = reader.next().await {
            read.extend_from_slice(&piece.expect("a piece"));
        }
        assert!(read == bytes);
        if length > 1_000_000 {
            let gone = ports.blobs.read(&found, 0..1).await;
            assert!(matches!(gone, Err(BlobError::Missing { .. })), "{gone:?}");
        }
    }
}

/// Facts that do not fit the bytes make no blob, and such a draft cannot be kept.
pub async fn a_draft_needs_its_whole_length(ports: &Ports) {
    let mut facts = object(&bucket("any").name, "a");
    facts.length = 6;
    let mut draft = ports.blobs.begin(0).await.expect("a draft");
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
    facts.blob = id;
    let gone = ports.blobs.read(&facts, 0..0).await;
    assert!(matches!(gone, Err(BlobError::Missing { .. })), "{gone:?}");
}

/// Uploads at the same time each get their own bytes.
pub async fn many_drafts_at_once_do_not_mix(ports: &Ports) {
    let bucket = ports.bucket("many").await;
    let uploaded = at_once((0..48).map(|seed| {
        let (ports, bucket) = (ports.clone(), bucket.clone());
        async move {
            let bytes = noise(seed, 150_000);
            let mut facts = object(&bucket, &format!("key-{seed}"));
            let mut draft = ports.blobs.begin(0).await.expect("a draft");
            for batch in bytes.chunks(40_000) {
                let pieces = batch.chunks(7_000).map(Bytes::copy_from_slice);
                draft.write(pieces.collect()).await.expect("a write");
            }
            facts.blob = draft.id();
            facts.length = 150_000;
            let finished = draft.finish(Vec::new(), blob_facts(&facts)).await;
            finished.expect("a finished draft");
            let committed = ports
                .catalog
                .commit_object(&facts, &Precondition::operator(Overwrite::Allow), None)
                .await;
            committed.expect("a commit");
            draft.keep();
            (seed, facts)
        }
    }))
    .await;
    for (seed, facts) in uploaded {
        let found = ports.found(&facts).await.expect("an object");
        let bytes = ports.read(&found).await.expect("bytes");
        assert!(bytes == noise(seed, 150_000), "upload {seed}");
    }
}
