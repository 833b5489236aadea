//! Forms as clients send them.

use super::super::{Field, FileHead, FormEvent};
use super::parse;

fn field(name: &str, value: &str) -> FormEvent {
    FormEvent::Field(Field {
        name: name.into(),
        value: value.into(),
    })
}

fn file(filename: Option<&str>, content_type: Option<&str>) -> FormEvent {
    FormEvent::File(FileHead {
        filename: filename.map(Into::into),
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
        ("filename*=gbk''%C3%A8", None),
        ("filename*=utf-8''%ff", None),
        ("filename*=a", None),
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
