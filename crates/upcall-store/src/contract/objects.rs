//! Objects: commit, overwrite, delete, races.

use std::collections::HashSet;

use super::{Ports, at_once, key, object, without_place};
use crate::blobs::BlobId;
use crate::catalog::{CatalogError, ObjectAcl, Overwrite, Precondition, StoredHeaders, Writer};

/// Every fact comes back, for every key that can be.
pub async fn an_object_is_what_was_committed(ports: &Ports) {
    let bucket = ports.bucket("round-trip").await;
    let longest = "ü".repeat(511) + "x";
    let keys = [
        "a",
        "a b+c%2F",
        "../x",
        "猫/🐈.jpg",
        "e\u{301}",
        "é",
        &longest,
    ];
    for (number, text) in keys.into_iter().enumerate() {
        let mut plain = object(&bucket, text);
        plain.length = 0;
        let mut full = object(&bucket, &format!("full/{number}"));
        full.length = u64::from(u32::MAX) * 1_000_000;
        full.crc64 = u64::MAX;
        full.content_type = "text/plain; charset=\"utf-8\"".into();
        full.headers = StoredHeaders {
            cache_control: Some("no-store".to_owned()),
            content_disposition: Some("attachment; filename=\"猫.jpg\"".to_owned()),
            content_encoding: Some(String::new()),
            expires: Some("never".to_owned()),
        };
        full.metadata = vec![
            ("b".to_owned(), "2".to_owned()),
            ("a".to_owned(), "\"1\"".to_owned()),
        ];
        full.acl = ObjectAcl::PublicRead;
        full.storage_class = "IA".into();
        for facts in [plain, full] {
            let committed = ports
                .catalog
                .commit_object(&facts, &Precondition::operator(Overwrite::Allow), None)
                .await;
            committed.expect("a commit");
            assert_eq!(ports.plain(&facts).await, Some(facts));
        }
    }
    let found = ports.catalog.object(&bucket, &key("b")).await;
    assert_eq!(found.expect("an answer"), None);
}

/// What a key pointed to is handed to whoever replaces it; a repeated commit is nothing new.
pub async fn overwriting_returns_what_was_replaced(ports: &Ports) {
    let catalog = &ports.catalog;
    let bucket = ports.bucket("overwritten").await;
    let (first, second) = (object(&bucket, "a"), object(&bucket, "a"));

    let replaced = catalog
        .commit_object(&first, &Precondition::operator(Overwrite::Forbid), None)
        .await;
    assert_eq!(replaced.expect("a commit"), None);
    let repeated = catalog
        .commit_object(&first, &Precondition::operator(Overwrite::Forbid), None)
        .await;
    assert_eq!(repeated.expect("a commit"), None, "repeated");
    let refused = catalog
        .commit_object(&second, &Precondition::operator(Overwrite::Forbid), None)
        .await;
    assert!(
        matches!(refused, Err(CatalogError::ObjectExists)),
        "{refused:?}"
    );
    let replaced = catalog
        .commit_object(&second, &Precondition::operator(Overwrite::Allow), None)
        .await;
    assert_eq!(replaced.expect("a commit").map(without_place), Some(first));
    assert_eq!(ports.plain(&second).await, Some(second.clone()));

    // Many at once: each blob but the last is handed out once.
    let replaced = at_once((0..64).map(|_| {
        let (catalog, facts) = (catalog.clone(), object(&bucket, "a"));
        async move {
            let replaced = catalog
                .commit_object(&facts, &Precondition::operator(Overwrite::Allow), None)
                .await;
            (
                facts.blob,
                replaced.expect("a commit").expect("an object").blob,
            )
        }
    }))
    .await;
    let last = catalog.object(&bucket, &second.key).await;
    let last = last.expect("an answer").expect("an object").blob;
    let committed = replaced.iter().map(|(blob, _)| *blob).chain([second.blob]);
    let handed_out = replaced.iter().map(|(_, blob)| *blob).chain([last]);
    assert_eq!(
        committed.collect::<HashSet<BlobId>>(),
        handed_out.collect::<HashSet<BlobId>>()
    );
}

