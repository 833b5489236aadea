//! `upcall callback`: what a running server called, seen, made again, and followed.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;
use tempfile::tempdir;

use crate::http::{Answer, ask};
use crate::program::{HUNG, Running, Upcall};

/// An application that answers every call so; its address, and what it was sent.
fn application(answer: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            let mut bytes = Vec::new();
            let mut piece = [0; 4096];
            while !is_whole(&bytes) {
                match socket.read(&mut piece) {
                    Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
                    _ => return,
                }
            }
            if sender.send(String::from_utf8(bytes).unwrap()).is_err() {
                return;
            }
            let _ = socket.write_all(answer.as_bytes());
        }
    });
    (address, receiver)
}

/// Whether a request has its empty line and as many bytes after it as it says.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.is_some_and(|(_, length)| body.len() >= length.parse().unwrap())
}

const AGREES: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
const WANTS_LOGIN: &str = "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /login\r\n\
                           Set-Cookie: sid=secret\r\nContent-Length: 3\r\n\r\n\x1b[m";

fn serve(data: &Path) -> Running {
    let serve = Upcall::serve(data)
        .and(&["--callback-allow", "loopback"])
        .start();
    Upcall::new(&["bucket", "create", "open", "--acl", "public-read-write"])
        .data(data)
        .run()
        .done();
    serve
}

fn upload(serve: &Running, key: &str, application: &str) -> Answer {
    // What a shell, curl and a terminal would each like to act upon.
    let body = r"@o=${object}&q='\n\\";
    let parameter = format!(
        r#"{{"callbackUrl":"http://{application}/a%20b?c=[1-2]","callbackBody":"{body}"}}"#
    );
    let header = format!("x-oss-callback: {}\r\n", base64(parameter.as_bytes()));
    ask(
        serve.address("storage"),
        &format!("PUT /open/{key}"),
        &header,
        b"hello",
    )
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for piece in bytes.chunks(3) {
        let number = piece
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte));
        let number = number << (8 * (3 - piece.len()));
        for at in 0..=piece.len() {
            text.push(char::from(DIGITS[number >> (18 - 6 * at) & 63]));
        }
        text.push_str(&"=".repeat(3 - piece.len()));
    }
    text
}

fn callback(data: &Path, words: &[&str]) -> Upcall {
    Upcall::new(&["callback"]).and(words).data(data)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn calls_are_listed_and_shown_and_the_reason_is_in_both() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let serve = serve(data);
    let (good, _calls) = application(AGREES);
    let (login, _calls) = application(WANTS_LOGIN);
    assert_eq!(upload(&serve, "good", &good).status, 200);
    assert_eq!(upload(&serve, "bad", &login).status, 203);

    let listed = callback(data, &["list", "--json"]).run().done_json();
    let failed = callback(data, &["list", "--outcome", "failed"])
        .run()
        .done();
    let id = text(&listed["calls"][1]["id"]);
    let shown = callback(data, &["show", id]).run().done();

    let why = "answered 302 to /login: a callback must not need a session";
    assert_eq!(failed.lines().count(), 2, "{failed}");
    assert!(failed.starts_with("ID "), "{failed}");
    assert!(failed.contains(why) && failed.contains(id), "{failed}");
    for line in [
        format!("call      {id}, attempt 1"),
        "object    open/bad".to_owned(),
        format!("address   {login}"),
        "uploader  Error status : 302.".to_owned(),
        format!("why       {why}"),
        "> POST /a%20b?c=[1-2] HTTP/1.1".to_owned(),
        format!("> Host: {login}"),
        "> @o=bad&q='".to_owned(),
        "> \\".to_owned(),
        "< 302".to_owned(),
        "< Set-Cookie: …".to_owned(),
        "< \\u{1b}[m".to_owned(),
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "`{line}` in {shown}"
        );
    }
    assert!(!shown.contains("secret"), "{shown}");
    let none = callback(data, &["show", "../keys"]).run().not_done();
    assert!(
        none.starts_with("error: `../keys` is not the id of a call\n"),
        "{none}"
    );
    let gone = callback(data, &["show", "0000000000000000"])
        .run()
        .not_done();
    assert!(
        gone.starts_with("error: there is no recorded call of this id\n"),
        "{gone}"
    );
    let typo = callback(data, &["list", "--outcome", "fail"])
        .run()
        .not_done();
    assert!(
        typo.contains("an outcome is `agreed` or `failed`"),
        "{typo}"
    );
}

