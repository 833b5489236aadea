//! Forms as clients send them.

use super::super::{Field, FieldValue, FileHead, FormEvent, FormLimits, PostForm};
use super::{parse, parse_pieces};

fn field(name: &str, value: &str) -> FormEvent {
    FormEvent::Field(Field {
        name: name.into(),
        value: value.into(),
    })
}

fn file(filename: Option<&str>, content_type: Option<&str>) -> FormEvent {
    FormEvent::File(FileHead {
        filename: filename.map(Into::into),
        is_filename_unreadable: false,
        content_type: content_type.map(Into::into),
    })
}

fn bytes(content: &'static str) -> FormEvent {
    FormEvent::FileBytes(content.into())
}

#[test]
fn a_browser_with_a_submit_button_after_the_file() {
    let body = "--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nu/${filename}\r\n--B\r\n\
                Content-Disposition: form-data; name=\"file\"; filename=\"猫%22.jpg\"\r\n\
                Content-Type: image/jpeg\r\n\r\n\r\n--A\r\n\r\n--B\r\n\
                Content-Disposition: form-data; name=\"submit\"\r\n\r\nUpload to OSS\r\n--B--\r\n";
    assert_eq!(
        parse(body.as_bytes()),
        [
            field("key", "u/${filename}"),
            file(Some("猫%22.jpg"), Some("image/jpeg")),
            bytes("\r\n--A\r\n"),
            FormEvent::FileEnd,
            FormEvent::End,
        ]
    );
}

#[test]
fn the_c_sharp_sample_with_blank_lines_and_no_last_line_break() {
    let body = b"\r\n--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na\r\n--B\r\n\
                 Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\
                 Content-Type: text/plain\r\n\r\nhello\r\n--B--";
    assert_eq!(
        parse(body),
        [
            field("key", "a"),
            file(Some("a"), None),
            bytes("Content-Type: text/plain\r\n\r\nhello"),
            FormEvent::FileEnd,
            FormEvent::End,
        ]
    );
}

#[test]
fn react_native_in_lower_case_with_a_second_file_name() {
    let body = "--B\r\ncontent-disposition: form-data; name=\"key\"\r\ncontent-type: text/plain; \
                charset=utf-8\r\ncontent-length: 1\r\n\r\na\r\n--B\r\n\
                content-type: image/jpeg\r\n\
                content-disposition: FORM-DATA;name=file; filename=\"a.jpg\"; \
                filename*=utf-8''%E7%8C%AB.jpg\r\n\r\nmeow\r\n--B--\r\n";
    assert_eq!(
        parse(body.as_bytes()),
        [
            field("key", "a"),
            file(Some("a.jpg"), Some("image/jpeg")),
            bytes("meow"),
            FormEvent::FileEnd,
            FormEvent::End,
        ]
    );
}

#[test]
fn old_python_with_the_second_file_name_alone() {
    for (parameter, filename) in [
        ("filename*=utf-8''%E7%8C%AB.jpg", Some("猫.jpg")),
        ("filename*=UTF-8'zh'a%20b", Some("a b")),
        ("filename*=utf-8''%ff; filename=\"a.txt\"", Some("a.txt")),
        (
            "filename=\"=?utf-8?B?5rWL6K+VLnR4dA==?=\"; filename*=utf-8''%E6%B5%8B.txt",
            Some("测.txt"),
        ),
        ("filename=\"\"; filename*=utf-8''a", Some("a")),
        ("filename=\"=?utf-8?B?YQ==?=\"", Some("=?utf-8?B?YQ==?=")),
        ("filename=\"=?a?=\"; filename*=utf-8''b", Some("=?a?=")),
    ] {
        let body = format!(
            "--B\r\nContent-Disposition: form-data; name=\"file\"; {parameter}\r\n\r\na\r\n--B--"
        );
        assert_eq!(
            parse(body.as_bytes())[0],
            file(filename, None),
            "{parameter}"
        );
    }
}

#[test]
fn a_second_file_name_that_cannot_be_decoded_is_told_from_none() {
    let unreadable = FormEvent::File(FileHead {
        is_filename_unreadable: true,
        ..FileHead::default()
    });
    for parameter in [
        "filename*=gbk''%C3%A8",
        "filename*=utf-8''%ff",
        "filename*=a",
        "filename=\"\"; filename*=a",
        "filename=\"=?gbk?B?6A==?=\"; filename*=gbk''%E8",
    ] {
        let body = format!(
            "--B\r\nContent-Disposition: form-data; name=\"file\"; {parameter}\r\n\r\na\r\n--B--"
        );
        assert_eq!(parse(body.as_bytes())[0], unreadable, "{parameter}");
    }
}

#[test]
fn dot_net_with_its_file_name_written_twice() {
    let (events, end) = parse_pieces(
        DASHED,
        [&include_bytes!("fixtures/form-dotnet-filename.body")[..]],
        FormLimits::default(),
    );
    assert_eq!(end, Ok(()));
    assert!(events.contains(&file(Some("测试.txt"), None)), "{events:?}");
}

#[test]
fn dart_with_the_type_before_the_disposition() {
    let (events, end) = parse_pieces(
        DASHED,
        [&include_bytes!("fixtures/form-ct-before-cd.body")[..]],
        FormLimits::default(),
    );
    assert_eq!(end, Ok(()));
    assert!(events.contains(&file(Some("r2.jpg"), Some("image/jpeg"))));
}

#[test]
fn a_page_with_a_field_for_each_tag() {
    let (events, end) = parse_pieces(
        DASHED,
        [&include_bytes!("fixtures/form-dup-tags.body")[..]],
        FormLimits::default(),
    );
    assert_eq!(end, Ok(()));
    let fields = events.into_iter().filter_map(|event| match event {
        FormEvent::Field(field) => Some(field),
        FormEvent::File(_) | FormEvent::FileBytes(_) | FormEvent::FileEnd | FormEvent::End => None,
    });
    let form = PostForm::new(fields.collect(), FileHead::default()).unwrap();
    assert_eq!(form.condition_value("tags[]"), FieldValue::Repeated);
    assert_eq!(form.object_key().unwrap().as_str(), "g/1");
}

/// The boundary of the recorded bodies.
const DASHED: &str = "----upb7MA4YWxkTrZu0gW";

#[test]
fn empty_contents_with_and_without_their_own_line_break() {
    let body = b"preamble\r\n--B \t \r\nContent-Disposition: form-data; name=a\r\n\r\n--B\r\n\
                 Content-Disposition: form-data; name=\"b\"\r\n\r\n\r\n--B\r\n\
                 Content-Disposition: form-data; name=\"File\"\r\n\r\n\r\n--B-- epilogue\r\n--B\r\n";
    assert_eq!(
        parse(body),
        [
            field("a", ""),
            field("b", ""),
            file(None, None),
            FormEvent::FileEnd,
            FormEvent::End,
        ]
    );
}
