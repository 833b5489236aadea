//! What a peer can make the server hold.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use upcall_server::Limits;

use crate::form::Form;
use crate::server::{Setup, TestServer};

/// Fields cannot be judged before the last of them has come, so all forms share one allowance.
#[tokio::test]
async fn long_fields_of_many_forms_are_bounded_together() {
    let limits = Limits {
        form_memory: 1024 * 1024,
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let long = Form::signed("photos", "long")
        .field("note", &"x".repeat(1024 * 1024))
        .file("a", b"hello");
    assert_eq!(server.post(&long).await.status, 204, "one alone fits");

    let request = long.request("a");
    let mut waiting = server.client().connect().await;
    waiting.write_all(&request[..900_000]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server
        .post(&long)
        .await
        .assert_refused(503, "ServiceUnavailable", "");
    let short = Form::signed("photos", "short").file("a", &vec![0; 500_000]);
    assert_eq!(server.post(&short).await.status, 204, "others go on");

    drop(waiting);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        server.post(&long).await.status,
        204,
        "what was taken is given back"
    );
}
