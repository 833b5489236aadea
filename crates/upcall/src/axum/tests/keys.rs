//! Where the key comes from: once, and again only when there is a reason.

use super::*;

#[tokio::test]
async fn callbacks_that_come_together_share_one_fetch() {
    let keys = KeyServer::with_key();
    let router = router(keys.receiver());
    let closed = keys.0.gate.acquire_many(GATE).await;
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..20 {
        let router = router.clone();
        let request = signed("/cb", &format!("object={number}"));
        asking.spawn(async move { send(&router, request).await });
    }
    while keys.asked() == 0 {
        tokio::task::yield_now().await;
    }
    drop(closed);

    while let Some(answer) = asking.join_next().await {
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(keys.asked(), 1);
}

#[tokio::test]
async fn who_gives_up_leaves_the_fetch_to_those_who_wait() {
    let keys = KeyServer::with_key();
    let router = router(keys.receiver());
    let closed = keys.0.gate.acquire_many(GATE).await;
    let spawn = |body: &str| {
        let (router, request) = (router.clone(), signed("/cb", body));
        tokio::spawn(async move { send(&router, request).await.status })
    };
    let gone = spawn("object=a");
    while keys.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = spawn("object=b");
    gone.abort();
    assert!(gone.await.is_err());
    drop(closed);

    assert_eq!(waiting.await.unwrap(), 200);
}

#[tokio::test]
async fn a_failure_is_kept_for_two_seconds() {
    let keys = KeyServer::new([]);
    let router = router(keys.receiver());
    for _ in 0..3 {
        let answer = send(&router, signed("/cb", "object=b")).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.code.as_deref(), Some("key-unavailable"));
        assert_eq!(answer.part.as_deref(), Some("key-url"));
    }
    assert_eq!(keys.asked(), 1);

    keys.put(Some("<html>no key either</html>"));
    keys.advance(2);
    let answer = send(&router, signed("/cb", "object=b")).await;
    assert_eq!(answer.code.as_deref(), Some("key-unavailable"));

    keys.put(Some(&public_pem(1)));
    keys.advance(2);
    assert_eq!(send(&router, signed("/cb", "object=b")).await.status, 200);
    assert_eq!(keys.asked(), 3);
}

#[tokio::test]
async fn a_forgery_has_the_key_looked_up_once_a_minute_and_a_new_one_replaces_the_old() {
    let keys = KeyServer::with_key();
    let router = router(keys.receiver());
    assert_eq!(send(&router, signed("/cb", "object=a")).await.status, 200);
    let new = include_str!("../../../tests/keys/other.pem");
    keys.put(Some(new));

    // Nothing here is signed with the new key; a forgery has it looked up, once a minute.
    let forged = || {
        let mut forged = signed("/cb", "object=b");
        *forged.body_mut() = Body::from("object=c");
        forged
    };
    keys.advance(59);
    assert_eq!(send(&router, forged()).await.status, 400);
    assert_eq!(keys.asked(), 1, "asked for too early");
    keys.advance(1);
    assert_eq!(send(&router, forged()).await.status, 400);
    assert_eq!(send(&router, forged()).await.status, 400);
    assert_eq!(keys.asked(), 2);
    let old = send(&router, signed("/cb", "object=a")).await;
    assert_eq!(old.code.as_deref(), Some("signature"), "the old key");
}

#[tokio::test]
async fn a_forgery_while_the_key_cannot_be_had_does_not_cost_the_key() {
    let keys = KeyServer::with_key();
    let router = router(keys.receiver());
    assert_eq!(send(&router, signed("/cb", "object=a")).await.status, 200);
    keys.put(None);
    keys.advance(60);

    let mut forged = signed("/cb", "object=b");
    *forged.body_mut() = Body::from("object=c");
    let answer = send(&router, forged).await;

    assert_eq!(answer.code.as_deref(), Some("signature"));
    assert_eq!(keys.asked(), 2);
    assert_eq!(send(&router, signed("/cb", "object=a")).await.status, 200);
}

#[tokio::test]
async fn a_strangers_many_addresses_neither_cost_a_key_nor_hold_up_the_next() {
    let keys = KeyServer::with_key();
    let router = router(keys.receiver());
    assert_eq!(send(&router, signed("/cb", "object=a")).await.status, 200);
    let named = |number: usize| {
        let url = format!("http://127.0.0.1:8700/callback_pub_key_{number}.pem");
        let mut request = signed("/cb", "object=b");
        let url = STANDARD.encode(url).parse().unwrap();
        request.headers_mut().insert("x-oss-pub-key-url", url);
        request
    };
    let closed = keys.0.gate.acquire_many(GATE).await;
    let mut strangers = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (router, request) = (router.clone(), named(number));
        strangers.spawn(async move { send(&router, request).await.status });
    }
    // Whoever is refused a fetch is answered; eight wait.
    for _ in 0..92 {
        assert_eq!(strangers.join_next().await.unwrap().unwrap(), 503);
    }
    assert_eq!(keys.asked(), 1 + 8);
    assert_eq!(send(&router, signed("/cb", "object=c")).await.status, 200);
    assert_eq!(keys.asked(), 1 + 8);

    // They hang up, and nobody ends their fetches.
    strangers.shutdown().await;
    drop(closed);
    send(&router, named(200)).await;
    assert_eq!(keys.asked(), 1 + 8, "their time is not over");
    keys.advance(10);
    send(&router, named(201)).await;
    assert_eq!(keys.asked(), 1 + 8 + 1);
}
