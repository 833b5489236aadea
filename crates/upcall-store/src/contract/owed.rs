//! Calls that are owed, and objects that are held back for them.

use super::{Ports, blob_facts, key, moment, noise, object, without_place};
use crate::blobs::BlobId;
use crate::catalog::{
    CallProgress, CatalogError, KeptAnswer, ListObjects, ObjectFacts, Overwrite, OwedCall,
    OwedFacts, OwedQuery, OwedRecord, Precondition, RecallBy, Recalled, Writer,
};

fn call(object: &ObjectFacts, name: &str) -> OwedCall {
    OwedCall {
        id: object.blob,
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        request_id: format!("request-{name}"),
        idempotency: Some(format!("chosen-{name}")),
        created: moment(3),
        call: format!("{{\"call\":\"\u{1f426}\n{name}\"}}"),
    }
}

fn kept(owed: &OwedCall, name: &str) -> KeptAnswer {
    KeptAnswer {
        request_id: owed.request_id.clone(),
        expires: moment(1000 * 3600 * 24 * 36500),
        answer: format!("answer {name}"),
    }
}

async fn owed_in(ports: &Ports, object: &ObjectFacts) -> Vec<OwedFacts> {
    let query = OwedQuery {
        key: Some((object.bucket.clone(), object.key.clone())),
        limit: 100,
        ..OwedQuery::default()
    };
    ports.catalog.owed_calls(query).await.expect("owed calls")
}

/// A call is owed from the moment at which its object is visible, until somebody says that it was made;
/// also when the object is gone by then.
pub async fn a_call_is_owed_until_it_is_settled(ports: &Ports) {
    let catalog = &ports.catalog;
    let bucket = ports.bucket("owes").await;
    let mut facts = object(&bucket, "a");
    let draft = ports.draft(&mut facts, &noise(1, 3000)).await;
    let owed = call(&facts, "one");
    let terms = Precondition::operator(Overwrite::Forbid);
    let committed = catalog.commit_object(&facts, &terms, Some(&owed));
    assert_eq!(committed.await.expect("a commit"), None);
    draft.keep();

    assert_eq!(ports.plain(&facts).await.as_ref(), Some(&facts));
    let found = owed_in(ports, &facts).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].is_held), (facts.blob, false));
    assert_eq!(found[0].request_id, owed.request_id);
    assert_eq!(found[0].progress, CallProgress::default());
    let OwedRecord { call: read, held } = catalog
        .owed_call(facts.blob)
        .await
        .expect("an answer")
        .expect("an owed call");
    assert_eq!((read, held.is_none()), (owed.clone(), true));
    for by in [
        RecallBy::Idempotency("chosen-one"),
        RecallBy::RequestId("request-one"),
    ] {
        let recalled = catalog.recall(by).await.expect("an answer");
        assert!(matches!(recalled, Some(Recalled::Owed(facts)) if facts.id == owed.id));
    }

    let progress = CallProgress {
        attempts: 3,
        next: Some(moment(9)),
        last_failure: Some("Error status : 502.".to_owned()),
        is_given_up: true,
    };
    let note = vec![(facts.blob, progress.clone())];
    catalog.note_calls(note).await.expect("an answer");
    assert_eq!(owed_in(ports, &facts).await[0].progress, progress);

    let deleted = catalog
        .delete_object(&bucket, &facts.key, &Writer::Operator)
        .await
        .expect("an answer");
    ports.blobs.give_up(&deleted.expect("the object"));
    let answer = kept(&owed, "one");
    let settled = catalog.settle_call(facts.blob, Some(answer.clone()));
    assert!(settled.await.expect("an answer"), "it was owed");
    assert!(
        !catalog
            .settle_call(facts.blob, None)
            .await
            .expect("an answer")
    );
    assert_eq!(owed_in(ports, &facts).await, []);
    for by in [
        RecallBy::Idempotency("chosen-one"),
        RecallBy::RequestId("request-one"),
    ] {
        let recalled = catalog.recall(by).await.expect("an answer");
        assert_eq!(recalled, Some(Recalled::Answered(answer.clone())));
    }
    assert_eq!(
        catalog.owed_call(facts.blob).await.expect("an answer"),
        None
    );
}

