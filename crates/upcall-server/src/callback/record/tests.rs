//! What a person reads of each way in which a call can end.
#![expect(clippy::too_many_lines, reason = "a table of cases reads better whole")]

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use upcall::callback::{CallbackParameter, answer};
use upcall::name::{BucketName, ObjectKey};

use super::diagnosis::{header, of};
use super::{CallId, InvalidCallId, NewRecord};
use crate::callback::KeyChoice;
use crate::callback::exchange::Chunking;
use crate::callback::exchange::{Answer, Ending, Progress, Stage, TlsFailure};
use crate::callback::guard::{Forbidden, GuardError};
use crate::callback::load::Crowded;
use crate::callback::request::{CallbackOrder, ConnectionUse, Origin};

fn call(url: &str, ending: Ending) -> NewRecord {
    let json = format!(r#"{{"callbackUrl":"{url}","callbackBody":"a=b"}}"#);
    NewRecord {
        order: Arc::new(CallbackOrder {
            parameter: CallbackParameter::parse_json(&json).unwrap().unwrap(),
            body: Bytes::from_static(b"a=b"),
            request_id: String::new(),
            bucket: BucketName::parse("photos").unwrap(),
            key: ObjectKey::parse("a").unwrap(),
            owner: String::new(),
            requester: String::new(),
            connection: ConnectionUse::Kept,
            origin: Origin::Fixed,
            chunking: Chunking::Refused,
            peer: None,
            signing_key: KeyChoice::TRUSTED,
        }),
        url: 0,
        attempt: 1,
        since: Instant::now(),
        ending,
        progress: Progress::begin(),
        injected: None,
    }
}

/// What is said of an answer that was judged as it is.
fn said_of(url: &str, head: &str, body: &str) -> String {
    let head = format!("HTTP/1.1 {head}\r\n\r\n");
    let status = head[9..12].parse().unwrap();
    let mut answer = Answer {
        status,
        head: Bytes::from(head),
        body: Bytes::from(body.to_owned()),
        content_type: String::new(),
        announced: None,
    };
    let is_chunked = header(&answer, "transfer-encoding").is_some();
    let length = header(&answer, "content-length").filter(|_| !is_chunked);
    answer.content_type = header(&answer, "content-type").unwrap_or_default();
    let judged = answer::judge_head(status, length.as_deref())
        .and_then(|_| answer::judge_body(&answer.content_type, &answer.body));
    let ending = judged.map_or_else(Ending::Refused, |()| Ending::Agreed);
    let mut call = call(url, ending);
    call.progress.answer = Some(answer);
    of(&call).to_string()
}

#[test]
fn an_answer_is_explained() {
    for (head, body, sentence) in [
        (
            "200 OK\r\nContent-Length: 2",
            "{}",
            "answered 200 with JSON, which the uploader got",
        ),
        (
            "200 OK\r\nContent-Type: application/xml\r\nContent-Length: 4",
            "<a/>",
            "answered 200 with XML, which the uploader got",
        ),
        ("204 No Content", "", "answered 204: only 200 counts"),
        (
            "302 Found\r\nLocation: /login?next=%2Fcb",
            "",
            "answered 302 to /login?next=%2Fcb: a callback must not need a session",
        ),
        (
            "301 Moved\r\nlocation: https://app.example/cb",
            "",
            "answered 301 to https://app.example/cb: give the URL with `https://`, redirects are \
             not followed",
        ),
        (
            "308 Moved\r\nLocation: /cb/",
            "",
            "answered 308 to /cb/: give the URL as the application has it, with or without the \
             last `/`",
        ),
        (
            "307 Moved\r\nLocation: http://u:p@other.example/cb",
            "",
            "answered 307 to http://…@other.example/cb: redirects are not followed, give the \
             last \
             URL",
        ),
        (
            "302 Found",
            "",
            "answered 302: only 200 counts, and redirects are not followed",
        ),
        ("304 Not Modified", "", "answered 304: only 200 counts"),
        (
            "404 No",
            "",
            "answered 404: the application has no route /cb",
        ),
        (
            "400 Bad Request",
            "The plain HTTP request was sent to HTTPS port",
            "what answers speaks TLS: give the URL with `https://`",
        ),
        (
            "200 OK\r\nTransfer-Encoding: chunked",
            "",
            "no Content-Length: the answer is chunked; set the header, or hand the framework the \
             body as a whole; where it cannot be set, the bucket may take such answers \
             (`--chunked-answers`)",
        ),
        (
            "200 OK",
            "",
            "no Content-Length: the answer ends with the connection; set the header",
        ),
        (
            "200 OK\r\nContent-Length: 0",
            "",
            "body is empty: answer with JSON, `{}` at least",
        ),
        (
            "200 OK\r\nContent-Length: -1",
            "",
            "Content-Length is `-1`: it must be a positive number",
        ),
        (
            "200 OK\r\nContent-Length: 2\r\nContent-Length: 2",
            "{}",
            "Content-Length stands there twice (`2, 2`): once is enough",
        ),
        (
            "200 OK\r\nContent-Length: 1048577",
            "",
            "answer is longer than 1 MiB: what the uploader needs to know is short",
        ),
        (
            "200 OK\r\nContent-Length: 5",
            "\u{feff}{}",
            "body starts with a BOM: save the source file, or write the answer, without one",
        ),
    ] {
        assert_eq!(said_of("http://app.example/cb", head, body), sentence);
    }
}

#[test]
fn what_is_no_answer_is_explained() {
    let broken = |stage| Ending::Broken {
        stage,
        is_reset: false,
    };
    let late = |stage| Ending::TimedOut {
        stage,
        limit: Duration::from_secs(5),
    };
    let not_http = |start: &[u8]| Ending::NotHttp {
        start: start.into(),
    };
    let limit = Duration::from_millis(2500);
    for (ending, sentence) in [
        (
            Ending::NotConnected(io::ErrorKind::ConnectionRefused),
            "refused: nothing listens on 127.0.0.1:3000",
        ),
        (
            Ending::NotConnected(io::ErrorKind::NetworkUnreachable),
            "unreachable: there is no way to 127.0.0.1:3000",
        ),
        (
            Ending::NotConnected(io::ErrorKind::PermissionDenied),
            "no connection to 127.0.0.1:3000: permission denied",
        ),
        (
            Ending::Guarded(GuardError::Forbidden(Forbidden::NotAllowed)),
            "not called: app.example has an address",
        ),
        (
            Ending::Guarded(GuardError::Unresolvable),
            "not called: app.example has no address",
        ),
        (
            Ending::NoTls(TlsFailure::OtherName),
            "TLS: the certificate is for another name",
        ),
        (
            Ending::NotWritten,
            "not called: the request could not be signed",
        ),
        (Ending::HeadTooLong, "answer has a head of more than 32 KiB"),
        (
            Ending::Crowded(Crowded::Full { calls: 7 }),
            "not called: 7 calls to this application were waiting or under way",
        ),
        (
            Ending::Crowded(Crowded::Waited { limit }),
            "not called: no call to this application ended in the 2.5 s",
        ),
        (
            broken(Stage::Waiting),
            "closed the connection without an answer: the application died",
        ),
        (
            broken(Stage::Sending),
            "closed the connection without an answer: ",
        ),
        (broken(Stage::Head), "answer broke off in its head"),
        (
            broken(Stage::Body { announced: Some(9) }),
            "answer broke off after 0 of 9 bytes",
        ),
        (
            late(Stage::Signing),
            "not called: the request was not signed within 5 s",
        ),
        (
            late(Stage::Resolving),
            "app.example was not resolved within 5 s",
        ),
        (
            late(Stage::Connecting),
            "no connection to 127.0.0.1:3000 within 5 s",
        ),
        (late(Stage::Greeting), "TLS not agreed upon within 5 s"),
        (
            late(Stage::Sending),
            "the application did not take the request within 5 s",
        ),
        (
            late(Stage::Waiting),
            "no answer within 5 s: answer first and work later",
        ),
        (
            late(Stage::Head),
            "the answer's head was not complete within 5 s",
        ),
        (
            late(Stage::Body { announced: Some(9) }),
            "answer not complete within 5 s: 0 of 9 bytes came",
        ),
        (
            not_http(b"\x15\x03\x03\0\x02\x02\x0a"),
            "what answers speaks TLS",
        ),
        (
            not_http(b"\0\0\x12\x04\0\0\0\0\0\0\x03"),
            "what answers speaks HTTP/2 only",
        ),
        (not_http(b"HTTP/2 200"), "what answers speaks HTTP/2 only"),
        (
            not_http(b"SSH-2.0-x\r\n"),
            "what answers is not HTTP: it begins with `SSH-2.0-x`",
        ),
        (
            Ending::MalformedHead(None),
            "answer has a head that is not well-formed HTTP",
        ),
    ] {
        let mut call = call("http://app.example/cb", ending);
        call.progress.address = Some(([127, 0, 0, 1], 3000).into());
        let said = of(&call).to_string();
        assert!(said.starts_with(sentence), "{said}");
    }
    let reset = Ending::Broken {
        stage: Stage::Waiting,
        is_reset: true,
    };
    let said = of(&call("http://app.example/cb", reset)).to_string();
    assert!(
        said.starts_with("reset the connection without an answer: "),
        "{said}"
    );
}

#[test]
fn ids_are_texts_that_sort_as_they_were_given() {
    let (a, b) = (CallId(0x0006_43a1_f30d_0000), CallId(0x0006_43a1_f30d_0001));
    assert_eq!(a.to_string(), "000643a1f30d0000");
    assert!(a.to_string() < b.to_string());
    assert_eq!(a.to_string().parse(), Ok(a));
    for bad in [
        "",
        "1",
        "000643a1f30d000",
        "+00643a1f30d0000",
        "000643a1f30d000g",
    ] {
        assert_eq!(bad.parse::<CallId>(), Err(InvalidCallId), "{bad}");
    }
}
