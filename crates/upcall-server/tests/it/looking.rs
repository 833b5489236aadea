//! What the admin interface shows to people: figures, objects, refused uploads, and why a callback
//! does not verify.

use serde_json::{Value, json};

use crate::application::Application;
use crate::callbacks::parameter;
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, Setup, TestServer};

async fn ask(server: &TestServer, method: &str, path: &str, body: &str) -> Answer {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    Client::new(server.admin())
        .request(method, path, &headers, body.as_bytes())
        .await
}

#[track_caller]
fn parsed(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

async fn get(server: &TestServer, path: &str) -> Value {
    parsed(&ask(server, "GET", path, "").await)
}

#[tokio::test]
async fn the_overview_counts_what_happened() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let callback = parameter(&app.url("/cb"), "a=b", "");
    let dead = parameter("http://127.0.0.1:9/", "a=b", "");
    let form = |key: &str| Form::signed("photos", key);
    for (form, status) in [
        (form("a").file("a", b"hello"), 204),
        (form("b").field("callback", &callback).file("b", b"hi"), 200),
        (form("c").field("callback", &dead).file("c", b"hi"), 203),
        (
            Form::empty("photos")
                .field("key", "d")
                .file("d", b"refused"),
            403,
        ),
    ] {
        assert_eq!(server.post(&form).await.status, status);
    }

    let overview = get(&server, "/v1/overview").await;

    assert_eq!(
        overview["uploads"],
        json!({ "stored": 3, "refused": 1, "bytes": 9 })
    );
    assert_eq!(
        overview["callbacks"],
        json!({ "agreed": 1, "failed": 1, "underWay": 0 })
    );
    assert_eq!(
        overview["owed"],
        json!({ "waiting": 0, "givenUp": 0, "isMore": false })
    );
    assert_eq!(overview["buckets"], 3);
    assert!(overview["store"]["freeBytes"].as_u64().unwrap() > 0);
    assert_eq!(overview["store"]["damaged"], 0);
    let started: jiff::Timestamp = overview["started"].as_str().unwrap().parse().unwrap();
    assert!(started <= jiff::Timestamp::now());
}

