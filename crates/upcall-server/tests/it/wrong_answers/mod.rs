//! Applications that are wrong in every way we know: the uploader reads what the protocol has for
//! it, the object is kept, the call is given up at its limit of 5 s, and the record explains it to a
//! person.

mod answers;
mod case;
mod manners;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use self::answers::{bodies, lengths, statuses};
use self::case::{PLAIN_HTTP, Reads, UNREACHED};
use self::manners::{breaks, heads, slow};
use crate::callbacks::closed_port;
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::script::{self, BODY, Do, write};
use crate::server::{ADMIN, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_is_told_as_documented_and_explained() {
    let server = TestServer::start().await;
    let cases = [statuses(), lengths(), bodies(), heads(), breaks()].concat();
    assert!(cases.len() >= 40, "{}", cases.len());
    for (number, (name, does, reads, explained)) in cases.into_iter().enumerate() {
        let address = script::start(does).await;
        let url = format!("http://{address}/cb");
        check(
            &server,
            name,
            &format!("dir/{number}"),
            &url,
            reads,
            explained,
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_is_given_up_after_five_seconds() {
    let server = std::sync::Arc::new(TestServer::start().await);
    let mut checks = tokio::task::JoinSet::new();
    for (number, (name, does, reads, explained)) in slow().into_iter().enumerate() {
        let server = std::sync::Arc::clone(&server);
        checks.spawn(async move {
            let address = script::start(does).await;
            let url = format!("http://{address}/cb");
            check(
                &server,
                name,
                &format!("slow/{number}"),
                &url,
                reads,
                explained,
            )
            .await;
        });
    }
    while let Some(checked) = checks.join_next().await {
        checked.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_cannot_be_spoken_to_is_explained() {
    let server = TestServer::start().await;
    let plain = script::start(vec![write("HTTP/1.1 400 Bad Request\r\n\r\n"), Do::Wait]).await;
    let ssh = script::start(vec![write("SSH-2.0-OpenSSH_9.2\r\n"), Do::Wait]).await;
    let unknown = script::start(vec![Do::Tls]).await;
    let nobody = closed_port();
    let refused = format!("refused: nothing listens on {nobody}");
    for (number, (url, reads, explained)) in [
        (format!("http://{nobody}/cb"), UNREACHED, refused.as_str()),
        (
            format!("https://{plain}/cb"),
            PLAIN_HTTP,
            "TLS: what answers speaks plain HTTP: give the URL with `http://`",
        ),
        (
            format!("https://{ssh}/cb"),
            UNREACHED,
            "TLS: what answers speaks no TLS, and no HTTP either",
        ),
        (
            format!("https://{unknown}/cb"),
            UNREACHED,
            "TLS: this system does not know who issued",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("tls/{number}");
        check(&server, &url, &key, &url, reads, explained).await;
    }
}

/// Uploads with a callback to `url`, by form and by `PutObject`, and holds against each other what the
/// uploader reads, what is stored, how long it took, and what the record says.
async fn check(
    server: &TestServer,
    name: &str,
    key: &str,
    url: &str,
    reads: Reads,
    explained: &str,
) {
    let parameter = format!(r#"{{"callbackUrl":"{url}","callbackBody":"{BODY}"}}"#);
    let callback = STANDARD.encode(parameter);
    let by_form = async {
        let form = Form::signed("open", key).field("callback", &callback);
        timed(server.post(&form.file("a", b"hello"))).await
    };
    let put_key = format!("{key}-put");
    let by_put = async {
        let client = server.client();
        let headers = format!("x-oss-callback: {callback}\r\n");
        let target = format!("/open/{put_key}");
        timed(client.request("PUT", &target, &headers, b"hello")).await
    };
    let (form, put) = tokio::join!(by_form, by_put);
    for (key, (given, took)) in [(key, form), (&put_key, put)] {
        check_one(server, name, key, &given, reads, explained).await;
        assert!(took < GIVEN_UP, "{name}: {took:?}");
    }
}

async fn timed(answer: impl Future<Output = Answer>) -> (Answer, Duration) {
    let began = Instant::now();
    let answer = answer.await;
    (answer, began.elapsed())
}

async fn check_one(
    server: &TestServer,
    name: &str,
    key: &str,
    given: &Answer,
    reads: Reads,
    explained: &str,
) {
    let outcome = match reads {
        Reads::Agreed(body, kind) => {
            let got = (given.status, given.text(), given.header("content-type"));
            assert_eq!(got, (200, body.to_owned(), kind), "{name}");
            "agreed"
        }
        Reads::Failed(message, ec) => {
            assert_eq!(given.status, 203, "{name}: {given:?}");
            given.assert_refused(203, "CallbackFailed", message);
            let got = (given.element("Message"), given.element("EC"));
            assert_eq!(got, (message.to_owned(), ec.to_owned()), "{name}");
            "failed"
        }
        Reads::Hinted(hint) => {
            let message = "Error status : -1.OSS can not connect to your callbackUrl";
            given.assert_refused(203, "CallbackFailed", message);
            assert!(given.element("Hint").contains(hint), "{name}: {given:?}");
            "failed"
        }
    };
    assert!(server.object("open", key).await.is_some(), "{name}");
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let listed = Client::new(server.admin())
        .request("GET", &format!("/v1/callbacks?key={key}"), &headers, b"")
        .await;
    let listed: Value = serde_json::from_slice(&listed.body).unwrap();
    assert_eq!(
        listed["calls"].as_array().unwrap().len(),
        1,
        "{name}: {listed}"
    );
    let call = &listed["calls"][0];
    assert_eq!(call["outcome"], outcome, "{name}: {call}");
    let explanation = call["explanation"].as_str().unwrap();
    assert!(explanation.starts_with(explained), "{name}: {explanation}");
}

/// Which limit it was says the explanation; this says that there was one. Without it, the quickest of
/// those that never end takes 25 s. How long a busy machine takes to notice is no fault of the server.
const GIVEN_UP: Duration = Duration::from_secs(20);
