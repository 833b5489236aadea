//! Uploads with an idempotency key that another one has, which is still under way.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use upcall_server::Limits;

use crate::client::{Client, read_answer};
use crate::form::Form;
use crate::server::{Setup, TestServer};

/// More than the server gathers before it writes the first of it.
const FILE_BYTES: usize = 2 * 1024 * 1024;

fn upload() -> Form {
    Form::signed("photos", "a")
        .field("idempotency-key", "0123456789abcdef")
        .file("a", &vec![b'a'; FILE_BYTES])
}

async fn server(named_wait: Duration) -> TestServer {
    TestServer::start_with(Setup {
        small_bytes: 0,
        limits: Limits {
            named_wait,
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await
}

/// An upload that has its name, and has sent half of its file; and the other half.
async fn half(server: &TestServer) -> (TcpStream, Vec<u8>) {
    let request = upload().request("a");
    let (half, rest) = request.split_at(request.len() / 2);
    let mut socket = server.client().connect().await;
    socket.write_all(half).await.unwrap();
    let began = Instant::now();
    while server.blob_files() == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "no file");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (socket, rest.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_does_not_wait_for_ever() {
    let server = server(Duration::from_millis(100)).await;
    let (mut first, rest) = half(&server).await;

    let second = server.post(&upload()).await;
    second.assert_refused(503, "ServiceUnavailable", "still under way");
    assert_eq!(second.header("retry-after"), "5");
    assert!(second.element("Hint").contains("idempotency key"));

    first.write_all(&rest).await.unwrap();
    assert_eq!(read_answer(&mut first, "POST").await.unwrap().status, 204);
    assert_eq!(server.post(&upload()).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn few_wait_for_one_name() {
    let server = server(Duration::from_secs(60)).await;
    let (mut first, rest) = half(&server).await;
    let mut waiting = JoinSet::new();
    for _ in 0..5 {
        let client = Client::new(server.address());
        waiting.spawn(async move { client.post_form(&upload()).await });
    }
    // One of them has no place, and hears so at once.
    let refused = waiting.join_next().await.unwrap().unwrap();
    refused.assert_refused(503, "ServiceUnavailable", "still under way");

    first.write_all(&rest).await.unwrap();
    let told = read_answer(&mut first, "POST").await.unwrap();
    assert_eq!(told.status, 204);
    for answer in waiting.join_all().await {
        // The form is not asked again for how it is answered.
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("etag"), told.header("etag"));
    }
}