/// Many create one key that may not be overwritten: one wins, the others are told.
pub async fn conditional_create_has_one_winner(ports: &Ports) {
    let bucket = ports.bucket("one-winner").await;
    for round in 0..8 {
        let text = format!("key-{round}");
        let created = at_once((0..16).map(|_| {
            let (catalog, facts) = (ports.catalog.clone(), object(&bucket, &text));
            async move {
                let result = catalog
                    .commit_object(&facts, &Precondition::operator(Overwrite::Forbid), None)
                    .await;
                (facts.blob, result)
            }
        }))
        .await;
        let mut winners = Vec::new();
        for (blob, result) in created {
            match result {
                Ok(None) => winners.push(blob),
                Err(CatalogError::ObjectExists) => {}
                other => panic!("{other:?}"),
            }
        }
        let found = ports.catalog.object(&bucket, &key(&text)).await;
        let found = found.expect("an answer").expect("an object").blob;
        assert_eq!(winners, [found]);
    }
}

/// Deleting hands out what was there, once.
pub async fn deleting_returns_what_was_there(ports: &Ports) {
    let bucket = ports.bucket("deleted-object").await;
    let facts = ports.commit(&bucket, "a").await;
    ports.commit(&bucket, "b").await;

    let deleted = at_once((0..8).map(|_| {
        let (catalog, bucket) = (ports.catalog.clone(), bucket.clone());
        async move {
            let deleted = catalog
                .delete_object(&bucket, &key("a"), &Writer::Operator)
                .await;
            deleted.expect("an answer").map(without_place)
        }
    }))
    .await;
    let found: Vec<_> = deleted.into_iter().flatten().collect();
    assert_eq!(found, [facts]);
    let other = ports.catalog.object(&bucket, &key("b")).await;
    assert!(other.expect("an answer").is_some());
}

/// Changes that share a flush do not share their failures.
pub async fn a_failing_change_takes_no_other_down(ports: &Ports) {
    let bucket = ports.bucket("neighbours").await;
    let taken = ports.commit(&bucket, "taken").await;
    let results = at_once((0..120).map(|number| {
        let catalog = ports.catalog.clone();
        let facts = match number % 3 {
            0 => object(&bucket, "taken"),
            1 => object(&super::bucket("no-such-bucket").name, "a"),
            _ => object(&bucket, &format!("new-{number}")),
        };
        async move {
            let result = catalog
                .commit_object(&facts, &Precondition::operator(Overwrite::Forbid), None)
                .await;
            (number % 3, facts, result)
        }
    }))
    .await;
    for (kind, facts, result) in results {
        match (kind, result) {
            (0, Err(CatalogError::ObjectExists)) | (1, Err(CatalogError::NoSuchBucket)) => {}
            (2, Ok(None)) => {
                assert_eq!(ports.plain(&facts).await, Some(facts));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ports.plain(&taken).await, Some(taken));
}

/// `referenced` names the blobs that objects point to, and no other.
pub async fn referenced_knows_what_objects_point_to(ports: &Ports) {
    let bucket = ports.bucket("referenced").await;
    let old = ports.commit(&bucket, "a").await;
    let new = ports.commit(&bucket, "a").await;
    let other = ports.commit(&bucket, "b").await;
    let deleted = ports.commit(&bucket, "c").await;
    let removed = ports
        .catalog
        .delete_object(&bucket, &deleted.key, &Writer::Operator)
        .await;
    removed.expect("deleted");

    let all = [old.blob, new.blob, other.blob, deleted.blob, BlobId::new()];
    let found = ports.catalog.referenced(&all).await.expect("an answer");
    assert_eq!(found, HashSet::from([new.blob, other.blob]));
}
