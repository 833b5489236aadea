//! Access keys.

use upcall::name::{AccessKeyId, AccessKeySecret};

use super::{Ports, moment};
use crate::catalog::AccessKeyFacts;

/// A key comes back with its secret; putting it again replaces it; deleting says whether it was there.
pub async fn access_keys_are_kept_and_replaced(ports: &Ports) {
    let catalog = &ports.catalog;
    let id = |text: &str| AccessKeyId::parse(text).expect("an id");
    let facts = |name: &str, secret: &str| AccessKeyFacts {
        id: id(name),
        secret: AccessKeySecret::new(secret),
        created: moment(3),
        description: format!("for {name}, “x”"),
    };
    for (name, secret) in [("key-b", "1"), ("key-a", "2"), ("key-b", "3")] {
        let put = catalog.put_access_key(&facts(name, secret)).await;
        put.expect("put");
    }
    let found = catalog.access_key(&id("key-b")).await.expect("an answer");
    let found = found.expect("a key");
    assert_eq!(found.secret, AccessKeySecret::new("3"));
    assert_eq!(found.created, moment(3));
    assert_eq!(found.description, "for key-b, “x”");

    let all = catalog.access_keys().await.expect("a list");
    let ours: Vec<&str> = all
        .iter()
        .map(|facts| facts.id.as_str())
        .filter(|id| id.starts_with("key-"))
        .collect();
    assert_eq!(ours, ["key-a", "key-b"]);

    for was_there in [true, false] {
        let deleted = catalog.delete_access_key(&id("key-b")).await;
        assert_eq!(deleted.expect("an answer"), was_there);
        let found = catalog.access_key(&id("key-b")).await.expect("an answer");
        assert!(found.is_none());
    }
}
