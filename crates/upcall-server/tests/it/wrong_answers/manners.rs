//! Applications with bad manners: no HTTP, half an answer, none, or one that takes for ever.

use std::time::Duration;

use super::case::{
    Case, JSON, LATE, MALFORMED, NO_LENGTH, Reads, SPEAKS_TLS, UNREACHED, lines, says,
};
use crate::script::{Do, write};

pub(super) fn heads() -> Vec<Case> {
    let agreed = Reads::Agreed("{}", JSON);
    let many = lines(&("A: b\r\n".repeat(200) + "Content-Length: 2"));
    let huge = lines(&format!("A: {}\r\nContent-Length: 2", "b".repeat(40_000)));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let settings = vec![
        Do::Read,
        Do::Write(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80".to_vec()),
    ];
    let alert = vec![Do::Read, Do::Write(b"\x15\x03\x03\0\x02\x02\x46".to_vec())];
    vec![
        (
            "100 first",
            says(&format!(
                "{interim}{interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{{}}"
            )),
            agreed,
            "answered 200 with JSON",
        ),
        (
            "103 for ever",
            vec![
                Do::Read,
                Do::Flood(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"),
            ],
            UNREACHED,
            "answer has a head of more than 32 KiB",
        ),
        (
            "a header for ever",
            vec![
                Do::Read,
                write("HTTP/1.1 200 OK\r\n"),
                Do::Flood(b"A: b\r\n"),
            ],
            UNREACHED,
            "answer has a head of more than 32 KiB",
        ),
        (
            "200 headers",
            many,
            UNREACHED,
            "answer has a head of more than 32 KiB or 128 lines",
        ),
        (
            "a huge header",
            huge,
            UNREACHED,
            "answer has a head of more than 32 KiB",
        ),
        (
            "no colon",
            says("HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\n{}"),
            MALFORMED,
            "answer has a head that is not well-formed HTTP: line 2, `nonsense`, has no colon",
        ),
        (
            "a blank before a colon",
            says("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length : 2\r\n\r\n{}"),
            MALFORMED,
            "answer has a head that is not well-formed HTTP: line 3, `Content-Length `, has a blank",
        ),
        (
            "no status",
            says("HTTP/1.1 fine\r\nContent-Length: 2\r\n\r\n{}"),
            MALFORMED,
            "answer has a head that is not well-formed HTTP: line 1, `HTTP/1.1 fine`",
        ),
        (
            "SSH",
            vec![write("SSH-2.0-OpenSSH_9.2\r\n"), Do::Read],
            UNREACHED,
            "what answers is not HTTP: it begins with `SSH-2.0-OpenSSH_9.2`",
        ),
        (
            "HTTP/2",
            settings,
            UNREACHED,
            "what answers speaks HTTP/2 only",
        ),
        (
            "HTTP/2 by name",
            says("HTTP/2 200\r\ncontent-length: 2\r\n\r\n{}"),
            UNREACHED,
            "what answers speaks HTTP/2 only",
        ),
        (
            "TLS",
            alert,
            SPEAKS_TLS,
            "what answers speaks TLS: give the URL with `https://`",
        ),
        (
            "HTTP/1.0",
            says("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
            agreed,
            "answered 200 with JSON",
        ),
        (
            "HTTP/1.0 without a length",
            says("HTTP/1.0 200 OK\r\n\r\n{}"),
            NO_LENGTH,
            "no Content-Length: the answer ends with the connection",
        ),
        (
            "line feeds",
            says("HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"),
            agreed,
            "answered 200 with JSON",
        ),
    ]
}

pub(super) fn breaks() -> Vec<Case> {
    let reset = |steps: Vec<Do>| [steps, vec![Do::Reset]].concat();
    let half = || write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
    vec![
        ("closes at once", vec![], UNREACHED, ""),
        ("resets at once", vec![Do::Reset], UNREACHED, ""),
        (
            "closes after the request",
            vec![Do::Read],
            UNREACHED,
            "closed the connection without an answer",
        ),
        (
            "resets after the request",
            reset(vec![Do::Read]),
            UNREACHED,
            "reset the connection without an answer",
        ),
        (
            "closes in the head",
            says("HTTP/1.1 200 O"),
            UNREACHED,
            "answer broke off in its head",
        ),
        (
            "resets in the head",
            reset(says("HTTP/1.1 200 OK\r\nContent-")),
            UNREACHED,
            "answer broke off in its head",
        ),
        (
            "closes in the body",
            vec![Do::Read, half()],
            UNREACHED,
            "answer broke off after 1 of 9 bytes",
        ),
        (
            "resets in the body",
            reset(vec![Do::Read, half()]),
            UNREACHED,
            "answer broke off after",
        ),
    ]
}

pub(super) fn slow() -> Vec<Case> {
    let pause = Duration::from_millis(250);
    let drip = |text: &str| Do::Drip(text.as_bytes().to_vec(), pause);
    let long = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        " ".repeat(99)
    );
    vec![
        (
            "no answer",
            vec![Do::Read, Do::Wait],
            LATE,
            "no answer within 5 s",
        ),
        (
            "half a head",
            vec![Do::Read, write("HTTP/1.1 200 OK\r\n"), Do::Wait],
            LATE,
            "the answer's head was not complete within 5 s",
        ),
        (
            "a head byte by byte",
            vec![Do::Read, drip(&long)],
            LATE,
            "the answer's head was not complete within 5 s",
        ),
        (
            "half a body",
            vec![
                Do::Read,
                write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
                Do::Wait,
            ],
            LATE,
            "answer not complete within 5 s: 1 of 9 bytes came",
        ),
        (
            "a body byte by byte",
            vec![
                Do::Read,
                write("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
                drip(&" ".repeat(99)),
            ],
            LATE,
            "answer not complete within 5 s",
        ),
        (
            "interim answers only",
            vec![Do::Read, write("HTTP/1.1 102 Processing\r\n\r\n"), Do::Wait],
            LATE,
            "the answer's head was not complete within 5 s",
        ),
        (
            "404, and its body does not come",
            vec![
                Do::Read,
                write("HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n{"),
                Do::Wait,
            ],
            Reads::Failed("Error status : 404.", "0007-00000203"),
            "answered 404",
        ),
    ]
}
