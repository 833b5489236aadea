//! Every way in which a body is refused, with the answer the client gets.

use super::super::{FormError, FormEvent, FormLimits, PartHeadFault, Strictness};
use super::{parse, parse_pieces, refused};

const FILE: &str = "--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nmeow\r\n--B--\r\n";

fn with_head(head: &str) -> Vec<u8> {
    format!("--B\r\n{head}\r\n\r\na\r\n{FILE}").into_bytes()
}

fn with_field(name: &str, value: &str) -> Vec<u8> {
    with_head(&format!(
        "Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}"
    ))
}

/// The answer: code, EC and message; each has a hint.
fn answer(error: &FormError) -> (&'static str, Option<&'static str>, String) {
    let refusal = error.refusal();
    assert_eq!(refusal.row().status, 400);
    let hint = refusal.hint_text().unwrap();
    assert!(
        hint.starts_with(&error.to_string()) && !hint.ends_with('.'),
        "{hint}"
    );
    (
        refusal.row().code,
        refusal.row().ec,
        refusal.text().to_owned(),
    )
}

#[test]
fn a_bad_line_in_a_part_head_is_an_unrecognized_field() {
    let disposition = "Content-Disposition: form-data; name=\"a\"";
    for (head, fault) in [
        (
            format!("{disposition}; filename=\"b\"\r\nx-param"),
            PartHeadFault::NotAHeader,
        ),
        (
            format!("{disposition}\r\nContent-Type : a/b"),
            PartHeadFault::NotAHeader,
        ),
        (format!("{disposition}\r\n: a"), PartHeadFault::NotAHeader),
        (
            format!("{disposition}\r\n x-param: 1"),
            PartHeadFault::Folded,
        ),
        (
            format!("{disposition}\r\n\tx-param: 1"),
            PartHeadFault::Folded,
        ),
        (
            format!("{disposition}\r\n{disposition}"),
            PartHeadFault::Repeated,
        ),
        (
            format!("{disposition}; name=\"key\""),
            PartHeadFault::Repeated,
        ),
        (
            format!("{disposition}\r\nContent-Type: a\r\ncontent-type: b"),
            PartHeadFault::Repeated,
        ),
        (
            format!("{disposition}; filename=\"b"),
            PartHeadFault::Parameter,
        ),
        (format!("{disposition} x=y"), PartHeadFault::Parameter),
        (
            "Content-Type: text/plain".into(),
            PartHeadFault::NoDisposition,
        ),
        (String::new(), PartHeadFault::NoDisposition),
        (
            "Content-Disposition: attachment; name=\"a\"".into(),
            PartHeadFault::NotFormData,
        ),
        (
            "Content-Disposition: form-data".into(),
            PartHeadFault::NoName,
        ),
        (
            "Content-Disposition: form-data; name=\"\"".into(),
            PartHeadFault::NoName,
        ),
        (
            "Content-Disposition: form-data; filename=\"a\"".into(),
            PartHeadFault::NoName,
        ),
    ] {
        let error = refused(&with_head(&head), FormLimits::default());
        assert_eq!(error, FormError::PartHead(fault), "{head}");
        let message = "The bucket POST contains unrecognized field name.".to_owned();
        assert_eq!(answer(&error), ("InvalidArgument", None, message));
    }
}

