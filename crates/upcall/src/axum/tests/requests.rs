//! One request, and what it gets.

use axum::extract::FromRef;
use axum::http::Version;
use axum::routing::post;

use super::*;

#[tokio::test]
async fn every_request_of_the_table_gets_its_verdict() {
    let table = vectors("verify.json");
    let keys = table["keys"].as_object().unwrap().iter();
    let keys = keys.map(|(url, pem)| (url.clone(), text(pem).to_owned()));
    let key_server = KeyServer::new(keys);

    for case in table["cases"].as_array().unwrap() {
        let name = &case["name"];
        let body = match case["bodyBase64"].as_str() {
            Some(base64) => STANDARD.decode(base64).unwrap(),
            None => text(&case["body"]).as_bytes().to_vec(),
        };
        let list = case.get("keyUrls").unwrap_or(&table["keyUrls"]);
        let verifier = CallbackVerifier::new(key_urls(list));
        let router = router(CallbackReceiver::new(verifier, key_server.clone()));
        let mut request = Request::builder()
            .method(text(&case["method"]))
            .uri(text(&case["target"]));
        for header in case["headers"].as_array().unwrap() {
            request = request.header(text(&header[0]), text(&header[1]));
        }
        let Ok(request) = request.body(Body::from(body.clone())) else {
            // hyper refuses such a request itself.
            assert_eq!(*name, "a control byte behind the signature");
            continue;
        };
        // `http::Uri` drops a fragment, so that the target is another than the signed one.
        let has_fragment = text(&case["target"]).contains('#');
        let wanted = if has_fragment {
            Some("signature")
        } else {
            case["error"].as_str()
        };

        let answer = send(&router, request).await;

        assert_eq!(answer.code.as_deref(), wanted, "{name}");
        if let Some(code) = &answer.code {
            assert_refused(&answer, text(&table["errors"][code]));
        } else {
            assert_eq!((answer.status.as_u16(), answer.body), (200, body), "{name}");
        }
    }
}

fn assert_refused(answer: &Answer, part: &str) {
    let may_pass = answer.code.as_deref() == Some("key-unavailable");
    let status = if may_pass { 503 } else { 400 };
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.part.as_deref(), Some(part), "{answer:?}");
    assert_eq!(answer.content_type, "application/json", "{answer:?}");
    assert_eq!(answer.body, br#"{"Status":"verify not ok"}"#, "{answer:?}");
}

/// The state of an application that has more than callbacks.
#[derive(Clone)]
struct App(CallbackReceiver);

impl FromRef<App> for CallbackReceiver {
    fn from_ref(app: &App) -> Self {
        app.0.clone()
    }
}

#[tokio::test]
async fn a_nested_router_sees_a_part_of_the_path_and_the_whole_one_is_verified() {
    async fn uploaded(callback: Callback) -> Bytes {
        callback.into_body()
    }
    let hooks = Router::new().route("/{kind}", post(uploaded));
    let router = Router::new()
        .nest("/api/hooks", hooks)
        .with_state(App(KeyServer::with_key().receiver()));

    let whole = send(&router, signed("/api/hooks/up%20load?a=%2F", "object=b")).await;
    assert_eq!(
        (whole.status.as_u16(), &*whole.body),
        (200, &b"object=b"[..])
    );

    let mut cut = signed("/upload?a=%2F", "object=b");
    *cut.uri_mut() = "/api/hooks/upload?a=%2F".parse().unwrap();
    assert_eq!(
        send(&router, cut).await.status,
        400,
        "signed for another path"
    );
}

#[tokio::test]
async fn http_2_sends_the_host_apart_and_http_1_does_not() {
    let router = router(KeyServer::with_key().receiver());
    let request = |version| {
        let mut request = signed("/cb?a=1", "object=b");
        *request.uri_mut() = "http://app.example/cb?a=1".parse().unwrap();
        *request.version_mut() = version;
        request
    };
    assert_eq!(send(&router, request(Version::HTTP_2)).await.status, 200);

    let refused = send(&router, request(Version::HTTP_11)).await;
    assert_eq!(refused.code.as_deref(), Some("target"));
    assert_refused(&refused, "request");
}

#[tokio::test]
async fn a_header_that_is_no_text_is_refused_and_breaks_nothing() {
    let router = router(KeyServer::with_key().receiver());
    let mut request = signed("/cb", "object=b");
    let value = axum::http::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    request.headers_mut().insert("authorization", value);

    let refused = send(&router, request).await;

    assert_eq!(refused.code.as_deref(), Some("header-not-base64"));
    assert_refused(&refused, "header");
}

#[tokio::test]
async fn a_body_is_bounded_whether_it_says_its_length_or_not() {
    let router = router(KeyServer::with_key().receiver().body_limit(8));
    assert_eq!(send(&router, signed("/cb", "object=b")).await.status, 200);

    let unannounced = send(&router, signed("/cb", "object=bc")).await;
    let mut announced = signed("/cb", "object=bc");
    let length = announced.headers_mut();
    length.insert("content-length", 9.into());
    let (parts, _) = announced.into_parts();
    // Nobody waits for it.
    let endless = Body::new(Endless);
    let announced = send(&router, Request::from_parts(parts, endless)).await;

    for answer in [unannounced, announced] {
        assert_eq!(answer.status, 413, "{answer:?}");
        assert_eq!(answer.code.as_deref(), Some("body-too-long"));
        assert_eq!(answer.part.as_deref(), Some("body"));
        assert_eq!(answer.body, br#"{"Status":"body not read"}"#);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_none() {
    let router = router(KeyServer::with_key().receiver());
    let (parts, _) = signed("/cb", "object=b").into_parts();

    let answer = send(&router, Request::from_parts(parts, Body::new(Broken))).await;

    assert_eq!(answer.status, 400);
    assert_eq!(answer.code.as_deref(), Some("body-cut-off"));
}

/// A body that never comes.
struct Endless;

/// A body whose connection is gone.
struct Broken;

mod bodies {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::{Bytes, HttpBody};

    type Frame<B> = Poll<Option<Result<http_body::Frame<Bytes>, B>>>;

    impl HttpBody for super::Endless {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Frame<io::Error> {
            Poll::Pending
        }
    }

    impl HttpBody for super::Broken {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Frame<io::Error> {
            Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
        }
    }
}