#[test]
fn what_is_not_to_be_recorded_is_not() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let serve = Upcall::serve(data)
        .and(&["--callback-allow", "loopback", "--record-calls", "1"])
        .env("UPCALL_RECORD_BYTES", "1MiB")
        .start();
    Upcall::new(&["bucket", "create", "open", "--acl", "public-read-write"])
        .data(data)
        .run()
        .done();
    let (good, _calls) = application(AGREES);
    for key in ["a", "b"] {
        assert_eq!(upload(&serve, key, &good).status, 200);
    }
    let listed = callback(data, &["list", "--json"]).run().done_json();
    assert_eq!(listed["calls"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["calls"][0]["key"], "b");
}

#[test]
fn curl_sends_the_same_request() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let serve = serve(data);
    let (good, calls) = application(AGREES);
    upload(&serve, "it's", &good);
    let ours = calls.recv_timeout(HUNG).unwrap();

    let listed = callback(data, &["list", "--json"]).run().done_json();
    let id = text(&listed["calls"][0]["id"]);
    let line = callback(data, &["show", id, "--curl"]).run().done();
    let curl = Command::new("bash").arg("-c").arg(&line).output().unwrap();

    assert!(curl.status.success(), "{line}: {curl:?}");
    let theirs = calls.recv_timeout(HUNG).unwrap();
    let parts = |request: &str| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let mut lines: Vec<String> = head
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        // What curl always says of its own.
        lines.retain(|line| !line.starts_with("Accept: "));
        lines[1..].sort();
        (lines, body.to_owned())
    };
    assert_eq!(parts(&theirs), parts(&ours));
}

#[test]
fn a_call_is_made_again_and_the_exit_code_tells_how_it_went() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let serve = serve(data);
    let (good, calls) = application(AGREES);
    let (login, _calls) = application(WANTS_LOGIN);
    upload(&serve, "good", &good);
    upload(&serve, "bad", &login);
    let listed = callback(data, &["list", "--json"]).run().done_json();
    let id = |number: usize| text(&listed["calls"][number]["id"]);

    let agreed = callback(data, &["replay", id(0)]).run().done();
    let refused = callback(data, &["replay", id(1), "--json"]).run();

    assert!(
        agreed.ends_with("made, attempt 2: answered 200 with JSON, which the uploader got\n"),
        "{agreed}"
    );
    let (first, second) = (
        calls.recv_timeout(HUNG).unwrap(),
        calls.recv_timeout(HUNG).unwrap(),
    );
    assert_eq!(
        first.split_once("\r\n\r\n").unwrap().1,
        second.split_once("\r\n\r\n").unwrap().1
    );
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let call: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(
        (&call["attempt"], &call["answer"]["status"]),
        (&2.into(), &302.into())
    );
    assert!(
        refused
            .stderr
            .starts_with("error: the application did not agree: answered 302")
    );
}

#[test]
fn calls_are_followed_as_they_end() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let serve = serve(data);
    let (good, _calls) = application(AGREES);
    upload(&serve, "before", &good);
    let mut tail = callback(data, &["tail", "--bucket", "open"]).spawn();
    // When it begins to follow cannot be seen; what it prints can.
    let mut printed = String::new();
    for number in 0.. {
        upload(&serve, &format!("key-{number}"), &good);
        if let Some(line) = tail.prints_within("open/key-", std::time::Duration::from_millis(500)) {
            printed = line;
            break;
        }
        assert!(number < 60, "it follows nothing");
    }
    assert!(printed.contains("  agreed  "), "{printed}");
    assert!(printed.contains("  answered 200 with JSON"), "{printed}");
    let ended = tail.stop();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(!ended.stdout.contains("open/before") && !printed.contains("open/before"));
}
