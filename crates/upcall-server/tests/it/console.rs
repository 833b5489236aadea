//! The console: its files, who gets in, and from where.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use upcall_server::{Clock, ConsoleUrl};

use crate::client::{Answer, Client};
use crate::server::{ADMIN, Setup, TestServer};

/// What the console's page sends along with everything.
const MARK: &str = "x-upcall-console: 1\r\n";

pub(crate) async fn login(server: &TestServer) -> String {
    let origin = format!("Origin: http://{}\r\n{MARK}", server.admin());
    let answer = try_login(server, ADMIN, &origin).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    cookie(&answer)
}

/// What else the console's own page sends.
pub(crate) fn own_page(server: &TestServer) -> String {
    format!("Origin: http://{}\r\n{MARK}", server.admin())
}

/// A server whose clock says what the second one holds, in seconds.
async fn server_with_clock() -> (TestServer, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(1_800_000_000));
    let told = Arc::clone(&now);
    let clock =
        Clock::from_fn(move || Timestamp::from_second(told.load(Ordering::Relaxed)).unwrap());
    let server = TestServer::start_with(Setup {
        clock,
        ..Setup::default()
    })
    .await;
    (server, now)
}

/// The header that a browser sends back.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    format!("Cookie: {}\r\n", set.split(';').next().unwrap_or_default())
}

pub(crate) async fn try_login(server: &TestServer, secret: &str, headers: &str) -> Answer {
    let body = serde_json::json!({ "secret": secret }).to_string();
    Client::new(server.admin())
        .request("POST", "/console/login", headers, body.as_bytes())
        .await
}

/// A request of which every header is said.
async fn raw(server: &TestServer, method: &str, path: &str, headers: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\n{headers}Content-Length: 0\r\n\r\n");
    Client::new(server.admin()).send(request.as_bytes()).await
}

