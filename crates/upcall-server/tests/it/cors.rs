//! CORS: the vectors of the protocol through real preflights and real requests.

use serde_json::Value;
use upcall::name::BucketName;
use upcall_store::catalog::{Cors, CorsRule, Writer};

use crate::client::Answer;
use crate::server::TestServer;

const VECTORS: &str = include_str!("../../../upcall/tests/vectors/cors-match.json");

#[tokio::test]
async fn preflights_are_answered_as_the_vectors_say() {
    let server = TestServer::start().await;
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut count = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let Some(asked) = case["preflight"].as_object() else {
            continue;
        };
        set_rules(&server, case).await;
        let headers: String = asked
            .iter()
            .map(|(name, value)| [name, ": ", value.as_str().unwrap(), "\r\n"].concat())
            .collect();
        let answer = server
            .client()
            .request("OPTIONS", "/photos/any", &headers, b"")
            .await;
        assert_expected(case, &answer);
        count += 1;
    }
    assert!(count >= 4, "{count}");
}

#[tokio::test]
async fn requests_of_pages_get_the_headers_even_when_they_are_refused() {
    let server = TestServer::start().await;
    let case = serde_json::json!({"rules": [{"origins": ["http://page.example"], "methods": ["POST"], "headers": ["*"], "expose": ["ETag"], "max_age": 60}]});
    set_rules(&server, &case).await;
    let form = |origin: &str| {
        crate::form::Form::signed("photos", "a")
            .header("Origin", origin)
            .file("a", b"hello")
    };

    let stored = server.post(&form("http://page.example")).await;
    assert_eq!(stored.status, 204);
    assert_eq!(
        stored.header("access-control-allow-origin"),
        "http://page.example"
    );
    assert_eq!(stored.header("access-control-expose-headers"), "ETag");
    let foreign = server.post(&form("http://other.example")).await;
    assert_eq!(
        (
            foreign.status,
            foreign.header("access-control-allow-origin")
        ),
        (204, "")
    );
    let refused = crate::form::Form::empty("photos").field("key", "a");
    let refused = server
        .post(
            &refused
                .header("Origin", "http://page.example")
                .file("a", b"hello"),
        )
        .await;
    refused.assert_refused(403, "AccessDenied", "");
    assert_eq!(
        refused.header("access-control-allow-origin"),
        "http://page.example"
    );
}

async fn set_rules(server: &TestServer, case: &Value) {
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    };
    let rules: Vec<CorsRule> = case["rules"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|rule| CorsRule {
            allowed_origins: texts(&rule["origins"]),
            allowed_methods: texts(&rule["methods"]),
            allowed_headers: texts(&rule["headers"]),
            expose_headers: texts(&rule["expose"]),
            max_age_seconds: rule["max_age"].as_u64().map(|age| age.try_into().unwrap()),
        })
        .collect();
    let cors = Cors {
        rules,
        response_vary: false,
    };
    let bucket = BucketName::parse("photos").unwrap();
    let cors = (!cors.rules.is_empty()).then_some(&cors);
    server
        .store()
        .catalog()
        .set_bucket_cors(&bucket, cors, &Writer::Operator)
        .await
        .unwrap();
}

fn assert_expected(case: &Value, answer: &Answer) {
    let name = &case["name"];
    for (what, expected) in case["expect"].as_object().unwrap() {
        let actual = match what.as_str() {
            "status" => answer.status.to_string(),
            "code" => answer.element("Code"),
            "message" => answer.element("Message"),
            header => answer.header(&header.to_lowercase()).to_owned(),
        };
        let expected = match expected {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                other.to_string()
            }
        };
        assert_eq!(actual, expected, "{name}: {what}: {answer:?}");
    }
}
