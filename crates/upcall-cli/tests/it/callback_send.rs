//! `upcall callback send`: beside `upcall dev`, and with no server at all.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::tempdir;
use upcall::callback::PublicKey;

use crate::http::get;
use crate::program::{ANY, Upcall};

fn send(url: &str, words: &[&str]) -> Upcall {
    Upcall::new(&["callback", "send", url]).and(words)
}

/// A call as it came.
pub(crate) struct Call {
    head: String,
    body: String,
    /// The key under the address that the call names, fetched while the call lasts.
    pem: String,
}

impl Call {
    fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.next().unwrap().1
    }

    fn key_url(&self) -> String {
        String::from_utf8(STANDARD.decode(self.header("x-oss-pub-key-url")).unwrap()).unwrap()
    }

    /// Whether the signature is that of the target and this body, by the key that it names.
    fn verifies(&self) -> bool {
        let target = self.head.split(' ').nth(1).unwrap();
        let text = format!("{target}\n{}", self.body);
        let signature = STANDARD.decode(self.header("authorization")).unwrap();
        let key = PublicKey::from_pem(&self.pem).unwrap();
        key.verify_md5(text.as_bytes(), &signature).is_ok()
    }
}

/// An application that believes everything, and fetches the key as one does that checks.
pub(crate) fn application(answer: &'static str) -> (String, Receiver<Call>) {
    let listener = TcpListener::bind(ANY).unwrap();
    let url = format!("http://{}/cb?a=b", listener.local_addr().unwrap());
    let (sender, calls) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let Some(mut call) = read_call(&mut socket) else {
                continue;
            };
            let url = call.key_url();
            let (address, path) = url
                .strip_prefix("http://")
                .unwrap()
                .split_once('/')
                .unwrap();
            call.pem = get(address, &format!("/{path}")).body;
            let _ = sender.send(call);
            let _ = socket.write_all(answer.as_bytes());
        }
    });
    (url, calls)
}

fn read_call(socket: &mut TcpStream) -> Option<Call> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let mut call = Call {
        head: String::from_utf8(head).unwrap(),
        body: String::new(),
        pem: String::new(),
    };
    let mut body = vec![0; call.header("content-length").parse().unwrap()];
    socket.read_exact(&mut body).ok()?;
    call.body = String::from_utf8(body).unwrap();
    Some(call)
}