#[test]
fn a_body_that_is_no_form_is_malformed() {
    let head = "Content-Disposition: form-data; name=\"a\"";
    for (body, error) in [
        (b"".to_vec(), FormError::Truncated),
        (b"--B".to_vec(), FormError::Truncated),
        (b"\r\n--".to_vec(), FormError::Truncated),
        (b"--C\r\n\r\n--C--".to_vec(), no_delimiter(Some("C"))),
        (b"\r\n--Bb\r\n".to_vec(), FormError::DelimiterLine),
        (b"key=a&b=c".to_vec(), no_delimiter(None)),
        (vec![b'a'; 2000], no_delimiter(None)),
        (b"--B--\r\n".to_vec(), FormError::NoFile),
        (
            format!("--B\r\n{head}\r\n\r\na\r\n--B--\r\n").into(),
            FormError::NoFile,
        ),
        // A line ends with CR LF and with nothing else.
        (FILE.replace("\r\n", "\n").into(), FormError::DelimiterLine),
        (FILE.replace("\r\n", "\r").into(), FormError::DelimiterLine),
        (FILE.replacen("\"\r\n\r\n", "\"\n\n", 1).into(), control()),
        (
            FILE.replacen("\"\r\n\r\n", "\"\r\r\n\r\n", 1).into(),
            control(),
        ),
        (with_head(&format!("{head}\nContent-Type: a/b")), control()),
        (with_field("a\0", "b"), control()),
        (with_field("a\u{7f}", "b"), control()),
        // Neither content nor delimiter: other parsers disagree about it.
        (
            FILE.replace("--B--", "--Bob--").into(),
            FormError::DelimiterLine,
        ),
        (
            FILE.replace("--B--", "--B-\r\n").into(),
            FormError::DelimiterLine,
        ),
        (
            FILE.replace("--B--", "--B --").into(),
            FormError::DelimiterLine,
        ),
        (
            FILE.replacen("--B\r\n", "--B\t \r ", 1).into(),
            FormError::DelimiterLine,
        ),
    ] {
        assert_eq!(
            refused(&body, FormLimits::default()),
            error,
            "{}",
            body.escape_ascii()
        );
        let message = "The body of your POST request is not well-formed multipart/form-data.";
        let ec = Some("0006-00000104");
        assert_eq!(
            answer(&error),
            ("MalformedPOSTRequest", ec, message.to_owned())
        );
    }
}

fn no_delimiter(found: Option<&str>) -> FormError {
    FormError::NoDelimiter {
        found: found.map(str::to_owned),
    }
}

#[test]
fn another_boundary_than_the_announced_one_is_named() {
    let body = FILE.replace("--B", "--other");
    let error = refused(body.as_bytes(), FormLimits::default());
    assert_eq!(
        error.refusal().hint_text(),
        Some(
            "the body does not begin with the boundary of the content type, but with `--other`; \
             leave the header `Content-Type` to the library that writes the body, or send the \
             boundary that the body has, where `--` goes before it"
        )
    );
}

#[test]
fn a_file_of_another_name_is_one_file_too_few() {
    let message = "POST requires exactly one file upload per request.".to_owned();
    let code = "IncorrectNumberOfFilesInPOSTRequest";
    let body = include_bytes!("fixtures/form-avatar.body");
    let (_, end) = parse_pieces("----upb7MA4YWxkTrZu0gW", [&body[..]], FormLimits::default());
    let error = end.unwrap_err();
    assert_eq!(answer(&error), (code, None, message.clone()));
    assert_eq!(
        error.refusal().hint_text(),
        Some(
            "the form has no part `file`, and part `avatar` has a file name; name the part with \
             the content `file`"
        )
    );
    // A picture is no text.
    let body: Vec<u8> =
        with_head("Content-Disposition: form-data; name=\"avatar\"; filename=\"a\"\r\n\r\n\u{1}")
            .iter()
            .map(|b| if *b == 1 { 0xff } else { *b })
            .collect();
    let name = "avatar".to_owned();
    let error = refused(&body, FormLimits::default());
    assert_eq!(error, FormError::MisnamedFile { name });
    assert_eq!(answer(&error), (code, None, message));
    // With a part `file` beside it, it is a field like any other.
    parse(&with_head(
        "Content-Disposition: form-data; name=\"avatar\"; filename=\"a\"\r\n\r\na",
    ));
}

