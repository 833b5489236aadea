//! Whole answers that are wrong, and a few that only look so.

use super::case::{
    BAD_LENGTH, Case, JSON, LONG, NO_LENGTH, NOT_JSON, Reads, UNREACHED, XML, body, lines, says,
};

pub(super) fn statuses() -> Vec<Case> {
    let status = |line: &str| says(&format!("HTTP/1.1 {line}\r\nContent-Length: 2\r\n\r\n{{}}"));
    let failed = |message| Reads::Failed(message, "0007-00000203");
    vec![
        (
            "201",
            status("201 Created"),
            failed("Error status : 201."),
            "answered 201: only 200",
        ),
        (
            "202",
            status("202 Accepted"),
            failed("Error status : 202."),
            "answered 202: only 200",
        ),
        (
            "204",
            says("HTTP/1.1 204 No Content\r\n\r\n"),
            failed("Error status : 204."),
            "answered 204: only 200 counts",
        ),
        (
            "206",
            status("206 Partial Content"),
            failed("Error status : 206."),
            "answered 206: only 200",
        ),
        (
            "101",
            status("101 Switching Protocols"),
            failed("Error status : 101."),
            "answered 101: only 200",
        ),
        (
            "301",
            status("301 Moved\r\nLocation: /cb/"),
            failed("Error status : 301."),
            "answered 301 to /cb/: give the URL as",
        ),
        (
            "302",
            status("302 Found\r\nLocation: /login"),
            failed("Error status : 302."),
            "answered 302 to /login: a callback must not need a session",
        ),
        (
            "307",
            status("307 Elsewhere"),
            failed("Error status : 307."),
            "answered 307: only 200 counts, and redirects",
        ),
        (
            "400",
            status("400 Bad Request"),
            failed("Error status : 400."),
            "answered 400: ",
        ),
        (
            "401",
            status("401 Unauthorized"),
            failed("Error status : 401."),
            "answered 401: a callback must not need a login",
        ),
        (
            "403",
            status("403 Forbidden"),
            failed("Error status : 403."),
            "answered 403: ",
        ),
        (
            "404",
            status("404 Not Found"),
            failed("Error status : 404."),
            "answered 404: the application has no route /cb",
        ),
        (
            "500",
            status("500 No"),
            failed("Error status : 500."),
            "answered 500: the application failed",
        ),
        (
            "502",
            status("502 No"),
            failed("Error status : 502."),
            "answered 502: a proxy answered",
        ),
        (
            "503",
            status("503 No"),
            failed("Error status : 503."),
            "answered 503: a proxy answered",
        ),
        (
            "999",
            status("999 Odd"),
            failed("Error status : 999."),
            "answered 999: only 200",
        ),
    ]
}

pub(super) fn lengths() -> Vec<Case> {
    let agreed = Reads::Agreed("{}", JSON);
    vec![
        (
            "missing",
            lines("A: b"),
            NO_LENGTH,
            "no Content-Length: the answer ends with the connection",
        ),
        (
            "chunked",
            says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
            NO_LENGTH,
            "no Content-Length: the answer is chunked",
        ),
        (
            "chunked with a length",
            lines("Transfer-Encoding: chunked\r\nContent-Length: 2"),
            NO_LENGTH,
            "no Content-Length: the answer is chunked",
        ),
        (
            "zero",
            lines("Content-Length: 0"),
            BAD_LENGTH,
            "body is empty",
        ),
        (
            "negative",
            lines("Content-Length: -1"),
            BAD_LENGTH,
            "Content-Length is `-1`",
        ),
        (
            "signed",
            lines("Content-Length: +2"),
            BAD_LENGTH,
            "Content-Length is `+2`",
        ),
        (
            "text",
            lines("Content-Length: two"),
            BAD_LENGTH,
            "Content-Length is `two`",
        ),
        (
            "hexadecimal",
            lines("Content-Length: 0x2"),
            BAD_LENGTH,
            "Content-Length is `0x2`",
        ),
        (
            "no value",
            lines("Content-Length:"),
            BAD_LENGTH,
            "Content-Length is ``",
        ),
        (
            "twice the same",
            lines("Content-Length: 2\r\nContent-Length: 2"),
            BAD_LENGTH,
            "Content-Length stands there twice (`2, 2`)",
        ),
        (
            "twice and different",
            lines("Content-Length: 2\r\nContent-Length: 3"),
            BAD_LENGTH,
            "Content-Length stands there twice (`2, 3`)",
        ),
        (
            "a byte too long",
            lines("Content-Length: 1048577"),
            LONG,
            "answer is longer than 1 MiB",
        ),
        (
            "beyond 64 bits",
            lines("Content-Length: 99999999999999999999999"),
            LONG,
            "answer is longer than 1 MiB",
        ),
        (
            "longer than what comes",
            lines("Content-Length: 9"),
            UNREACHED,
            "answer broke off after 2 of 9 bytes",
        ),
        (
            "shorter than what comes",
            lines("Content-Length: 1"),
            NOT_JSON,
            "body ends in the middle of the JSON",
        ),
        (
            "more after the body",
            says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}and more"),
            agreed,
            "answered 200 with JSON",
        ),
    ]
}

pub(super) fn bodies() -> Vec<Case> {
    let xml = |kind: &str| {
        says(&format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 4\r\n\r\n<a/>"
        ))
    };
    let deep = [b"[".repeat(200), b"]".repeat(200)].concat();
    vec![
        (
            "BOM",
            body(b"\xef\xbb\xbf{}"),
            NOT_JSON,
            "body starts with a BOM",
        ),
        ("OK", body(b"OK"), NOT_JSON, "body is the text `OK`"),
        ("blank", body(b" "), NOT_JSON, "body is the text ``"),
        (
            "HTML",
            body(b"<!doctype html><title>Sign in</title>"),
            NOT_JSON,
            "body is HTML",
        ),
        (
            "truncated",
            body(b"{\"a\":[1,"),
            NOT_JSON,
            "body ends in the middle of the JSON",
        ),
        (
            "NUL in a text",
            body(b"{\"a\":\"\0\"}"),
            NOT_JSON,
            "body holds the control character 0x00",
        ),
        (
            "NUL at the end",
            body(b"{}\0"),
            NOT_JSON,
            "body holds the control character 0x00",
        ),
        (
            "two values",
            body(b"{}{}"),
            NOT_JSON,
            "body goes on after the JSON",
        ),
        (
            "single quotes",
            body(b"{'a':1}"),
            NOT_JSON,
            "body has names or texts in `'`",
        ),
        (
            "not UTF-8",
            body(b"\"\xc4\xe3\xba\xc3\""),
            NOT_JSON,
            "body is not UTF-8",
        ),
        (
            "too deep",
            body(&deep),
            NOT_JSON,
            "body is JSON of more than 127 levels",
        ),
        (
            "a number",
            body(b"1"),
            Reads::Agreed("1", JSON),
            "answered 200 with JSON",
        ),
        (
            "a text",
            body(b"\"OK\""),
            Reads::Agreed("\"OK\"", JSON),
            "answered 200 with JSON",
        ),
        (
            "XML",
            xml("application/xml"),
            Reads::Agreed("<a/>", XML),
            "answered 200 with XML",
        ),
        ("XML as text", xml("text/xml"), NOT_JSON, "body is XML"),
        (
            "XML as JSON",
            xml("application/json"),
            NOT_JSON,
            "body is XML",
        ),
    ]
}
