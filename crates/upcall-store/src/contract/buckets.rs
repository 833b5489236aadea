//! Buckets and their settings.

use super::{Ports, at_once, bucket, key, without_place};
use crate::catalog::{
    BucketAcl, BucketSignatures, CallbackSettings, CatalogError, Cors, CorsRule, FormRules,
    Overwrite, Precondition, Writer,
};

/// Settings come back as they were set, and the list is sorted by name.
pub async fn a_bucket_is_what_was_made_of_it(ports: &Ports) {
    let (catalog, by) = (&ports.catalog, &Writer::Operator);
    let mut facts = bucket("settings-b");
    assert!(catalog.bucket(&facts.name).await.unwrap_none());
    for name in ["settings-b", "settings-a", "settings-c"] {
        catalog
            .create_bucket(&bucket(name), by)
            .await
            .expect("created");
    }
    for cors in [Some(some_cors()), None] {
        for acl in [
            BucketAcl::PublicRead,
            BucketAcl::PublicReadWrite,
            BucketAcl::Private,
        ] {
            let changed = catalog
                .set_bucket_cors(&facts.name, cors.as_ref(), by)
                .await;
            changed.expect("set");
            let changed = catalog.set_bucket_acl(&facts.name, acl, by).await;
            changed.expect("set");
            facts.cors.clone_from(&cors);
            facts.acl = acl;
            let forms = form_rules(acl, cors.is_some());
            let changed = catalog.set_bucket_forms(&facts.name, &forms, by).await;
            changed.expect("set");
            facts.forms = forms;
            let found = catalog.bucket(&facts.name).await.expect("an answer");
            assert_eq!(found.as_deref(), Some(&facts));
        }
    }
    // Neither of two settings that lie side by side changes the other.
    for signatures in [Some(BucketSignatures::V4), None] {
        let changed = catalog
            .set_bucket_signatures(&facts.name, signatures, by)
            .await;
        changed.expect("set");
        for is_required in [true, false] {
            let wanted = CallbackSettings {
                is_required,
                ..CallbackSettings::default()
            };
            let changed = catalog.set_bucket_callback(&facts.name, &wanted, by).await;
            changed.expect("set");
            facts.callback = CallbackSettings {
                signatures,
                ..wanted
            };
            let found = catalog.bucket(&facts.name).await.expect("an answer");
            assert_eq!(found.as_deref(), Some(&facts));
        }
    }
    let all = catalog.buckets().await.expect("a list");
    let ours: Vec<&str> = all
        .iter()
        .map(|facts| facts.name.as_str())
        .filter(|name| name.starts_with("settings-"))
        .collect();
    assert_eq!(ours, ["settings-a", "settings-b", "settings-c"]);
    assert!(all.is_sorted_by(|a, b| a.name < b.name));
}

/// Every member has a value.
fn some_cors() -> Cors {
    let rule = CorsRule {
        allowed_origins: vec!["https://a.example".to_owned(), "*".to_owned()],
        allowed_methods: vec!["POST".to_owned()],
        allowed_headers: vec!["x-oss-*".to_owned()],
        expose_headers: vec!["ETag".to_owned()],
        max_age_seconds: Some(600),
    };
    Cors {
        rules: vec![rule],
        response_vary: true,
    }
}

/// Each of them on and off.
fn form_rules(acl: BucketAcl, has_redirects: bool) -> FormRules {
    FormRules {
        forbid_overwrite: acl == BucketAcl::Private,
        forbid_acl: acl == BucketAcl::PublicRead,
        redirects: has_redirects.then(|| vec!["https://a.example/".to_owned()]),
        pages_as_downloads: acl != BucketAcl::Private,
    }
}

/// Of many who create one bucket, one does.
pub async fn a_bucket_name_is_taken_once(ports: &Ports) {
    let created = at_once((0..16).map(|_| {
        let catalog = ports.catalog.clone();
        async move {
            catalog
                .create_bucket(&bucket("taken-once"), &Writer::Operator)
                .await
        }
    }))
    .await;
    let refused = created
        .iter()
        .filter(|result| matches!(result, Err(CatalogError::BucketExists)));
    assert_eq!(refused.count(), 15, "{created:?}");
    assert!(created.iter().any(Result::is_ok), "{created:?}");
}

/// A bucket with objects stays; without, it goes, and everything asked of it says so.
pub async fn a_bucket_is_deleted_when_it_is_empty(ports: &Ports) {
    let catalog = &ports.catalog;
    let name = ports.bucket("deleted").await;
    let object = ports.commit(&name, "last").await;

    let refused = catalog.delete_bucket(&name, &Writer::Operator).await;
    assert!(
        matches!(refused, Err(CatalogError::BucketNotEmpty)),
        "{refused:?}"
    );
    let removed = catalog
        .delete_object(&name, &key("last"), &Writer::Operator)
        .await;
    assert_eq!(
        removed.expect("deleted").map(without_place),
        Some(object.clone())
    );
    catalog
        .delete_bucket(&name, &Writer::Operator)
        .await
        .expect("deleted");

    assert!(catalog.bucket(&name).await.unwrap_none());
    let refused = [
        catalog.delete_bucket(&name, &Writer::Operator).await,
        catalog
            .set_bucket_signatures(&name, None, &Writer::Operator)
            .await,
        catalog
            .set_bucket_acl(&name, BucketAcl::Private, &Writer::Operator)
            .await,
        catalog
            .set_bucket_cors(&name, None, &Writer::Operator)
            .await,
        catalog
            .commit_object(&object, &Precondition::operator(Overwrite::Allow), None)
            .await
            .map(drop),
    ];
    for refused in refused {
        assert!(
            matches!(refused, Err(CatalogError::NoSuchBucket)),
            "{refused:?}"
        );
    }
    let found = catalog.object(&name, &object.key).await;
    assert_eq!(found.expect("an answer"), None);

    // A new bucket of the same name has nothing of the old one.
    catalog
        .create_bucket(&bucket("deleted"), &Writer::Operator)
        .await
        .expect("created");
    let found = catalog.object(&name, &object.key).await;
    assert_eq!(found.expect("an answer"), None);
}

trait UnwrapNone {
    fn unwrap_none(self) -> bool;
}

impl<T, E: std::fmt::Debug> UnwrapNone for Result<Option<T>, E> {
    fn unwrap_none(self) -> bool {
        self.expect("an answer").is_none()
    }
}