/// A commit that is refused owes nothing.
pub async fn a_refused_commit_owes_no_call(ports: &Ports) {
    let bucket = ports.bucket("owes-nothing").await;
    let first = ports.commit(&bucket, "a").await;
    let second = object(&bucket, "a");
    let owed = call(&second, "refused");
    let refused = ports
        .catalog
        .commit_object(
            &second,
            &Precondition::operator(Overwrite::Forbid),
            Some(&owed),
        )
        .await;
    assert!(matches!(refused, Err(CatalogError::ObjectExists)));
    let refused = ports
        .catalog
        .hold_object(&second, &Precondition::operator(Overwrite::Forbid), &owed)
        .await;
    assert!(matches!(refused, Err(CatalogError::ObjectExists)));
    assert_eq!(owed_in(ports, &first).await, []);
}

/// What is held is seen by nobody until it is published; then it is like any other.
pub async fn a_held_object_is_invisible_until_it_is_published(ports: &Ports) {
    let catalog = &ports.catalog;
    let bucket = ports.bucket("holds").await;
    for (name, length) in [("small", 3000), ("empty", 0), ("large", 700_000)] {
        let old = {
            let mut old = object(&bucket, name);
            ports.put(&mut old, &noise(4, 10)).await
        };
        let bytes = noise(5, length);
        let mut facts = object(&bucket, name);
        let draft = ports.draft(&mut facts, &bytes).await;
        let owed = call(&facts, name);
        let terms = Precondition::operator(Overwrite::Allow);
        let held = catalog.hold_object(&facts, &terms, &owed);
        held.await.expect("a hold");
        draft.keep();
        ports.settle().await;

        assert_eq!(ports.found(&facts).await.as_ref(), Some(&old), "{name}");
        assert!(owed_in(ports, &facts).await[0].is_held);
        let OwedRecord { held, .. } = catalog
            .owed_call(facts.blob)
            .await
            .expect("an answer")
            .expect("an owed call");
        assert_eq!(without_place(held.expect("held").object), facts);

        let answer = kept(&owed, name);
        let published = catalog.publish_object(facts.blob, &Writer::Operator, Some(answer.clone()));
        let (object, replaced) = published.await.expect("published");
        assert_eq!(without_place(object), facts);
        ports.blobs.give_up(&replaced.expect("what was there"));
        ports.settle().await;
        let found = ports.found(&facts).await.expect("an object");
        assert_eq!(
            ports.read(&found).await.expect("its bytes"),
            bytes,
            "{name}"
        );
        assert_eq!(
            ports.blobs.facts(&found).await.expect("an answer"),
            blob_facts(&facts)
        );
        assert_eq!(owed_in(ports, &facts).await, []);
        let again = catalog
            .publish_object(facts.blob, &Writer::Operator, None)
            .await;
        assert!(matches!(again, Err(CatalogError::NotOwed)), "{again:?}");
        let recalled = catalog.recall(RecallBy::RequestId(&owed.request_id)).await;
        assert_eq!(
            recalled.expect("an answer"),
            Some(Recalled::Answered(answer))
        );
    }
}