#[test]
fn a_strict_parser_wants_the_disposition_first() {
    let strict = FormLimits {
        strictness: Strictness::Strict,
        ..FormLimits::default()
    };
    let body = include_bytes!("fixtures/form-ct-before-cd.body");
    let (_, end) = parse_pieces("----upb7MA4YWxkTrZu0gW", [&body[..]], strict);
    let error = end.unwrap_err();
    assert_eq!(
        error,
        FormError::PartHead(PartHeadFault::TypeBeforeDisposition)
    );
    let message = "The body of your POST request is not well-formed multipart/form-data".to_owned();
    assert_eq!(
        answer(&error),
        ("MalformedPOSTRequest", Some("0006-00000109"), message)
    );
    // The usual order is read, and a part's head does not count for the next one.
    let typed = with_head("Content-Disposition: form-data; name=\"a\"\r\nContent-Type: a/b");
    assert_eq!(parse_pieces("B", [&typed[..]], strict).1, Ok(()));
}

fn control() -> FormError {
    FormError::PartHead(PartHeadFault::ControlCharacter)
}

#[test]
fn a_body_cut_off_anywhere_is_malformed() {
    let body = with_field("key", "猫");
    let end = body.len() - b"\r\n".len();
    for cut in 0..end {
        let (events, error) = parse_pieces("B", [&body[..cut]], FormLimits::default());
        assert_eq!(error, Err(FormError::Truncated), "cut at {cut}");
        assert!(!events.contains(&FormEvent::End));
    }
    assert_eq!(parse(&body[..end]), parse(&body));
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let body = with_field("name", "\u{1}")
        .iter()
        .map(|b| if *b == 1 { 0xff } else { *b })
        .collect();
    let body: Vec<u8> = body;
    let error = refused(&body, FormLimits::default());
    assert_eq!(
        error,
        FormError::ValueNotUtf8 {
            name: "name".into()
        }
    );
    assert_eq!(answer(&error).0, "InvalidArgument");

    let body: Vec<u8> = with_field("n\u{b}me", "a")
        .iter()
        .map(|b| if *b == 0xb { 0xe9 } else { *b })
        .collect();
    let error = refused(&body, FormLimits::default());
    assert_eq!(error, FormError::PartHead(PartHeadFault::NotUtf8));
    assert_eq!(answer(&error).0, "MalformedPOSTRequest");
}

#[test]
fn a_second_file_is_one_too_many() {
    let body = FILE.replace("--B--\r\n", FILE);
    let error = refused(body.as_bytes(), FormLimits::default());
    assert_eq!(error, FormError::SecondFile);
    let message = "POST requires exactly one file upload per request.".to_owned();
    assert_eq!(
        answer(&error),
        ("IncorrectNumberOfFilesInPOSTRequest", None, message)
    );
}

#[test]
fn names_and_values_have_the_limits_of_oss() {
    let too_long = "Your name of form field is too long.".to_owned();
    let limits = FormLimits::default();
    assert_eq!((limits.name_bytes, limits.value_bytes), (8 << 10, 2 << 20));

    parse(&with_field(&"n".repeat(limits.name_bytes), "a"));
    let error = refused(&with_field(&"n".repeat(9 << 10), "a"), limits);
    assert_eq!(
        error,
        FormError::NameTooLong {
            bytes: 9 << 10,
            limit: 8 << 10
        }
    );
    let ec = Some("0006-00000110");
    assert_eq!(answer(&error), ("FieldItemTooLong", ec, too_long.clone()));

    let error = refused(&with_field(&"n".repeat(1 << 20), "a"), limits);
    assert_eq!(error, FormError::PartHeadTooLong { limit: 32 << 10 });
    assert_eq!(answer(&error), ("FieldItemTooLong", ec, too_long.clone()));

    // `with_field` appends four bytes to the value.
    parse(&with_field("policy", &"v".repeat(limits.value_bytes - 5)));
    let (_, error) = parse_pieces(
        "B",
        [&with_field("policy", &"v".repeat(3 << 20))[..]],
        limits,
    );
    let error = error.unwrap_err();
    let name = "policy".to_owned();
    assert_eq!(
        error,
        FormError::ValueTooLong {
            name,
            limit: 2 << 20,
            is_upload: false
        }
    );
    assert_eq!(
        answer(&error),
        ("FieldItemTooLong", Some("0006-00000111"), too_long)
    );
}

