//! `upcall callback check`: the reference application, and one that believes everything.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{Ended, Upcall};

/// The rules that an application breaks, by call and rule.
fn broken(ended: &Ended) -> Vec<(String, String)> {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = said["rules"].as_array().unwrap().iter();
    rows.filter(|row| row["verdict"] == "BROKEN")
        .map(|row| (text(row, "call"), text(row, "rule")))
        .collect()
}

#[test]
fn the_reference_application_keeps_every_rule() {
    let folder = tempdir().unwrap();
    let dev = Upcall::dev(folder.path()).start();
    // The key's address is the one that the running server names.
    let check = |target: &str, more: &[&str]| {
        let url = format!("{}{target}", dev.text("app"));
        Upcall::new(&["callback", "check", &url])
            .and(more)
            .data(folder.path())
            .run()
    };

    let printed = check("/callback", &[]).done();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 15, "{printed}");
    assert!(lines[0].starts_with("CALL "), "{printed}");
    assert!(
        lines[1..14].iter().all(|line| line.contains("  kept  ")),
        "{printed}"
    );
    // It does not look for the object, and nobody says that it must.
    assert!(
        lines[14].starts_with("permitted, never uploaded  refused"),
        "{printed}"
    );
    assert!(lines[14].contains("  not detected  "), "{printed}");
    for call in [
        "genuine ",
        "no signature ",
        "another body ",
        "another path ",
        "another query ",
        "another key ",
        "another key's address ",
        "signed, no binding ",
        "signed, another's object ",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(call)),
            "{call}: {printed}"
        );
    }
    // With a query, and with JSON.
    check(
        "/callback?a=b%2Fc",
        &[
            "--require-binding",
            "--body",
            "{\"bucket\":\"photos\",\"object\":\"a\",\"size\":1}",
        ],
    )
    .done();

    let wrong_path = check("/nowhere", &["--json"]);
    assert!(broken(&wrong_path).contains(&("genuine".to_owned(), "status 200".to_owned())));
}

/// Answers every request with these bytes, after `wait`.
fn application(answer: &'static [u8], wait: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/cb", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            // A look at who is there, or one that hung up.
            if read_request(&mut socket).is_some() {
                std::thread::sleep(wait);
                let _ = socket.write_all(answer);
            }
        }
    });
    url
}

fn read_request(socket: &mut TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split_once("content-length: ").unwrap().1;
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    socket.read_exact(&mut vec![0; length]).ok()
}

fn checked(answer: &'static [u8], wait: Duration) -> Vec<(String, String)> {
    let folder = tempdir().unwrap();
    let url = application(answer, wait);
    let ended = Upcall::new(&[
        "callback",
        "check",
        &url,
        "--json",
        "--key-url",
        "http://k.example/k.pem",
    ])
    .data(folder.path())
    .run();
    broken(&ended)
}

fn of_genuine(broken: Vec<(String, String)>) -> Vec<String> {
    let genuine = broken.into_iter().filter(|(call, _)| call == "genuine");
    genuine.map(|(_, rule)| rule).collect()
}

#[test]
fn an_application_that_believes_everything_is_told_so() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let believed = checked(answer, Duration::ZERO);
    let calls: Vec<&str> = believed.iter().map(|(call, _)| &**call).collect();
    assert_eq!(
        calls,
        [
            "no signature",
            "another body",
            "another path",
            "another query",
            "another key",
            "another key's address"
        ]
    );
    assert!(believed.iter().all(|(_, rule)| rule == "refused"));
}

/// What an application that refuses forged signatures and knows no bindings is found to be.
#[test]
fn an_application_without_bindings_is_warned_and_may_be_held_to_them() {
    let folder = tempdir().unwrap();
    let url = application(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        Duration::ZERO,
    );
    let rows = |more: &[&str]| {
        let with_key = ["--json", "--key-url", "http://k.example/k.pem"];
        let check = Upcall::new(&["callback", "check", &url]).and(&with_key);
        let ended = check.and(more).data(folder.path()).run();
        let said: Value = serde_json::from_str(&ended.stdout).unwrap();
        let rows = said["rules"].as_array().unwrap().clone();
        let of = |row: &Value| (row["call"].clone(), row["verdict"].clone());
        let is_signed = |row: &Value| {
            let call = row["call"].as_str().unwrap();
            call.starts_with("signed") || call.starts_with("permitted")
        };
        rows.iter()
            .filter(|row| is_signed(row))
            .map(of)
            .collect::<Vec<_>>()
    };
    let row = |call: &str, verdict: &str| (call.into(), verdict.into());
    // No binding is known, so there is none to be outside of.
    assert_eq!(
        rows(&[]),
        [
            row("signed, no binding", "WARNING"),
            row("permitted, never uploaded", "not detected"),
        ]
    );
    assert_eq!(
        rows(&["--require-binding"])[0],
        row("signed, no binding", "BROKEN")
    );
}

#[test]
fn each_rule_for_the_answer_is_judged_by_itself() {
    for (answer, rules) in [
        (&b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"[..], &["status 200"][..]),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK", &["status 200", "JSON"]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n", &["Content-Length"]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", &["Content-Length", "JSON"]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n\xef\xbb\xbf{}", &["JSON"]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\nConnection: close\r\n\r\n", &["answered"]),
        (b"", &["answered"]),
    ] {
        let broken = of_genuine(checked(answer, Duration::ZERO));
        assert_eq!(broken, rules, "{}", String::from_utf8_lossy(answer));
    }
}

#[test]
fn what_cannot_be_checked_says_why() {
    let folder = tempdir().unwrap();
    let check = |url: &str, more: &[&str]| {
        Upcall::new(&["callback", "check", url])
            .and(more)
            .data(folder.path())
            .run()
            .not_done()
    };
    let with_key = ["--key-url", "http://k.example/k.pem"];
    let nobody = check("http://127.0.0.1:1/cb", &with_key);
    assert!(
        nobody.starts_with("error: cannot call `http://127.0.0.1:1/cb`: nobody answers"),
        "{nobody}"
    );
    let no_server = check("http://127.0.0.1:1/cb", &[]);
    assert!(
        no_server.ends_with("hint: name the key's address with `--key-url URL`\n"),
        "{no_server}"
    );
    let no_folder = Upcall::new(&[
        "callback",
        "check",
        "http://127.0.0.1:1/cb",
        "--data",
        "/nowhere",
    ])
    .run()
    .not_done();
    assert!(
        no_folder.starts_with("error: there is no data directory `/nowhere`"),
        "{no_folder}"
    );
}