pub(crate) fn code(answer: &Answer) -> String {
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    json["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn its_files_are_kept_to_themselves() {
    let server = TestServer::start().await;
    let client = Client::new(server.admin());
    for path in ["/", "/console"] {
        let answer = client.request("GET", path, "", b"").await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (302, "/console/"),
            "{path}"
        );
    }

    let page = client.request("GET", "/console/", "", b"").await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.body,
        upcall_web::console_asset("/console/").unwrap().bytes
    );
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src \
             'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(name), value, "{name}");
    }
    for asset in upcall_web::console_assets() {
        let answer = client.request("GET", asset.path, "", b"").await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, asset.bytes));
        assert_eq!(answer.header("content-type"), asset.content_type);
        let is_kept = answer.header("cache-control").contains("immutable");
        assert_eq!(is_kept, asset.immutable, "{}", asset.path);
    }
    for (method, path, status) in [
        ("GET", "/console/none.js", 404),
        ("GET", "/console/../v1/buckets", 404),
        ("GET", "/consolex", 401),
        ("PUT", "/console/", 404),
        ("GET", "/index.html", 401),
    ] {
        let answer = client.request(method, path, "", b"").await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    // The upload page is another server's.
    assert_eq!(
        client
            .request("GET", "/console/../index.html", "", b"")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_session_opens_what_the_secret_opens_until_it_ends() {
    let (server, now) = server_with_clock().await;
    let client = Client::new(server.admin());
    let origin = format!("Origin: http://{}\r\n{MARK}", server.admin());
    let answer = try_login(&server, ADMIN, &origin).await;
    let set = answer.header("set-cookie").to_owned();
    let port = server.admin().port();
    let (value, attributes) = set.split_once(';').unwrap();
    let token = value
        .strip_prefix(&format!("upcall-console-{port}="))
        .unwrap();
    assert_eq!(token.len(), 43, "32 bytes: {set}");
    assert_eq!(
        attributes,
        " Max-Age=43200; Path=/; HttpOnly; SameSite=Strict"
    );
    let session = cookie(&answer);
    let list = || client.request("GET", "/v1/buckets", &session, b"");
    assert_eq!(list().await.status, 200);
    let made = format!("{session}{origin}");
    assert_eq!(
        client
            .request("PUT", "/v1/buckets/made", &made, b"{}")
            .await
            .status,
        201
    );

    now.fetch_add(12 * 3600 - 1, Ordering::Relaxed);
    assert_eq!(list().await.status, 200);
    now.fetch_add(1, Ordering::Relaxed);
    let ended = list().await;
    assert_eq!((ended.status, code(&ended).as_str()), (401, "Unauthorized"));

    let session = login(&server).await;
    let bye = client
        .request(
            "POST",
            "/console/logout",
            &format!("{session}{origin}"),
            b"",
        )
        .await;
    assert_eq!(bye.status, 204);
    assert!(
        bye.header("set-cookie").contains("=; Max-Age=0;"),
        "{bye:?}"
    );
    assert_eq!(
        client
            .request("GET", "/v1/buckets", &session, b"")
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_made_up_session_opens_nothing() {
    let server = TestServer::start().await;
    let name = format!("upcall-console-{}", server.admin().port());
    let real = login(&server).await;
    for guess in [
        String::new(),
        format!("Cookie: {name}=\r\n"),
        format!("Cookie: {name}={}\r\n", "A".repeat(43)),
        format!("Cookie: {name}={}\r\n", "A".repeat(4000)),
        real.replace(&name, "upcall-console"),
        real.replace(&name, &format!("__Host-{name}")),
        format!("Cookie: {name}=%00\r\nCookie: {name}=\"\r\n"),
    ] {
        let answer = Client::new(server.admin())
            .request("GET", "/v1/buckets", &guess, b"")
            .await;
        assert_eq!(answer.status, 401, "{guess}");
    }
    // A neighbour on the same host may have set one beside ours.
    let beside = real.replace("Cookie: ", &format!("Cookie: a=b; {name}=x; "));
    let answer = Client::new(server.admin())
        .request("GET", "/v1/buckets", &beside, b"")
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn planted_cookies_do_not_lock_the_operator_out() {
    let server = TestServer::start().await;
    let real = login(&server).await;
    let name = format!("upcall-console-{}", server.admin().port());
    for (count, value) in [
        (8, "A".repeat(43)),
        (300, "A".repeat(43)),
        (900, "x".to_owned()),
    ] {
        let planted = format!("{name}={value}; ").repeat(count);
        for headers in [
            real.replace("Cookie: ", &format!("Cookie: {planted}")),
            format!("Cookie: {planted}\r\n{real}"),
        ] {
            let answer = Client::new(server.admin())
                .request("GET", "/v1/buckets", &headers, b"")
                .await;
            assert_eq!(answer.status, 200, "{count} × {value}");
        }
    }
}

#[tokio::test]
async fn what_changes_something_comes_from_the_consoles_own_page() {
    let server = TestServer::start().await;
    let session = login(&server).await;
    let admin = server.admin();
    let own = format!("Host: {admin}\r\n{session}");
    let body = |headers: &str| format!("{own}{headers}");
    for headers in [
        String::new(),
        MARK.to_owned(),
        format!("Origin: http://{admin}\r\n"),
        format!("Origin: http://{admin}\r\nx-upcall-console: 0\r\n"),
        format!("Origin: http://evil.example\r\n{MARK}"),
        format!("Origin: https://{admin}\r\n{MARK}"),
        format!("Origin: null\r\n{MARK}"),
        format!("Origin: http://127.0.0.1:1\r\n{MARK}"),
        format!("Origin: http://{admin}\r\nSec-Fetch-Site: same-site\r\n{MARK}"),
        format!("Origin: http://{admin}\r\nSec-Fetch-Site: cross-site\r\n{MARK}"),
    ] {
        for (method, path) in [
            ("DELETE", "/v1/buckets/photos"),
            ("POST", "/v1/owed/deliver"),
            ("DELETE", "/v1/callbacks"),
        ] {
            let answer = raw(&server, method, path, &body(&headers)).await;
            assert_eq!(
                (answer.status, code(&answer).as_str()),
                (403, "ForeignOrigin"),
                "{method} {path} {headers}"
            );
        }
    }
    // A page of a neighbour on the same host, for the browser the same site.
    let answer = raw(
        &server,
        "GET",
        "/v1/buckets",
        &body("Sec-Fetch-Site: same-site\r\n"),
    )
    .await;
    assert_eq!(answer.status, 403);
    let good = format!("Origin: http://{admin}\r\nSec-Fetch-Site: same-origin\r\n{MARK}");
    assert_eq!(
        raw(&server, "DELETE", "/v1/buckets/photos", &body(&good))
            .await
            .status,
        204
    );
    // Login and logout are asked the same.
    for path in ["/console/login", "/console/logout"] {
        let answer = raw(&server, "POST", path, &format!("Host: {admin}\r\n{MARK}")).await;
        assert_eq!(code(&answer), "ForeignOrigin", "{path}");
    }
    // The answer to a preflight allows nothing.
    let preflight = format!(
        "Host: {admin}\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: DELETE\r\n"
    );
    let answer = raw(&server, "OPTIONS", "/v1/buckets/open", &preflight).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_name_that_somebody_else_may_have_is_refused() {
    let server = TestServer::start().await;
    let session = login(&server).await;
    let port = server.admin().port();
    for host in [
        format!("evil.example:{port}"),
        "evil.example".to_owned(),
        "127.0.0.1.evil.example".to_owned(),
    ] {
        let here = format!("Host: {host}\r\n{session}");
        for path in ["/console/", "/", "/v1/buckets", "/v1/callbacks"] {
            let answer = raw(&server, "GET", path, &here).await;
            assert_eq!(
                (answer.status, code(&answer).as_str()),
                (421, "ForeignHost"),
                "{host} {path}"
            );
        }
        let headers = format!("{here}Origin: http://{host}\r\n{MARK}");
        for (method, path) in [("DELETE", "/v1/buckets/photos"), ("POST", "/console/login")] {
            let answer = raw(&server, method, path, &headers).await;
            assert_eq!(code(&answer), "ForeignHost", "{method} {path}");
        }
        // Programs that know the secret may call the server what they like.
        let bearer = format!("Host: {host}\r\nAuthorization: Bearer {ADMIN}\r\n");
        assert_eq!(
            raw(&server, "GET", "/v1/buckets", &bearer).await.status,
            200
        );
        assert_eq!(
            raw(&server, "GET", "/healthz", &format!("Host: {host}\r\n"))
                .await
                .status,
            200
        );
    }
    for host in ["localhost", "[::1]:8702", "10.0.0.7", "upcall.localhost:1"] {
        let answer = raw(&server, "GET", "/console/", &format!("Host: {host}\r\n")).await;
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[tokio::test]
async fn behind_a_proxy_with_tls_the_cookie_is_for_tls_alone() {
    let server = TestServer::start_with(Setup {
        console_url: Some(ConsoleUrl::parse("https://admin.example.com").unwrap()),
        ..Setup::default()
    })
    .await;
    let body = format!("{{\"secret\":\"{ADMIN}\"}}");
    let login = |origin: &str| {
        format!(
            "POST /console/login HTTP/1.1\r\nHost: admin.example.com\r\nOrigin: {origin}\r\n{MARK}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let client = Client::new(server.admin());
    let plain = client
        .send(login("http://admin.example.com").as_bytes())
        .await;
    assert_eq!(code(&plain), "ForeignOrigin");

    let answer = client
        .send(login("https://admin.example.com").as_bytes())
        .await;

    assert_eq!(answer.status, 204, "{}", answer.text());
    let set = answer.header("set-cookie");
    let name = format!("__Host-upcall-console-{}=", server.admin().port());
    assert!(set.starts_with(&name), "{set}");
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"),
        "{set}"
    );
    let headers = format!("Host: admin.example.com\r\n{}", cookie(&answer));
    assert_eq!(
        raw(&server, "GET", "/v1/buckets", &headers).await.status,
        200
    );
}

#[tokio::test]
async fn wrong_secrets_are_counted_and_never_repeated() {
    let (server, now) = server_with_clock().await;
    let origin = format!("Origin: http://{}\r\n{MARK}", server.admin());
    for guess in [
        "",
        "a",
        "admin-secret-012345678",
        "x".repeat(5000).as_str(),
        "\u{0}\r\n",
    ] {
        let answer = try_login(&server, guess, &origin).await;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (401, "WrongSecret"),
            "{guess}"
        );
        assert_eq!(answer.header("set-cookie"), "");
        assert!(guess.len() < 2 || !answer.text().contains(guess), "{guess}");
    }
    let answer = try_login(&server, "another-wrong-secret", &origin).await;
    assert_eq!(
        (answer.status, code(&answer).as_str()),
        (429, "TooManyAttempts")
    );
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(try_login(&server, ADMIN, &origin).await.status, 204);
    now.fetch_add(5, Ordering::Relaxed);
    let answer = try_login(&server, "another-wrong-secret", &origin).await;
    assert_eq!(answer.status, 401);

    for body in ["", "{}", "[]", r#"{"secret":7}"#, r#"{"secret":"a","b":1}"#] {
        let client = Client::new(server.admin());
        let answer = client
            .request("POST", "/console/login", &origin, body.as_bytes())
            .await;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (400, "MalformedJSON"),
            "{body}"
        );
    }
    let long = format!(r#"{{"secret":"{}"}}"#, "x".repeat(100_000));
    let client = Client::new(server.admin());
    let answer = client
        .request("POST", "/console/login", &origin, long.as_bytes())
        .await;
    assert_eq!(answer.status, 400);
}
