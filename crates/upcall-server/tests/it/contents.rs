//! A bucket is emptied: what is in it, what is held and owed, what is recorded, what is ordered. Another
//! bucket does not notice.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::application::{Application, answer};
use crate::callbacks::parameter;
use crate::client::Answer;
use crate::faults::{AGREED, ask, calls, faulty_server, get, order, upload};
use crate::form::Form;
use crate::server::TestServer;

async fn empty(server: &TestServer, bucket: &str) -> Answer {
    let path = format!("/v1/buckets/{bucket}/contents");
    ask(server, "DELETE", &path, &Value::Null).await
}

async fn set(server: &TestServer, bucket: &str, settings: Value) {
    let path = format!("/v1/buckets/{bucket}/callback");
    assert_eq!(ask(server, "PUT", &path, &settings).await.status, 204);
}

/// A form whose callback is pinned, as a gated bucket wants it.
fn gated(bucket: &str, key: &str, url: &str) -> Form {
    let callback = parameter(url, "o=${object}", "");
    Form::empty(bucket)
        .field("key", key)
        .policy(&format!(r#"[{{"callback":"{callback}"}}]"#))
        .field("callback", &callback)
        .file("a", b"content")
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_bucket_goes_and_nothing_of_another() {
    let server = faulty_server().await;
    let app = Application::agreeing(AGREED).await;
    for bucket in ["photos", "shown"] {
        for key in ["a", "b/c", "d"] {
            let given = server.post(&upload(bucket, key, &app.url("/cb"))).await;
            assert_eq!(given.status, 200);
        }
        // A call that nobody hears, and an object that is held for one.
        set(&server, bucket, json!({ "redeliverSeconds": 600 })).await;
        let nobody = "http://127.0.0.1:9/";
        assert_eq!(server.post(&upload(bucket, "e", nobody)).await.status, 203);
        set(&server, bucket, json!({ "gate": "keep" })).await;
        let held = server.post(&gated(bucket, "f", nobody)).await;
        assert_eq!(held.header("x-upcall-verdict"), "pending", "{held:?}");
        set(&server, bucket, json!({})).await;
        order(
            &server,
            json!({ "bucket": bucket, "on": "call", "kind": "500" }),
        )
        .await;
    }

    assert_eq!(empty(&server, "photos").await.status, 204);

    assert_eq!(server.keys("photos").await, [""; 0]);
    assert_eq!(calls(&server, "photos").await, [Value::Null; 0]);
    assert_eq!(
        get(&server, "/v1/faults?bucket=photos").await,
        json!({ "faults": [] })
    );
    let owed = get(&server, "/v1/owed").await;
    let owed = owed["calls"].as_array().unwrap();
    assert_eq!(owed.len(), 2, "{owed:?}");
    assert!(owed.iter().all(|call| call["bucket"] == "shown"));
    assert_eq!(server.keys("shown").await, ["a", "b/c", "d", "e"]);
    assert!(calls(&server, "shown").await.len() >= 5);
    assert_eq!(
        get(&server, "/v1/faults?bucket=shown").await["faults"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // It is as empty as one that may be deleted, and twice is as good as once.
    assert_eq!(empty(&server, "photos").await.status, 204);
    let deleted = ask(&server, "DELETE", "/v1/buckets/photos", &Value::Null).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let gone = empty(&server, "photos").await;
    assert_eq!(gone.status, 404, "{gone:?}");
    assert!(gone.text().contains("NoSuchBucket"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_under_way_brings_nothing_back() {
    let server = faulty_server().await;
    let app = Application::slow(Duration::from_millis(700), answer("200 OK", AGREED)).await;
    set(&server, "shown", json!({ "gate": "refuse" })).await;
    let held = gated("shown", "a", &app.url("/"));
    let plain = upload("photos", "a", &app.url("/"));

    let (held, plain, ()) = tokio::join!(server.post(&held), server.post(&plain), async {
        until("both are called", async || app.calls().len() == 2).await;
        assert_eq!(empty(&server, "shown").await.status, 204);
        assert_eq!(empty(&server, "photos").await.status, 204);
    });

    // The uploader of what was held is told that it is gone; the other heard what the application says.
    held.assert_refused(403, "AccessDenied", "refused this upload");
    assert_eq!((plain.status, plain.text().as_str()), (200, AGREED));
    for bucket in ["shown", "photos"] {
        assert_eq!(server.keys(bucket).await, [""; 0], "{bucket}");
        assert_eq!(calls(&server, bucket).await, [Value::Null; 0], "{bucket}");
    }
    assert_eq!(get(&server, "/v1/owed").await, json!({ "calls": [] }));
    server.store().settle();
    // What comes next is recorded again.
    set(&server, "shown", json!({})).await;
    let next = server.post(&upload("shown", "a", &app.url("/"))).await;
    assert_eq!(next.status, 200);
    assert_eq!(calls(&server, "shown").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_order_with_two_addresses_the_second_call_is_not_recorded_either() {
    let server = faulty_server().await;
    let slow = Duration::from_millis(700);
    let refusing = Application::slow(slow, answer("500 Oh", "{}")).await;
    let app = Application::agreeing(AGREED).await;
    let urls = format!("{};{}", refusing.url("/a"), app.url("/b"));
    let form = upload("photos", "a", &urls);

    let (given, ()) = tokio::join!(server.post(&form), async {
        until("the first is called", async || refusing.calls().len() == 1).await;
        assert_eq!(empty(&server, "photos").await.status, 204);
    });

    assert_eq!((given.status, given.text().as_str()), (200, AGREED));
    assert_eq!(app.calls().len(), 1);
    assert_eq!(calls(&server, "photos").await, [Value::Null; 0]);
}

/// More than a page of objects.
const MANY: usize = 1001;

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_page_goes_and_what_is_stored_meanwhile_takes_its_owed_call_with_it() {
    let server = faulty_server().await;
    let parts: Vec<_> = (0..8)
        .map(|part| {
            let client = server.client();
            tokio::spawn(async move {
                for number in (part..MANY).step_by(8) {
                    let path = format!("/open/k{number:04}");
                    let put = client.request("PUT", &path, "", b"x").await;
                    assert_eq!(put.status, 200);
                }
            })
        })
        .collect();
    for part in parts {
        part.await.unwrap();
    }
    set(&server, "open", json!({ "redeliverSeconds": 600 })).await;
    let nobody = upload("open", "z", "http://127.0.0.1:9/");

    let (emptied, ()) = tokio::join!(empty(&server, "open"), async {
        until("the first has gone", async || {
            server.object("open", "k0000").await.is_none()
        })
        .await;
        assert_eq!(server.post(&nobody).await.status, 203);
        let is_late = server.object("open", "k0999").await.is_some();
        assert!(
            is_late,
            "the first page is gone already: nothing was tested"
        );
    });

    assert_eq!(emptied.status, 204);
    assert!(server.object("open", "k1000").await.is_none());
    assert!(server.object("open", "z").await.is_none());
    assert_eq!(get(&server, "/v1/owed").await, json!({ "calls": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_was_taken_for_down_is_asked_again() {
    let server = faulty_server().await;
    let app = Application::agreeing(AGREED).await;
    set(&server, "shown", json!({ "gate": "refuse" })).await;
    let many = json!({ "bucket": "shown", "on": "call", "kind": "refuse", "count": 100 });
    order(&server, many).await;
    let form = gated("shown", "a", &app.url("/"));
    let is_down = async || {
        let given = server.post(&form).await;
        given.text().contains("The application does not answer.")
    };
    until("it counts as down", is_down).await;

    assert_eq!(empty(&server, "shown").await.status, 204);

    let given = server.post(&form).await;
    assert_eq!((given.status, given.text().as_str()), (200, AGREED));
}

#[tokio::test]
async fn the_record_of_one_bucket_is_wiped() {
    let server = faulty_server().await;
    let app = Application::agreeing(AGREED).await;
    for bucket in ["photos", "shown"] {
        server.post(&upload(bucket, "a", &app.url("/cb"))).await;
    }
    for (path, status, photos, shown) in [
        ("/v1/callbacks?bucket=No", 400, 1, 1),
        ("/v1/callbacks?key=a", 400, 1, 1),
        ("/v1/callbacks?bucket=photos", 204, 0, 1),
        ("/v1/callbacks", 204, 0, 0),
    ] {
        let answer = ask(&server, "DELETE", path, &Value::Null).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(calls(&server, "photos").await.len(), photos, "{path}");
        assert_eq!(calls(&server, "shown").await.len(), shown, "{path}");
    }
    assert_eq!(server.keys("photos").await, ["a"], "objects stay");
}
