//! `upcall cors check`: a browser's preflight, played against a server.

use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use upcall::cors::{
    CorsRequest, Explanation, Judged, PreflightAnswer, PreflightFault, Rule, explain, has_preflight,
};
use upcall::name::BucketName;

use super::admin_client::AdminClient;
use super::bucket::{items, text};
use super::exchange::{Place, Question, Reply, exchange};
use crate::config::args::{CorsCheckArgs, PageCommand};
use crate::terminal::message::Failure;
use crate::terminal::output;

pub(crate) async fn run(command: PageCommand) -> Result<(), Failure> {
    let PageCommand::Check(args) = command;
    let names: Vec<&str> = args.header.iter().map(String::as_str).collect();
    let request = CorsRequest {
        origin: &args.origin,
        method: &args.method,
        headers: &names,
    };
    let reply = ask(&args, &request).await?;
    let values = |name: &str| -> Vec<&str> {
        let values = reply.headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok()).collect()
    };
    let answer = PreflightAnswer {
        status: reply.status.as_u16(),
        allow_origin: &values("access-control-allow-origin"),
        allow_methods: &values("access-control-allow-methods"),
        allow_headers: &values("access-control-allow-headers"),
    };
    let faults = answer.faults(&request);
    let explanation = match &args.bucket {
        Some(bucket) => Some(explained(&args, bucket, &request).await?),
        None => None,
    };
    // What is wrong with the origin itself can be said without the rules.
    let origin_fault = explain(&[], &request).origin_fault;
    if args.admin.json {
        output::json(&as_json(
            &reply,
            &faults,
            origin_fault,
            explanation.as_ref(),
        ))?;
    } else {
        print(&reply, &faults, &request)?;
        if let Some(fault) = origin_fault {
            output::line(format!("\n`{}`: {fault}", args.origin.escape_debug()))?;
        }
        if let Some(explanation) = &explanation {
            print_rules(explanation)?;
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(Failure::new("a browser would not send the request").the_answer_is_no())
}

/// Sends the preflight.
async fn ask(args: &CorsCheckArgs, request: &CorsRequest<'_>) -> Result<Reply, Failure> {
    let place = Place::parse(&args.url)?;
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        let sent = HeaderValue::from_str(value).map_err(|_| {
            Failure::new(format!(
                "`{}` cannot be sent as a header",
                value.escape_debug()
            ))
        })?;
        headers.insert(HeaderName::from_static(name), sent);
        Ok::<_, Failure>(())
    };
    set("origin", request.origin)?;
    set("access-control-request-method", request.method)?;
    if !request.headers.is_empty() {
        // As browsers do: in lower case, sorted.
        let mut names: Vec<String> = request
            .headers
            .iter()
            .map(|n| n.to_ascii_lowercase())
            .collect();
        names.sort();
        set("access-control-request-headers", &names.join(","))?;
    }
    let question = Question {
        method: Method::OPTIONS,
        headers,
        body: Bytes::new(),
        time_limit: TIME_LIMIT,
        most_bytes: MAX_BYTES,
    };
    exchange(&place, question)
        .await
        .map_err(|error| Failure::new(format!("cannot ask `{}`: {error}", args.url.escape_debug())))
}

/// What each rule of the bucket lacks, as the server's admin interface has them.
async fn explained(
    args: &CorsCheckArgs,
    bucket: &str,
    request: &CorsRequest<'_>,
) -> Result<Explanation, Failure> {
    let bucket = BucketName::parse(bucket)?;
    let answer = AdminClient::new(&args.admin)?
        .ask(Method::GET, &format!("/v1/buckets/{bucket}/cors"), None)
        .await?;
    let rules: Vec<[Vec<String>; 3]> = items(&answer["rules"])
        .map(|rule| {
            ["allowedOrigins", "allowedMethods", "allowedHeaders"]
                .map(|name| items(&rule[name]).map(text).collect())
        })
        .collect();
    let rules: Vec<Rule<'_>> = rules
        .iter()
        .map(|[origins, methods, headers]| Rule {
            origins,
            methods,
            headers,
        })
        .collect();
    Ok(explain(&rules, request))
}

fn print(
    reply: &Reply,
    faults: &[PreflightFault],
    request: &CorsRequest<'_>,
) -> Result<(), Failure> {
    output::line(format!("The answer to the preflight: {}", reply.status))?;
    for (name, value) in shown_headers(reply) {
        output::line(format!("  {name}: {value}"))?;
    }
    if faults.is_empty() {
        output::line("\nA browser sends the request.")?;
    } else {
        output::line("\nA browser does not send the request:")?;
    }
    for fault in faults {
        output::line(format!("  {fault}"))?;
    }
    if !has_preflight(request) {
        output::line(
            "\nBrowsers send this request without a preflight; the page reads the answer only if \
             that has `Access-Control-Allow-Origin`.",
        )?;
    }
    Ok(())
}

fn print_rules(explanation: &Explanation) -> Result<(), Failure> {
    if explanation.rules.is_empty() {
        output::line("\nThe bucket has no CORS rules: `upcall bucket cors set` makes one.")?;
        return Ok(());
    }
    output::line("")?;
    for judged in &explanation.rules {
        if judged.lacks.is_empty() {
            output::line(format!("rule {} fits", judged.number))?;
        }
        for lack in &judged.lacks {
            output::line(format!("rule {}: {lack}", judged.number))?;
        }
    }
    Ok(())
}

/// Those of the answer's headers that CORS is about, escaped.
fn shown_headers(reply: &Reply) -> Vec<(String, String)> {
    let is_shown = |name: &HeaderName| {
        name.as_str().starts_with("access-control-") || matches!(name.as_str(), "vary" | "location")
    };
    let shown = |value: &HeaderValue| value.as_bytes().escape_ascii().to_string();
    reply
        .headers
        .iter()
        .filter(|(name, _)| is_shown(name))
        .map(|(name, value)| (name.to_string(), shown(value)))
        .collect()
}

fn as_json(
    reply: &Reply,
    faults: &[PreflightFault],
    origin_fault: Option<&str>,
    explanation: Option<&Explanation>,
) -> Value {
    let texts = |faults: &[PreflightFault]| -> Vec<String> {
        faults.iter().map(ToString::to_string).collect()
    };
    let rule = |judged: &Judged| {
        let lacks: Vec<String> = judged.lacks.iter().map(ToString::to_string).collect();
        json!({ "number": judged.number, "lacks": lacks })
    };
    let rules =
        |explanation: &Explanation| -> Vec<Value> { explanation.rules.iter().map(rule).collect() };
    json!({
        "allowed": faults.is_empty(),
        "status": reply.status.as_u16(),
        "headers": shown_headers(reply),
        "faults": texts(faults),
        "originFault": origin_fault,
        "fits": explanation.and_then(|explanation| explanation.fits),
        "rules": explanation.map(rules),
    })
}

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The refusal of a preflight is some hundred bytes of XML; of anything longer only the head counts.
const MAX_BYTES: usize = 1024 * 1024;
