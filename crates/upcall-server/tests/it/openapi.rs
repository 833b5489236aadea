//! The document of the admin interface against a running server: every route that it names is there,
//! takes the parameters and the body that it names and no others, and answers as it says.

use serde_json::{Value, json};

use crate::application::Application;
use crate::client::{Answer, Client};
use crate::faults::{AGREED, ask, calls, faulty_server, order, upload};
use crate::sandbox::assert_sandboxed;
use crate::server::TestServer;

/// An operation of the document.
struct Operation<'d> {
    method: String,
    path: &'d str,
    said: &'d Value,
}

impl Operation<'_> {
    fn parameters(&self) -> Vec<&str> {
        let parameters = self.said["parameters"].as_array().into_iter().flatten();
        parameters
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect()
    }

    fn example(&self) -> &Value {
        &self.said["requestBody"]["content"]["application/json"]["example"]
    }
}

/// Those that change nothing first, those that delete last.
fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, said) in item.as_object().unwrap() {
            if method != "parameters" {
                let method = method.to_uppercase();
                operations.push(Operation { method, path, said });
            }
        }
    }
    let order = ["GET", "PUT", "POST", "DELETE"];
    operations.sort_by_key(|operation| order.iter().position(|each| *each == operation.method));
    operations
}

async fn document(server: &TestServer) -> Value {
    let client = Client::new(server.admin());
    // Without the secret: it says nothing of this server.
    let answer = client.request("GET", "/v1/openapi.json", "", b"").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    serde_json::from_slice(&answer.body).unwrap()
}

/// A server with something of everything, and the ids of a call and a refusal.
async fn furnished() -> (TestServer, String, String) {
    let server = faulty_server().await;
    let app = Application::agreeing(AGREED).await;
    let url = app.url("/cb");
    assert_eq!(server.post(&upload("photos", "a", &url)).await.status, 200);
    let fault = json!({ "bucket": "photos", "on": "upload", "kind": "refuse" });
    order(&server, fault).await;
    let refused = server.post(&upload("photos", "a", &url)).await;
    let call = calls(&server, "photos").await[0]["id"].clone();
    let refusal = refused.header("x-oss-request-id").to_owned();
    (server, call.as_str().unwrap().to_owned(), refusal)
}

#[tokio::test]
async fn every_documented_route_answers_as_the_document_says() {
    let (server, call, refusal) = furnished().await;
    let document = document(&server).await;
    let folder = tempfile::tempdir().unwrap();
    for operation in operations(&document) {
        let id = match operation.path {
            path if path.starts_with("/v1/callbacks/") => call.as_str(),
            path if path.starts_with("/v1/faults/") => "1",
            _ => "00000000000000000000000000000000",
        };
        let path = operation
            .path
            .replace("{bucket}", "photos")
            .replace("{requestId}", &refusal)
            .replace("{id}", id);
        let query = match operation.said["operationId"].as_str().unwrap() {
            "nextCall" => "?after=0000000000000000&bucket=photos",
            "getObject" | "getObjectContent" | "deleteObject" => "?key=a",
            "removeCallbackKey" => "?bucket=photos",
            _ => "",
        };
        let mut body = operation.example().clone();
        if body.get("to").is_some() {
            body["to"] = json!(folder.path().join("copy"));
        }
        let what = format!("{} {path}", operation.method);

        let answer = ask(&server, &operation.method, &format!("{path}{query}"), &body).await;

        assert!(!answer.text().contains("NoSuchRoute"), "{what}: {answer:?}");
        let status = answer.status.to_string();
        let said = &operation.said["responses"][&status];
        assert!(said.is_object(), "{what}: {status} is not documented");
        // An example must be one that the server understands.
        assert_ne!(answer.status, 400, "{what}: {answer:?}");
        check_body(&document, &what, said, &answer);
        assert_sandboxed(&answer, &what);
        check_unknown(&server, &operation, &path, &body).await;
    }
}

