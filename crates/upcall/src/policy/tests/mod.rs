//! Tests of policies: the vectors of the protocol, every refusal, and what is checked of a form.

mod checks;
mod explanations;
mod lints;
mod properties;
mod signed;
mod signed_table;
mod syntax;
mod vectors;

use jiff::Timestamp;

use super::PolicyError;
use crate::form::{Field, FileHead, PostForm};
use crate::name::BucketName;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

/// A form with these fields, and a file of this type.
fn form(fields: &[(&str, &str)], content_type: Option<&str>) -> PostForm {
    let field = |(name, value): &(&str, &str)| Field {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let file = FileHead {
        filename: Some("a.jpg".to_owned()),
        is_filename_unreadable: false,
        content_type: content_type.map(str::to_owned),
    };
    PostForm::new(fields.iter().map(field).collect(), file).unwrap()
}

/// Code, EC and message of the answer, which has a hint.
fn answer(error: &PolicyError) -> (&'static str, &'static str, String) {
    let refusal = error.refusal();
    let hint = refusal.hint_text().unwrap();
    assert!(
        hint.starts_with(&error.to_string()) && !hint.ends_with('.'),
        "{hint}"
    );
    let row = refusal.row();
    (row.code, row.ec.unwrap(), refusal.text().to_owned())
}