/// What is held and not wanted is gone, and its key was never taken.
pub async fn a_held_object_that_is_dropped_was_never_there(ports: &Ports) {
    let catalog = &ports.catalog;
    let bucket = ports.bucket("drops").await;
    for (name, length) in [("small", 3000), ("large", 700_000)] {
        let mut facts = object(&bucket, name);
        let draft = ports.draft(&mut facts, &noise(6, length)).await;
        let owed = call(&facts, &format!("dropped-{name}"));
        let terms = Precondition::operator(Overwrite::Forbid);
        let held = catalog.hold_object(&facts, &terms, &owed);
        held.await.expect("a hold");
        draft.keep();
        let deletion = catalog.delete_bucket(&bucket, &Writer::Operator).await;
        assert!(matches!(deletion, Err(CatalogError::BucketNotEmpty)));

        assert!(
            catalog
                .settle_call(facts.blob, None)
                .await
                .expect("an answer")
        );
        let published = catalog
            .publish_object(facts.blob, &Writer::Operator, None)
            .await;
        assert!(matches!(published, Err(CatalogError::NotOwed)));
        assert_eq!(ports.found(&facts).await, None);
        let request = ListObjects {
            bucket: bucket.clone(),
            prefix: String::new(),
            marker: String::new(),
            delimiter: None,
            max_keys: 10,
        };
        let listed = catalog.list_objects(&request);
        assert_eq!(listed.await.expect("a page").objects, []);
        ports.settle().await;
        let referenced = catalog.referenced(&[facts.blob]).await.expect("an answer");
        assert!(referenced.is_empty());
    }
    catalog
        .delete_bucket(&bucket, &Writer::Operator)
        .await
        .expect("it is empty");
}

/// A key that was taken while another object was held for it.
pub async fn a_held_object_replaces_only_what_it_may(ports: &Ports) {
    let catalog = &ports.catalog;
    let bucket = ports.bucket("holds-one").await;
    let mut facts = object(&bucket, "a");
    let draft = ports.draft(&mut facts, &noise(7, 100)).await;
    let owed = call(&facts, "late");
    let terms = Precondition::operator(Overwrite::Forbid);
    let held = catalog.hold_object(&facts, &terms, &owed);
    held.await.expect("a hold");
    draft.keep();
    let winner = ports.commit(&bucket, "a").await;

    let published = catalog
        .publish_object(facts.blob, &Writer::Operator, None)
        .await;
    assert!(matches!(published, Err(CatalogError::ObjectExists)));
    assert_eq!(ports.plain(&facts).await, Some(winner));
    assert!(
        catalog
            .settle_call(facts.blob, None)
            .await
            .expect("an answer")
    );
}

/// Owed calls come in the order of their ids, a page at a time, and by what became of them.
pub async fn owed_calls_come_in_order(ports: &Ports) {
    let catalog = &ports.catalog;
    let bucket = ports.bucket("owes-many").await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let facts = object(&bucket, &format!("{number}"));
        let owed = call(&facts, &format!("many-{number}"));
        let terms = Precondition::operator(Overwrite::Allow);
        let committed = catalog.commit_object(&facts, &terms, Some(&owed));
        committed.await.expect("a commit");
        ids.push(facts.blob);
    }
    let given_up = CallProgress {
        is_given_up: true,
        ..CallProgress::default()
    };
    catalog
        .note_calls(vec![(ids[3], given_up)])
        .await
        .expect("an answer");
    let page = |after: Option<BlobId>, is_given_up| {
        let query = OwedQuery {
            after,
            is_given_up,
            key: None,
            limit: 1000,
        };
        let ids = ids.clone();
        async move {
            let all = catalog.owed_calls(query).await.expect("owed calls");
            let found = all.into_iter().map(|facts| facts.id);
            let found: Vec<_> = found.filter(|id| ids.contains(id)).collect();
            found
        }
    };
    assert_eq!(page(None, None).await, ids);
    assert_eq!(page(Some(ids[4]), None).await, ids[5..]);
    assert_eq!(page(None, Some(true)).await, [ids[3]]);
    assert_eq!(page(None, Some(false)).await.len(), 6);
    let none = key("none");
    let query = OwedQuery {
        key: Some((bucket.clone(), none)),
        limit: 10,
        ..OwedQuery::default()
    };
    assert_eq!(catalog.owed_calls(query).await.expect("an answer"), []);
    for id in ids.clone() {
        assert!(catalog.settle_call(id, None).await.expect("an answer"));
    }
}