/// The body has what the document says that it has, and nothing else.
fn check_body(document: &Value, what: &str, said: &Value, answer: &Answer) {
    let said = resolved(document, said);
    let Some(content) = said.get("content") else {
        assert_eq!(answer.text(), "", "{what}");
        return;
    };
    let (media_type, content) = content.as_object().unwrap().iter().next().unwrap();
    let given = answer.header("content-type");
    assert_eq!(given.split(';').next(), Some(media_type.as_str()), "{what}");
    if media_type == "application/json" {
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        check_value(document, what, &content["schema"], &body);
    }
}

fn check_value(document: &Value, at: &str, schema: &Value, value: &Value) {
    let schema = resolved(document, schema);
    if let Some(either) = schema["oneOf"].as_array() {
        // Something, or nothing.
        if !value.is_null() {
            check_value(document, at, &either[0], value);
        }
        return;
    }
    let many = schema["type"].as_array().into_iter().flatten();
    let types = many.chain(schema.get("type")).filter_map(Value::as_str);
    let types: Vec<&str> = types.collect();
    let is_of_type = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: a type {other}"),
    };
    assert!(
        types.is_empty() || types.iter().any(is_of_type),
        "{at}: {value} is not {types:?}"
    );
    if let Some(values) = schema["enum"].as_array() {
        assert!(
            values.contains(value),
            "{at}: {value} is none of {values:?}"
        );
    }
    for item in value.as_array().into_iter().flatten() {
        check_value(document, &format!("{at}[]"), &schema["items"], item);
    }
    let (properties, required) = members(document, schema);
    if properties.is_empty() {
        return;
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let known = properties.iter().find(|(known, _)| *known == name);
        let (_, schema) = known.unwrap_or_else(|| panic!("{at}: `{name}` is not documented"));
        check_value(document, &format!("{at}.{name}"), schema, member);
    }
    for name in required.iter().filter(|_| value.is_object()) {
        assert!(value.get(name).is_some(), "{at}: `{name}` is missing");
    }
}

/// Members and those that are always there, those of `allOf` included.
fn members<'d>(
    document: &'d Value,
    schema: &'d Value,
) -> (Vec<(&'d String, &'d Value)>, Vec<&'d str>) {
    let mut properties: Vec<_> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .collect();
    let required = schema["required"].as_array().into_iter().flatten();
    let mut required: Vec<&str> = required.filter_map(Value::as_str).collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (more, always) = members(document, resolved(document, part));
        properties.extend(more);
        required.extend(always);
    }
    (properties, required)
}

fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(to) => document.pointer(to.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// What the document does not name is refused, and what it names is not taken for unknown.
async fn check_unknown(server: &TestServer, operation: &Operation<'_>, path: &str, body: &Value) {
    let asked = |query: String| {
        let path = format!("{path}?{query}");
        let method = operation.method.clone();
        async move { ask(server, &method, &path, body).await }
    };
    let what = format!("{} {path}", operation.method);
    let unknown = asked("unknown=1".to_owned()).await;
    if operation.said["security"] == json!([]) {
        assert_eq!(unknown.status, 200, "{what}: {unknown:?}");
        return;
    }
    assert_eq!(unknown.status, 400, "{what}: {unknown:?}");
    assert!(
        unknown.text().contains("there is no parameter `unknown`"),
        "{what}: {unknown:?}"
    );
    for name in operation.parameters() {
        let twice = asked(format!("{name}=a&{name}=b")).await;
        let sentence = format!("the parameter `{name}` is there twice");
        assert!(twice.text().contains(&sentence), "{what}: {twice:?}");
    }
    if body.is_object() {
        let mut more = body.clone();
        more["unknownMember"] = json!(1);
        let answer = ask(server, &operation.method, path, &more).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert!(
            answer.text().contains("unknown field `unknownMember`"),
            "{what}: {answer:?}"
        );
    }
}
