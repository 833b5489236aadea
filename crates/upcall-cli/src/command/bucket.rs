//! `upcall bucket`: buckets of a running server.

use hyper::Method;
use serde_json::{Value, json};
use upcall::name::BucketName;

use super::admin_client::AdminClient;
use super::{bucket_callback, bucket_uploads};
use crate::config::args::{AdminArgs, BucketCommand, CorsCommand, CorsRuleArgs};
use crate::terminal::message::Failure;
use crate::terminal::{output, table};

pub(crate) async fn run(command: BucketCommand) -> Result<(), Failure> {
    match command {
        BucketCommand::Create { name, acl, admin } => {
            let body = json!({ "acl": acl });
            change(
                &admin,
                Method::PUT,
                &path(&name, "")?,
                Some(&body),
                "created",
                &name,
            )
            .await
        }
        BucketCommand::Delete { name, admin } => {
            change(
                &admin,
                Method::DELETE,
                &path(&name, "")?,
                None,
                "deleted",
                &name,
            )
            .await
        }
        BucketCommand::Signatures {
            name,
            versions,
            admin,
        } => {
            let body = json!({ "signatures": versions });
            let path = path(&name, "/signatures")?;
            change(&admin, Method::PUT, &path, Some(&body), "changed", &name).await
        }
        BucketCommand::Acl { name, acl, admin } => {
            let body = json!({ "acl": acl });
            change(
                &admin,
                Method::PUT,
                &path(&name, "/acl")?,
                Some(&body),
                "changed",
                &name,
            )
            .await
        }
        BucketCommand::List { admin } => list(&admin).await,
        BucketCommand::Callback(command) => bucket_callback::run(command).await,
        BucketCommand::Uploads(command) => bucket_uploads::run(command).await,
        BucketCommand::Cors(command) => cors(command).await,
    }
}

async fn list(admin: &AdminArgs) -> Result<(), Failure> {
    let answer = AdminClient::new(admin)?
        .ask(Method::GET, "/v1/buckets", None)
        .await?;
    if admin.json {
        output::json(&answer)?;
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&answer["buckets"])
        .map(|bucket| {
            let rules = items(&bucket["cors"]["rules"]).count();
            vec![
                text(&bucket["name"]),
                text(&bucket["acl"]),
                rules.to_string(),
                text(&bucket["created"]),
            ]
        })
        .collect();
    output::line(table::write(
        &["NAME", "ACL", "CORS RULES", "CREATED"],
        &rows,
    ))?;
    Ok(())
}

async fn cors(command: CorsCommand) -> Result<(), Failure> {
    match command {
        CorsCommand::Get { name, admin } => show_rules(&name, &admin).await,
        CorsCommand::Add { rule, admin } => {
            let path = path(&rule.name, "/cors")?;
            let known = AdminClient::new(&admin)?
                .ask(Method::GET, &path, None)
                .await?;
            let mut rules: Vec<Value> = items(&known["rules"]).cloned().collect();
            rules.push(rule_json(&rule));
            // Rules without one were set by `PutBucketCors`, which has its own default.
            let vary = known["responseVary"].as_bool().unwrap_or(true);
            let body = json!({ "rules": rules, "responseVary": vary });
            change(
                &admin,
                Method::PUT,
                &path,
                Some(&body),
                "changed",
                &rule.name,
            )
            .await
        }
        CorsCommand::Set { rule, admin } => {
            let path = path(&rule.name, "/cors")?;
            let body = json!({ "rules": [rule_json(&rule)], "responseVary": true });
            change(
                &admin,
                Method::PUT,
                &path,
                Some(&body),
                "changed",
                &rule.name,
            )
            .await
        }
        CorsCommand::Delete { name, admin } => {
            change(
                &admin,
                Method::DELETE,
                &path(&name, "/cors")?,
                None,
                "changed",
                &name,
            )
            .await
        }
    }
}

fn rule_json(rule: &CorsRuleArgs) -> Value {
    json!({
        "allowedOrigins": rule.origin,
        "allowedMethods": rule.method,
        "allowedHeaders": rule.header,
        "exposeHeaders": rule.expose,
        "maxAgeSeconds": rule.max_age,
    })
}

async fn show_rules(name: &str, admin: &AdminArgs) -> Result<(), Failure> {
    let answer = AdminClient::new(admin)?
        .ask(Method::GET, &path(name, "/cors")?, None)
        .await?;
    if admin.json {
        output::json(&answer)?;
        return Ok(());
    }
    let list = |value: &Value| items(value).map(text).collect::<Vec<_>>().join(" ");
    let rows: Vec<Vec<String>> = items(&answer["rules"])
        .map(|rule| {
            vec![
                list(&rule["allowedOrigins"]),
                list(&rule["allowedMethods"]),
                list(&rule["allowedHeaders"]),
                list(&rule["exposeHeaders"]),
                text(&rule["maxAgeSeconds"]),
            ]
        })
        .collect();
    output::line(table::write(
        &["ORIGINS", "METHODS", "HEADERS", "EXPOSED", "MAX AGE"],
        &rows,
    ))?;
    Ok(())
}

async fn change(
    admin: &AdminArgs,
    method: Method,
    path: &str,
    body: Option<&Value>,
    done: &str,
    name: &str,
) -> Result<(), Failure> {
    let answer = AdminClient::new(admin)?.ask(method, path, body).await?;
    if admin.json {
        output::json(&if answer.is_null() {
            json!({ "bucket": name })
        } else {
            answer
        })?;
    } else {
        output::line(format!("bucket `{name}` {done}"))?;
    }
    Ok(())
}

/// Where the admin interface has this bucket.
///
/// # Errors
/// The text is no bucket name, and the server need not be asked.
pub(super) fn path(name: &str, rest: &str) -> Result<String, Failure> {
    let bucket = BucketName::parse(name).map_err(|error| {
        let failure = Failure::new(format!("`{}` is no bucket name", name.escape_debug()));
        failure.hint(error.to_string())
    })?;
    Ok(format!("/v1/buckets/{bucket}{rest}"))
}

pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
