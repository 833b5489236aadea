//! Callbacks under load: an application that stalls takes no place of another one, and connections
//! are kept for as long as they are good.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::task::JoinSet;
use upcall_server::Limits;

use crate::application::{Application, Reply, answer};
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{Setup, TestServer};

fn form(key: &str, url: &str) -> Form {
    let parameter = format!(r#"{{"callbackUrl":"{url}","callbackBody":"a=b"}}"#);
    Form::signed("photos", key)
        .field("callback", &STANDARD.encode(parameter))
        .file("a", b"hello")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_stalls_takes_no_place_of_another() {
    let limits = Limits {
        callback: Duration::from_secs(2),
        callback_wait: Duration::from_millis(500),
        callbacks: 60,
        callbacks_under_way: 20,
        callbacks_under_way_each: 8,
        callbacks_waiting_each: 12,
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let stalled = Application::start(Reply::Stall(Vec::new())).await;
    let good = Application::agreeing("{}").await;
    let address = server.address();
    let mut uploads = JoinSet::new();
    for number in 0..30 {
        let form = form(&format!("stalled/{number}"), &stalled.url("/"));
        uploads.spawn(async move {
            let began = Instant::now();
            let answer = Client::new(address).post_form(&form).await;
            (answer, began.elapsed())
        });
    }
    let began = Instant::now();
    while stalled.calls().len() < 8 {
        assert!(began.elapsed() < Duration::from_secs(10), "nobody calls");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    for number in 0..20 {
        let given = server
            .post(&form(&format!("good/{number}"), &good.url("/")))
            .await;
        assert_eq!(given.status, 200, "{given:?}");
    }

    let mut messages = Vec::new();
    while let Some(upload) = uploads.join_next().await {
        let (given, took): (Answer, Duration) = upload.unwrap();
        assert_eq!(given.status, 203, "{given:?}");
        assert!(took < Duration::from_millis(2500), "{took:?}");
        messages.push((given.element("Message"), given.element("EC")));
    }
    let late = ("Cost too long time.".to_owned(), "0007-00000202".to_owned());
    let many = (
        "Too many callback requests.".to_owned(),
        "0007-00000201".to_owned(),
    );
    let count = |wanted| messages.iter().filter(|message| *message == wanted).count();
    assert_eq!((count(&late), count(&many)), (8, 22), "{messages:?}");
    assert_eq!(stalled.calls().len(), 8);
    assert_eq!(server.keys("photos").await.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_uploads_share_few_connections() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let address = server.address();
    let mut uploads = JoinSet::new();
    for client in 0..8 {
        let url = app.url("/");
        uploads.spawn(async move {
            for number in 0..10 {
                let form = form(&format!("{client}/{number}"), &url);
                assert_eq!(Client::new(address).post_form(&form).await.status, 200);
            }
        });
    }
    while let Some(upload) = uploads.join_next().await {
        upload.unwrap();
    }
    let calls = app.calls();
    assert_eq!(calls.len(), 80);
    let connections = calls.iter().map(|call| call.connection).max().unwrap() + 1;
    assert!(connections <= 8, "{connections}");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_rested_is_not_used_again() {
    let server = TestServer::start().await;
    // Says that it keeps the connection, and closes it.
    let app = Application::start(Reply::Bytes(answer("200 OK", "{}"))).await;
    for number in 0..20 {
        let given = server
            .post(&form(&format!("a/{number}"), &app.url("/")))
            .await;
        assert_eq!(given.status, 200, "{given:?}");
        // Its end of the connection is closed when it reads no more; ours need not know yet.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(app.calls().len(), 20, "no call was made twice");
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_closed_though_nobody_calls() {
    use tokio::io::AsyncReadExt as _;
    let server = TestServer::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while memchr::memmem::find(&bytes, b"\r\n\r\na=b").is_none() {
            socket.read_buf(&mut bytes).await.unwrap();
        }
        socket.write_all(&answer("200 OK", "{}")).await.unwrap();
        let answered = Instant::now();
        assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
        answered.elapsed()
    });
    assert_eq!(server.post(&form("a", &url)).await.status, 200);
    let rested = tokio::time::timeout(Duration::from_secs(20), serving).await;
    let rested = rested.expect("it is closed").unwrap();
    let allowed = Duration::from_secs(1)..Duration::from_millis(4900);
    assert!(allowed.contains(&rested), "{rested:?}");
}
