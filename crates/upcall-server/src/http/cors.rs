//! CORS: the headers that say which of a bucket's rules a request from a page meets.
//!
//! In: a bucket's rules and a request's `Origin`, method and headers. Out: the rule's headers for the
//! answer, or the refusal of a preflight. Rules are tried in order, the first that fits counts. An
//! actual request is never blocked here; without a rule it only gets no headers.
//!
//! Unlike OSS we add the headers to refusals too: without them a browser hides our sentence from the
//! page. Where no bucket is known, the operator's own list of origins stands in for the rules.
//!
//! Source: OSS, "PutBucketCors", "OptionObject", "CORS".

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use upcall::cors::{CorsRequest, Rule, header_names};
use upcall::error::{Refusal, WireError};
use upcall_store::catalog::{Cors, CorsRule};

use super::answer::Answer;
use crate::limits;

/// Answers a preflight.
///
/// # Errors
/// `BadRequest` if a header is missing, `AccessForbidden` if no rule fits or the bucket has none.
pub(crate) fn preflight(cors: Option<&Cors>, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let origin = origin(headers)
        .ok_or_else(|| missing("Insufficient information. Origin request header needed."))?;
    let method = text(headers, &header::ACCESS_CONTROL_REQUEST_METHOD).ok_or_else(|| {
        missing("Insufficient information. Request Access-Control-Request-Method header needed.")
    })?;
    let requested = text(headers, &header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    if requested.len() > limits::PREFLIGHT_HEADERS_BYTES {
        let most = limits::PREFLIGHT_HEADERS_BYTES;
        return Err(Refusal::new(WireError::BAD_REQUEST).hint(format!(
            "`Access-Control-Request-Headers` has at most {most} bytes"
        )));
    }
    let requested = header_names(requested);
    let request = CorsRequest {
        origin,
        method,
        headers: &requested,
    };
    let rules = cors.map(|cors| cors.rules.as_slice()).unwrap_or_default();
    let rule = rules
        .iter()
        .find(|rule| view(rule).fits(&request))
        .ok_or_else(|| not_allowed(rules, &request))?;

    let mut answer = Answer::new(StatusCode::OK);
    add_rule(answer.headers_mut(), rule, origin);
    if !requested.is_empty() {
        insert(
            answer.headers_mut(),
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            &requested.join(", "),
        );
    }
    add_vary(answer.headers_mut(), cors);
    Ok(answer)
}

/// Adds to the answer of an actual request what its page needs to read it.
pub(crate) fn add_to_answer(
    answer: &mut HeaderMap,
    cors: Option<&Cors>,
    origin: Option<&str>,
    method: &Method,
) {
    add_vary(answer, cors);
    let (Some(cors), Some(origin)) = (cors, origin) else {
        return;
    };
    let request = CorsRequest {
        origin,
        method: method.as_str(),
        headers: &[],
    };
    // A method that no rule can name is refused; the page may read why.
    let is_nameable = METHODS.contains(&method.as_str());
    let fits = |rule: &&CorsRule| {
        let rule = view(rule);
        rule.fits(&request) || (!is_nameable && rule.allows_origin(origin))
    };
    if let Some(rule) = cors.rules.iter().find(fits) {
        add_rule(answer, rule, origin);
    }
}

/// The rules for answers that belong to no bucket: every method and header, from these origins.
pub(crate) fn without_bucket(allowed_origins: Vec<String>) -> Option<Cors> {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    (!allowed_origins.is_empty()).then(|| Cors {
        rules: vec![CorsRule {
            allowed_origins,
            allowed_methods: texts(&METHODS),
            allowed_headers: texts(&["*"]),
            expose_headers: texts(&["ETag", "x-oss-ec", "x-oss-err", "x-oss-request-id"]),
            max_age_seconds: None,
        }],
        response_vary: true,
    })
}

/// What a rule allows, for whoever compares it with a request.
fn view(rule: &CorsRule) -> Rule<'_> {
    Rule {
        origins: &rule.allowed_origins,
        methods: &rule.allowed_methods,
        headers: &rule.allowed_headers,
    }
}

fn add_rule(headers: &mut HeaderMap, rule: &CorsRule, origin: &str) {
    let allows_all = view(rule).allows_every_origin();
    insert(
        headers,
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        if allows_all { "*" } else { origin },
    );
    insert(
        headers,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        &rule.allowed_methods.join(", "),
    );
    if !rule.expose_headers.is_empty() {
        insert(
            headers,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            &rule.expose_headers.join(", "),
        );
    }
    if let Some(seconds) = rule.max_age_seconds {
        insert(
            headers,
            header::ACCESS_CONTROL_MAX_AGE,
            &seconds.to_string(),
        );
    }
}

fn add_vary(headers: &mut HeaderMap, cors: Option<&Cors>) {
    if cors.is_some_and(|cors| cors.response_vary) {
        insert(headers, header::VARY, "Origin");
    }
}

/// What `AllowedMethod` can name. Source: OSS, "PutBucketCors".
const METHODS: [&str; 5] = ["DELETE", "GET", "HEAD", "POST", "PUT"];

/// A value that cannot stand in a header is left out: it came from outside, or was stored before it
/// was checked, and an answer without it is better than none.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Where the page is from that asks; no browser sends more than a host and a port.
pub(crate) fn origin(headers: &HeaderMap) -> Option<&str> {
    text(headers, &header::ORIGIN).filter(|origin| origin.len() <= limits::ORIGIN_BYTES)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn missing(message: &'static str) -> Refusal {
    Refusal::new(WireError::BAD_REQUEST)
        .message(message)
        .hint("a browser sends both headers; add them to a preflight made by hand")
}

fn not_allowed(rules: &[CorsRule], request: &CorsRequest<'_>) -> Refusal {
    let CorsRequest {
        origin,
        method,
        headers,
    } = request;
    let refusal = Refusal::new(WireError::ACCESS_FORBIDDEN);
    if rules.is_empty() {
        return refusal.hint("the bucket has no CORS rules; add one that allows this origin");
    }
    let of_origin = |rule: &&CorsRule| view(rule).allows_origin(origin);
    let mut from_origin = rules.iter().filter(of_origin).peekable();
    if from_origin.peek().is_none() {
        return refusal.hint(format!(
            "no CORS rule allows the origin `{origin}`; scheme and port count too"
        ));
    }
    if !from_origin.any(|rule| view(rule).allows_method(method)) {
        return refusal.hint(format!(
            "no CORS rule for this origin allows the method `{method}`"
        ));
    }
    refusal.hint(format!(
        "no CORS rule for this origin allows the headers `{}`",
        headers.join(", ")
    ))
}
