//! Tests of signatures: the vectors of the protocol, and what must not pass.

mod ambiguity;
mod form_diagnosis;
mod forms;
mod headers;
mod properties;
mod urls;

use jiff::Timestamp;
use serde_json::Value;

use super::SignatureError;
use crate::name::{AccessKeyId, AccessKeySecret};

fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(!cases.is_empty());
    cases
}

fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member]
        .as_str()
        .unwrap_or_else(|| panic!("no text `{member}` in {case}"))
}

/// A JSON array of pairs, or an object, as names and values.
fn pairs(value: &Value) -> Vec<(String, String)> {
    let owned = |name: &str, value: &Value| (name.to_owned(), value.as_str().unwrap().to_owned());
    let of_object = |members: &serde_json::Map<_, _>| {
        let members = members.iter();
        members.map(|(name, value)| owned(name, value)).collect()
    };
    let of_list = |items: &Vec<Value>| {
        let items = items.iter();
        items
            .map(|item| owned(item[0].as_str().unwrap(), &item[1]))
            .collect()
    };
    let pairs = value.as_object().map(of_object);
    pairs.unwrap_or_else(|| of_list(value.as_array().unwrap()))
}

/// A query string, decoded.
fn query(encoded: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.unwrap().into_owned()
    };
    let parameters = encoded.split('&').map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        (decode(name), decode(value))
    });
    parameters.collect()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn key(case: &Value) -> (AccessKeyId, AccessKeySecret) {
    (
        AccessKeyId::parse(text(case, "access_key_id")).unwrap(),
        AccessKeySecret::new(text(case, "access_key_secret")),
    )
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// Code, status and EC of the answer, which has a hint.
fn answer(error: &SignatureError) -> (&'static str, u16, Option<&'static str>) {
    let refusal = error.refusal();
    let hint = refusal.hint_text().unwrap();
    assert!(
        hint.starts_with(&error.to_string()) && !hint.ends_with('.'),
        "{hint}"
    );
    let row = refusal.row();
    (row.code, row.status, row.ec)
}

/// The text of an element of the answer, as it stands in the XML.
fn element(error: &SignatureError, name: &str) -> Option<String> {
    let xml = error.refusal().to_xml("", "");
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once(&format!("</{name}>"))?;
    Some(value.to_owned())
}
