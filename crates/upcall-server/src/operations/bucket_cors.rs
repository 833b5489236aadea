//! `PutBucketCors`, `GetBucketCors`, `DeleteBucketCors`. Source: OSS, the pages of these names.

use std::fmt::Write as _;
use std::sync::Arc;

use http::StatusCode;
use quick_xml::Reader;
use quick_xml::events::Event;
use upcall::error::{Refusal, WireError, escape_xml};
use upcall_store::catalog::{BucketFacts, Cors, CorsRule};

use super::{existing, no_content, xml_body};
use crate::access::{self, Action};
use crate::fault;
use crate::http::answer::Answer;
use crate::http::service::{Call, Outcome};
use crate::limits;
use crate::node::Server;

pub(crate) async fn put(
    server: &Arc<Server>,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Outcome {
    let requester = access::authenticate(server, &call).await?;
    let bucket = existing(&call, bucket)?;
    access::may(&requester, Action::Manage, Some(&bucket))?;
    let id = call.id;
    let cors = parse(&xml_body::read(call).await?)?;
    validate(&cors)?;
    let changed = server
        .catalog
        .set_bucket_cors(&bucket.name, Some(&cors), &requester.writer())
        .await;
    changed.map_err(|error| fault::of_catalog(&error, id))?;
    Ok(Answer::new(StatusCode::OK))
}

pub(crate) async fn get(
    server: &Arc<Server>,
    call: &Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Outcome {
    let requester = access::authenticate(server, call).await?;
    let bucket = existing(call, bucket)?;
    access::may(&requester, Action::Manage, Some(&bucket))?;
    let cors = bucket
        .cors
        .as_ref()
        .ok_or(WireError::NO_SUCH_CORS_CONFIGURATION)?;
    Ok(Answer::xml(StatusCode::OK, write(cors)))
}

pub(crate) async fn delete(
    server: &Arc<Server>,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Outcome {
    let requester = access::authenticate(server, &call).await?;
    let bucket = existing(&call, bucket)?;
    access::may(&requester, Action::Manage, Some(&bucket))?;
    let changed = server
        .catalog
        .set_bucket_cors(&bucket.name, None, &requester.writer())
        .await;
    changed.map_err(|error| fault::of_catalog(&error, call.id))?;
    Ok(no_content())
}

/// The rules of a configuration, whoever gives it: the API or the admin interface.
///
/// # Errors
/// The first rule that is broken, with its number.
pub(crate) fn validate(cors: &Cors) -> Result<(), Refusal> {
    let malformed = |hint: String| {
        Err(Refusal::new(WireError::MALFORMED_XML)
            .ec("0034-00000002")
            .hint(hint))
    };
    if cors.rules.is_empty() {
        return malformed("a CORS configuration has at least one rule".to_owned());
    }
    if cors.rules.len() > limits::CORS_RULES {
        return Err(Refusal::new(WireError::CORS_RULE_BEYOND_LIMIT)
            .hint(format!("a bucket has at most {} rules", limits::CORS_RULES)));
    }
    for (number, rule) in (1..).zip(&cors.rules) {
        if rule.allowed_origins.is_empty() || rule.allowed_methods.is_empty() {
            return malformed(format!(
                "rule {number} needs an AllowedOrigin and an AllowedMethod"
            ));
        }
        if let Some(method) = rule
            .allowed_methods
            .iter()
            .find(|method| !METHODS.contains(&method.as_str()))
        {
            return malformed(format!(
                "rule {number}: `{method}` is not one of GET, PUT, DELETE, POST and HEAD"
            ));
        }
        let mut patterns = rule.allowed_origins.iter().chain(&rule.allowed_headers);
        if let Some(pattern) = patterns.find(|pattern| pattern.matches('*').count() > 1) {
            return malformed(format!("rule {number}: `{pattern}` has more than one `*`"));
        }
        if let Some(name) = rule.expose_headers.iter().find(|name| name.contains('*')) {
            return malformed(format!(
                "rule {number}: an ExposeHeader has no `*`, `{name}` has"
            ));
        }
        let mut texts = rule
            .allowed_origins
            .iter()
            .chain(&rule.allowed_headers)
            .chain(&rule.expose_headers);
        if texts.any(|text| text.is_empty() || text.chars().any(char::is_control)) {
            return malformed(format!(
                "rule {number} has an empty value, or one with control characters"
            ));
        }
    }
    Ok(())
}

/// Reads the document. Elements that are not known are passed over, as OSS does.
fn parse(xml: &[u8]) -> Result<Cors, Refusal> {
    let text = std::str::from_utf8(xml).map_err(|_| malformed("the document is not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().trim_text(true);
    let mut cors = Cors {
        rules: Vec::new(),
        response_vary: false,
    };
    let mut path: Vec<String> = Vec::new();
    let mut value = String::new();
    loop {
        match reader
            .read_event()
            .map_err(|error| malformed(&error.to_string()))?
        {
            Event::Start(tag) => {
                path.push(String::from_utf8_lossy(tag.local_name().as_ref()).into_owned());
                value.clear();
                if path.len() > DEPTH {
                    return Err(malformed("the document is nested too deeply"));
                }
                if is(&path, &["CORSConfiguration", "CORSRule"]) {
                    cors.rules.push(empty_rule());
                }
            }
            Event::Text(text) => {
                let text = text
                    .decode()
                    .map_err(|error| malformed(&error.to_string()))?;
                value.push_str(&text);
            }
            Event::GeneralRef(reference) => value.push(entity(&reference)?),
            Event::CData(data) => value.push_str(&String::from_utf8_lossy(&data)),
            Event::End(_) => {
                take(&mut cors, &path, value.trim())?;
                path.pop();
                value.clear();
            }
            Event::DocType(_) => return Err(malformed("a document type is not allowed")),
            Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if path.is_empty() {
        Ok(cors)
    } else {
        Err(malformed("the document ends too early"))
    }
}

fn take(cors: &mut Cors, path: &[String], value: &str) -> Result<(), Refusal> {
    if is(path, &["CORSConfiguration", "ResponseVary"]) {
        cors.response_vary = value.eq_ignore_ascii_case("true");
    }
    let [_, rule, name] = path else {
        return Ok(());
    };
    let (true, Some(rule)) = (rule == "CORSRule", cors.rules.last_mut()) else {
        return Ok(());
    };
    match name.as_str() {
        "AllowedOrigin" => rule.allowed_origins.push(value.to_owned()),
        "AllowedMethod" => rule.allowed_methods.push(value.to_owned()),
        // Kept in lower case, as OSS gives them back.
        "AllowedHeader" => rule.allowed_headers.push(value.to_ascii_lowercase()),
        "ExposeHeader" => rule.expose_headers.push(value.to_owned()),
        "MaxAgeSeconds" => {
            if rule.max_age_seconds.is_some() {
                return Err(malformed("a rule has at most one MaxAgeSeconds"));
            }
            let seconds = value
                .parse()
                .map_err(|_| malformed("MaxAgeSeconds is a whole number"))?;
            rule.max_age_seconds = Some(seconds);
        }
        _ => {}
    }
    Ok(())
}

fn entity(reference: &quick_xml::events::BytesRef<'_>) -> Result<char, Refusal> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return Ok(c);
    }
    match &**reference {
        b"amp" => Ok('&'),
        b"lt" => Ok('<'),
        b"gt" => Ok('>'),
        b"quot" => Ok('"'),
        b"apos" => Ok('\''),
        _ => Err(malformed(
            "the document has an entity that XML does not define",
        )),
    }
}

fn is(path: &[String], expected: &[&str]) -> bool {
    path.iter().map(String::as_str).eq(expected.iter().copied())
}

fn empty_rule() -> CorsRule {
    CorsRule {
        allowed_origins: Vec::new(),
        allowed_methods: Vec::new(),
        allowed_headers: Vec::new(),
        expose_headers: Vec::new(),
        max_age_seconds: None,
    }
}

fn malformed(hint: &str) -> Refusal {
    Refusal::new(WireError::MALFORMED_XML).hint(hint.to_owned())
}

fn write(cors: &Cors) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CORSConfiguration>\n");
    for rule in &cors.rules {
        xml.push_str("  <CORSRule>\n");
        for (name, values) in [
            ("AllowedOrigin", &rule.allowed_origins),
            ("AllowedMethod", &rule.allowed_methods),
            ("AllowedHeader", &rule.allowed_headers),
            ("ExposeHeader", &rule.expose_headers),
        ] {
            for value in values {
                // Writing to a String cannot fail.
                let _ = writeln!(xml, "    <{name}>{}</{name}>", escape_xml(value));
            }
        }
        if let Some(seconds) = rule.max_age_seconds {
            let _ = writeln!(xml, "    <MaxAgeSeconds>{seconds}</MaxAgeSeconds>");
        }
        xml.push_str("  </CORSRule>\n");
    }
    let _ = writeln!(
        xml,
        "  <ResponseVary>{}</ResponseVary>\n</CORSConfiguration>",
        cors.response_vary
    );
    xml
}

const METHODS: [&str; 5] = ["GET", "PUT", "DELETE", "POST", "HEAD"];

/// Elements inside each other; the schema has three.
const DEPTH: usize = 8;