#[tokio::test]
async fn objects_are_listed_looked_at_and_deleted() {
    let server = TestServer::start().await;
    for key in ["a/1.txt", "a/b/2.txt", "a/../x", "..", "猫 &?#.svg"] {
        let form = Form::signed("photos", key)
            .field("x-oss-meta-who", "it's <b>")
            .field("Cache-Control", "no-store")
            .file_of_type("f", "image/svg+xml", b"<svg/>");
        assert_eq!(server.post(&form).await.status, 204, "{key}");
    }

    let page = get(
        &server,
        "/v1/buckets/photos/objects?prefix=a/&delimiter=/&limit=2",
    )
    .await;
    assert_eq!(page["prefixes"], json!(["a/../"]));
    assert_eq!(page["objects"][0]["key"], "a/1.txt");
    assert_eq!(page["objects"][0]["contentType"], "image/svg+xml");
    let marker = page["nextMarker"].as_str().unwrap();
    let path = format!("/v1/buckets/photos/objects?prefix=a/&delimiter=/&marker={marker}");
    let page = get(&server, &path).await;
    assert_eq!(
        (page["prefixes"][0].as_str(), &page["nextMarker"]),
        (Some("a/b/"), &Value::Null)
    );

    let encoded = "key=%E7%8C%AB%20%26%3F%23.svg";
    let facts = get(&server, &format!("/v1/buckets/photos/object?{encoded}")).await;
    assert_eq!(facts["key"], "猫 &?#.svg");
    assert_eq!(
        (&facts["size"], &facts["bucket"]),
        (&json!(6), &json!("photos"))
    );
    assert_eq!(facts["metadata"], json!([["who", "it's <b>"]]));
    assert_eq!(facts["headers"], json!([["Cache-Control", "no-store"]]));
    assert!(facts["crc64"].is_string());

    let kept = ask(
        &server,
        "GET",
        &format!("/v1/buckets/photos/object/content?{encoded}"),
        "",
    )
    .await;
    assert_eq!(
        (kept.status, kept.body.as_slice()),
        (200, b"<svg/>".as_slice())
    );
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        (
            "content-disposition",
            "attachment; filename=\"_ ___.svg\"; filename*=UTF-8''%E7%8C%AB%20%26_%23.svg",
        ),
        (
            "content-security-policy",
            "sandbox; default-src 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(kept.header(name), value, "{name}");
    }
    // No browser takes a key for a way through folders.
    for key in ["..", "a/../x"] {
        let facts = get(&server, &format!("/v1/buckets/photos/object?key={key}")).await;
        assert_eq!(facts["key"], key);
    }

    let path = format!("/v1/buckets/photos/object?{encoded}");
    assert_eq!(ask(&server, "DELETE", &path, "").await.status, 204);
    assert_eq!(ask(&server, "DELETE", &path, "").await.status, 404);
    assert!(server.object("photos", "猫 &?#.svg").await.is_none());
    for (method, path, status) in [
        ("GET", "/v1/buckets/none/objects", 404),
        ("GET", "/v1/buckets/none/object?key=a", 404),
        ("GET", "/v1/buckets/photos/object?key=none", 404),
        ("GET", "/v1/buckets/photos/object/content?key=none", 404),
        ("GET", "/v1/buckets/photos/object", 400),
        ("GET", "/v1/buckets/photos/object?key=", 400),
        ("GET", "/v1/buckets/photos/object?key=a&key=b", 400),
        ("GET", "/v1/buckets/photos/object?kay=a", 400),
        ("GET", "/v1/buckets/photos/object?key=%ff", 400),
        ("GET", "/v1/buckets/photos/objects?limit=0", 400),
        ("GET", "/v1/buckets/photos/objects?limit=1001", 400),
        ("GET", "/v1/buckets/photos/objects?page=2", 400),
        ("GET", "/v1/buckets/No/objects", 400),
        ("PUT", "/v1/buckets/photos/object?key=a", 404),
        ("GET", "/v1/buckets/photos/object/none?key=a", 404),
    ] {
        assert_eq!(
            ask(&server, method, path, "").await.status,
            status,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn what_may_be_a_page_is_served_in_a_sandbox() {
    let server = TestServer::start().await;
    for (key, content_type, policy) in [
        ("a.html", "text/html", "sandbox"),
        ("a.svg", "image/svg+xml; charset=utf-8", "sandbox"),
        ("a.evil", "evil/evil", "sandbox"),
        ("a.jpg", "image/jpeg", ""),
        ("a.pdf", "application/pdf", ""),
    ] {
        let form = Form::signed("shown", key).file_of_type(key, content_type, b"<svg/>");
        assert_eq!(server.post(&form).await.status, 204);
        for method in ["GET", "HEAD"] {
            let path = format!("/shown/{key}");
            let answer = server.client().request(method, &path, "", b"").await;
            assert_eq!(answer.status, 200, "{key}");
            assert_eq!(answer.header("content-type"), content_type);
            assert_eq!(
                answer.header("content-security-policy"),
                policy,
                "{method} {key}"
            );
        }
    }
}

#[tokio::test]
async fn a_refused_upload_is_explained_condition_by_condition() {
    let server = TestServer::start().await;
    let policy = r#"[{"bucket":"photos"},["starts-with","$key","user/eric/"],["eq","$x:a","b"],["content-length-range",0,3],["content-length-range",0,100]]"#;
    let form = Form::empty("photos")
        .field("key", "user/bob/<script>\u{202e}.jpg")
        .field("x:a", "c")
        .field("x-oss-security-token", "a-token")
        .policy(policy)
        .file_of_type("evil\u{202e}.svg", "image/svg+xml", b"hello");
    let refused = server.post(&form).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let id = refused.header("x-oss-request-id");

    let answer = ask(&server, "GET", &format!("/v1/refusals/{id}"), "").await;
    let shown = parsed(&answer);

    assert_eq!(
        (&shown["status"], &shown["code"]),
        (&json!(403), &json!("InvalidSecurityToken"))
    );
    assert_eq!(shown["key"], "user/bob/<script>\u{202e}.jpg");
    assert_eq!(
        (&shown["bucket"], &shown["operation"]),
        (&json!("photos"), &json!("PostObject"))
    );
    assert_eq!(shown["peer"], "127.0.0.1");
    let verdicts: Vec<_> = shown["explanation"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|condition| condition["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["met", "unmet", "unmet", "unknown", "unknown"]);
    let text = shown["explanation"]["conditions"][2]["text"]
        .as_str()
        .unwrap();
    assert_eq!(
        text,
        r#"condition 3 wants field `x:a` to be "b", and it is "c""#
    );
    assert_eq!(shown["explanation"]["met"], false);
    assert!(shown["policy"].as_str().unwrap().contains("user/eric/"));
    assert_eq!(shown["form"]["fileName"], "evil\u{202e}.svg");
    let fields = shown["form"]["fields"].as_array().unwrap();
    assert!(fields.contains(&json!(["Signature", "…"])), "{fields:?}");
    assert!(
        fields.contains(&json!(["x-oss-security-token", "…"])),
        "{fields:?}"
    );
    let listed = ask(&server, "GET", "/v1/refusals", "").await;
    let policy = fields.iter().find(|field| field[0] == "policy").unwrap()[1]
        .as_str()
        .unwrap();
    let signature = crate::form::sign(crate::server::SECRET, policy);
    for text in [answer.text(), listed.text()] {
        assert!(
            !text.contains(&signature) && !text.contains("a-token"),
            "{text}"
        );
    }
    let listed = parsed(&listed);
    assert_eq!(listed["refusals"][0]["requestId"], id);
    assert_eq!(listed["refusals"][0]["form"], Value::Null);
    assert_eq!(
        ask(&server, "GET", "/v1/refusals/none", "").await.status,
        404
    );
}

#[tokio::test]
async fn a_file_of_the_wrong_length_names_the_condition_that_it_broke() {
    let server = TestServer::start().await;
    let policy = r#"[["starts-with","$key",""],["content-length-range",3,9],["content-length-range",0,100]]"#;
    let form = |file: &[u8]| {
        Form::empty("photos")
            .field("key", "a")
            .policy(policy)
            .file("a", file)
    };
    for (file, code, sentence) in [
        (
            b"0123456789".as_slice(),
            "EntityTooLarge",
            "has 3 to 9 bytes, and it has more",
        ),
        (
            b"01",
            "EntityTooSmall",
            "has 3 to 9 bytes, and it has fewer",
        ),
    ] {
        let refused = server.post(&form(file)).await;
        let id = refused.header("x-oss-request-id");
        let shown = get(&server, &format!("/v1/refusals/{id}")).await;
        assert_eq!(shown["code"], code);
        let conditions = &shown["explanation"]["conditions"];
        assert_eq!(conditions[1]["verdict"], "unmet", "{shown}");
        let text = conditions[1]["text"]
            .as_str()
            .unwrap()
            .replace("the file to have", "has");
        assert!(text.ends_with(sentence), "{text}");
        assert_eq!(conditions[2]["verdict"], "unknown");
        assert_eq!(shown["explanation"]["met"], false);
    }
}

#[tokio::test]
async fn refused_uploads_without_a_form_are_kept_too_and_the_oldest_go() {
    let mut setup = Setup::default();
    setup.limits.refused_uploads = 3;
    let server = TestServer::start_with(setup).await;
    let put = server
        .client()
        .request("PUT", "/photos/a", "", b"hello")
        .await;
    assert_eq!(put.status, 403);
    let malformed = Form::empty("photos").with_content_type("multipart/form-data; boundary=");
    assert_eq!(server.post(&malformed).await.status, 400);
    let listed = get(&server, "/v1/refusals").await;
    assert_eq!(listed["refusals"][0]["operation"], "PutObject");
    assert_eq!(listed["refusals"][0]["key"], "a");
    let id = listed["refusals"][1]["requestId"].as_str().unwrap();
    let shown = get(&server, &format!("/v1/refusals/{id}")).await;
    for member in ["form", "policy", "explanation"] {
        assert_eq!(shown[member], Value::Null, "{member}");
    }

    for _ in 0..3 {
        server.post(&malformed).await;
    }
    // What is read, or succeeds, is none.
    server
        .client()
        .request("GET", "/photos/none", "", b"")
        .await;
    let listed = get(&server, "/v1/refusals").await;
    let all = listed["refusals"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert!(
        all.iter()
            .all(|refusal| refusal["operation"] == "PostObject")
    );
}

/// What an application received, as somebody would paste it.
async fn received(server: &TestServer, app: &Application) -> (String, String) {
    let callback = parameter(&app.url("/a%2Fcb"), "object=${object}&size=${size}", "");
    let form = Form::signed("photos", "dir/cat.jpg").field("callback", &callback);
    let answer = server.post(&form.file("a", b"hello")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = get(server, "/v1/callbacks").await;
    let id = calls["calls"][0]["id"].as_str().unwrap().to_owned();
    let call = get(server, &format!("/v1/callbacks/{id}")).await;
    let mut text = format!("POST {} HTTP/1.1\r\n", call["target"].as_str().unwrap());
    for header in call["requestHeaders"].as_array().unwrap() {
        let [name, value] = [&header[0], &header[1]].map(|part| part.as_str().unwrap());
        text += &[name, ": ", value, "\r\n"].concat();
    }
    text += "\r\n";
    text += call["body"].as_str().unwrap();
    (id, text)
}

#[tokio::test]
async fn what_an_application_received_is_held_against_what_was_sent() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let (id, text) = received(&server, &app).await;
    let diagnose = async |call: Option<&str>, received: &str| {
        let question = json!({ "call": call, "received": received }).to_string();
        parsed(&ask(&server, "POST", "/v1/callbacks/diagnose", &question).await)
    };

    let good = diagnose(Some(&id), &text).await;
    assert_eq!(
        (&good["outcome"], &good["difference"]),
        (&json!("verifies"), &Value::Null)
    );
    assert_eq!(good["call"], id);

    let decoded = text.replace("object=dir%2Fcat.jpg", "object=dir/cat.jpg");
    assert_ne!(decoded, text);
    for call in [Some(id.as_str()), None] {
        let bad = diagnose(call, &decoded).await;
        assert_eq!(bad["outcome"], "fails", "{bad}");
        assert_eq!(
            bad["call"], id,
            "without an id it is found by the request's"
        );
        assert_eq!(bad["difference"]["part"], "body");
        assert!(
            bad["difference"]["sent"]["after"]
                .as_str()
                .unwrap()
                .starts_with("%2F"),
            "{bad}"
        );
        assert_eq!(bad["findings"][0]["certainty"], "proven", "{bad}");
        assert!(!bad["findings"][0]["text"].as_str().unwrap().is_empty());
    }

    let swallowed = text
        .lines()
        .filter(|line| {
            !line.starts_with("x-oss-pub-key-url") && !line.starts_with("x-oss-request-id")
        })
        .collect::<Vec<_>>()
        .join("\r\n");
    let bad = diagnose(Some(&id), &swallowed).await;
    assert_eq!(bad["outcome"], "fails", "{bad}");
    let foreign = text.replace("x-oss-request-id: ", "x-oss-request-id: none");
    assert_eq!(diagnose(None, &foreign).await["call"], Value::Null);

    for (question, status) in [
        (json!({ "received": "hello" }), 400),
        (json!({ "received": "" }), 400),
        (json!({ "call": id }), 400),
        (json!({ "call": "none", "received": text }), 404),
        (json!({ "call": id, "received": text, "more": 1 }), 400),
    ] {
        let answer = ask(
            &server,
            "POST",
            "/v1/callbacks/diagnose",
            &question.to_string(),
        )
        .await;
        assert_eq!(answer.status, status, "{question}");
    }
    let long = json!({ "call": id, "received": format!("{text}{}", "x".repeat(1 << 20)) });
    let answer = ask(&server, "POST", "/v1/callbacks/diagnose", &long.to_string()).await;
    assert_eq!(parsed(&answer)["outcome"], "fails");
    let endless = json!({ "received": "x".repeat(5 << 20) });
    let answer = ask(
        &server,
        "POST",
        "/v1/callbacks/diagnose",
        &endless.to_string(),
    )
    .await;
    assert_eq!(answer.status, 400);
}