/// Limits small enough to cut every body at every byte.
fn small() -> FormLimits {
    FormLimits {
        name_bytes: 8,
        value_bytes: 20,
        total_value_bytes: 50,
        part_head_bytes: 120,
        parts: 5,
        preamble_bytes: 6,
        trailing_value_bytes: 30,
        strictness: Strictness::Lenient,
    }
}

#[test]
fn all_fields_together_have_a_limit() {
    let part = |size: usize| {
        let head = "Content-Disposition: form-data; name=\"a\"";
        format!("--B\r\n{head}\r\n\r\n{}\r\n", "v".repeat(size))
    };
    let ec = Some("0006-00000112");
    let message = "Your POST request fields preceding the upload file were too large.".to_owned();
    let code = "MaxPOSTPreDataLengthExceededError";

    let form = [part(20), part(20), part(10), FILE.into()].concat();
    assert_eq!(parse_pieces("B", [form.as_bytes()], small()).1, Ok(()));

    let form = [part(20), part(20), part(11), FILE.into()].concat();
    let error = refused(form.as_bytes(), small());
    assert_eq!(error, FormError::FieldsTooLong { limit: 50 });
    assert_eq!(answer(&error), (code, ec, message.clone()));

    let form = [part(1), part(1), part(1), part(1), part(1), FILE.into()].concat();
    let error = refused(form.as_bytes(), small());
    assert_eq!(error, FormError::TooManyParts { limit: 5 });
    assert_eq!(answer(&error), (code, ec, message));

    // The nearer limit speaks.
    let form = [part(20), part(20), part(30)].concat();
    assert_eq!(
        refused(form.as_bytes(), small()),
        FormError::FieldsTooLong { limit: 50 }
    );
    let form = [part(20), part(30)].concat();
    assert!(matches!(
        refused(form.as_bytes(), small()),
        FormError::ValueTooLong { limit: 20, .. }
    ));
}

#[test]
fn what_is_thrown_away_has_a_limit_too() {
    let trailer = |size: usize| {
        let head = "Content-Disposition: form-data; name=\"submit\"";
        FILE.replace(
            "--B--",
            &format!("--B\r\n{head}\r\n\r\n{}\r\n--B--", "v".repeat(size)),
        )
    };
    assert_eq!(
        parse_pieces("B", [trailer(30).as_bytes()], small()).1,
        Ok(())
    );
    let error = refused(trailer(31).as_bytes(), small());
    assert_eq!(error, FormError::TrailerTooLong { limit: 30 });
    assert_eq!(answer(&error).0, "MalformedPOSTRequest");

    let lines = with_head(&"a:\r\n".repeat(31));
    assert_eq!(
        refused(&lines, small()),
        FormError::PartHeadTooLong { limit: 120 }
    );
    let padded = FILE.replacen("--B", &format!("--B{}", " ".repeat(121)), 1);
    assert_eq!(
        refused(padded.as_bytes(), small()),
        FormError::DelimiterLine
    );
    let preceded = format!("1234567\r\n{FILE}");
    assert_eq!(refused(preceded.as_bytes(), small()), no_delimiter(None));
}

#[test]
fn a_file_under_another_name_is_told_what_to_be_called() {
    let body = with_head(&format!(
        "Content-Disposition: form-data; name=\"upload\"; filename=\"a\"\r\n\r\n{}",
        "a".repeat(30)
    ));
    let hint = refused(&body, small()).refusal();
    assert_eq!(
        hint.hint_text(),
        Some(
            "the value of field `upload` is longer than 20 bytes; name the part with the content \
             `file`"
        )
    );
}

#[test]
fn after_an_error_nothing_else_is_said() {
    let mut parser =
        super::FormParser::new(super::Boundary::parse("B").unwrap(), FormLimits::default());
    parser.push("--B--\r\n".into());
    assert_eq!(parser.next(), Err(FormError::NoFile));
    parser.push(FILE.into());
    assert_eq!(parser.next(), Err(FormError::NoFile));
}
