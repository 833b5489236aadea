//! Who opens which route of the admin interface, from the document; and what a stranger's wrong
//! secrets cost the operator.

use serde_json::Value;

use crate::client::{Answer, Client};
use crate::console::{code, login, own_page, try_login};
use crate::server::{ADMIN, TestServer};

/// Method, path with example values, and who the document says may ask.
fn routes(document: &Value) -> Vec<(String, String, Access)> {
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let access = if operation["security"] == serde_json::json!([]) {
                Access::Anybody
            } else if operation["x-upcall-session"] == false {
                Access::Secret
            } else {
                Access::Session
            };
            let path = path
                .replace("{bucket}", "no-such-bucket")
                .replace("{requestId}", "0")
                .replace("{id}", "0");
            routes.push((method.to_uppercase(), path, access));
        }
    }
    routes
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Access {
    Anybody,
    Session,
    Secret,
}

#[tokio::test]
async fn each_route_opens_to_those_whom_the_document_names() {
    let server = TestServer::start().await;
    let client = Client::new(server.admin());
    let document = client.request("GET", "/v1/openapi.json", "", b"").await;
    let document: Value = serde_json::from_slice(&document.body).unwrap();
    let session = [login(&server).await, own_page(&server)].concat();
    let secret = format!("Authorization: Bearer {ADMIN}\r\n");
    // With a body that no route takes, so that nothing happens beyond the door.
    let ask = async |method: &str, path: &str, headers: &str| {
        let path = match path {
            // It would wait for a call.
            "/v1/callbacks/next" => "/v1/callbacks/next?timeout=0",
            path => path,
        };
        client.request(method, path, headers, b"[]").await
    };
    let mut only_secret = Vec::new();
    for (method, path, access) in routes(&document) {
        let what = format!("{method} {path}");
        let is_open = |answer: &Answer| !matches!(answer.status, 401 | 403 | 429);
        let nobody = ask(&method, &path, "").await;
        assert_eq!(
            is_open(&nobody),
            access == Access::Anybody,
            "{what}: {nobody:?}"
        );
        let with_session = ask(&method, &path, &session).await;
        assert_eq!(
            is_open(&with_session),
            access != Access::Secret,
            "{what}: {with_session:?}"
        );
        let with_secret = ask(&method, &path, &secret).await;
        assert!(is_open(&with_secret), "{what}: {with_secret:?}");
        let both = ask(&method, &path, &[session.as_str(), &secret].concat()).await;
        assert!(is_open(&both), "{what}: {both:?}");
        if access == Access::Secret {
            assert_eq!(code(&with_session), "SecretNeeded", "{what}");
            only_secret.push(what);
        }
    }
    // What makes a secret, or names a folder.
    assert_eq!(only_secret, ["POST /v1/keys", "POST /v1/store/backup"]);
}

#[tokio::test]
async fn a_session_makes_no_key_and_writes_to_no_folder() {
    let server = TestServer::start().await;
    let client = Client::new(server.admin());
    let session = [login(&server).await, own_page(&server)].concat();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    let backup = serde_json::json!({ "to": to }).to_string();
    for (path, body) in [("/v1/keys", "{}"), ("/v1/store/backup", backup.as_str())] {
        let answer = client
            .request("POST", path, &session, body.as_bytes())
            .await;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (403, "SecretNeeded"),
            "{path}"
        );
    }
    assert!(!to.exists());
    let secret = format!("Authorization: Bearer {ADMIN}\r\n");
    let keys = client.request("GET", "/v1/keys", &secret, b"").await;
    assert!(!keys.text().contains("UC"), "{}", keys.text());
}

#[tokio::test]
async fn wrong_secrets_are_counted_and_the_right_one_never_waits() {
    let server = TestServer::start().await;
    let client = Client::new(server.admin());
    let list = async |secret: &str| {
        let headers = format!("Authorization: Bearer {secret}\r\n");
        client.request("GET", "/v1/buckets", &headers, b"").await
    };
    let page = own_page(&server);
    let mut statuses = [0, 0];
    for number in 0..100 {
        let wrong = format!("wrong-secret-number-{number}");
        let answer = if number % 2 == 0 {
            list(&wrong).await
        } else {
            try_login(&server, &wrong, &page).await
        };
        match answer.status {
            401 => statuses[0] += 1,
            429 => {
                statuses[1] += 1;
                assert_eq!(code(&answer), "TooManyAttempts");
                assert!(!answer.header("retry-after").is_empty() && answer.is_closed);
            }
            other => panic!("{other}"),
        }
        assert!(!answer.text().contains(&wrong));
        if number % 20 == 0 {
            assert_eq!(list(ADMIN).await.status, 200, "after {number}");
            assert_eq!(
                try_login(&server, ADMIN, &page).await.status,
                204,
                "after {number}"
            );
        }
    }
    // One is forgiven every few seconds, and the machine may be slow; most are too many all the same.
    assert!(statuses[0] >= 5 && statuses[1] > 50, "{statuses:?}");
    // A session that is not there is no wrong secret.
    let cookie = format!("Cookie: upcall-console-{}=x\r\n", server.admin().port());
    let answer = client.request("GET", "/v1/buckets", &cookie, b"").await;
    assert_eq!(
        (answer.status, code(&answer).as_str()),
        (401, "Unauthorized")
    );
}