pub(crate) const AGREES: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\
                      Connection: close\r\n\r\n{\"Status\":\"OK\"}";

#[test]
fn the_reference_application_takes_each_fixture_and_refuses_each_change() {
    let folder = tempdir().unwrap();
    let dev = Upcall::dev(folder.path()).start();
    let url = format!("{}/callback?x=%2F", dev.text("app"));
    for (fixture, object) in [
        ("image", "uploads/guest/cat.jpg"),
        ("text", "uploads/guest/notes.txt"),
        ("unicode", "uploads/guest/小猫 & friends +100%25=ü.txt"),
    ] {
        let sent = send(&url, &["--json", "--fixture", fixture]).data(folder.path());
        let sent = sent.run().done_json();
        assert_eq!(
            (&sent["accepted"], &sent["passed"]),
            (&true.into(), &true.into()),
            "{sent}"
        );
        assert_eq!(sent["keyUrl"], dev.text("publicKeyUrl"));
        let answer: Value = serde_json::from_str(sent["answer"]["body"].as_str().unwrap()).unwrap();
        assert_eq!(answer["object"], object, "{sent}");
    }
    for part in ["body", "path", "query", "key"] {
        let words = ["--json", "--tamper", part];
        let sent = send(&url, &words).data(folder.path()).run().done_json();
        assert_eq!(
            (&sent["accepted"], &sent["passed"]),
            (&false.into(), &true.into()),
            "{sent}"
        );
        assert_eq!(sent["answer"]["status"], 400, "{sent}");
    }
    let printed = send(&url, &[]).data(folder.path()).run().done();
    assert!(
        printed.starts_with("sent      image\nto        http://"),
        "{printed}"
    );
    assert!(
        printed.ends_with("\nOSS       would accept the answer\n"),
        "{printed}"
    );
}

#[test]
fn without_a_server_the_key_is_served_while_the_call_lasts() {
    let folder = tempdir().unwrap();
    let (url, calls) = application(AGREES);
    let nowhere = folder.path().join("nothing");
    let mut words = vec!["--json", "--key-listen", ANY];
    for part in [None, Some("body"), Some("path"), Some("query"), Some("key")] {
        words.truncate(3);
        words.extend(part.iter().flat_map(|part| ["--tamper", part]));
        let ended = send(&url, &words).data(&nowhere).run();

        // It believes everything: right for a genuine call, and wrong for any other.
        let code = i32::from(part.is_some());
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        let said: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(said["accepted"], true, "{said}");
        assert_eq!(said["passed"], part.is_none(), "{said}");
        let call = calls.recv().unwrap();
        assert_eq!(call.verifies(), part.is_none(), "{part:?}");
        assert!(call.head.starts_with("POST /cb?a=b HTTP/1.1\r\n"));
        assert_eq!(said["keyUrl"], call.key_url());
        let id = call.header("x-oss-request-id");
        assert!(call.body.contains(&format!("&requestId={id}")), "{id}");
        let address = call.key_url();
        let address = address.strip_prefix("http://").unwrap().split('/').next();
        TcpStream::connect(address.unwrap()).expect_err("the key is gone");
    }
    assert!(!nowhere.exists(), "nothing is made there");
}

#[test]
fn a_data_directory_keeps_its_key_and_its_address_without_a_server() {
    let folder = tempdir().unwrap();
    let dev = Upcall::dev(folder.path()).start();
    let pem = get(dev.address("storage"), "/callback_pub_key_v1.pem").body;
    dev.stop().done();
    let (url, calls) = application(AGREES);

    let words = ["--key-listen", ANY];
    send(&url, &words).data(folder.path()).run().done();

    let call = calls.recv().unwrap();
    assert!(call.verifies());
    assert!(call.key_url().ends_with("/callback_pub_key_v1.pem"));
    assert_eq!(call.pem.trim(), pem.trim());
}

#[test]
fn an_answer_that_oss_would_not_accept_is_told_with_the_rule() {
    let folder = tempdir().unwrap();
    let (url, _calls) =
        application("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK");
    let words = ["--key-listen", ANY];
    let ended = send(&url, &words).data(folder.path()).run();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("OSS       would not accept it: JSON (OK)"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("OSS would not accept the answer"),
        "{ended:?}"
    );
}

#[test]
fn what_cannot_be_sent_says_why() {
    let folder = tempdir().unwrap();
    let listener = TcpListener::bind(ANY).unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let nobody = "http://127.0.0.1:1/cb";
    for (listen, sentence) in [
        (
            ANY,
            "error: cannot call `http://127.0.0.1:1/cb`: nobody answers there",
        ),
        (&taken, "error: the key cannot be served on `127.0.0.1:"),
    ] {
        let words = ["--key-listen", listen];
        let said = send(nobody, &words).data(folder.path()).run().not_done();
        assert!(said.contains(sentence), "{said}");
    }
    // A server that is named must be the one whose key it is.
    let (ours, theirs) = (tempdir().unwrap(), tempdir().unwrap());
    Upcall::dev(ours.path()).start().stop().done();
    let other = Upcall::dev(theirs.path()).start();
    let secret = std::fs::read_to_string(theirs.path().join("admin-secret")).unwrap();
    let said = send(nobody, &["--admin", other.address("admin")])
        .data(ours.path())
        .env("UPCALL_ADMIN_SECRET", &secret)
        .run()
        .not_done();
    assert!(said.contains("signs with another key"), "{said}");
}
